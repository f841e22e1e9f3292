#pragma once
/// \file
/// The figures that the page's script draws, as compact JSON.

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/study.hpp>

namespace fulcrum::detail {

/// Layers as [name, kind, FLOP, B, ms, bound]: their names would be the larger part of the page. Of a measurement also
/// how far its rounds are apart ("low", "high": [p50, p99, rate]), "memory" [MB], whether it is "noisy", and
/// "quantiles" of its single inferences: 0 %, 1 %, … 100 %.
FULCRUM_DECLARE nlohmann::json chart_data(const LatencyReport& report, bool with_layers);

FULCRUM_DECLARE nlohmann::json chart_data(const Candidate& c, std::size_t id);

/// Everything but the machine's limits.
FULCRUM_DECLARE nlohmann::json chart_data(const TradeoffStudy& study);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(report)

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/report/detail/html_text.hpp>

namespace fulcrum::detail {

FULCRUM_DEFINE nlohmann::json chart_data(const LatencyReport& report, bool with_layers) {
  nlohmann::json data{
      {"p50", report.latency.p50.count()}, {"p99", report.latency.p99.count()}, {"rate", report.throughput_per_s}};
  if (report.kind == ReportKind::measured) {
    data["memory"] = memory_mb(report);
    data["noisy"] = is_noisy(report);
    if (report.blocks.size() > 1) {
      std::array low{report.latency.p50.count(), report.latency.p99.count(), report.throughput_per_s};
      std::array high = low;
      for (const RunBlock& block : report.blocks) {
        const std::array figures{block.p50.count(), block.p99.count(), block.throughput_per_s};
        for (std::size_t i = 0; i < figures.size(); ++i) {
          low[i] = std::min(low[i], figures[i]);
          high[i] = std::max(high[i], figures[i]);
        }
      }
      data["low"] = low;
      data["high"] = high;
      data["rounds"] = report.blocks.size();
    }
    if (report.timings.size() > 10) {
      std::vector<Milliseconds> sorted = report.timings;
      std::sort(sorted.begin(), sorted.end());
      nlohmann::json& quantiles = data["quantiles"] = nlohmann::json::array();
      for (std::size_t i = 0; i <= 100; ++i) {
        const double ms = sorted[i * (sorted.size() - 1) / 100].count();
        quantiles.push_back(std::round(ms * 1e6) / 1e6);  // to the nanosecond
      }
    }
  }
  if (!with_layers || report.layers.empty()) return data;
  nlohmann::json& layers = data["layers"] = nlohmann::json::array();
  for (const StepLatency& l : report.layers) {
    layers.push_back({l.name, l.kind, l.flops, l.bytes, l.latency.count(), l.bound ? name_of(*l.bound) : ""});
  }
  return data;
}

FULCRUM_DEFINE nlohmann::json chart_data(const Candidate& c, std::size_t id) {
  nlohmann::json data{{"id", id},
                      {"label", to_string(c)},
                      {"precision", name_of(c.config.precision)},
                      {"sparsity", c.sparsity},
                      {"variant", variant_name(c.config.precision, c.sparsity, c.making)},
                      {"made", formatted("%g ", c.sparsity) + std::string(name_of(c.making.scope)) + c.making.recipe},
                      {"batch", c.config.batch},
                      {"threads", c.config.threads},
                      {"instances", c.config.instances},
                      {"front", c.on_front},
                      {"accuracy", nullptr},
                      {"predicted", nullptr},
                      {"measured", nullptr}};
  if (c.accuracy) data["accuracy"] = *c.accuracy;
  // Layers of a pruned candidate that nobody measured are those of the dense one.
  if (c.predicted) data["predicted"] = chart_data(*c.predicted, c.measured || c.sparsity == 0.0);
  if (c.measured) data["measured"] = chart_data(*c.measured, true);
  return data;
}

FULCRUM_DEFINE nlohmann::json chart_data(const TradeoffStudy& study) {
  nlohmann::json data{{"recommended", nullptr}, {"nearest", nullptr}, {"slo", nullptr}, {"floor", nullptr}};
  if (study.recommendation.candidate) data["recommended"] = *study.recommendation.candidate;
  if (study.recommendation.nearest) data["nearest"] = *study.recommendation.nearest;
  if (study.objective.slo_p99) data["slo"] = study.objective.slo_p99->count();
  if (study.objective.max_accuracy_drop_points && study.baseline_accuracy) {
    data["floor"] = *study.baseline_accuracy - *study.objective.max_accuracy_drop_points / 100.0;
  }
  nlohmann::json& variants = data["variants"] = nlohmann::json::array();
  for (const Variant& v : study.variants) {
    if (v.parameters == 0) continue;
    variants.push_back({{"name", variant_name(v.precision, v.sparsity, v.making)},
                        {"precision", name_of(v.precision)},
                        {"mb", parameter_bytes(v) / 1e6}});
  }
  nlohmann::json& candidates = data["candidates"] = nlohmann::json::array();
  for (std::size_t i = 0; i < study.candidates.size(); ++i) candidates.push_back(chart_data(study.candidates[i], i));
  return data;
}

}  // namespace fulcrum::detail

#endif
