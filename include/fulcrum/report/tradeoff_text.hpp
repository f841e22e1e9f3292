#pragma once
/// \file
/// A trade-off study as text for people.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/study.hpp>
#include <fulcrum/report/latency_text.hpp>

namespace fulcrum {

/// Which candidates a table shows.
enum class Shown : std::uint8_t { front, measured, all };

/// Candidates, the highest throughput first; "→" marks the recommended one, "•" the front.
FULCRUM_DECLARE [[nodiscard]] std::string candidates_text(const TradeoffStudy& study, Shown shown = Shown::measured);

/// Accuracy of every variant, and why one is missing.
FULCRUM_DECLARE [[nodiscard]] std::string variants_text(const TradeoffStudy& study);

/// Variants, measured candidates, notes and the recommendation.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const TradeoffStudy& study);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace fulcrum {

FULCRUM_DEFINE std::string candidates_text(const TradeoffStudy& study, Shown shown) {
  Table table({{""},
               {"candidate"},
               {"accuracy", Align::right},
               {"samples/s", Align::right},
               {"p99", Align::right},
               {"p50", Align::right},
               {"predicted p50", Align::right},
               {"error", Align::right}});
  std::vector<std::size_t> order(study.candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto throughput = [&](std::size_t i) {
    const LatencyReport* report = figures(study.candidates[i]);
    return report ? report->throughput_per_s : -1.0;
  };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return throughput(a) > throughput(b); });
  for (const std::size_t i : order) {
    const Candidate& c = study.candidates[i];
    if (shown == Shown::front ? !c.on_front : shown == Shown::measured && !c.measured) continue;
    const auto* m = c.measured ? &*c.measured : nullptr;
    const auto* p = c.predicted ? &*c.predicted : nullptr;
    table.add_row({study.recommendation.candidate == i ? "→"
                   : c.on_front                        ? "•"
                                                       : "",
                   to_string(c), c.accuracy ? format_accuracy(*c.accuracy) : "",
                   m ? format_count(std::llround(m->throughput_per_s)) : "", m ? format_latency(m->latency.p99) : "",
                   m ? format_latency(m->latency.p50) : "", p ? format_latency(p->latency.p50) : "",
                   m && p ? detail::format_difference(p->latency.p50.count(), m->latency.p50.count()) : ""});
  }
  return table.empty() ? "no candidate to show\n" : table.to_string();
}

FULCRUM_DEFINE std::string variants_text(const TradeoffStudy& study) {
  Table table({{"variant"},
               {"accuracy", Align::right},
               {"against f32", Align::right},
               {"parameters not 0", Align::right},
               {"size", Align::right},
               {"remark"}});
  for (const Variant& v : study.variants) {
    const bool compared = v.accuracy && study.baseline_accuracy;
    table.add_row({variant_name(v.precision, v.sparsity, v.making), v.accuracy ? format_accuracy(*v.accuracy) : "",
                   compared ? format_points(-accuracy_drop_points(*v.accuracy, *study.baseline_accuracy)) : "",
                   v.parameters > 0 ? format_count(v.nonzero_parameters) : "",
                   v.parameters > 0 ? detail::formatted("%.3g MB", parameter_bytes(v) / 1e6) : "", v.why_not});
  }
  return table.to_string();
}

FULCRUM_DEFINE std::string to_text(const TradeoffStudy& study) {
  std::string text = study.disturbance.empty() ? "" : study.disturbance + "\n\n";
  text += variants_text(study);
  text += "\n" + candidates_text(study, Shown::measured);
  text += "→ recommended  • on the Pareto front of accuracy, p99 latency and throughput\n";
  if (!study.notes.empty()) text += "\n" + detail::notes_text(study.notes);
  text += "\n" + study.recommendation.reason + "\n";
  if (!study.disturbance.empty()) text += "(" + study.disturbance.substr(0, study.disturbance.find(':')) + ".)\n";
  return text;
}

}  // namespace fulcrum

#endif
