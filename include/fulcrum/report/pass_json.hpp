#pragma once
/// \file
/// What passes did to a model, as JSON. An infinite signal-to-noise ratio (nothing changed) is null.

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/passes/equalize_layers.hpp>
#include <fulcrum/passes/fake_quantize.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/prune_channels.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/plan/mixed_precision.hpp>
#include <fulcrum/plan/sparse_gains.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum {

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const PruneReport& report);

/// [{"layer", "sparsity", "break_even", "dense_ms", "sparse_ms", "why_not"}]
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const std::vector<SparseGain>& gains);

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const PruneChannelsReport& report);

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const EqualizeReport& report);

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const FakeQuantizeReport& report);

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const QuantizeReport& report);

FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const MixedPrecisionReport& report);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <nlohmann/json.hpp>

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const PruneReport& report) {
  nlohmann::json layers = nlohmann::json::array();
  for (const PruneReport::Layer& l : report.layers) {
    layers.push_back({{"name", l.name},
                      {"elements", l.elements},
                      {"kept", l.kept},
                      {"sparsity", l.sparsity},
                      {"threshold", l.threshold},
                      {"sqnr_db", number_or_null(l.sqnr_db)}});
  }
  return {{"elements", report.elements},
          {"kept", report.kept},
          {"sparsity", report.sparsity},
          {"sqnr_db", number_or_null(report.sqnr_db)},
          {"layers", layers}};
}

FULCRUM_DEFINE nlohmann::json to_json(const std::vector<SparseGain>& gains) {
  nlohmann::json layers = nlohmann::json::array();
  for (const SparseGain& g : gains) {
    layers.push_back({{"layer", valid_utf8(g.layer)},
                      {"sparsity", g.sparsity},
                      {"break_even", g.break_even},
                      {"dense_ms", g.dense.count()},
                      {"sparse_ms", g.sparse.count()},
                      {"why_not", g.why_not}});
  }
  return layers;
}

FULCRUM_DEFINE nlohmann::json to_json(const PruneChannelsReport& report) {
  nlohmann::json groups = nlohmann::json::array();
  for (const PruneChannelsReport::Group& g : report.groups)
    groups.push_back({{"layer", g.layer}, {"tied", g.tied}, {"channels", g.channels}, {"kept", g.kept}});
  nlohmann::json fixed = nlohmann::json::array();
  for (const FixedChannels& f : report.fixed) fixed.push_back({{"layer", f.layer}, {"reason", f.reason}});
  return {{"flops_before", report.flops_before},
          {"flops_after", report.flops_after},
          {"parameters_before", report.parameters_before},
          {"parameters_after", report.parameters_after},
          {"cost_before", report.cost_before},
          {"cost_after", report.cost_after},
          {"limit", report.limit},
          {"reached", report.reached},
          {"groups", groups},
          {"fixed", fixed}};
}

FULCRUM_DEFINE nlohmann::json to_json(const EqualizeReport& report) {
  nlohmann::json layers = nlohmann::json::array();
  for (const EqualizeReport::Layer& l : report.layers) {
    layers.push_back({{"name", l.name},
                      {"tied", l.tied},
                      {"takes", l.takes},
                      {"channels", l.channels},
                      {"scale_min", l.scale_min},
                      {"scale_max", l.scale_max},
                      {"precision_before", l.precision_before},
                      {"precision_after", l.precision_after}});
  }
  nlohmann::json kept = nlohmann::json::array();
  for (const EqualizeReport::Kept& k : report.kept) kept.push_back({{"name", k.name}, {"reason", k.reason}});
  return {{"iterations", report.iterations},
          {"converged", report.converged},
          {"layers", layers},
          {"kept", kept},
          {"as_relu", report.as_relu}};
}

FULCRUM_DEFINE nlohmann::json to_json(const FakeQuantizeReport& report) {
  nlohmann::json layers = nlohmann::json::array();
  for (const FakeQuantizeReport::Layer& l : report.layers) {
    layers.push_back({{"name", l.name},
                      {"scale_min", l.scale_min},
                      {"scale_max", l.scale_max},
                      {"levels", l.levels},
                      {"sqnr_db", number_or_null(l.sqnr_db)}});
  }
  return {{"sqnr_db", number_or_null(report.sqnr_db)}, {"layers", layers}};
}

FULCRUM_DEFINE nlohmann::json to_json(const QuantizeReport& report) {
  nlohmann::json layers = nlohmann::json::array();
  for (const QuantizeReport::Layer& l : report.layers) {
    layers.push_back({{"name", l.name},
                      {"kind", l.kind},
                      {"weight_scale_min", l.weight_scale_min},
                      {"weight_scale_max", l.weight_scale_max},
                      {"weight_sqnr_db", number_or_null(l.weight_sqnr_db)},
                      {"src_dtype", name_of(l.src_dtype)},
                      {"src_scale", l.src_scale},
                      {"src_zero_point", l.src_zero_point},
                      {"bias_shift", number_or_null(l.bias_shift)},
                      {"sums_in_16_bits", name_of(l.sums)}});
  }
  nlohmann::json kept = nlohmann::json::array();
  for (const QuantizeReport::Kept& k : report.kept) kept.push_back({{"name", k.name}, {"reason", k.reason}});
  nlohmann::json values = nlohmann::json::array();
  for (const QuantizeReport::Value& v : report.values) {
    values.push_back({{"name", v.name},
                      {"dtype", name_of(v.quantization.dtype)},
                      {"scale", v.quantization.scale},
                      {"zero_point", v.quantization.zero_point}});
  }
  return {{"weight_sqnr_db", number_or_null(report.weight_sqnr_db)},
          {"layers", layers},
          {"kept_in_float", kept},
          {"values", values}};
}

FULCRUM_DEFINE nlohmann::json to_json(const MixedPrecisionReport& report) {
  nlohmann::json layers = nlohmann::json::array();
  for (const MixedPrecisionReport::Layer& l : report.layers) {
    layers.push_back({{"name", l.name},
                      {"sqnr_db", number_or_null(l.sqnr_db)},
                      {"gain_us", number_or_null(l.gain_us)},
                      {"in_float", l.in_float}});
  }
  return {{"met", report.met},
          {"least_score", report.least_score},
          {"float_score", number_or_null(report.float_score)},
          {"int8_score", number_or_null(report.int8_score)},
          {"score", number_or_null(report.score)},
          {"scored", report.scored},
          {"float_ms", number_or_null(report.float_ms)},
          {"int8_ms", number_or_null(report.int8_ms)},
          {"predicted_ms", number_or_null(report.predicted_ms)},
          {"layers", layers}};
}

}  // namespace fulcrum

#endif
