#pragma once
/// \file
/// The ways to serve a model that planning considers.

#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/service_study.hpp>

namespace fulcrum {

/// The axes beside the variants; every combination whose instances fit the cores is a candidate.
struct ServiceSpace {
  std::vector<std::int64_t> max_batches{1, 2, 4, 8, 16, 32};  ///< each ≥ 1
  /// How long the oldest request waits for company, as a share of the bound, where batches form; each 0 … 1.
  std::vector<double> delays{0.0, 0.1, 0.25};
  std::vector<int> threads{1};    ///< of each instance, each ≥ 1
  std::vector<int> instances{1};  ///< each ≥ 1
};

/// The default axes, with threads and instances the powers of two up to `cores`, and `cores` itself.
/// \param cores  ≥ 1
FULCRUM_DECLARE [[nodiscard]] ServiceSpace default_service_space(int cores);

/// Every candidate of the space with threads × instances ≤ cores, without figures yet. Order: variant, threads,
/// instances, largest batch, delay; values given twice count once.
/// \throws Error when an axis is empty or holds an impossible value, or nothing fits the cores
FULCRUM_DECLARE [[nodiscard]] std::vector<ServiceCandidate> enumerate(const ServiceSpace& space,
                                                                      std::span<const ServiceVariant> variants,
                                                                      Milliseconds slo, int cores);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <chrono>

#include <fulcrum/plan/space.hpp>

namespace fulcrum {

FULCRUM_DEFINE ServiceSpace default_service_space(int cores) {
  const ConfigurationSpace space = default_space(cores);
  ServiceSpace result;
  result.threads = space.threads;
  result.instances = space.instances;
  return result;
}

FULCRUM_DEFINE std::vector<ServiceCandidate> enumerate(const ServiceSpace& space,
                                                       std::span<const ServiceVariant> variants, Milliseconds slo,
                                                       int cores) {
  const auto positive = [](auto n) { return n >= 1; };
  detail::expect_axis(space.max_batches, "largest batches", "of 1 or more", positive);
  detail::expect_axis(space.delays, "delays", "from 0 to 1", [](double s) { return s >= 0.0 && s <= 1.0; });
  detail::expect_axis(space.threads, "threads", "of 1 or more", positive);
  detail::expect_axis(space.instances, "instances", "of 1 or more", positive);
  std::vector<ServiceCandidate> candidates;
  for (std::size_t variant = 0; variant < variants.size(); ++variant) {
    for (const int threads : space.threads) {
      for (const int instances : space.instances) {
        if (static_cast<std::int64_t>(threads) * instances > cores) continue;
        for (const std::int64_t batch : space.max_batches) {
          for (const double delay : space.delays) {
            ServiceCandidate candidate;
            candidate.variant = variant;
            candidate.config = {.threads = threads, .instances = instances, .precision = variants[variant].precision};
            candidate.batching.max_batch = batch;
            if (batch > 1) candidate.batching.max_delay = std::chrono::round<std::chrono::microseconds>(delay * slo);
            const bool known = std::any_of(candidates.begin(), candidates.end(), [&](const ServiceCandidate& c) {
              return c.variant == variant && c.config == candidate.config && c.batching == candidate.batching;
            });
            if (!known) candidates.push_back(std::move(candidate));
          }
        }
      }
    }
  }
  if (candidates.empty()) {
    throw Error("the space of services", "has no threads × instances that fit " + std::to_string(cores) + " core(s)",
                "give fewer threads or instances");
  }
  return candidates;
}

}  // namespace fulcrum

#endif
