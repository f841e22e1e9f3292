#pragma once
/// \file
/// A MachineProfile as JSON. Every figure carries its unit in its key.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/machine_profile.hpp>

namespace fulcrum {

/// Written into every profile; a reader takes no other. It changes when fields or efficiency_features() do.
inline constexpr int profile_format = 2;

namespace detail {

/// Six significant digits: more than a clock is worth, and short.
FULCRUM_DECLARE double rounded(double value);

/// A figure that must be finite and not below `least`.
FULCRUM_DECLARE double number(const nlohmann::json& object, const char* key, double least);

FULCRUM_DECLARE int count(const nlohmann::json& object, const char* key, int least);

FULCRUM_DECLARE nlohmann::json environment_to_json(const Environment& e);

}  // namespace detail

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const MachineProfile& profile);

/// \throws Error when something is missing, of another type or out of range, or the format is another
FULCRUM_DECLARE [[nodiscard]] MachineProfile machine_profile_from_json(const nlohmann::json& j);

/// The profile as readable text: one line per entry, one per timed sample.
FULCRUM_DECLARE [[nodiscard]] std::string profile_file_text(const MachineProfile& profile);

/// \throws Error when the file cannot be written; an older file at `path` then stays as it was
inline void save_profile(const MachineProfile& profile, const std::string& path) {
  write_file_atomically(path, profile_file_text(profile));
}

/// \throws Error when the file cannot be read or is no profile
FULCRUM_DECLARE [[nodiscard]] MachineProfile load_profile(const std::string& path);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace fulcrum::detail {

FULCRUM_DEFINE double rounded(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return std::strtod(text.data(), nullptr);
}

FULCRUM_DECLARE nlohmann::json rounded_array(const std::vector<double>& values) {
  nlohmann::json array = nlohmann::json::array();
  for (const double value : values) array.push_back(rounded(value));
  return array;
}

FULCRUM_DEFINE double number(const nlohmann::json& object, const char* key, double least) {
  const double value = object.at(key).get<double>();
  if (!std::isfinite(value) || value < least) throw Error(key, "is out of range");
  return value;
}

FULCRUM_DEFINE int count(const nlohmann::json& object, const char* key, int least) {
  const int value = object.at(key).get<int>();
  if (value < least) throw Error(key, "is out of range");
  return value;
}

FULCRUM_DEFINE nlohmann::json environment_to_json(const Environment& e) {
  return {{"cpu", e.cpu},
          {"isa", e.isa},
          {"cores", e.cores},
          {"affinity", e.affinity},
          {"cpu_quota", e.cpu_quota},
          {"versions", e.versions},
          {"seed", e.seed}};
}

FULCRUM_DECLARE Environment environment_from_json(const nlohmann::json& j) {
  Environment e;
  e.cpu = j.at("cpu").get<std::string>();
  e.isa = j.at("isa").get<std::string>();
  e.cores = count(j, "cores", 1);
  e.affinity = j.at("affinity").get<std::vector<int>>();
  e.cpu_quota = number(j, "cpu_quota", 0.0);
  e.versions = j.at("versions").get<std::map<std::string, std::string>>();
  e.seed = j.at("seed").get<std::uint64_t>();
  return e;
}

FULCRUM_DECLARE nlohmann::json efficiency_to_json(const EfficiencyModel& m) {
  // One row per sample: the features, ln(time / roofline time), the weight.
  nlohmann::json rows = nlohmann::json::array();
  for (const EfficiencySample& sample : m.samples) {
    std::vector<double> row = sample.features;
    row.push_back(sample.log_slowdown);
    row.push_back(sample.weight);
    rows.push_back(rounded_array(row));
  }
  return {{"kernel", name_of(m.kernel)},
          {"precision", name_of(m.precision)},
          {"threads", m.threads},
          {"length_scale", m.length_scale},
          {"leave_one_out_error", rounded(m.loo_error)},
          {"trend", rounded_array(m.trend)},
          {"samples_features_log_slowdown_weight", std::move(rows)}};
}

FULCRUM_DECLARE EfficiencyModel efficiency_from_json(const nlohmann::json& j) {
  EfficiencyModel m;
  m.kernel = kernel_class_from(j.at("kernel").get<std::string>());
  m.precision = precision_from(j.at("precision").get<std::string>());
  m.threads = count(j, "threads", 1);
  m.length_scale = number(j, "length_scale", 1e-6);
  m.loo_error = number(j, "leave_one_out_error", 0.0);
  m.trend = j.at("trend").get<std::vector<double>>();
  Step step;
  step.kernel = m.kernel;
  const std::size_t width = efficiency_features(step, RooflinePoint{}).size();
  if (!m.trend.empty() && m.trend.size() != width + 1) throw Error("trend", "has the wrong length");
  for (const nlohmann::json& row : j.at("samples_features_log_slowdown_weight")) {
    auto values = row.get<std::vector<double>>();
    if (values.size() != width + 2) throw Error("a sample", "has the wrong length");
    EfficiencySample sample;
    sample.weight = values.back();
    values.pop_back();
    sample.log_slowdown = values.back();
    values.pop_back();
    sample.features = std::move(values);
    m.samples.push_back(std::move(sample));
  }
  return m;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const MachineProfile& profile) {
  using detail::rounded;
  using nlohmann::json;
  json j;
  j["fulcrum_machine_profile"] = profile_format;
  j["created_utc"] = profile.created_utc;
  j["duration_s"] = rounded(profile.duration_s);
  j["environment"] = detail::environment_to_json(profile.environment);
  for (const char* key : {"peaks", "bandwidths", "overheads", "jitter", "contention", "layout_changes", "efficiency"})
    j[key] = json::array();
  for (const PeakRate& p : profile.rates.peaks)
    j["peaks"].push_back(
        {{"precision", name_of(p.precision)}, {"threads", p.threads}, {"flop_per_s", rounded(p.flop_per_s)}});
  for (const Bandwidth& b : profile.rates.bandwidths) {
    j["bandwidths"].push_back({{"level", b.level},
                               {"capacity_bytes", b.capacity_bytes},
                               {"threads", b.threads},
                               {"byte_per_s", rounded(b.byte_per_s)}});
  }
  for (const Overhead& o : profile.rates.overheads) {
    j["overheads"].push_back(
        {{"threads", o.threads}, {"step_us", rounded(o.step_us)}, {"inference_us", rounded(o.inference_us)}});
  }
  for (const Jitter& x : profile.jitter) {
    j["jitter"].push_back({{"threads", x.threads},
                           {"p50_ms", rounded(x.p50_ms)},
                           {"min_ratio", rounded(x.min_ratio)},
                           {"mean_ratio", rounded(x.mean_ratio)},
                           {"p90_ratio", rounded(x.p90_ratio)},
                           {"p95_ratio", rounded(x.p95_ratio)},
                           {"p99_ratio", rounded(x.p99_ratio)},
                           {"p99_9_ratio", rounded(x.p99_9_ratio)}});
  }
  for (const Contention& c : profile.contention) {
    j["contention"].push_back({{"instances", c.instances},
                               {"threads", c.threads},
                               {"factor", rounded(c.factor)},
                               {"extra_step_us", rounded(c.extra_step_us)}});
  }
  for (const LayoutChange& c : profile.layout_changes) {
    j["layout_changes"].push_back({{"precision", name_of(c.precision)},
                                   {"from", c.from},
                                   {"to", c.to},
                                   {"converts", c.converts},
                                   {"channels", c.channels},
                                   {"share", rounded(c.share)}});
  }
  for (const EfficiencyModel& m : profile.efficiency) j["efficiency"].push_back(detail::efficiency_to_json(m));
  return j;
}

FULCRUM_DEFINE MachineProfile machine_profile_from_json(const nlohmann::json& j) {
  using detail::count;
  using detail::number;
  if (!j.is_object() || !j.contains("fulcrum_machine_profile"))
    throw Error("the file", "is no Fulcrum machine profile", "make one with `fulcrum calibrate`");
  if (j.at("fulcrum_machine_profile") != profile_format) {
    throw Error("the machine profile",
                "is of format " + j.at("fulcrum_machine_profile").dump() + ", not " + std::to_string(profile_format),
                "make a new one with `fulcrum calibrate`");
  }
  try {
    MachineProfile profile;
    profile.created_utc = j.at("created_utc").get<std::string>();
    profile.duration_s = number(j, "duration_s", 0.0);
    profile.environment = detail::environment_from_json(j.at("environment"));
    for (const auto& p : j.at("peaks")) {
      profile.rates.peaks.push_back(
          {precision_from(p.at("precision").get<std::string>()), count(p, "threads", 1), number(p, "flop_per_s", 1.0)});
    }
    for (const auto& b : j.at("bandwidths")) {
      profile.rates.bandwidths.push_back({b.at("level").get<std::string>(), number(b, "capacity_bytes", 0.0),
                                          count(b, "threads", 1), number(b, "byte_per_s", 1.0)});
    }
    for (const auto& o : j.at("overheads"))
      profile.rates.overheads.push_back(
          {count(o, "threads", 1), number(o, "step_us", 0.0), number(o, "inference_us", 0.0)});
    for (const auto& x : j.at("jitter")) {
      profile.jitter.push_back({count(x, "threads", 1), number(x, "p50_ms", 1e-9), number(x, "min_ratio", 0.0),
                                number(x, "mean_ratio", 0.0), number(x, "p90_ratio", 0.0), number(x, "p95_ratio", 0.0),
                                number(x, "p99_ratio", 0.0), number(x, "p99_9_ratio", 0.0)});
    }
    for (const auto& c : j.at("contention")) {
      profile.contention.push_back({count(c, "instances", 2), count(c, "threads", 1), number(c, "factor", 1.0),
                                    number(c, "extra_step_us", 0.0)});
    }
    for (const auto& c : j.at("layout_changes")) {
      profile.layout_changes.push_back({precision_from(c.at("precision").get<std::string>()),
                                        c.at("from").get<std::string>(), c.at("to").get<std::string>(),
                                        c.at("converts").get<bool>(), c.at("channels").get<std::int64_t>(),
                                        number(c, "share", 0.0)});
    }
    for (const auto& m : j.at("efficiency")) profile.efficiency.push_back(detail::efficiency_from_json(m));
    if (profile.rates.peaks.empty() || profile.rates.bandwidths.empty() || profile.rates.overheads.empty())
      throw Error("peaks, bandwidths or overheads", "are missing");
    return profile;
  } catch (const nlohmann::json::exception& error) {
    throw Error("the machine profile", std::string("is incomplete (") + error.what() + ")",
                "make a new one with `fulcrum calibrate`");
  } catch (const Error& error) {
    throw Error("the machine profile", std::string("is damaged (") + error.what() + ")",
                "make a new one with `fulcrum calibrate`");
  }
}

FULCRUM_DEFINE std::string profile_file_text(const MachineProfile& profile) {
  const nlohmann::json j = to_json(profile);
  std::string text = "{";
  bool first = true;
  for (const auto& [key, value] : j.items()) {
    text += first ? "\n " : ",\n ";
    first = false;
    text.append(nlohmann::json(key).dump()).append(": ");
    if (!value.is_array()) {
      text += value.dump();
      continue;
    }
    text += "[";
    for (std::size_t i = 0; i < value.size(); ++i) {
      text += i == 0 ? "\n  " : ",\n  ";
      std::string entry = value[i].dump();
      for (std::size_t at = entry.find("],["); at != std::string::npos; at = entry.find("],[", at))
        entry.replace(at, 3, "],\n    [");
      text += entry;
    }
    text += "]";
  }
  return text + "\n}\n";
}

FULCRUM_DEFINE MachineProfile load_profile(const std::string& path) {
  const std::string text = read_file(path);
  const nlohmann::json j = nlohmann::json::parse(text, nullptr, false);
  if (j.is_discarded()) throw Error(path, "is not JSON, or was cut off", "make a profile with `fulcrum calibrate`");
  try {
    return machine_profile_from_json(j);
  } catch (const Error& error) {
    throw Error(path, error.what());
  }
}

}  // namespace fulcrum

#endif
