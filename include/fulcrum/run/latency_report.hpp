#pragma once
/// \file
/// What one gets for a RunConfig, whether predicted or measured.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/run/memory_use.hpp>
#include <fulcrum/run/persistence.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// Order statistics of the latency of one inference (of a whole batch). percentile(p) = sorted[floor(n·p)].
struct LatencyStatistics {
  Milliseconds min{}, mean{}, p50{}, p90{}, p95{}, p99{}, p99_9{};
  Milliseconds mad{};        ///< median absolute deviation from p50; 0 in a prediction
  std::int64_t samples = 0;  ///< how many inferences were timed; 0 in a prediction

  friend bool operator==(const LatencyStatistics&, const LatencyStatistics&) = default;
};

/// Whether some inferences took so much longer than the median that other work on the machine may have interrupted
/// them: throughput and the upper percentiles then say as much of that work as of the model.
[[nodiscard]] inline bool was_interrupted(const LatencyStatistics& latency) { return latency.mean > 1.3 * latency.p50; }

/// Where predicted figures lie when they are measured, with 90 % confidence.
struct PredictionInterval {
  Milliseconds p50_low{}, p50_high{}, p99_low{}, p99_high{};
  double throughput_low_per_s = 0.0, throughput_high_per_s = 0.0;

  friend bool operator==(const PredictionInterval&, const PredictionInterval&) = default;
};

/// A part of a measured run, with the samples of all instances together. How far blocks are apart is how far the
/// machine drifted during the run: the noise of a figure when it is compared with one of another run.
struct RunBlock {
  Milliseconds p50{}, p99{};
  double throughput_per_s = 0.0;  ///< as in the report

  friend bool operator==(const RunBlock&, const RunBlock&) = default;
};

/// How far something else took part of the cores while a model was measured: what looks at them between inferences saw
/// (measure/core_watch.hpp).
struct Disturbance {
  double share = 0.0;        ///< of the looks that met it, 0 … 1
  Milliseconds p50{};        ///< of the inferences beside which looks before and after did not; 0: there were none
  std::int64_t samples = 0;  ///< how many those were
  std::int64_t looks = 0;
  double least_us = 0.0;  ///< the shortest look

  friend bool operator==(const Disturbance&, const Disturbance&) = default;
};

/// What keeps a layer from being faster.
enum class Bound : std::uint8_t { compute, memory, overhead };

[[nodiscard]] constexpr std::string_view name_of(Bound bound) noexcept {
  switch (bound) {
    case Bound::compute: return "compute";
    case Bound::memory: return "memory";
    case Bound::overhead: return "overhead";
  }
  return "?";
}

/// \throws Error when the name is none of compute, memory, overhead
[[nodiscard]] inline Bound bound_from(std::string_view name) {
  return enum_from("bound", name, std::array{Bound::compute, Bound::memory, Bound::overhead});
}

/// One row per step that runs: a layer with what is fused into it, or a change of a value's layout or type.
struct StepLatency {
  std::string name;            ///< the node whose value the step computes first ("conv1")
  std::string kind;            ///< "Conv", or "Conv+Relu" when fused
  double flops = 0.0;          ///< [FLOP] of the batch
  double bytes = 0.0;          ///< [B] read and written
  Milliseconds latency{};      ///< median when measured
  std::optional<Bound> bound;  ///< absent when it is not known
  std::optional<DType> src{};  ///< type of its first source; absent when it is not known
  std::optional<DType> dst{};  ///< type of its result; absent when it is not known
  int threads = 1;             ///< that share it
  std::string algorithm{};     ///< what computes it: name_of(Algorithm) (schedule/algorithm.hpp); empty: not known

  friend bool operator==(const StepLatency&, const StepLatency&) = default;
};

enum class ReportKind : std::uint8_t { predicted, measured };

[[nodiscard]] constexpr std::string_view name_of(ReportKind kind) noexcept {
  return kind == ReportKind::predicted ? "predicted" : "measured";
}

/// \throws Error when the name is neither predicted nor measured
[[nodiscard]] inline ReportKind report_kind_from(std::string_view name) {
  return enum_from("kind of report", name, std::array{ReportKind::predicted, ReportKind::measured});
}

/// The one result type of prediction and measurement, so that comparing them is subtraction.
struct LatencyReport {
  ReportKind kind = ReportKind::predicted;
  std::string model;
  RunConfig config;
  double flops = 0.0;  ///< [FLOP] of one inference (of the batch)
  double bytes = 0.0;  ///< [B] of one inference
  LatencyStatistics latency;
  double throughput_per_s = 0.0;               ///< samples per second of all instances together
  std::optional<PredictionInterval> interval;  ///< of a prediction, where the predictor states one
  std::optional<Disturbance> disturbance;      ///< of a measurement that looked at the cores
  std::optional<Persistence> persistence;      ///< of what makes inferences slow; absent: not known
  std::vector<RunBlock> blocks;                ///< the run in parts, in the order of time; empty in a prediction
  std::vector<StepLatency> layers;
  Milliseconds creation{};         ///< time to prepare the model before the first inference; 0 in a prediction
  MemoryUse memory;                ///< 0 where an executor does not tell, and in a prediction of what one made
  std::vector<std::string> notes;  ///< what the reader should know ("the machine was noisy: …")
  Environment environment;
  std::vector<Milliseconds> timings{};  ///< single inferences in the order of time, where they were asked for

  friend bool operator==(const LatencyReport&, const LatencyReport&) = default;
};

/// Whether a measurement says more of what else the machine did than it should: half of its runs are more than 5 % away
/// from the median, some were interrupted, the medians of its blocks are more than 20 % apart, or those of its first
/// half more than 10 % from those of its second.
FULCRUM_DECLARE [[nodiscard]] bool is_noisy(const LatencyReport& report);

/// Of the time that the layers of an int8 run take together, the share [0, 1] of those that take real numbers instead
/// of integers: what int8 does not make faster. Nothing where the layers' types or times are not known.
FULCRUM_DECLARE [[nodiscard]] std::optional<double> share_outside_int8(const LatencyReport& report);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum {

FULCRUM_DEFINE bool is_noisy(const LatencyReport& report) {
  if (report.kind != ReportKind::measured) return false;
  Milliseconds lowest = report.latency.p50;
  Milliseconds highest = lowest;
  for (const RunBlock& block : report.blocks) {
    lowest = block.p50 < lowest ? block.p50 : lowest;
    highest = block.p50 > highest ? block.p50 : highest;
  }
  if (report.latency.mad > 0.05 * report.latency.p50 || was_interrupted(report.latency) || highest > 1.2 * lowest)
    return true;
  if (report.blocks.size() < 4) return false;
  const auto mean = [&](std::size_t from, std::size_t to) {
    Milliseconds sum{};
    for (std::size_t i = from; i < to; ++i) sum += report.blocks[i].p50;
    return sum / static_cast<double>(to - from);
  };
  const double drift = mean(report.blocks.size() / 2, report.blocks.size()) / mean(0, report.blocks.size() / 2);
  return drift > 1.1 || drift < 1.0 / 1.1;
}

FULCRUM_DEFINE std::optional<double> share_outside_int8(const LatencyReport& report) {
  Milliseconds all{}, outside{};
  for (const StepLatency& layer : report.layers) {
    if (!layer.src) return std::nullopt;
    const bool is_integer = *layer.src == DType::u8 || *layer.src == DType::s8;
    all += layer.latency;
    if (!is_integer) outside += layer.latency;
  }
  if (report.config.precision != Precision::int8 || !(all.count() > 0.0)) return std::nullopt;
  return outside / all;
}

}  // namespace fulcrum

#endif
