#pragma once
/// \file
/// A model that serves requests: a bounded queue, batches formed as a policy says, instances on CPUs of their own.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/load/batch_policy.hpp>
#include <fulcrum/load/completion.hpp>
#include <fulcrum/load/queue_policy.hpp>

namespace fulcrum {

/// How a QueuedRunner serves.
struct RunnerOptions {
  BatchPolicy batching{};
  QueuePolicy queue{};
  bool pin = true;                 ///< keep instances on CPUs of their own when there are enough
  ExecutorFactory executors = {};  ///< what runs the model; empty: oneDNN's, which share packed weights
  /// Make the instances and warm them up at the lowest priority of the system, beside what else runs: each on a thread
  /// that ends then. Instances of several threads run once more, for their team.
  bool quietly = false;
};

namespace detail {
class RequestQueue;
}

/// Runs single samples that anybody submits, several at a time where that is worth it:
///
///     QueuedRunner runner(model, {.threads = 1, .instances = 2}, {.batching = {.max_batch = 8, .max_delay = 2ms}});
///     const float* src[] = {image.data()};
///     float* dst[] = {scores.data()};
///     runner.submit(src, dst, [&](const RequestOutcome& outcome) { … });  // returns at once
///     const RequestOutcome outcome = runner.infer(src, dst);              // or waits for the result
///
/// Each instance has an executor for each of executor_batches(), warmed up before the constructor returns; a batch in
/// between is filled up with copies of its first sample. In the steady state nothing is allocated. Any number of
/// threads may submit.
class QueuedRunner {
public:
  /// \param config  threads, instances and precision; config.batch is not read
  /// \throws Error when something is out of range, a batch is asked for and the model's samples are not independent of
  ///         one another (samples_are_independent()), and as the factory or its executors do
  FULCRUM_DECLARE QueuedRunner(const Model<float>& model, const RunConfig& config, const RunnerOptions& options = {});
  QueuedRunner(const QueuedRunner&) = delete;
  QueuedRunner& operator=(const QueuedRunner&) = delete;
  /// Finishes what was accepted.
  FULCRUM_LINKAGE ~QueuedRunner();

  /// Shapes of the inputs and outputs of a request: of one sample.
  [[nodiscard]] const std::vector<Shape>& src_shapes() const noexcept { return src_shapes_; }
  [[nodiscard]] const std::vector<Shape>& dst_shapes() const noexcept { return dst_shapes_; }
  /// Batch sizes that executors were made for.
  [[nodiscard]] const std::vector<std::int64_t>& executors() const noexcept { return sizes_; }
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }
  /// CPUs that its instances are kept on; empty: they run wherever the system puts them.
  [[nodiscard]] const std::vector<int>& cpus() const noexcept { return cpus_; }

  /// Puts a request into the queue. The arrays must stay until the completion is called; the results must not overlap
  /// what other requests read or write.
  /// \param src       one array per input, each of one sample
  /// \param dst       one per output; empty: the results are only in RequestOutcome::dst
  /// \param deadline  the request does not begin to run after it; the queue's timeout holds besides
  /// \return whether it was accepted; if not (the queue is full, and its policy rejects), `done` is not called
  /// \throws Error when there is not one array per input and per output
  FULCRUM_DECLARE bool submit(std::span<const float* const> src, std::span<float* const> dst, Completion done,
                              std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt);

  /// Runs a request on the calling thread, by an instance that has nothing to do: no other thread has to wake up, which
  /// takes longer than a short inference does. The completion is called before this returns.
  /// \return whether it did; if not (no instance is free, requests wait, this one would wait for company, its deadline
  ///         has passed, or instances have several threads), nothing has happened: submit() it
  /// \throws Error as submit()
  FULCRUM_DECLARE bool run_here(std::span<const float* const> src, std::span<float* const> dst, Completion done,
                                std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt);

  /// Requests that run_here() runs at the moment.
  FULCRUM_DECLARE [[nodiscard]] int lent() const;

  /// Submits a request and waits for its end, which may be that it was rejected.
  /// \throws Error as submit(), and what the executor threw
  FULCRUM_DECLARE RequestOutcome infer(std::span<const float* const> src, std::span<float* const> dst);

  /// Requests that wait at the moment.
  FULCRUM_DECLARE [[nodiscard]] std::int64_t waiting() const;

  /// How long a batch waits for company at the moment (BatchDelay).
  FULCRUM_DECLARE [[nodiscard]] std::chrono::nanoseconds batch_delay() const;

private:
  FULCRUM_DECLARE void expect_arrays(std::span<const float* const> src, std::span<float* const> dst) const;

  std::vector<Shape> src_shapes_;
  std::vector<Shape> dst_shapes_;
  std::vector<std::int64_t> sizes_;
  std::vector<std::string> notes_;
  std::vector<int> cpus_;
  std::shared_ptr<detail::RequestQueue> queue_;  // shared: it is destroyed where it is incomplete
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)
#include <fulcrum/load/detail/request_queue.hpp>
#endif
