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
/// that could have been fused were not.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const Explanation& explanation);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <cmath>
#include <vector>

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
  list("Notes:", explanation.notes);
  return text;
}

}  // namespace fulcrum

#endif
