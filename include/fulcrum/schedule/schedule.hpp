#pragma once
/// \file
/// How a model runs: decided once, charged by the cost model, realized by the executor, joined to its times by index.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/schedule/step.hpp>

namespace fulcrum {

/// A batch cut into parts. Each thread takes a slice through the whole model by itself, then the next one, so that
/// values stay in its caches from one layer to the next and no layer waits for all threads.
struct BatchSlices {
  std::int64_t samples = 1;  ///< of a slice
  std::int64_t count = 1;    ///< 1: the batch is not cut, and all threads share each step
  int lanes = 1;             ///< slices at a time, on one thread each

  [[nodiscard]] bool cut() const noexcept { return count > 1; }
  /// Slices that a lane runs one after the other, on average.
  [[nodiscard]] double rounds() const noexcept { return static_cast<double>(count) / lanes; }

  friend bool operator==(const BatchSlices&, const BatchSlices&) = default;
};

/// A step in its place in the graph.
struct ScheduledStep {
  Step step;
  std::optional<FusionGroup> group{};  ///< the layers that run in it; nothing: it only moves a value
  std::vector<NodeId> src;             ///< the values it takes, views (Reshape, Flatten) looked through
  std::vector<DType> src_dtypes;       ///< in which it takes them
  std::size_t own_src = 0;             ///< how many of them its primary layer takes; the rest are residuals
  NodeId dst = 0;                      ///< the value it computes
  bool in_planes = false;  ///< its result is left with the pixels of a channel side by side: none but sparse products
                           ///< and depthwise convolutions in planes take it
  bool in_chain = false;   ///< it runs as it does because of the steps around it (schedule/plane_chains.hpp)
  bool may_overwrite_sum = false;  ///< nobody else reads the residual from here on, so the sum can be made in its place
};

/// Where an executor did otherwise than was planned, and why.
struct Amendment {
  std::string layer;   ///< whose step it is
  std::string change;  ///< "runs in f32 instead of int8"
  std::string reason;  ///< "oneDNN has no int8 kernel for it"

  friend bool operator==(const Amendment&, const Amendment&) = default;
};

/// How a model runs in a configuration on a machine. Steps, shapes and types are those of a slice.
struct Schedule {
  Model<float> model;  ///< as it runs (model_as_run()): arithmetic with constants and batch norms folded
  FoldReport folded;   ///< batch norms and arithmetic that became part of weights, and batch norms that did not
  RunConfig config;    ///< what was asked for
  RunConfig of_slice;  ///< what a slice runs in: see config_of_slice(); in the precision that the machine has
  BatchSlices slices;
  std::vector<FusionGroup> groups;   ///< in order, views among them
  std::vector<ScheduledStep> steps;  ///< in order; views are left out: they cost nothing
  /// An executor made it: `steps` are what runs, changes of layout and type among them. Otherwise those are to be
  /// expected (schedule/movement.hpp).
  bool realized = false;
  std::vector<Shape> shapes;    ///< of every value, by node id
  std::vector<DType> dtypes;    ///< in which every value is kept between steps, by node id
  std::vector<NodeId> origin;   ///< by node id: the value that a view looks at; of any other value, itself
  std::vector<NodeId> inputs;   ///< values the user gives, in f32
  std::vector<NodeId> outputs;  ///< values the user gets, in f32; views looked through
  double reuse_bytes = 0.0;     ///< [B] touched by one inference
  double weight_bytes = 0.0;    ///< [B] of those that are weights
  /// Functions that engines' kernels lose a NaN in are steps of Fulcrum's own, behind no other layer.
  bool keeps_nan = false;
  bool loses_nan = false;             ///< a step gives numbers for NaN: keeps_nan would change the plan
  bool quantization_assumed = false;  ///< int8 was asked of a model that no quantization pass has been over
  std::vector<Amendment> amendments;  ///< of the executor; none in a plan
  std::vector<std::string> notes;     ///< what the user should know: "the batch runs in 4 slices of …"

  /// What it runs in: config.precision, or f32 where the machine lacks that and the configuration allows it.
  [[nodiscard]] Precision precision() const noexcept { return of_slice.precision; }
};

/// The row of a step in a report, without its time.
/// \param slices  of the batch: work and traffic are those of all of them
FULCRUM_DECLARE [[nodiscard]] StepLatency row_of(const Step& step, double slices);

/// "4 slices of 16 samples, 2 at a time"
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const BatchSlices& slices);

/// What a slice runs in: all lanes of all instances side by side, on one thread each. The configuration itself where
/// the batch is not cut.
FULCRUM_DECLARE [[nodiscard]] RunConfig config_of_slice(RunConfig config, const BatchSlices& slices);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

FULCRUM_DEFINE StepLatency row_of(const Step& step, double slices) {
  StepLatency row;
  row.name = step.name;
  row.kind = step.kind;
  row.flops = slices * step.flops;
  row.bytes = slices * step.bytes();
  row.src = step.src;
  row.dst = step.dst;
  row.threads = step.threads;
  row.algorithm = std::string(name_of(step.algorithm));
  return row;
}

FULCRUM_DEFINE std::string to_string(const BatchSlices& slices) {
  return std::to_string(slices.count) + (slices.count == 1 ? " slice of " : " slices of ") +
         std::to_string(slices.samples) + (slices.samples == 1 ? " sample, " : " samples, ") +
         std::to_string(slices.lanes) + " at a time";
}

FULCRUM_DEFINE RunConfig config_of_slice(RunConfig config, const BatchSlices& slices) {
  if (!slices.cut()) return config;
  config.batch = config.slice = slices.samples;
  config.threads = 1;
  config.instances *= slices.lanes;
  return config;
}

}  // namespace fulcrum

#endif
