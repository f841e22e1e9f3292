#pragma once
/// \file
/// When waiting requests become a batch. The runner and its simulation ask the same function.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// How requests are put together, as Triton's dynamic batcher does it. By itself no request waits for company: whoever
/// is free takes what is there, up to the largest batch.
struct BatchPolicy {
  std::int64_t max_batch = 1;             ///< 1 … 65,536; 1: no batching
  std::chrono::nanoseconds max_delay{0};  ///< the oldest request waits no longer than this for company; 0: not at all
  /// Sizes worth waiting for, ascending, each ≤ max_batch; the largest that can be formed is formed at once. Empty:
  /// max_batch alone is.
  std::vector<std::int64_t> preferred{};
  /// 99 of 100 requests are to be done within this, from the queue to the result: while they are not, batches wait for
  /// company less than max_delay (BatchDelay); 0: whatever becomes of them
  std::chrono::nanoseconds within{0};

  friend bool operator==(const BatchPolicy&, const BatchPolicy&) = default;
};

/// \throws Error naming what is out of range
FULCRUM_DECLARE void validate(const BatchPolicy& policy);

/// "batches of up to 8 within 2 ms, 4 and 8 at once"
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const BatchPolicy& policy);

/// What to do with the requests that wait.
struct BatchDecision {
  std::int64_t take = 0;               ///< of the oldest; 0: wait
  std::chrono::nanoseconds wake_at{};  ///< when to ask again at the latest, where it is to wait
};

/// What a free instance does. Times count from anything, both from the same.
/// Precondition: the policy is valid, waiting ≥ 1.
/// \param waiting  requests in the queue
/// \param oldest   when the first of them entered it
[[nodiscard]] inline BatchDecision decide(const BatchPolicy& policy, std::int64_t waiting,
                                          std::chrono::nanoseconds oldest, std::chrono::nanoseconds now) noexcept {
  if (waiting >= policy.max_batch) return {policy.max_batch, {}};
  const auto above = std::upper_bound(policy.preferred.begin(), policy.preferred.end(), waiting);
  if (above != policy.preferred.begin()) return {*(above - 1), {}};
  if (now - oldest >= policy.max_delay) return {waiting, {}};
  return {0, oldest + policy.max_delay};
}

/// The batch sizes that executors are made for: 1, 2, 3, 4, 6, 8, 12, 16, … up to max_batch, and the preferred sizes. A
/// batch in between runs on the next larger one, of which at most a third is then idle.
FULCRUM_DECLARE [[nodiscard]] std::vector<std::int64_t> executor_batches(const BatchPolicy& policy);

/// The smallest of the sizes that holds `samples`. Precondition: there is one; sizes are ascending.
[[nodiscard]] inline std::size_t executor_index(const std::vector<std::int64_t>& sizes, std::int64_t samples) noexcept {
  return static_cast<std::size_t>(std::lower_bound(sizes.begin(), sizes.end(), samples) - sizes.begin());
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

#include <fulcrum/load/detail/overloads.hpp>

namespace fulcrum {

FULCRUM_DEFINE void validate(const BatchPolicy& policy) {
  if (policy.max_batch < 1 || policy.max_batch > 65'536)
    throw Error("the largest batch", "is " + std::to_string(policy.max_batch), "give a number from 1 to 65,536");
  if (policy.max_delay.count() < 0 || policy.max_delay > std::chrono::hours(1))
    throw Error("the longest delay of a batch", "is out of range", "give a time from 0 to an hour");
  if (policy.within.count() < 0)
    throw Error("the time that requests are to be done within", "is negative", "give a time, or 0 for none");
  std::int64_t before = 0;
  for (const std::int64_t size : policy.preferred) {
    if (size <= before || size > policy.max_batch) {
      throw Error("the preferred batch size " + std::to_string(size), "is out of order or above the largest batch",
                  "give ascending sizes from 1 to " + std::to_string(policy.max_batch));
    }
    before = size;
  }
}

FULCRUM_DEFINE std::string to_string(const BatchPolicy& policy) {
  if (policy.max_batch == 1) return "no batching";
  std::string text = "batches of up to " + std::to_string(policy.max_batch);
  if (policy.max_delay.count() > 0) {
    const double ms = std::chrono::duration<double, std::milli>(policy.max_delay).count();
    text += " within " + detail::plain_figure(ms) + " ms";
    if (policy.within.count() > 0) {
      const double bound = std::chrono::duration<double, std::milli>(policy.within).count();
      text += ", or less where the p99 is above " + detail::plain_figure(bound) + " ms";
    }
  }
  for (std::size_t i = 0; i < policy.preferred.size(); ++i) {
    text += i == 0 ? ", " : i + 1 == policy.preferred.size() ? " and " : ", ";
    text += std::to_string(policy.preferred[i]);
  }
  return policy.preferred.empty() ? text : text + " at once";
}

FULCRUM_DEFINE std::vector<std::int64_t> executor_batches(const BatchPolicy& policy) {
  std::vector<std::int64_t> sizes = policy.preferred;
  for (std::int64_t power = 1; power < policy.max_batch; power *= 2) {
    sizes.push_back(power);
    const std::int64_t between = power + power / 2;
    if (between > power && between < policy.max_batch) sizes.push_back(between);
  }
  sizes.push_back(policy.max_batch);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

}  // namespace fulcrum

#endif
