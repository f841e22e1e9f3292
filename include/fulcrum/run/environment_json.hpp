#pragma once
/// \file
/// An Environment as JSON.

#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

/// {"cpu", "isa", "cores", "affinity" […], "cpu_quota", "versions" {name: version}, "seed"}
[[nodiscard]] inline nlohmann::json to_json(const Environment& environment) {
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

/// \throws Error when something is missing, of another type or out of range
[[nodiscard]] inline Environment environment_from_json(const JsonReader& j) {
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
