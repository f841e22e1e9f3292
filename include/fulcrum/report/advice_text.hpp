#pragma once
/// \file
/// An Advice for people.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/advice.hpp>

namespace fulcrum {

/// The whole model in each precision, the best mixture, and a row per layer with what each change saves.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const Advice& advice);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/latency_text.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum::detail {

/// "saves 12 % (1.20 ms)", "costs 3 % (0.31 ms)"
FULCRUM_DECLARE std::string saving_text(Milliseconds saves, Milliseconds whole) {
  const double share = whole.count() > 0.0 ? saves / whole : 0.0;
  const char* verb = share < 0.0 ? "costs" : "saves";
  return std::string(verb) + formatted(" %.1f %% (", std::abs(share) * 100.0) +
         format_latency(Milliseconds(std::abs(saves.count()))) + ")";
}

FULCRUM_DECLARE std::string names_text(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const Advice& advice) {
  std::string text = printable(advice.model) + ", " + to_string(advice.config) + ", predicted median " +
                     format_latency(advice.latency) + "\n\n";
  Table whole({{"the whole model in"},
               {"median", Align::right},
               {"conversions", Align::right},
               {"layers that f32 is faster for"}});
  for (const PrecisionAdvice& p : advice.precisions) {
    whole.add_row({std::string(name_of(p.precision)), format_latency(p.latency), format_latency(p.conversions),
                   detail::names_text(p.slower)});
  }
  whole.add_rule();
  std::string mixture = std::string(name_of(advice.best_precision));
  for (const auto& [layer, precision] : advice.best_layers) {
    mixture += ", ";
    mixture += layer;
    mixture += " in ";
    mixture += name_of(precision);
  }
  whole.add_row({"best: " + mixture, format_latency(advice.best_latency)});
  text += whole.to_string();

  Table layers({{"layer"}, {"kind"}, {"time", Align::right}, {"change"}, {"of an inference"}});
  for (const LayerAdvice& layer : advice.layers) {
    bool first = true;
    for (const LayerOption& option : layer.options) {
      const std::string change = option.what.empty() ? option.name : option.name + ": " + option.what;
      const Milliseconds of = advice.latency;
      layers.add_row({first ? layer.layer : "", first ? layer.kind : "", first ? format_latency(layer.time) : "",
                      change, option.saves ? detail::saving_text(*option.saves, of) : option.why_not});
      first = false;
    }
  }
  if (!layers.empty()) text += "\n" + layers.to_string();
  text +=
      "bf16 and int8: against that layer alone in f32, conversions included. channels, sparse, low rank: in the "
      "configuration above.\nAll of it is predicted, and what it costs in accuracy is not.\n";
  if (!advice.notes.empty()) text += "\n" + detail::notes_text(advice.notes);
  return text;
}

}  // namespace fulcrum

#endif
