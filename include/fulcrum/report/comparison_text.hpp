#pragma once
/// \file
/// A RunComparison as text for people.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/latency_text.hpp>
#include <fulcrum/report/table.hpp>
#include <fulcrum/run/compare.hpp>

namespace fulcrum {

namespace detail {

/// "+1.6 %" for a ratio of 1.016.
inline std::string format_ratio(double ratio) { return signed_figure("%.1f %%", (ratio - 1.0) * 100.0); }

FULCRUM_DECLARE std::string words_of(Verdict verdict);

/// The layers whose time has changed the most, in either direction.
FULCRUM_DECLARE std::string layers_text(const std::vector<LayerChange>& layers);

}  // namespace detail

/// The figures of both runs with their noise, the ten layers that have changed the most, and the verdict.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const RunComparison& comparison);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

namespace fulcrum::detail {

FULCRUM_DEFINE std::string words_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::no_regression: return "no regression";
    case Verdict::regression: return "regression";
    case Verdict::too_noisy: return "too noisy to tell";
  }
  return "?";
}

FULCRUM_DEFINE std::string layers_text(const std::vector<LayerChange>& layers) {
  constexpr std::size_t most = 10;
  const auto difference = [](const LayerChange& layer) {
    return layer.current.value_or(Milliseconds(0.0)) - layer.baseline.value_or(Milliseconds(0.0));
  };
  std::vector<const LayerChange*> order;
  for (const LayerChange& layer : layers) order.push_back(&layer);
  std::stable_sort(order.begin(), order.end(), [&](const LayerChange* a, const LayerChange* b) {
    return std::abs(difference(*a).count()) > std::abs(difference(*b).count());
  });
  if (order.size() > most) order.resize(most);

  Table table({{"layer"},
               {"kind"},
               {"baseline", Align::right},
               {"new", Align::right},
               {"change", Align::right},
               {"difference", Align::right}});
  for (const LayerChange* layer : order) {
    const double ms = difference(*layer).count();
    const bool both = layer->baseline && layer->current;
    table.add_row({layer->name, layer->kind, layer->baseline ? format_latency(*layer->baseline) : "",
                   layer->current ? format_latency(*layer->current) : "",
                   both && layer->baseline->count() > 0.0 ? format_ratio(*layer->current / *layer->baseline) : "",
                   (ms < 0.0 ? "−" : "+") + format_latency(Milliseconds(std::abs(ms)))});
  }
  std::string text = table.to_string();
  if (layers.size() > order.size())
    text += "and " + std::to_string(layers.size() - order.size()) + " layers that have changed less\n";
  return text;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const RunComparison& comparison) {
  Table table({{"figure"},
               {"baseline", Align::right},
               {"new", Align::right},
               {"change", Align::right},
               {"with noise", Align::right},
               {"p-value", Align::right},
               {"verdict"}});
  const auto add = [&](const std::string& name, const FigureChange& change, const std::string& baseline,
                       const std::string& current) {
    table.add_row({name, baseline, current, detail::format_ratio(change.ratio),
                   change.noise
                       ? detail::format_ratio(change.noise->low) + " … " + detail::format_ratio(change.noise->high)
                       : "not known",
                   change.p_value ? detail::formatted(*change.p_value < 0.001 ? "%.0e" : "%.3f", *change.p_value) : "",
                   change.verdict ? detail::words_of(*change.verdict) : "not judged"});
  };
  const auto latency = [](double ms) { return format_latency(Milliseconds(ms)); };
  add("p50", comparison.p50, latency(comparison.p50.baseline), latency(comparison.p50.current));
  add("p99", comparison.p99, latency(comparison.p99.baseline), latency(comparison.p99.current));
  add("throughput", comparison.throughput, format_rate(comparison.throughput.baseline),
      format_rate(comparison.throughput.current));
  std::string text = table.to_string();
  if (!comparison.layers.empty()) text += "\n" + detail::layers_text(comparison.layers);
  if (!comparison.notes.empty()) text += "\n" + detail::notes_text(comparison.notes);
  text += "\n" + detail::words_of(comparison.verdict) +
          detail::formatted(", where a slowdown of %g %% is allowed\n", 100.0 * comparison.fail_above);
  return text;
}

}  // namespace fulcrum

#endif
