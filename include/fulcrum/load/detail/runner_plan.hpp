#pragma once
/// \file
/// What a QueuedRunner's queue holds, and what its instances are made of.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <fulcrum/exec/any_executor.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/load/completion.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum::detail {

/// A request in the queue or on its way through an instance.
struct QueuedRequest {
  std::vector<const float*> src;
  std::vector<float*> dst;  // one per output where has_dst
  bool has_dst = false;
  Completion done;
  std::chrono::steady_clock::time_point submitted;
  std::chrono::steady_clock::time_point deadline;
};

/// What all instances are made of.
struct RunnerPlan {
  std::vector<std::int64_t> sizes;
  std::vector<PreparedModel> prepared;                  // by size
  std::vector<std::size_t> src_elements, dst_elements;  // of a sample
  std::vector<SourceRange> ranges;
  std::vector<std::vector<int>> cpus;  // of each instance; empty: wherever the system puts them
  bool one_thread = true;              // is what an instance runs on: any may be it
};

/// Buffers and executors of an instance.
struct RunnerInstance {
  std::vector<AnyExecutor> executors;                   // by size
  std::vector<Tensor<float>> src_buffers, dst_buffers;  // of the largest batch
  std::vector<const float*> src;
  std::vector<float*> dst;
  std::vector<std::size_t> batch;                                 // slots
  std::optional<std::chrono::steady_clock::time_point> finished;  // when the batch was done, if it is
  std::vector<const float*> results;
  bool lent = false;  // to a thread that runs a request of its own; under the mutex
};

}  // namespace fulcrum::detail
