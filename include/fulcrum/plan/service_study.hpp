#pragma once
/// \file
/// What planning a service is asked, and what it finds out.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/arrivals.hpp>
#include <fulcrum/load/batch_policy.hpp>
#include <fulcrum/load/load_report.hpp>
#include <fulcrum/plan/service_plan.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// What a service has to keep.
struct ServiceTarget {
  ArrivalProcess arrivals = PoissonArrivals{1.0};  ///< how requests come, at the rate wanted
  bool highest_rate = false;  ///< the highest rate within the bound is wanted: of the arrivals only their kind counts
  Milliseconds slo{};         ///< bound on the latency at the percentile, from when a request is due; > 0
  TailTarget tail{};
  std::optional<double> max_accuracy_drop_points;  ///< percentage points below the f32 model, ≥ 0; absent: any
};

/// \throws Error naming what is out of range
FULCRUM_DECLARE void validate(const ServiceTarget& target);

/// "200/s (Poisson) with p99 ≤ 10.0 ms", "the highest rate (Poisson) with p99 ≤ 10.0 ms"
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const ServiceTarget& target);

/// A form of the model that may be served: in another precision, pruned, or both.
struct ServiceVariant {
  std::string name;  ///< "f32", "int8, 50 % pruned"
  Precision precision = Precision::f32;
  std::optional<double> accuracy;       ///< 1 is 100 %; absent: not evaluated
  std::optional<double> output_snr_db;  ///< of its results against the first variant's; absent: not compared
  std::string why_not;                  ///< why it is not considered; empty: it is
};

/// What a candidate does under the load.
struct ServiceFigures {
  Milliseconds tail{};          ///< latency at the percentile at the rate wanted; infinite: requests are turned away
  double max_rate_per_s = 0.0;  ///< highest rate within the bound; 0: there is none
  double capacity_per_s = 0.0;  ///< at which a queue never ends
  Milliseconds service{};       ///< at the percentile, of a request that is served alone
};

/// A way to serve a variant.
struct ServiceCandidate {
  std::size_t variant = 0;
  RunConfig config;  ///< batch 1
  BatchPolicy batching{};
  std::optional<ServiceFigures> predicted;  ///< simulated with service times as predicted
  std::optional<ServiceFigures> refined;    ///< simulated with service times as the runner had them
  bool measured = false;                    ///< under a real load: in ServiceStudy::runs
  std::string why_not;                      ///< why it is not the answer; empty for the one that is
};

/// The best that is known of a candidate; null: nothing is.
[[nodiscard]] inline const ServiceFigures* figures(const ServiceCandidate& candidate) noexcept {
  if (candidate.refined) return &*candidate.refined;
  return candidate.predicted ? &*candidate.predicted : nullptr;
}

/// Threads that a candidate keeps busy.
[[nodiscard]] inline int cores_of(const ServiceCandidate& candidate) noexcept {
  return candidate.config.threads * candidate.config.instances;
}

/// A real load on a candidate.
struct ServiceRun {
  std::size_t candidate = 0;
  double rate_per_s = 0.0;
  bool within =
      false;  ///< the bound held: with the confidence asked for, clearly in a run too short for that, or twice
  Milliseconds predicted_tail{};  ///< simulated at this rate with predicted service times
  Milliseconds simulated_tail{};  ///< simulated at this rate with service times of runs before; 0: there were none
  LoadReport report;
};

/// A point of a curve.
struct RatePoint {
  double rate_per_s = 0.0;
  Milliseconds middle{}, tail{};  ///< median and the percentile; infinite: requests are turned away
  double throughput_per_s = 0.0;
};

/// What comes of a study. That nothing qualifies is an answer, too.
struct ServiceAnswer {
  std::optional<std::size_t> chosen{};   ///< index of the candidate to serve with
  std::optional<std::size_t> nearest{};  ///< where none qualifies: index of the one with the highest rate
  double max_rate_per_s = 0.0;           ///< of that one: highest rate at which the bound held when measured
  double headroom = 0.0;  ///< by which max_rate_per_s exceeds the rate wanted, as a share; negative: it does not
  int cores = 0;          ///< that it keeps busy
  /// Like this one that the rate takes; absent: none helps, as the bound is too low.
  std::optional<std::int64_t> machines{};
  std::string bound{};   ///< what keeps the rate from being higher, in a sentence
  std::string next{};    ///< which candidates come next, in sentences
  std::string cost{};    ///< in accuracy, or in difference of results, in a sentence; empty: not known
  std::string reason{};  ///< the answer in a sentence or two
};

/// The whole study, ready to be printed, written as JSON or shown as a page.
struct ServiceStudy {
  std::string model;
  std::string data;  ///< name of the data set; may be empty
  ServiceTarget target;
  int cores = 1;  ///< that may be used
  std::vector<ServiceVariant> variants;
  std::vector<ServiceCandidate> candidates;
  std::vector<ServiceRun> runs;            ///< in the order in which they were made
  std::vector<RatePoint> predicted_curve;  ///< of the answer's candidate, by rising rate
  std::vector<RatePoint> simulated_curve;  ///< the same with service times as measured
  std::optional<LatencyReport> inference;  ///< of the answer's candidate, predicted: a batch of 1, layer by layer
  ServiceAnswer answer;
  ServicePlan plan;  ///< of the chosen candidate, or the nearest; model is the variant's name
  Environment environment;
  std::vector<std::string> notes;
  std::string started_at;  ///< UTC, ISO 8601
  Seconds duration{};
};

/// "int8, 1 thread, 2 instances, batches of up to 4 within 1 ms"
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const ServiceCandidate& candidate, const ServiceVariant& variant);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <cmath>

#include <fulcrum/core/error.hpp>
#include <fulcrum/plan/figures.hpp>

namespace fulcrum {

FULCRUM_DEFINE void validate(const ServiceTarget& target) {
  validate(target.arrivals);
  if (!(rate_of(target.arrivals) > 0.0))
    throw Error("a trace of arrivals", "has no rate: all of it comes at one moment", "give one that takes some time");
  if (!(target.slo.count() > 0.0 && std::isfinite(target.slo.count())))
    throw Error("the bound of a service [ms]", "is " + std::to_string(target.slo.count()), "give milliseconds above 0");
  const auto share = [](const char* what, double value) {
    if (!(value > 0.5 && value < 1.0))
      throw Error(what, "is " + std::to_string(value), "give a number above 0.5 and below 1");
  };
  share("the percentile of a service", target.tail.percentile);
  share("the confidence of a service", target.tail.confidence);
  if (target.max_accuracy_drop_points && !(*target.max_accuracy_drop_points >= 0.0)) {
    throw Error("largest loss of accuracy [points]", "is " + std::to_string(*target.max_accuracy_drop_points),
                "give percentage points of 0 or more");
  }
}

FULCRUM_DEFINE std::string to_string(const ServiceTarget& target) {
  const std::string arrivals = to_string(target.arrivals);
  std::string kind = arrivals.substr(0, arrivals.find_first_of(",:"));
  if (std::holds_alternative<TraceArrivals>(target.arrivals)) kind = "trace";
  std::string text = target.highest_rate ? "the highest rate" : format_rate(rate_of(target.arrivals));
  text.append(" (").append(kind).append(")");
  text += detail::formatted(" with p%g ≤ ", 100.0 * target.tail.percentile) + format_latency(target.slo);
  if (target.max_accuracy_drop_points)
    text += detail::formatted(" and at most %.3g points of accuracy lost", *target.max_accuracy_drop_points);
  return text;
}

FULCRUM_DEFINE std::string to_string(const ServiceCandidate& candidate, const ServiceVariant& variant) {
  const auto plural = [](std::int64_t n, const char* noun) {
    return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
  };
  return variant.name + ", " + plural(candidate.config.instances, "instance") + " of " +
         plural(candidate.config.threads, "thread") +
         (candidate.batching.max_batch == 1 ? std::string(", no batching") : ", " + to_string(candidate.batching));
}

}  // namespace fulcrum

#endif
