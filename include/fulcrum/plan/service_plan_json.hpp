#pragma once
/// \file
/// A ServicePlan as JSON and as a file (plan.json).

#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/service_plan.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// {"fulcrum_service_plan": 1, "model", "config" {a RunConfig}, "batching" {"max_batch", "max_delay_ms", "preferred"},
/// "queue" {"capacity", "when_full", "timeout_ms"}, "rate_per_s", "arrivals" {…}, "slo_ms", "percentile", "confidence",
/// "max_rate_per_s"}. rate_per_s is that of the arrivals, for readers; slo_ms and max_rate_per_s may be null.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const ServicePlan& plan);

/// The plan that to_json() wrote. Batching, queue, slo_ms, percentile, confidence and max_rate_per_s may be missing;
/// arrivals too, which are Poisson at rate_per_s then.
/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] ServicePlan service_plan_from_json(const JsonReader& j);

/// The plan in a file; a model's relative path counts from the file's folder and comes back so that it can be opened
/// from here.
/// \throws Error as service_plan_from_json(), and when the file cannot be read
FULCRUM_DECLARE [[nodiscard]] ServicePlan load_service_plan(const std::string& path);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <chrono>
#include <filesystem>
#include <string_view>

#include <fulcrum/core/utf8.hpp>
#include <fulcrum/load/arrivals_json.hpp>
#include <fulcrum/run/run_config_json.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE std::chrono::nanoseconds nanoseconds_from_ms(const JsonReader& j) {
  const double ms = j.number(0.0);
  if (ms > 3.6e6) j.fail("a number of milliseconds from 0 to 3,600,000");
  return std::chrono::round<std::chrono::nanoseconds>(Milliseconds(ms));
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const ServicePlan& plan) {
  nlohmann::json j{{"fulcrum_service_plan", 1},
                   {"model", valid_utf8(plan.model)},
                   {"config", to_json(plan.config)},
                   {"batching",
                    {{"max_batch", plan.batching.max_batch},
                     {"max_delay_ms", Milliseconds(plan.batching.max_delay).count()},
                     {"preferred", plan.batching.preferred}}},
                   {"queue",
                    {{"capacity", plan.queue.capacity},
                     {"when_full", name_of(plan.queue.when_full)},
                     {"timeout_ms", Milliseconds(plan.queue.timeout).count()}}},
                   {"rate_per_s", rate_of(plan.arrivals)},
                   {"arrivals", to_json(plan.arrivals)},
                   {"slo_ms", nullptr},
                   {"percentile", plan.tail.percentile},
                   {"confidence", plan.tail.confidence},
                   {"max_rate_per_s", number_or_null(plan.max_rate_per_s)}};
  if (plan.slo) j["slo_ms"] = plan.slo->count();
  return j;
}

FULCRUM_DEFINE ServicePlan service_plan_from_json(const JsonReader& j) {
  if (!j.find("fulcrum_service_plan"))
    throw Error("the document", "is no service plan", "make one with `fulcrum plan MODEL -o plan.json`");
  static_cast<void>(j.at("fulcrum_service_plan").integer<int>(1, 1));
  ServicePlan plan;
  plan.model = j.at("model").text();
  plan.config = run_config_from_json(j.at("config"));
  if (const auto batching = j.find("batching")) {
    if (const auto most = batching->find("max_batch")) plan.batching.max_batch = most->integer<std::int64_t>(1);
    if (const auto delay = batching->find("max_delay_ms"))
      plan.batching.max_delay = detail::nanoseconds_from_ms(*delay);
    if (const auto preferred = batching->find("preferred")) {
      for (const JsonReader& size : preferred->elements())
        plan.batching.preferred.push_back(size.integer<std::int64_t>(1));
    }
  }
  if (const auto queue = j.find("queue")) {
    if (const auto capacity = queue->find("capacity")) plan.queue.capacity = capacity->integer<std::int64_t>(1);
    if (const auto when = queue->find("when_full")) plan.queue.when_full = when->name(when_full_from);
    if (const auto timeout = queue->find("timeout_ms")) plan.queue.timeout = detail::nanoseconds_from_ms(*timeout);
  }
  if (const auto arrivals = j.find("arrivals")) {
    plan.arrivals = arrivals_from_json(*arrivals);
  } else {
    plan.arrivals = PoissonArrivals{j.at("rate_per_s").number()};
  }
  if (const auto slo = j.find("slo_ms")) plan.slo = Milliseconds(slo->number());
  if (const auto percentile = j.find("percentile")) plan.tail.percentile = percentile->number(0.0);
  if (const auto confidence = j.find("confidence")) plan.tail.confidence = confidence->number(0.0);
  if (const auto most = j.find("max_rate_per_s")) plan.max_rate_per_s = most->number();
  validate(plan);
  return plan;
}

FULCRUM_DEFINE ServicePlan load_service_plan(const std::string& path) {
  const nlohmann::json j = read_json_file(path, "make a plan with `fulcrum plan MODEL -o plan.json`");
  ServicePlan plan;
  try {
    plan = service_plan_from_json(j);
  } catch (const Error& error) {
    throw Error(path, error.what());
  }
  const std::filesystem::path model(plan.model);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!plan.model.starts_with("zoo:") && model.is_relative() && !folder.empty()) plan.model = (folder / model).string();
  return plan;
}

}  // namespace fulcrum

#endif
