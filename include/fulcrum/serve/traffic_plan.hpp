#pragma once
/// \file
/// Which version of a model gets which requests.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// How requests that name no version are shared.
enum class TrafficKind : std::uint8_t {
  current,  ///< all to the one that was published
  weights,  ///< by weights, until it is changed (A/B)
  canary,   ///< more and more to a new one, as long as it is no worse
  shadow,   ///< all to the current one; copies of some to another, whose answers nobody gets
};

/// "current", "weights", "canary", "shadow"
[[nodiscard]] constexpr std::string_view name_of(TrafficKind kind) noexcept {
  switch (kind) {
    case TrafficKind::current: return "current";
    case TrafficKind::weights: return "weights";
    case TrafficKind::canary: return "canary";
    case TrafficKind::shadow: return "shadow";
  }
  return "?";
}

struct TrafficPlan {
  TrafficKind kind = TrafficKind::current;
  std::map<std::string, double> weights{};    ///< of weights: version → weight > 0
  std::string version{};                      ///< of canary and shadow: the new one
  std::vector<double> steps{0.1, 0.25, 0.5};  ///< of canary: its shares, ascending, above 0 and below 1
  std::int64_t pairs_per_step = 200;          ///< of canary: compared before the next step; ≥ 1
  double alpha = 0.01;                        ///< of canary: probability of taking back one that is no worse
  double tolerance = 0.05;                    ///< of canary: slower by this share is not looked for; ≥ 0
  double share = 0.1;                         ///< of shadow: of requests that are copied; above 0, at most 1

  friend bool operator==(const TrafficPlan&, const TrafficPlan&) = default;
};

/// {"kind", "weights" {version: weight}} or {"kind", "version", "steps", "pairs_per_step", "alpha", "tolerance"} or
/// {"kind", "version", "share"}
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const TrafficPlan& plan);

/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] TrafficPlan traffic_plan_from_json(const JsonReader& j);

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <array>

#include <fulcrum/core/enum_name.hpp>

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const TrafficPlan& plan) {
  nlohmann::json j{{"kind", name_of(plan.kind)}};
  if (plan.kind == TrafficKind::weights) j["weights"] = plan.weights;
  if (plan.kind == TrafficKind::canary || plan.kind == TrafficKind::shadow) j["version"] = plan.version;
  if (plan.kind == TrafficKind::shadow) j["share"] = plan.share;
  if (plan.kind == TrafficKind::canary) {
    j.update({{"steps", plan.steps},
              {"pairs_per_step", plan.pairs_per_step},
              {"alpha", plan.alpha},
              {"tolerance", plan.tolerance}});
  }
  return j;
}

FULCRUM_DEFINE TrafficPlan traffic_plan_from_json(const JsonReader& j) {
  TrafficPlan plan;
  plan.kind = j.at("kind").name([](std::string_view name) {
    return enum_from("kind of traffic", name,
                     std::array{TrafficKind::current, TrafficKind::weights, TrafficKind::canary, TrafficKind::shadow});
  });
  const auto share = [](const JsonReader& number, bool all) {
    const double value = number.number();
    if (!(value > 0.0 && (value < 1.0 || (all && value == 1.0))))
      number.fail(all ? "above 0 and at most 1" : "above 0 and below 1");
    return value;
  };
  if (plan.kind == TrafficKind::weights) {
    for (const auto& [version, weight] : j.at("weights").members()) {
      plan.weights[version] = weight.number();
      if (!(plan.weights[version] > 0.0 && plan.weights[version] <= 1e6)) weight.fail("above 0 and at most 1,000,000");
    }
    if (plan.weights.empty()) j.at("weights").fail("an object of versions and their weights");
  }
  if (plan.kind == TrafficKind::canary || plan.kind == TrafficKind::shadow) plan.version = j.at("version").text();
  if (const auto copied = j.find("share")) plan.share = share(*copied, true);
  if (const auto steps = j.find("steps")) {
    plan.steps.clear();
    for (const JsonReader& step : steps->elements()) {
      plan.steps.push_back(share(step, false));
      if (plan.steps.size() > 1 && plan.steps.back() <= plan.steps[plan.steps.size() - 2])
        step.fail("more than the one before");
    }
    if (plan.steps.empty()) steps->fail("a list of shares");
  }
  if (const auto pairs = j.find("pairs_per_step")) plan.pairs_per_step = pairs->integer<std::int64_t>(1);
  if (const auto alpha = j.find("alpha")) plan.alpha = share(*alpha, false);
  if (const auto tolerance = j.find("tolerance")) plan.tolerance = tolerance->number(0.0);
  return plan;
}

}  // namespace fulcrum

#endif
