#pragma once
/// \file
/// An Environment as JSON.

#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// {"cpu", "isa", "cores", "affinity" […], "cpu_quota", "versions" {name: version}, "seed"}
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const Environment& environment);

/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] Environment environment_from_json(const JsonReader& j);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const Environment& environment) {
  nlohmann::json versions = nlohmann::json::object();
  for (const auto& [name, version] : environment.versions) versions[valid_utf8(name)] = valid_utf8(version);
  return {{"cpu", valid_utf8(environment.cpu)},
          {"isa", valid_utf8(environment.isa)},
          {"cores", environment.cores},
          {"affinity", environment.affinity},
          {"cpu_quota", environment.cpu_quota},
          {"versions", std::move(versions)},
          {"seed", environment.seed}};
}

FULCRUM_DEFINE Environment environment_from_json(const JsonReader& j) {
  Environment environment;
  environment.cpu = j.at("cpu").text();
  environment.isa = j.at("isa").text();
  environment.cores = j.at("cores").integer<int>(0);
  for (const JsonReader& cpu : j.at("affinity").elements()) environment.affinity.push_back(cpu.integer<int>(0));
  environment.cpu_quota = j.at("cpu_quota").number(0.0);
  for (const auto& [name, version] : j.at("versions").members()) environment.versions[name] = version.text();
  environment.seed = j.at("seed").integer<std::uint64_t>(0);
  return environment;
}

}  // namespace fulcrum

#endif
