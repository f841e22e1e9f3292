#pragma once
/// \file
/// A prediction against a measurement.

#include <fulcrum/run/latency_report.hpp>

namespace fulcrum {

/// How far a prediction is off: predicted / measured − 1. −0.1 is ten percent too low.
struct PredictionError {
  double p50 = 0.0;
  double p99 = 0.0;
  double throughput = 0.0;
};

/// \throws Error when the two are not of the same model and configuration, or the measurement holds no time
[[nodiscard]] inline PredictionError compare(const LatencyReport& predicted, const LatencyReport& measured) {
  if (predicted.model != measured.model || !(predicted.config == measured.config)) {
    throw Error("compare",
                "was given " + predicted.model + " (" + to_string(predicted.config) + ") and " + measured.model + " (" +
                    to_string(measured.config) + ")",
                "compare reports of one model in one configuration");
  }
  if (measured.latency.p50.count() <= 0.0 || measured.latency.p99.count() <= 0.0 || measured.throughput_per_s <= 0.0)
    throw Error("compare", "was given a measurement without times");
  return {predicted.latency.p50 / measured.latency.p50 - 1.0, predicted.latency.p99 / measured.latency.p99 - 1.0,
          predicted.throughput_per_s / measured.throughput_per_s - 1.0};
}

}  // namespace fulcrum
