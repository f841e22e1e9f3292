#pragma once
/// \file
/// What one runs a model with.

#include <cstdint>
#include <string>

#include <fulcrum/core/dtype.hpp>

namespace fulcrum {

/// How a model is run. Prediction and measurement take the same one.
struct RunConfig {
  std::int64_t batch = 1;  ///< samples per inference; ≥ 1
  int threads = 1;         ///< threads of each instance; ≥ 1
  int instances = 1;       ///< copies that run side by side, each on its own threads; ≥ 1
  Precision precision = Precision::f32;

  friend bool operator==(const RunConfig&, const RunConfig&) = default;
};

/// \throws Error when a number is below 1
inline void validate(const RunConfig& config) {
  const auto check = [](const char* option, std::int64_t value) {
    if (value < 1) throw Error(option, "is " + std::to_string(value), "give a number of 1 or more");
  };
  check("--batch", config.batch);
  check("--threads", config.threads);
  check("--instances", config.instances);
}

/// "int8, batch 8, 2 threads, 1 instance"
[[nodiscard]] inline std::string to_string(const RunConfig& config) {
  const auto plural = [](std::int64_t n, const char* noun) {
    return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
  };
  return std::string(name_of(config.precision)) + ", batch " + std::to_string(config.batch) + ", " +
         plural(config.threads, "thread") + ", " + plural(config.instances, "instance");
}

}  // namespace fulcrum
