#pragma once
/// \file
/// Latency reports as text for people.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/table.hpp>
#include <fulcrum/run/compare.hpp>
#include <fulcrum/run/latency_report.hpp>

namespace fulcrum {

namespace detail {

/// How far a figure is from another.
inline std::string format_difference(double figure, double reference) {
  return reference > 0.0 ? format_change(figure / reference - 1.0) : std::string();
}

FULCRUM_DECLARE std::string notes_text(const std::vector<std::string>& notes);

}  // namespace detail

/// "12.3 MiB of weights (shared by all instances), 1.20 MiB of activations and 0 B of scratch per instance"
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const MemoryUse& memory);

/// The order statistics, the throughput and a row for each layer.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const LatencyReport& report);

/// A prediction beside a measurement of the same configuration: order statistics, throughput and layers, with how far
/// the prediction is off. Layers are matched by name and kind.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const LatencyReport& predicted, const LatencyReport& measured);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <cmath>
#include <optional>

namespace fulcrum::detail {

inline std::string format_share(double part, double whole) {
  return whole > 0.0 ? formatted("%.1f %%", 100.0 * part / whole) : std::string();
}

/// Rate of a layer; empty when it computes nothing.
inline std::string format_layer_rate(const StepLatency& layer) {
  if (!(layer.flops > 0.0) || !(layer.latency.count() > 0.0)) return {};
  return format_flops(layer.flops / Seconds(layer.latency).count()) + "/s";
}

FULCRUM_DEFINE std::string notes_text(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text.append("note: ").append(printable(note)).append("\n");
  return text;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const MemoryUse& memory) {
  const auto bytes = [](std::size_t count) { return format_bytes(static_cast<double>(count)); };
  return bytes(memory.weights) + " of weights (shared by all instances), " + bytes(memory.activations) +
         " of activations and " + bytes(memory.scratchpad) + " of scratch per instance";
}

FULCRUM_DEFINE std::string to_text(const LatencyReport& report) {
  const LatencyStatistics& l = report.latency;
  std::string text = printable(report.model) + ", " + to_string(report.config) + ", ";
  text.append(name_of(report.kind)).append("\n");
  text += "throughput " + format_rate(report.throughput_per_s) + ", " + format_flops(report.flops) + " and " +
          format_bytes(report.bytes) + " per inference";
  if (l.samples > 0) text += ", " + format_count(l.samples) + " samples";
  if (report.creation.count() > 0.0) text += ", ready after " + format_latency(report.creation);
  text += "\n";
  if (report.memory != MemoryUse{}) text += to_text(report.memory) + "\n";
  text += "\n";

  Table statistics({{"latency", Align::left},
                    {"min", Align::right},
                    {"mean", Align::right},
                    {"p50", Align::right},
                    {"p90", Align::right},
                    {"p95", Align::right},
                    {"p99", Align::right},
                    {"p99.9", Align::right},
                    {"MAD", Align::right}});
  statistics.add_row({"of one inference", format_latency(l.min), format_latency(l.mean), format_latency(l.p50),
                      format_latency(l.p90), format_latency(l.p95), format_latency(l.p99), format_latency(l.p99_9),
                      report.kind == ReportKind::measured ? format_latency(l.mad) : ""});
  text += statistics.to_string();
  if (const std::optional<PredictionInterval>& i = report.interval) {
    text += "expected with 90 % confidence: p50 " + format_latency(i->p50_low) + " … " + format_latency(i->p50_high) +
            ", p99 " + format_latency(i->p99_low) + " … " + format_latency(i->p99_high) + ", throughput " +
            format_rate(i->throughput_low_per_s) + " … " + format_rate(i->throughput_high_per_s) + "\n";
  }

  if (!report.layers.empty()) {
    double sum_ms = 0.0;
    for (const StepLatency& layer : report.layers) sum_ms += layer.latency.count();
    Table layers({{"layer"},
                  {"kind"},
                  {"latency", Align::right},
                  {"share", Align::right},
                  {"FLOPs", Align::right},
                  {"bytes", Align::right},
                  {"rate", Align::right},
                  {"bound by"}});
    for (const StepLatency& layer : report.layers) {
      layers.add_row({layer.name, layer.kind, format_latency(layer.latency),
                      detail::format_share(layer.latency.count(), sum_ms),
                      layer.flops > 0.0 ? format_flops(layer.flops) : "", format_bytes(layer.bytes),
                      detail::format_layer_rate(layer), layer.bound ? std::string(name_of(*layer.bound)) : ""});
    }
    layers.add_rule();
    layers.add_row({"all layers", "", format_latency(Milliseconds(sum_ms))});
    text += "\n" + layers.to_string();
    if (const std::optional<double> outside = share_outside_int8(report)) {
      text += detail::format_share(*outside, 1.0) + " of the layers' time is spent outside int8\n";
    }
  }
  if (!report.notes.empty()) text += "\n" + detail::notes_text(report.notes);
  return text;
}

FULCRUM_DEFINE std::string to_text(const LatencyReport& predicted, const LatencyReport& measured) {
  Table table({{printable(measured.model) + ", " + to_string(measured.config)},
               {"predicted", Align::right},
               {"measured", Align::right},
               {"error", Align::right}});
  const auto add = [&](const std::string& name, Milliseconds p, Milliseconds m) {
    table.add_row({name, format_latency(p), format_latency(m), detail::format_difference(p.count(), m.count())});
  };
  add("p50", predicted.latency.p50, measured.latency.p50);
  add("p90", predicted.latency.p90, measured.latency.p90);
  add("p99", predicted.latency.p99, measured.latency.p99);
  table.add_row({"throughput", format_rate(predicted.throughput_per_s), format_rate(measured.throughput_per_s),
                 detail::format_difference(predicted.throughput_per_s, measured.throughput_per_s)});
  table.add_rule();
  for (const LayerPair& pair : pair_layers(predicted, measured)) {
    const StepLatency& layer = pair.second != nullptr ? *pair.second : *pair.first;
    const std::string name = layer.name + " (" + layer.kind + ")";
    if (pair.first == nullptr)
      table.add_row({name, "", format_latency(layer.latency)});
    else if (pair.second == nullptr)
      table.add_row({name, format_latency(layer.latency)});
    else
      add(name, pair.first->latency, layer.latency);
  }
  std::string text = table.to_string();
  std::vector<std::string> notes = measured.notes;
  notes.insert(notes.end(), predicted.notes.begin(), predicted.notes.end());
  if (!notes.empty()) text += "\n" + detail::notes_text(notes);
  return text;
}

}  // namespace fulcrum

#endif
