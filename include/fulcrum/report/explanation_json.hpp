#pragma once
/// \file
/// What became of a model's layers, as JSON.

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/exec/explanation.hpp>
#include <fulcrum/run/latency_report_json.hpp>

namespace fulcrum {

/// {"name", "kind", "layers", "implementation", "src", "dst", "src_layout", "dst_layout", "threads", "flops", "bytes",
/// "why_ended"}; why_ended is null where nothing follows that could have been fused.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const StepInfo& step);

/// {"name", "kind", "what", "latency_ms", "sd", "flops", "bytes", "intensity_flop_per_byte", "bound", "of_roof",
/// "basis", "samples", "beyond", "probes": [{"what", "precision", "threads", "latency_ms", "distance", "likeness"}]};
/// of a probe, what and latency_ms are null where the profile does not say.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const StepBasis& basis);

/// {"model", "batch", "threads", "precision", "steps" […], "amendments" […], "folded" […], "kept" […], "free_layers"
/// […], "pruned" […], "predicted" […], "memory_bytes" {…}, "notes"}
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const Explanation& explanation);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <nlohmann/json.hpp>

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const StepInfo& step) {
  nlohmann::json j{{"name", valid_utf8(step.name)},
                   {"kind", valid_utf8(step.kind)},
                   {"layers", valid_utf8(step.layers)},
                   {"implementation", valid_utf8(step.implementation)},
                   {"src", name_of(step.src)},
                   {"dst", name_of(step.dst)},
                   {"src_layout", step.src_layout},
                   {"dst_layout", step.dst_layout},
                   {"threads", step.threads},
                   {"algorithm", name_of(step.algorithm)},
                   {"flops", step.flops},
                   {"bytes", step.bytes},
                   {"why_ended", nullptr}};
  if (!step.why_ended.empty()) j["why_ended"] = valid_utf8(step.why_ended);
  return j;
}

FULCRUM_DEFINE nlohmann::json to_json(const StepBasis& basis) {
  nlohmann::json j{{"name", valid_utf8(basis.name)},
                   {"kind", valid_utf8(basis.kind)},
                   {"what", valid_utf8(basis.what)},
                   {"latency_ms", 1e-3 * basis.time_us},
                   {"sd", basis.sd},
                   {"flops", basis.flops},
                   {"bytes", basis.bytes},
                   {"intensity_flop_per_byte", basis.roofline.intensity_flop_per_byte},
                   {"bound", name_of(basis.bound)},
                   {"of_roof", basis.of_roof},
                   {"basis", name_of(basis.basis)},
                   {"samples", basis.samples},
                   {"beyond", basis.beyond},
                   {"probes", nlohmann::json::array()}};
  for (const NearProbe& probe : basis.probes) {
    nlohmann::json p{{"what", nullptr},
                     {"precision", name_of(probe.precision)},
                     {"threads", probe.threads},
                     {"latency_ms", nullptr},
                     {"distance", probe.distance},
                     {"likeness", probe.likeness}};
    if (!probe.what.empty()) p["what"] = valid_utf8(probe.what);
    if (probe.time_us > 0.0) p["latency_ms"] = 1e-3 * probe.time_us;
    j["probes"].push_back(std::move(p));
  }
  return j;
}

FULCRUM_DEFINE nlohmann::json to_json(const Explanation& explanation) {
  nlohmann::json j{{"model", valid_utf8(explanation.model)},
                   {"batch", explanation.batch},
                   {"threads", explanation.threads},
                   {"precision", name_of(explanation.precision)},
                   {"memory_bytes", to_json(explanation.memory)},
                   {"notes", valid_utf8(explanation.notes)}};
  for (const char* key : {"steps", "amendments", "folded", "kept", "free_layers", "pruned", "predicted"})
    j[key] = nlohmann::json::array();
  for (const StepInfo& step : explanation.steps) j["steps"].push_back(to_json(step));
  for (const Amendment& a : explanation.amendments) {
    j["amendments"].push_back(
        {{"layer", valid_utf8(a.layer)}, {"change", valid_utf8(a.change)}, {"reason", valid_utf8(a.reason)}});
  }
  for (const FoldReport::Folded& f : explanation.folded.folded)
    j["folded"].push_back({{"name", valid_utf8(f.name)}, {"into", valid_utf8(f.into)}});
  for (const FoldReport::Kept& k : explanation.folded.kept)
    j["kept"].push_back({{"name", valid_utf8(k.name)}, {"reason", valid_utf8(k.reason)}});
  for (const Explanation::FreeLayer& layer : explanation.free_layers)
    j["free_layers"].push_back({{"name", valid_utf8(layer.name)}, {"kind", layer.kind}});
  for (const Explanation::PrunedLayer& layer : explanation.pruned) {
    j["pruned"].push_back({{"name", valid_utf8(layer.name)},
                           {"sparsity", layer.sparsity},
                           {"break_even", layer.break_even},
                           {"runs_sparse", layer.runs_sparse},
                           {"reason", layer.reason}});
  }
  for (const StepBasis& basis : explanation.predicted) j["predicted"].push_back(to_json(basis));
  return j;
}

}  // namespace fulcrum

#endif
