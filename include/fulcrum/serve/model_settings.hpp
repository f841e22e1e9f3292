#pragma once
/// \file
/// How a model is served: what its config.json says.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/load/batch_policy.hpp>
#include <fulcrum/load/queue_policy.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// What a model is run with, and what its clients may expect.
struct ModelSettings {
  RunConfig run{};               ///< threads, instances, precision, …; run.batch is not read
  bool choose_precision = true;  ///< int8 for a quantized model, else f32, whatever `run` says
  BatchPolicy batching{};
  QueuePolicy queue{};
  std::vector<int> cpus{};                  ///< that its instances are kept on; empty: wherever the system puts them
  std::optional<Milliseconds> slo{};        ///< > 0: requests that would be answered later are turned away at
                                            ///< once, and 99 of 100 are to be done within (BatchPolicy::within)
  std::int64_t max_request_samples = 1024;  ///< samples of one request; ≥ 1
  std::size_t cache_bytes = 0;              ///< of responses that are kept; 0: none are
  int versions = 1;                         ///< of the newest ones, how many are loaded at the start; ≥ 1

  friend bool operator==(const ModelSettings&, const ModelSettings&) = default;
};

/// {"config" {a RunConfig}, "batching" {"max_batch", "max_delay_ms", "preferred"}, "queue" {"capacity", "when_full",
/// "timeout_ms"}, "slo_ms", "cpus", "max_request_samples", "cache_bytes", "versions"}. A plan
/// of fulcrum plan is such a document; what else it holds is not read.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const ModelSettings& settings);

/// What is absent is as in `defaults`.
/// \throws Error when something is of another type, not known or out of range
FULCRUM_DECLARE [[nodiscard]] ModelSettings model_settings_from_json(const JsonReader& j,
                                                                     const ModelSettings& defaults = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <chrono>

#include <fulcrum/run/run_config_json.hpp>

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const ModelSettings& settings) {
  nlohmann::json run = to_json(settings.run);
  run.erase("batch");
  if (settings.choose_precision) run.erase("precision");
  nlohmann::json j{{"config", std::move(run)},
                   {"batching",
                    {{"max_batch", settings.batching.max_batch},
                     {"max_delay_ms", Milliseconds(settings.batching.max_delay).count()},
                     {"preferred", settings.batching.preferred}}},
                   {"queue",
                    {{"capacity", settings.queue.capacity},
                     {"when_full", name_of(settings.queue.when_full)},
                     {"timeout_ms", Milliseconds(settings.queue.timeout).count()}}},
                   {"cpus", settings.cpus},
                   {"max_request_samples", settings.max_request_samples},
                   {"cache_bytes", settings.cache_bytes},
                   {"versions", settings.versions}};
  if (settings.slo) j["slo_ms"] = settings.slo->count();
  return j;
}

FULCRUM_DEFINE ModelSettings model_settings_from_json(const JsonReader& j, const ModelSettings& defaults) {
  const auto nanoseconds = [](const JsonReader& ms) {
    const double count = ms.number(0.0);
    if (count > 3.6e6) ms.fail("a time of at most an hour");
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Milliseconds(count));
  };
  ModelSettings settings = defaults;
  if (const auto run = j.find("config")) {
    settings.run = run_config_from_json(*run);
    settings.choose_precision = !run->find("precision");
  }
  if (const auto batching = j.find("batching")) {
    if (const auto most = batching->find("max_batch")) settings.batching.max_batch = most->integer<std::int64_t>(1);
    if (const auto delay = batching->find("max_delay_ms")) settings.batching.max_delay = nanoseconds(*delay);
    if (const auto preferred = batching->find("preferred")) {
      settings.batching.preferred.clear();
      for (const JsonReader& size : preferred->elements())
        settings.batching.preferred.push_back(size.integer<std::int64_t>(1));
    }
    validate(settings.batching);
  }
  if (const auto queue = j.find("queue")) {
    if (const auto capacity = queue->find("capacity")) settings.queue.capacity = capacity->integer<std::int64_t>(1);
    if (const auto full = queue->find("when_full")) settings.queue.when_full = full->name(when_full_from);
    if (const auto timeout = queue->find("timeout_ms")) settings.queue.timeout = nanoseconds(*timeout);
    validate(settings.queue);
    if (settings.queue.when_full == WhenFull::block)
      queue->at("when_full").fail("reject or drop_oldest: a server that blocks serves nobody");
  }
  if (const auto cpus = j.find("cpus")) {
    settings.cpus.clear();
    for (const JsonReader& cpu : cpus->elements()) settings.cpus.push_back(cpu.integer<int>(0, 65'535));
  }
  if (const auto slo = j.find("slo_ms")) {
    settings.slo = Milliseconds(slo->number(1e-6));
    if (settings.slo->count() > 3.6e6) slo->fail("a time of at most an hour");
  }
  if (const auto most = j.find("max_request_samples"))
    settings.max_request_samples = most->integer<std::int64_t>(1, 65'536);
  if (const auto cache = j.find("cache_bytes")) settings.cache_bytes = cache->integer<std::size_t>(0);
  if (const auto versions = j.find("versions")) settings.versions = versions->integer<int>(1, 64);
  return settings;
}

}  // namespace fulcrum

#endif
