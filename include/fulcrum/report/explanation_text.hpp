#pragma once
/// \file
/// What became of a model's layers, as text for people.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/exec/explanation.hpp>
#include <fulcrum/report/latency_text.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum {

/// A row for each step with its kernel, types and layouts; then what was folded, what costs nothing, and why layers
/// that could have been fused were not; with a profile, what predictions of the steps rest on, and what would help
/// most.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const Explanation& explanation);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <cmath>
#include <string_view>
#include <vector>

namespace fulcrum::detail {

/// What would make a step faster, from what bounds it.
FULCRUM_DECLARE std::string_view remedy_of(const StepBasis& basis);

/// A row for each step: its place under the roof; and under it the timed steps that its prediction rests on.
FULCRUM_DECLARE std::string basis_text(const std::vector<StepBasis>& predicted);

FULCRUM_DEFINE std::string_view remedy_of(const StepBasis& basis) {
  constexpr double far = 0.33;
  if (basis.bound == Bound::overhead) return "a larger batch, fewer steps";
  if (basis.of_roof < far) return "another shape: far below the roof";
  return basis.bound == Bound::compute ? "fewer FLOP, narrower numbers" : "fewer bytes, narrower numbers";
}

FULCRUM_DEFINE std::string basis_text(const std::vector<StepBasis>& predicted) {
  Table table({{"step, and what was timed near it"},
               {"latency", Align::right},
               {"±", Align::right},
               {"FLOP/byte", Align::right},
               {"bound by"},
               {"of the roof", Align::right},
               {"distance", Align::right},
               {"what would help most"}});
  const auto percent = [](double share) { return std::to_string(std::lround(100.0 * share)) + " %"; };
  for (const StepBasis& basis : predicted) {
    std::string rests;
    switch (basis.basis) {
      case BasisKind::same_kind: break;
      case BasisKind::f32: rests = ", by steps in f32"; break;
      case BasisKind::other_loops: rests = ", by loops of other layers"; break;
      case BasisKind::other_algorithm: rests = ", by other algorithms"; break;
      case BasisKind::roofline: rests = ", by the machine's rates alone"; break;
      case BasisKind::data_sheet: rests = ", by a data sheet"; break;
    }
    table.add_row({basis.name + ": " + basis.what + rests, format_latency(Microseconds(basis.time_us)),
                   percent(std::exp(1.645 * basis.sd) - 1.0), formatted("%.1f", basis.roofline.intensity_flop_per_byte),
                   std::string(name_of(basis.bound)), percent(basis.of_roof),
                   basis.beyond > 0.0 ? formatted("%.2f beyond", basis.beyond) : "", std::string(remedy_of(basis))});
    for (const NearProbe& probe : basis.probes) {
      const std::string what = probe.what.empty() ? "a step of which the profile keeps no shape" : probe.what;
      table.add_row({"  " + what + ", " + std::string(name_of(probe.precision)) + ", " + std::to_string(probe.threads) +
                         (probe.threads == 1 ? " thread" : " threads"),
                     probe.time_us > 0.0 ? format_latency(Microseconds(probe.time_us)) : "", "", "", "", "",
                     formatted("%.2f", probe.distance), ""});
    }
  }
  return table.to_string();
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const Explanation& explanation) {
  std::string text = printable(explanation.model) + ", " + std::string(name_of(explanation.precision)) + ", batch " +
                     std::to_string(explanation.batch) + ", " + std::to_string(explanation.threads) + " thread" +
                     (explanation.threads == 1 ? "" : "s") + "\n" + to_text(explanation.memory) + "\n\n";
  Table table({{"step"},
               {"runs"},
               {"kernel"},
               {"types"},
               {"layouts"},
               {"threads", Align::right},
               {"FLOPs", Align::right},
               {"bytes", Align::right}});
  for (const StepInfo& step : explanation.steps) {
    table.add_row({step.name, step.kind, step.implementation,
                   std::string(name_of(step.src)) + " → " + std::string(name_of(step.dst)),
                   step.src_layout + " → " + step.dst_layout, std::to_string(step.threads),
                   step.flops > 0.0 ? format_flops(step.flops) : "", format_bytes(step.bytes)});
  }
  text += table.to_string();

  const auto list = [&](const std::string& title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    text += "\n" + title + "\n";
    for (const std::string& line : lines) text += "  " + printable(line) + "\n";
  };
  std::vector<std::string> fused;
  std::vector<std::string> apart;
  for (const StepInfo& step : explanation.steps) {
    if (step.layers.size() > 1) {
      std::string line = step.layers[0] + " takes";
      for (std::size_t i = 1; i < step.layers.size(); ++i) line += (i == 1 ? " " : ", ") + step.layers[i];
      fused.push_back(line);
    }
    if (!step.why_ended.empty()) apart.push_back(step.name + ": " + step.why_ended);
  }
  list("Fused:", fused);
  std::vector<std::string> folded;
  for (const FoldReport::Folded& f : explanation.folded.folded) folded.push_back(f.name + " into " + f.into);
  list("Folded into weights:", folded);
  std::vector<std::string> free;
  for (const Explanation::FreeLayer& layer : explanation.free_layers)
    free.push_back(layer.name + " (" + layer.kind + ")");
  list("Cost nothing (the same bytes seen otherwise, or computed where they are needed):", free);
  for (const FoldReport::Kept& kept : explanation.folded.kept) apart.push_back(kept.name + ": " + kept.reason);
  list("Not fused, and why:", apart);
  const auto percent = [](double share) { return std::to_string(std::lround(100.0 * share)) + " %"; };
  std::vector<std::string> pruned;
  for (const Explanation::PrunedLayer& layer : explanation.pruned) {
    pruned.push_back(layer.name + ": " + percent(layer.sparsity) + " of its weights are 0, break-even " +
                     (layer.break_even < 1.0 ? "at " + percent(layer.break_even) : "never") + ", runs " +
                     (layer.runs_sparse ? "sparse" : "dense") + ": " + layer.reason);
  }
  list("Pruned:", pruned);
  std::vector<std::string> amended;
  for (const Amendment& a : explanation.amendments) amended.push_back(a.layer + " " + a.change + ": " + a.reason);
  list("Otherwise than planned, and why:", amended);
  if (!explanation.predicted.empty())
    text +=
        "\nWhat predictions of the steps rest on (distance: 1 is far):\n" + detail::basis_text(explanation.predicted);
  list("Notes:", explanation.notes);
  return text;
}

}  // namespace fulcrum

#endif
