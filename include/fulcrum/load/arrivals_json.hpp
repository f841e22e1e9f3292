#pragma once
/// \file
/// Arrival processes as JSON.

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/arrivals.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// {"kind": "constant" or "poisson", "rate_per_s"}, {"kind": "gamma", "rate_per_s", "variation"}, {"kind": "bursts",
/// "calm_rate_per_s", "burst_rate_per_s", "mean_calm_s", "mean_burst_s"} or {"kind": "trace", "times_s" […]}
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const ArrivalProcess& arrivals);

/// The process that to_json() wrote.
/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] ArrivalProcess arrivals_from_json(const JsonReader& j);

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

#include <string>

#include <fulcrum/load/detail/overloads.hpp>

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const ArrivalProcess& arrivals) {
  return std::visit(
      detail::LoadOverloads{[](const ConstantArrivals& a) -> nlohmann::json {
                              return {{"kind", "constant"}, {"rate_per_s", a.rate_per_s}};
                            },
                            [](const PoissonArrivals& a) -> nlohmann::json {
                              return {{"kind", "poisson"}, {"rate_per_s", a.rate_per_s}};
                            },
                            [](const GammaArrivals& a) -> nlohmann::json {
                              return {{"kind", "gamma"}, {"rate_per_s", a.rate_per_s}, {"variation", a.variation}};
                            },
                            [](const BurstArrivals& a) -> nlohmann::json {
                              return {{"kind", "bursts"},
                                      {"calm_rate_per_s", a.calm_rate_per_s},
                                      {"burst_rate_per_s", a.burst_rate_per_s},
                                      {"mean_calm_s", a.mean_calm.count()},
                                      {"mean_burst_s", a.mean_burst.count()}};
                            },
                            [](const TraceArrivals& a) -> nlohmann::json {
                              nlohmann::json times = nlohmann::json::array();
                              for (const Seconds time : a.times) times.push_back(time.count());
                              return {{"kind", "trace"}, {"times_s", std::move(times)}};
                            }},
      arrivals);
}

FULCRUM_DEFINE ArrivalProcess arrivals_from_json(const JsonReader& j) {
  const std::string kind = j.at("kind").text();
  ArrivalProcess arrivals;
  if (kind == "constant") {
    arrivals = ConstantArrivals{j.at("rate_per_s").number()};
  } else if (kind == "poisson") {
    arrivals = PoissonArrivals{j.at("rate_per_s").number()};
  } else if (kind == "gamma") {
    arrivals = GammaArrivals{j.at("rate_per_s").number(), j.at("variation").number()};
  } else if (kind == "bursts") {
    arrivals = BurstArrivals{j.at("calm_rate_per_s").number(), j.at("burst_rate_per_s").number(),
                             Seconds(j.at("mean_calm_s").number()), Seconds(j.at("mean_burst_s").number())};
  } else if (kind == "trace") {
    TraceArrivals trace;
    for (const double time : j.at("times_s").numbers()) trace.times.emplace_back(time);
    arrivals = std::move(trace);
  } else {
    j.at("kind").fail("constant, poisson, gamma, bursts or trace");
  }
  validate(arrivals);
  return arrivals;
}

}  // namespace fulcrum

#endif
