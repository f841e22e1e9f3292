#pragma once
/// \file
/// What passes did to a model, as text for people.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/passes/equalize_layers.hpp>
#include <fulcrum/passes/fake_quantize.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/prune_channels.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/plan/mixed_precision.hpp>
#include <fulcrum/plan/sparse_gains.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum {

FULCRUM_DECLARE [[nodiscard]] std::string to_text(const PruneReport& report);

/// What layers gain by their weights that are 0, and the model as a whole.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const std::vector<SparseGain>& gains);

/// \param unit  of the cost that the target is about; empty: FLOPs
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const PruneChannelsReport& report, const std::string& unit = "");

FULCRUM_DECLARE [[nodiscard]] std::string to_text(const EqualizeReport& report);

FULCRUM_DECLARE [[nodiscard]] std::string to_text(const FakeQuantizeReport& report);

FULCRUM_DECLARE [[nodiscard]] std::string to_text(const QuantizeReport& report);

/// \param accuracy  scores are shares of right answers, shown in percent; else SQNR [dB]
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const MixedPrecisionReport& report, bool accuracy);

FULCRUM_DECLARE [[nodiscard]] std::string to_text(const FoldReport& report);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <cmath>

namespace fulcrum::detail {

/// A signal-to-noise ratio; infinity is "exact".
inline std::string format_decibels(double db) {
  return std::isinf(db) && db > 0.0 ? "exact" : formatted("%.1f dB", db);
}

inline std::string format_scale(double scale) { return formatted("%.3g", scale); }

inline std::string format_scales(double low, double high) {
  return low == high ? format_scale(low) : format_scale(low) + " … " + format_scale(high);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const PruneReport& report) {
  Table table({{"layer"},
               {"weights", Align::right},
               {"kept", Align::right},
               {"sparsity", Align::right},
               {"threshold", Align::right},
               {"SQNR", Align::right}});
  for (const PruneReport::Layer& l : report.layers) {
    table.add_row({l.name, format_count(l.elements), format_count(l.kept),
                   detail::formatted("%.1f %%", 100.0 * l.sparsity), detail::format_scale(l.threshold),
                   detail::format_decibels(l.sqnr_db)});
  }
  table.add_rule();
  table.add_row({"all", format_count(report.elements), format_count(report.kept),
                 detail::formatted("%.1f %%", 100.0 * report.sparsity), "", detail::format_decibels(report.sqnr_db)});
  return table.to_string();
}

FULCRUM_DEFINE std::string to_text(const std::vector<SparseGain>& gains) {
  Table table({{"layer"},
               {"sparsity", Align::right},
               {"break-even", Align::right},
               {"dense", Align::right},
               {"sparse", Align::right},
               {"runs"}});
  Milliseconds before{}, after{};
  for (const SparseGain& g : gains) {
    const bool gains_time = g.why_not.empty();
    before += g.dense;
    after += gains_time ? g.sparse : g.dense;
    table.add_row({g.layer, detail::formatted("%.1f %%", 100.0 * g.sparsity),
                   g.break_even < 1.0 ? detail::formatted("%.0f %%", 100.0 * g.break_even) : "never",
                   format_latency(g.dense), g.break_even < 1.0 ? format_latency(g.sparse) : "",
                   gains_time ? "sparse" : "dense: " + g.why_not});
  }
  table.add_rule();
  table.add_row({"all", "", "", format_latency(before), format_latency(after), "predicted, each where it is faster"});
  return table.to_string();
}

FULCRUM_DEFINE std::string to_text(const PruneChannelsReport& report, const std::string& unit) {
  Table table({{"channels of"}, {"before", Align::right}, {"kept", Align::right}, {"also cut"}});
  for (const PruneChannelsReport::Group& g : report.groups) {
    const std::string more = g.tied.size() > 1 ? " and " + std::to_string(g.tied.size() - 1) + " more" : "";
    table.add_row(
        {g.layer, format_count(g.channels), format_count(g.kept), g.tied.empty() ? "" : g.tied.front() + more});
  }
  std::string text = table.to_string();
  for (const FixedChannels& fixed : report.fixed)
    text += "stays: " + printable(fixed.layer) + ": " + printable(fixed.reason) + "\n";
  const auto ratio = [](double after, double before) { return detail::formatted("%.3f of before", after / before); };
  text += "FLOPs " + format_count(static_cast<std::int64_t>(report.flops_before)) + " → " +
          format_count(static_cast<std::int64_t>(report.flops_after)) + " (" +
          ratio(report.flops_after, report.flops_before) + "), parameters " + format_count(report.parameters_before) +
          " → " + format_count(report.parameters_after) + "\n";
  if (!unit.empty()) {
    text += "predicted " + detail::formatted("%.4g", report.cost_before) + " → " +
            detail::formatted("%.4g ", report.cost_after) + unit + " (" + ratio(report.cost_after, report.cost_before) +
            ")\n";
  }
  if (!report.reached) text += "the target is out of reach: this is as far as channels can go\n";
  return text;
}

FULCRUM_DEFINE std::string to_text(const EqualizeReport& report) {
  Table table({{"channels of"},
               {"taken by"},
               {"channels", Align::right},
               {"divided by", Align::right},
               {"precision before", Align::right},
               {"after", Align::right}});
  const auto first = [](const std::vector<std::string>& names) {
    return names.empty() ? ""
                         : names[0] + (names.size() > 1 ? " and " + std::to_string(names.size() - 1) + " more" : "");
  };
  for (const EqualizeReport::Layer& l : report.layers) {
    table.add_row({l.name + (l.tied.empty() ? "" : " and " + std::to_string(l.tied.size()) + " more"), first(l.takes),
                   format_count(l.channels), detail::format_scales(l.scale_min, l.scale_max),
                   detail::formatted("%.3f", l.precision_before), detail::formatted("%.3f", l.precision_after)});
  }
  std::string text = table.to_string();
  for (const EqualizeReport::Kept& kept : report.kept)
    text += "stays: " + printable(kept.name) + ": " + printable(kept.reason) + "\n";
  if (!report.as_relu.empty())
    text += std::to_string(report.as_relu.size()) + " bounded function(s) became ReLUs, first '" +
            printable(report.as_relu[0]) + "': where values were above the bound, the model computes something else\n";
  text += std::to_string(report.iterations) + " iteration(s)" + (report.converged ? "" : ", not converged") + "\n";
  return text;
}

FULCRUM_DEFINE std::string to_text(const FakeQuantizeReport& report) {
  Table table({{"layer"}, {"step", Align::right}, {"levels", Align::right}, {"SQNR", Align::right}});
  for (const FakeQuantizeReport::Layer& l : report.layers) {
    table.add_row({l.name, detail::format_scales(l.scale_min, l.scale_max), format_count(l.levels),
                   detail::format_decibels(l.sqnr_db)});
  }
  table.add_rule();
  table.add_row({"all", "", "", detail::format_decibels(report.sqnr_db)});
  return table.to_string();
}

FULCRUM_DEFINE std::string to_text(const QuantizeReport& report) {
  Table table({{"layer"},
               {"kind"},
               {"weight scales", Align::right},
               {"weight SQNR", Align::right},
               {"16-bit sums"},
               {"source"},
               {"source scale", Align::right},
               {"bias shift", Align::right}});
  for (const QuantizeReport::Layer& l : report.layers) {
    std::string source(name_of(l.src_dtype));
    if (l.src_zero_point != 0) source += ", zero point " + std::to_string(l.src_zero_point);
    if (l.src_scale == 0.0F && l.src_dtype != DType::f32) source += " over its range";
    table.add_row({l.name, l.kind, detail::format_scales(l.weight_scale_min, l.weight_scale_max),
                   detail::format_decibels(l.weight_sqnr_db), std::string(name_of(l.sums)), source,
                   l.src_scale == 0.0F ? "" : detail::format_scale(l.src_scale),
                   l.bias_shift ? detail::format_scale(*l.bias_shift) : ""});
  }
  table.add_rule();
  table.add_row({"all", "", "", detail::format_decibels(report.weight_sqnr_db)});
  std::string text = table.to_string();
  for (const QuantizeReport::Kept& kept : report.kept) {
    text += "stays in float: " + printable(kept.name) + ": " + printable(kept.reason) + "\n";
  }
  return text;
}

FULCRUM_DEFINE std::string to_text(const MixedPrecisionReport& report, bool accuracy) {
  Table table({{"layer"}, {"SQNR alone in int8", Align::right}, {"int8 saves", Align::right}, {"runs in"}});
  for (const MixedPrecisionReport::Layer& l : report.layers) {
    table.add_row({l.name, detail::format_decibels(l.sqnr_db),
                   l.gain_us ? detail::formatted("%.2f µs", *l.gain_us) : "", l.in_float ? "float" : "int8"});
  }
  const auto score = [&](double s) { return accuracy ? format_accuracy(s) : detail::format_decibels(s); };
  std::string text = table.to_string();
  text += "all in int8: " + score(report.int8_score) + ", as chosen: " + score(report.score) +
          (accuracy ? ", in float: " + score(report.float_score) : "") + ", at least " + score(report.least_score) +
          " wanted\n";
  if (report.predicted_ms && report.int8_ms && report.float_ms)
    text += "predicted: all in int8 " + detail::formatted("%.4g ms", *report.int8_ms) + ", as chosen " +
            detail::formatted("%.4g ms", *report.predicted_ms) + ", in float " +
            detail::formatted("%.4g ms", *report.float_ms) + "\n";
  if (!report.met) text += "no layer can be in int8 within that: the model stays in float\n";
  return text;
}

FULCRUM_DEFINE std::string to_text(const FoldReport& report) {
  std::string text;
  for (const FoldReport::Folded& f : report.folded)
    text += "folded: " + printable(f.name) + " into " + printable(f.into) + "\n";
  for (const FoldReport::Kept& k : report.kept)
    text += "kept: " + printable(k.name) + ": " + printable(k.reason) + "\n";
  return text;
}

}  // namespace fulcrum

#endif
