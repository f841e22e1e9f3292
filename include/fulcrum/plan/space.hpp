#pragma once
/// \file
/// The ways to run a model that a study considers.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/candidate.hpp>

namespace fulcrum {

/// The axes of the study; every combination whose instances fit the machine is a candidate.
struct ConfigurationSpace {
  std::vector<Precision> precisions{all_precisions.begin(), all_precisions.end()};
  std::vector<double> sparsities{0.0, 0.5, 0.7};    ///< share of all weights pruned (global magnitude), each in [0, 1)
  std::vector<std::int64_t> batches{1, 4, 16, 64};  ///< samples per inference, each 1 … 65,536
  std::vector<int> threads{1};                      ///< threads of each instance, each ≥ 1
  std::vector<int> instances{1};                    ///< copies side by side, each ≥ 1
};

/// The default axes, with threads and instances the powers of two up to `cores`, and `cores` itself.
/// \param cores  cores this process may use (Environment::cores), ≥ 1
FULCRUM_DECLARE [[nodiscard]] ConfigurationSpace default_space(int cores);

namespace detail {
template <class T, class Valid>
void expect_axis(const std::vector<T>& axis, const char* name, const char* range, Valid valid) {
  const std::string where = std::string("configuration space, ") + name;
  if (axis.empty()) throw Error(where, "is empty", std::string("give at least one value ") + range);
  for (const T value : axis) {
    if (!valid(value)) throw Error(where, "has " + std::to_string(value), std::string("give values ") + range);
  }
}
}  // namespace detail

/// Every candidate of the space with threads × instances ≤ cores, without figures yet. Order: precision, sparsity,
/// threads, instances, batch; values given twice count once.
/// \throws Error when an axis is empty or holds an impossible value, or nothing fits the cores
FULCRUM_DECLARE [[nodiscard]] std::vector<Candidate> enumerate(const ConfigurationSpace& space, int cores);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum {

FULCRUM_DEFINE ConfigurationSpace default_space(int cores) {
  if (cores < 1) throw Error("cores", "is " + std::to_string(cores), "give the number of usable cores");
  ConfigurationSpace space;
  for (int n = 2; n < cores; n *= 2) space.threads.push_back(n);
  if (cores > 1) space.threads.push_back(cores);
  space.instances = space.threads;
  return space;
}

FULCRUM_DEFINE std::vector<Candidate> enumerate(const ConfigurationSpace& space, int cores) {
  if (space.precisions.empty()) throw Error("configuration space, precisions", "is empty", "give at least one");
  const auto positive = [](auto n) { return n >= 1; };
  detail::expect_axis(space.sparsities, "sparsities", "from 0 to below 1",
                      [](double s) { return s >= 0.0 && s < 1.0; });
  detail::expect_axis(space.batches, "batches", "from 1 to 65,536",
                      [](std::int64_t n) { return n >= 1 && n <= 65536; });  // larger ones take minutes and memory
  detail::expect_axis(space.threads, "threads", "of 1 or more", positive);
  detail::expect_axis(space.instances, "instances", "of 1 or more", positive);

  std::vector<Candidate> candidates;
  for (const Precision precision : space.precisions) {
    for (const double sparsity : space.sparsities) {
      for (const int threads : space.threads) {
        for (const int instances : space.instances) {
          if (static_cast<std::int64_t>(threads) * instances > cores) continue;
          for (const std::int64_t batch : space.batches) {
            const RunConfig config{batch, threads, instances, precision};
            const bool known = std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& c) {
              return c.config == config && c.sparsity == sparsity;
            });
            if (known) continue;
            candidates.emplace_back();
            candidates.back().sparsity = sparsity;
            candidates.back().config = config;
          }
        }
      }
    }
  }
  if (candidates.empty()) {
    throw Error("configuration space", "has no threads × instances that fit " + std::to_string(cores) + " core(s)",
                "give fewer threads or instances");
  }
  return candidates;
}

}  // namespace fulcrum

#endif
