#pragma once
// Validations whose errors are known.

#include <string>
#include <utility>
#include <vector>

#include <fulcrum/validate/validation.hpp>

namespace fulcrum::synthetic {

/// A case measured in two rounds around a median, with two steps of 40 and 60 % of it that are predicted in proportion.
inline ValidationCase validation_case(std::string model, RunConfig config, double predicted_ms, double measured_ms,
                                      double spread = 0.0, std::int64_t samples = 200) {
  ValidationCase c;
  c.model = std::move(model);
  c.config = std::move(config);
  const double batch = static_cast<double>(c.config.batch) * c.config.instances;
  c.predicted_p50_ms = predicted_ms;
  c.predicted_p99_ms = 1.1 * predicted_ms;
  c.predicted_throughput_per_s = batch / predicted_ms * 1e3;
  for (const double side : {-0.5, 0.5}) {
    const double p50 = measured_ms * (1.0 + side * spread);
    c.rounds.push_back({p50, 1.1 * p50, batch / p50 * 1e3, samples});
  }
  c.steps = {{"conv", "Conv+Relu", "convolution", 400.0 * predicted_ms, 400.0 * measured_ms},
             {"fc", "Dense", "dense", 600.0 * predicted_ms, 600.0 * measured_ms}};
  return c;
}

inline RunConfig config(std::int64_t batch, int threads, int instances, Precision precision = Precision::f32) {
  return {.batch = batch, .threads = threads, .instances = instances, .precision = precision};
}

}  // namespace fulcrum::synthetic
