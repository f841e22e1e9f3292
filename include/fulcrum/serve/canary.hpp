#pragma once
/// \file
/// Whether a new version may have more requests, or must go.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/serve/sequential_test.hpp>
#include <fulcrum/serve/traffic_plan.hpp>

namespace fulcrum {

/// What became of a request, or what a client says became of what it got.
struct CanaryObservation {
  bool failed = false;  ///< an error of the server's
  std::chrono::nanoseconds compute{0}, total{0};
};

enum class CanaryVerdict : std::uint8_t {
  go_on,
  next_step,  ///< the share has grown
  accepted,   ///< it gets everything
  rejected,   ///< it gets nothing
};

/// A new version beside the old, compared request by request. Each of its requests makes a pair with the last one of
/// the old. Four tests run at the level α/4 each: how often it runs longer than a bound that a quarter of the old
/// one's requests exceed, made wider by the tolerance or 50 µs, whichever is more; how often the answer is later than
/// the SLO; errors; and bad outcomes that clients report. The first that says it is worse ends it. The bound comes from
/// the old version's first requests, before pairs are counted.
///
/// Not thread-safe.
class Canary {
public:
  /// \param slo  of the answer; nothing: none
  FULCRUM_DECLARE explicit Canary(TrafficPlan plan, std::optional<Milliseconds> slo = std::nullopt);

  /// Of requests, that the new version gets.
  [[nodiscard]] double share() const noexcept { return plan_.steps[step_]; }
  [[nodiscard]] const TrafficPlan& plan() const noexcept { return plan_; }
  [[nodiscard]] CanaryVerdict verdict() const noexcept { return verdict_; }

  FULCRUM_DECLARE CanaryVerdict observe(bool is_new, const CanaryObservation& observation);
  /// \param bad  0 (good) … 1
  FULCRUM_DECLARE CanaryVerdict report_outcome(bool is_new, double bad);

  /// {"version", "share", "step", "pairs", "bound_ms", "tests" [{"of", "pairs", "old", "difference", "p"}], "verdict",
  /// "because"}
  FULCRUM_DECLARE [[nodiscard]] nlohmann::json status() const;

private:
  enum Test : std::size_t { slow, late, failed, outcome, tests };
  FULCRUM_DECLARE CanaryVerdict judge();

  TrafficPlan plan_;
  std::optional<Milliseconds> slo_;
  std::size_t step_ = 0;
  std::int64_t pairs_at_step_ = 0;
  std::vector<std::chrono::nanoseconds> first_;  // of the old version, until there is a bound
  std::optional<std::chrono::nanoseconds> bound_;
  std::optional<CanaryObservation> old_;
  std::optional<double> old_outcome_;
  SequentialTest tests_[tests];
  CanaryVerdict verdict_ = CanaryVerdict::go_on;
  std::string because_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <algorithm>
#include <array>
#include <utility>

namespace fulcrum::detail {

inline constexpr std::array canary_tests{"running long", "later than the SLO", "errors", "bad outcomes"};
/// What nobody notices beside the way to a server: how warm a core happens to be makes more than a share of
/// microseconds.
inline constexpr std::chrono::microseconds canary_least{50};
inline constexpr std::size_t canary_first = 100;  // requests of the old version that give the bound

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Canary::Canary(TrafficPlan plan, std::optional<Milliseconds> slo) : plan_(std::move(plan)), slo_(slo) {}

FULCRUM_DEFINE CanaryVerdict Canary::observe(bool is_new, const CanaryObservation& observation) {
  if (verdict_ == CanaryVerdict::accepted || verdict_ == CanaryVerdict::rejected) return verdict_;
  if (!is_new) {
    old_ = observation;
    if (!bound_ && !observation.failed) {
      first_.push_back(observation.compute);
      if (first_.size() == detail::canary_first) {
        const auto at = first_.begin() + static_cast<std::ptrdiff_t>(detail::canary_first * 3 / 4);
        std::nth_element(first_.begin(), at, first_.end());
        const auto wider = std::chrono::duration_cast<std::chrono::nanoseconds>(plan_.tolerance * Seconds(*at));
        bound_ = *at + std::max<std::chrono::nanoseconds>(wider, detail::canary_least);
        first_ = {};
        old_.reset();  // what made the bound is not measured by it
      }
    }
    return CanaryVerdict::go_on;
  }
  if (!old_) return CanaryVerdict::go_on;
  const CanaryObservation old = *std::exchange(old_, std::nullopt);
  tests_[failed].add(old.failed ? 1.0 : 0.0, observation.failed ? 1.0 : 0.0);
  if (!old.failed && !observation.failed) {
    if (bound_) tests_[slow].add(old.compute > *bound_ ? 1.0 : 0.0, observation.compute > *bound_ ? 1.0 : 0.0);
    if (slo_) tests_[late].add(old.total > *slo_ ? 1.0 : 0.0, observation.total > *slo_ ? 1.0 : 0.0);
  }
  if (bound_) ++pairs_at_step_;
  return judge();
}

FULCRUM_DEFINE CanaryVerdict Canary::report_outcome(bool is_new, double bad) {
  if (verdict_ == CanaryVerdict::accepted || verdict_ == CanaryVerdict::rejected) return verdict_;
  if (!is_new) {
    old_outcome_ = bad;
    return CanaryVerdict::go_on;
  }
  if (!old_outcome_) return CanaryVerdict::go_on;
  tests_[outcome].add(*std::exchange(old_outcome_, std::nullopt), bad);
  return judge();
}

FULCRUM_DEFINE CanaryVerdict Canary::judge() {
  for (std::size_t i = 0; i < tests; ++i) {
    if (tests_[i].p_value() > plan_.alpha / static_cast<double>(tests) || tests_[i].difference() <= 0.0) continue;
    because_ = detail::canary_tests[i];
    return verdict_ = CanaryVerdict::rejected;
  }
  if (pairs_at_step_ < plan_.pairs_per_step) return CanaryVerdict::go_on;
  pairs_at_step_ = 0;
  if (step_ + 1 == plan_.steps.size()) return verdict_ = CanaryVerdict::accepted;
  ++step_;
  return CanaryVerdict::next_step;
}

FULCRUM_DEFINE nlohmann::json Canary::status() const {
  nlohmann::json list = nlohmann::json::array();
  for (std::size_t i = 0; i < tests; ++i) {
    list.push_back({{"of", detail::canary_tests[i]},
                    {"pairs", tests_[i].pairs()},
                    {"old", tests_[i].baseline()},
                    {"difference", tests_[i].difference()},
                    {"p", tests_[i].p_value()}});
  }
  const char* verdict = verdict_ == CanaryVerdict::accepted   ? "accepted"
                        : verdict_ == CanaryVerdict::rejected ? "rejected"
                                                              : "open";
  nlohmann::json j{{"version", plan_.version},        {"share", share()},         {"step", step_ + 1},
                   {"pairs", tests_[failed].pairs()}, {"tests", std::move(list)}, {"verdict", verdict}};
  if (bound_) j["bound_ms"] = Milliseconds(*bound_).count();
  if (!because_.empty()) j["because"] = because_;
  return j;
}

}  // namespace fulcrum

#endif
