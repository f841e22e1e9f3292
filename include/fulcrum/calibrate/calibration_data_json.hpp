#pragma once
/// \file
/// What a calibration has timed as JSON, compact: a row of values for each step, in the order of its members.

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/calibrate/calibration_data.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const CalibrationData& data);

/// \throws Error when something is missing, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] CalibrationData calibration_data_from_json(const JsonReader& j);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <array>

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const CalibrationData& data) {
  using nlohmann::json;
  json j{{"probes", data.probes}, {"seconds", data.seconds}};
  for (const char* key : {"bandwidths", "steps", "layout_changes"}) j[key] = json::array();
  for (const Bandwidth& b : data.bandwidths)
    j["bandwidths"].push_back({b.level, b.capacity_bytes, b.threads, b.byte_per_s});
  for (const TimedStep& t : data.steps) {
    const Step& s = t.step;
    const StepGeometry& g = s.geometry;
    j["steps"].push_back({name_of(s.kernel), name_of(s.algorithm), s.kind, name_of(s.arithmetic), name_of(s.src),
                          name_of(s.dst),
                          json{g.n, g.ic, g.oc, g.ih, g.iw, g.oh, g.ow, g.kd, g.kh, g.kw, g.stride, g.dilation,
                               g.groups, g.extra_src, g.run},
                          g.inside, static_cast<int>(s.movement), s.average, s.functions,
                          json{s.flops, s.src_bytes, s.weight_bytes, s.dst_bytes, s.reread_bytes, s.reread_set,
                               s.reuse_bytes, s.reuse_weight_bytes, s.function_flops, s.density, s.turned_bytes},
                          t.threads, s.team, t.time_us, t.disturbed_us, t.disturbed});
  }
  j["drift"] = json::array();
  for (const std::vector<DriftProbe>& turn : data.drift) {
    json row = json::array();
    for (const DriftProbe& probe : turn) row.push_back({probe.threads, probe.compute_us, probe.memory_us});
    j["drift"].push_back(std::move(row));
  }
  j["cores"] = json::array();
  for (const SeenCores& seen : data.cores)
    j["cores"].push_back({seen.threads, seen.looks, seen.disturbed, seen.least.count()});
  j["networks"] = json::array();
  for (const TimedNetwork& n : data.networks)
    j["networks"].push_back({name_of(n.precision), n.threads, n.latency_us, n.steps_us});
  for (std::size_t i = 0; i < data.layout_changes.size(); ++i) {
    const LayoutChange& c = data.layout_changes[i];
    j["layout_changes"].push_back(
        {name_of(c.precision), c.from, c.to, c.converts, c.channels, c.reorders, data.seen[i]});
  }
  return j;
}

FULCRUM_DEFINE CalibrationData calibration_data_from_json(const JsonReader& j) {
  CalibrationData data;
  data.probes = j.at("probes").integer<std::int64_t>(0);
  data.seconds = j.at("seconds").number(0.0);
  const auto row_of = [](const JsonReader& row, std::size_t width) {
    std::vector<JsonReader> cells = row.elements();
    if (cells.size() != width) row.fail("a list of " + std::to_string(width));
    return cells;
  };
  for (const JsonReader& row : j.at("bandwidths").elements()) {
    const std::vector<JsonReader> c = row_of(row, 4);
    data.bandwidths.push_back({c[0].text(), c[1].number(0.0), c[2].integer<int>(1), c[3].number(1.0)});
  }
  for (const JsonReader& row : j.at("steps").elements()) {
    const std::vector<JsonReader> c = row_of(row, 17);
    TimedStep t;
    Step& s = t.step;
    StepGeometry& g = s.geometry;
    s.kernel = c[0].name(kernel_class_from);
    s.algorithm = c[1].name(algorithm_from);
    s.kind = c[2].text();
    s.arithmetic = c[3].name(precision_from);
    s.src = c[4].name(dtype_from);
    s.dst = c[5].name(dtype_from);
    const std::vector<JsonReader> extents = row_of(c[6], 15);
    const std::array members{&g.n,  &g.ic, &g.oc,     &g.ih,       &g.iw,     &g.oh,        &g.ow, &g.kd,
                             &g.kh, &g.kw, &g.stride, &g.dilation, &g.groups, &g.extra_src, &g.run};
    for (std::size_t i = 0; i < members.size(); ++i) *members[i] = extents[i].integer<std::int64_t>(0);
    g.inside = c[7].number(0.0);
    const int movement = c[8].integer<int>(0);
    if (movement > static_cast<int>(Movement::taken)) c[8].fail("the number of a movement");
    s.movement = static_cast<Movement>(movement);
    s.average = c[9].boolean();
    s.functions = c[10].integer<int>(0);
    const std::vector<JsonReader> traffic = row_of(c[11], 11);
    const std::array figures{&s.flops,          &s.src_bytes,  &s.weight_bytes, &s.dst_bytes,
                             &s.reread_bytes,   &s.reread_set, &s.reuse_bytes,  &s.reuse_weight_bytes,
                             &s.function_flops, &s.density,    &s.turned_bytes};
    for (std::size_t i = 0; i < figures.size(); ++i) *figures[i] = traffic[i].number(0.0);
    t.threads = s.threads = c[12].integer<int>(1);
    s.team = c[13].integer<int>(1);
    t.time_us = c[14].number();
    t.disturbed_us = c[15].number(0.0);
    t.disturbed = c[16].boolean();
    data.steps.push_back(std::move(t));
  }
  for (const JsonReader& row : j.at("drift").elements()) {
    std::vector<DriftProbe> turn;
    for (const JsonReader& of_threads : row.elements()) {
      const std::vector<JsonReader> c = row_of(of_threads, 3);
      turn.push_back({c[0].integer<int>(1), c[1].number(1e-3), c[2].number(1e-3), 0.0});
    }
    data.drift.push_back(std::move(turn));
  }
  for (const JsonReader& row : j.at("cores").elements()) {
    const std::vector<JsonReader> c = row_of(row, 4);
    data.cores.push_back({c[0].integer<int>(1), c[1].integer<std::int64_t>(0), c[2].integer<std::int64_t>(0),
                          std::chrono::nanoseconds(c[3].integer<std::int64_t>(1))});
  }
  for (const JsonReader& row : j.at("networks").elements()) {
    const std::vector<JsonReader> c = row_of(row, 4);
    data.networks.push_back({c[0].name(precision_from), c[1].integer<int>(1), c[2].number(0.0), c[3].number(0.0)});
  }
  for (const JsonReader& row : j.at("layout_changes").elements()) {
    const std::vector<JsonReader> c = row_of(row, 7);
    data.layout_changes.push_back({c[0].name(precision_from), c[1].text(), c[2].text(), c[3].boolean(),
                                   c[4].integer<std::int64_t>(0), c[5].number(0.0)});
    data.seen.push_back(c[6].integer<int>(1));
  }
  return data;
}

}  // namespace fulcrum

#endif
