#pragma once
/// \file
/// A MachineProfile as JSON. Every figure carries its unit in its key.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/cost/error_summary_json.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/run/environment_json.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/persistence_json.hpp>
#include <fulcrum/run/run_config_json.hpp>

namespace fulcrum {

/// Written into every profile; a reader takes no other. It changes when fields or efficiency_features() do.
inline constexpr int profile_format = 10;

namespace detail {

/// What figures of a machine are at most, so that a damaged file is found where it is read: predictions would be
/// infinite, or nothing. Rates are those of a thousand of today's largest machines.
inline constexpr double most_flop_per_s = 1e18;
inline constexpr double most_byte_per_s = 1e16;
inline constexpr double most_bytes = 1e15;
inline constexpr double most_time_us = 1e9;
inline constexpr double most_ratio = 1e4;
inline constexpr double most_feature = 1e6;

/// Six significant digits: more than a clock is worth, and short.
FULCRUM_DECLARE double rounded(double value);

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

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
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

FULCRUM_DECLARE nlohmann::json efficiency_to_json(const EfficiencyModel& m) {
  // One row per sample: the features, ln(time / time by the parts), the weight.
  nlohmann::json rows = nlohmann::json::array();
  for (const EfficiencySample& sample : m.samples) {
    std::vector<double> row = sample.features;
    row.push_back(sample.log_slowdown);
    row.push_back(sample.weight);
    rows.push_back(rounded_array(row));
  }
  nlohmann::json j{{"kernel", name_of(m.kernel)},
                   {"algorithm", name_of(m.algorithm)},
                   {"layer", m.layer},
                   {"precision", name_of(m.precision)},
                   {"threads", m.threads},
                   {"length_scale", m.length_scale},
                   {"leave_one_out_error", rounded(m.loo_error)},
                   {"noise", rounded(m.noise)},
                   {"spread", rounded(m.spread)},
                   {"trend", rounded_array(m.trend)},
                   {"samples_features_log_slowdown_weight", std::move(rows)}};
  // What the rows are of, and their times: only for people.
  const auto is_told = [](const EfficiencySample& sample) { return !sample.what.empty(); };
  if (std::any_of(m.samples.begin(), m.samples.end(), is_told)) {
    for (const EfficiencySample& sample : m.samples) {
      j["samples_what"].push_back(valid_utf8(sample.what));
      j["samples_us"].push_back(rounded(sample.time_us));
    }
  }
  if (m.parts) j["parts"] = rounded_array({m.parts->overhead, m.parts->compute, m.parts->memory, m.parts->functions});
  return j;
}

FULCRUM_DECLARE EfficiencyModel efficiency_from_json(const JsonReader& j) {
  EfficiencyModel m;
  m.kernel = j.at("kernel").name(kernel_class_from);
  m.algorithm = j.at("algorithm").name(algorithm_from);
  m.layer = j.at("layer").text();
  m.precision = j.at("precision").name(precision_from);
  m.threads = j.at("threads").integer<int>(1);
  if (const auto given = j.find("parts")) {
    const std::vector<double> parts = given->numbers();
    const bool valid = parts.size() == 4 &&
                       std::all_of(parts.begin(), parts.end(), [](double x) { return x >= 0.0; }) &&
                       std::any_of(parts.begin(), parts.begin() + 3, [](double x) { return x > 0.0; });
    if (!valid) given->fail("a list of 4 numbers of at least 0, one of the first three above it");
    m.parts = {parts[0], parts[1], parts[2], parts[3]};
  }
  m.length_scale = j.at("length_scale").number(1e-6, most_ratio);
  m.loo_error = j.at("leave_one_out_error").number(0.0, most_ratio);
  m.noise = j.at("noise").number(0.0, most_ratio);
  m.spread = j.at("spread").number(0.0, most_ratio);
  m.trend = j.at("trend").numbers();
  for (const double value : m.trend) {
    if (std::abs(value) > most_feature) j.at("trend").fail("a list of numbers from -1e6 to 1e6");
  }
  Step step;
  step.kernel = m.kernel;
  step.algorithm = m.algorithm;
  step.kind = m.layer;
  const std::size_t width = efficiency_features(step, RooflinePoint{}).size();
  if (!m.trend.empty() && m.trend.size() != width + 1)
    j.at("trend").fail("a list of " + std::to_string(width + 1) + " numbers or none");
  for (const JsonReader& row : j.at("samples_features_log_slowdown_weight").elements()) {
    std::vector<double> values = row.numbers();
    if (values.size() != width + 2) row.fail("a list of " + std::to_string(width + 2) + " numbers");
    EfficiencySample sample;
    for (const double value : values) {
      if (std::abs(value) > most_feature) row.fail("a list of numbers from -1e6 to 1e6");
    }
    sample.weight = values.back();
    values.pop_back();
    sample.log_slowdown = values.back();
    values.pop_back();
    sample.features = std::move(values);
    m.samples.push_back(std::move(sample));
  }
  if (const auto what = j.find("samples_what")) {
    const std::vector<std::string> texts = what->texts();
    if (texts.size() != m.samples.size())
      what->fail("a list of " + std::to_string(m.samples.size()) + " texts, one for each sample");
    for (std::size_t i = 0; i < texts.size(); ++i) m.samples[i].what = texts[i];
  }
  if (const auto times = j.find("samples_us")) {
    const std::vector<double> us = times->numbers();
    const auto is_time = [](double x) { return x >= 0.0 && x <= most_time_us; };
    if (us.size() != m.samples.size() || !std::all_of(us.begin(), us.end(), is_time))
      times->fail("a list of " + std::to_string(m.samples.size()) + " times, one for each sample");
    for (std::size_t i = 0; i < us.size(); ++i) m.samples[i].time_us = us[i];
  }
  m.prepare();
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
  if (profile.from_data_sheet) j["from_data_sheet"] = true;
  j["environment"] = to_json(profile.environment);
  for (const char* key :
       {"peaks", "bandwidths", "overheads", "jitter", "composition", "contention", "layout_changes", "efficiency"})
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
    j["jitter"].push_back({{"instances", x.instances},
                           {"threads", x.threads},
                           {"p50_ms", rounded(x.p50_ms)},
                           {"min_ratio", rounded(x.min_ratio)},
                           {"mean_ratio", rounded(x.mean_ratio)},
                           {"p90_ratio", rounded(x.p90_ratio)},
                           {"p95_ratio", rounded(x.p95_ratio)},
                           {"p99_ratio", rounded(x.p99_ratio)},
                           {"p99_9_ratio", rounded(x.p99_9_ratio)}});
  }
  for (const Composition& c : profile.composition) {
    j["composition"].push_back({{"precision", name_of(c.precision)},
                                {"threads", c.threads},
                                {"factor", rounded(c.factor)},
                                {"sd", rounded(c.sd)},
                                {"networks", c.networks}});
  }
  if (profile.interval_scale != 1.0) j["interval_scale"] = rounded(profile.interval_scale);
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
                                   {"reorders", rounded(c.reorders)}});
  }
  for (const EfficiencyModel& m : profile.efficiency) j["efficiency"].push_back(detail::efficiency_to_json(m));
  for (const DriftProbe& p : profile.drift_probe) {
    j["drift_probe"].push_back({{"threads", p.threads},
                                {"compute_us", rounded(p.compute_us)},
                                {"memory_us", rounded(p.memory_us)},
                                {"noise", rounded(p.noise)}});
  }
  const SharedCores& cores = profile.shared_cores;
  nlohmann::json looks = json::array();
  for (const CoreLooks& l : cores.looks)
    looks.push_back({{"threads", l.threads},
                     {"least_us", rounded(l.least_us)},
                     {"share", rounded(l.share)},
                     {"lasts", to_json(l.lasts)}});
  nlohmann::json slowdowns = json::array();
  for (const SharedSlowdown& s : cores.slowdowns) {
    slowdowns.push_back({{"precision", name_of(s.precision)},
                         {"brief", rounded(s.brief)},
                         {"compute", rounded(s.compute)},
                         {"memory", rounded(s.memory)}});
  }
  j["shared_cores"] = {{"looks", std::move(looks)}, {"slowdowns", std::move(slowdowns)}};
  for (SparseCosts costs : profile.sparse_costs) {
    for (double& factor : costs.dense) factor = rounded(factor);
    for (double& factor : costs.sparse) factor = rounded(factor);
    j["sparse_costs"].push_back(to_json(costs));
  }
  if (profile.error_card) j["error_card"] = to_json(*profile.error_card);
  return j;
}

FULCRUM_DEFINE MachineProfile machine_profile_from_json(const nlohmann::json& j) {
  if (!j.is_object() || !j.contains("fulcrum_machine_profile"))
    throw Error("the file", "is no Fulcrum machine profile", "make one with `fulcrum calibrate`");
  try {
    const JsonReader reader(j);
    if (const int format = reader.at("fulcrum_machine_profile").integer<int>(0); format != profile_format)
      throw Error("", "it is of format " + std::to_string(format) + ", not " + std::to_string(profile_format));
    MachineProfile profile;
    profile.created_utc = reader.at("created_utc").text();
    profile.duration_s = reader.at("duration_s").number(0.0);
    if (const auto sheet = reader.find("from_data_sheet")) profile.from_data_sheet = sheet->boolean();
    profile.environment = environment_from_json(reader.at("environment"));
    for (const JsonReader& p : reader.at("peaks").elements()) {
      profile.rates.peaks.push_back({p.at("precision").name(precision_from), p.at("threads").integer<int>(1),
                                     p.at("flop_per_s").number(1e3, detail::most_flop_per_s)});
    }
    for (const JsonReader& b : reader.at("bandwidths").elements()) {
      profile.rates.bandwidths.push_back({b.at("level").text(), b.at("capacity_bytes").number(0.0, detail::most_bytes),
                                          b.at("threads").integer<int>(1),
                                          b.at("byte_per_s").number(1e3, detail::most_byte_per_s)});
    }
    for (const JsonReader& o : reader.at("overheads").elements()) {
      profile.rates.overheads.push_back({o.at("threads").integer<int>(1),
                                         o.at("step_us").number(0.0, detail::most_time_us),
                                         o.at("inference_us").number(0.0, detail::most_time_us)});
    }
    for (const JsonReader& x : reader.at("jitter").elements()) {
      profile.jitter.push_back(
          {x.at("instances").integer<int>(1), x.at("threads").integer<int>(1),
           x.at("p50_ms").number(1e-9, detail::most_time_us), x.at("min_ratio").number(0.0, detail::most_ratio),
           x.at("mean_ratio").number(0.0, detail::most_ratio), x.at("p90_ratio").number(0.0, detail::most_ratio),
           x.at("p95_ratio").number(0.0, detail::most_ratio), x.at("p99_ratio").number(0.0, detail::most_ratio),
           x.at("p99_9_ratio").number(0.0, detail::most_ratio)});
    }
    for (const JsonReader& c : reader.at("composition").elements()) {
      profile.composition.push_back({c.at("precision").name(precision_from), c.at("threads").integer<int>(1),
                                     c.at("factor").number(1e-3, detail::most_ratio),
                                     c.at("sd").number(0.0, detail::most_ratio), c.at("networks").integer<int>(0)});
    }
    if (const auto scale = reader.find("interval_scale"))
      profile.interval_scale = scale->number(1e-3, detail::most_ratio);
    for (const JsonReader& c : reader.at("contention").elements()) {
      profile.contention.push_back({c.at("instances").integer<int>(2), c.at("threads").integer<int>(1),
                                    c.at("factor").number(1.0, detail::most_ratio),
                                    c.at("extra_step_us").number(0.0, detail::most_time_us)});
    }
    for (const JsonReader& c : reader.at("layout_changes").elements()) {
      profile.layout_changes.push_back({c.at("precision").name(precision_from), c.at("from").text(), c.at("to").text(),
                                        c.at("converts").boolean(), c.at("channels").integer<std::int64_t>(0),
                                        c.at("reorders").number(0.0, detail::most_ratio)});
    }
    for (const JsonReader& m : reader.at("efficiency").elements())
      profile.efficiency.push_back(detail::efficiency_from_json(m));
    if (const auto probes = reader.find("drift_probe")) {
      for (const JsonReader& p : probes->elements()) {
        profile.drift_probe.push_back(
            {p.at("threads").integer<int>(1), p.at("compute_us").number(0.0, detail::most_time_us),
             p.at("memory_us").number(0.0, detail::most_time_us), p.at("noise").number(0.0, detail::most_ratio)});
      }
    }
    if (const auto cores = reader.find("shared_cores")) {
      for (const JsonReader& l : cores->at("looks").elements()) {
        profile.shared_cores.looks.push_back({l.at("threads").integer<int>(1),
                                              l.at("least_us").number(1e-3, detail::most_time_us),
                                              l.at("share").number(0.0, 1.0),
                                              {}});
        if (const auto lasts = l.find("lasts")) profile.shared_cores.looks.back().lasts = persistence_from_json(*lasts);
      }
      for (const JsonReader& c : cores->at("slowdowns").elements()) {
        profile.shared_cores.slowdowns.push_back(
            {c.at("precision").name(precision_from), c.at("brief").number(1.0, detail::most_ratio),
             c.at("compute").number(1.0, detail::most_ratio), c.at("memory").number(1.0, detail::most_ratio)});
      }
    }
    if (const auto all = reader.find("sparse_costs")) {
      for (const JsonReader& costs : all->elements()) profile.sparse_costs.push_back(sparse_costs_from_json(costs));
    }
    if (const auto card = reader.find("error_card")) profile.error_card = error_summary_from_json(*card);
    if (profile.rates.peaks.empty() || profile.rates.bandwidths.empty() || profile.rates.overheads.empty())
      throw Error("", "peaks, bandwidths or overheads are missing");
    return profile;
  } catch (const Error& error) {
    throw Error("the machine profile", std::string("cannot be used (") + error.what() + ")",
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
  const nlohmann::json j = read_json_file(path, "make a profile with `fulcrum calibrate`");
  try {
    return machine_profile_from_json(j);
  } catch (const Error& error) {
    throw Error(path, error.what());
  }
}

}  // namespace fulcrum

#endif
