#pragma once
/// \file
/// Loads as text for people.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/load_report.hpp>

namespace fulcrum {

/// The verdict, latency with its parts, batches and how the run went on.
/// \param simulated  of the same load, to stand beside it; null: none
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const LoadReport& report, const LoadReport* simulated = nullptr);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <algorithm>

#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/latency_text.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const LoadReport& report, const LoadReport* simulated) {
  const auto count = [](std::int64_t n) { return format_count(n); };
  std::string text = printable(report.model) + ", " + printable(report.setup) + "\n" + printable(report.scenario);
  text += report.kind == ReportKind::predicted ? ", simulated\n" : "\n";
  text += std::string(name_of(report.verdict)) + ": " + printable(report.reason) + "\n\n";

  Table latency({{"latency", Align::left},
                 {"min", Align::right},
                 {"mean", Align::right},
                 {"p50", Align::right},
                 {"p90", Align::right},
                 {"p95", Align::right},
                 {"p99", Align::right},
                 {"p99.9", Align::right},
                 {"max", Align::right}});
  const auto add = [&](const std::string& name, const LoadLatency& l) {
    const LatencyStatistics& s = l.statistics;
    if (s.samples == 0) return latency.add_row({name});
    latency.add_row({name, format_latency(s.min), format_latency(s.mean), format_latency(s.p50), format_latency(s.p90),
                     format_latency(s.p95), format_latency(s.p99), format_latency(s.p99_9), format_latency(l.max)});
  };
  add("from when it was due", report.latency);
  add("  in the queue", report.queue);
  add("  running", report.service);
  if (simulated != nullptr) {
    latency.add_rule();
    add("simulated", simulated->latency);
    add("  in the queue", simulated->queue);
    add("  running", simulated->service);
  }
  text += latency.to_string() + "\n";

  const RequestCounts& requests = report.requests;
  text += count(requests.done) + " of " + count(requests.issued) + " requests done in " +
          format_latency(report.duration) + ", " + format_rate(report.throughput_per_s);
  if (report.offered_per_s > 0.0) text += " of " + format_rate(report.offered_per_s) + " that came";
  for (const auto& [n, what] : {std::pair(requests.rejected, "rejected"), std::pair(requests.dropped, "dropped"),
                                std::pair(requests.expired, "expired"), std::pair(requests.failed, "failed")}) {
    if (n > 0) text += ", " + count(n) + " " + what;
  }
  text += "\n";
  if (simulated != nullptr) text += "simulated: " + format_rate(simulated->throughput_per_s) + "\n";
  const std::string name = detail::formatted("p%g", 100.0 * report.tail.target.percentile);
  if (report.tail.estimate) {
    text += name + " is at most " + format_latency(*report.tail.estimate) +
            detail::formatted(" at %g %% confidence", 100.0 * report.tail.target.confidence) + "\n";
  }
  if (report.slo) {
    text += count(report.slo->over) + " of " + count(report.queries) + " queries took longer than " +
            format_latency(report.slo->bound) + " or were not done\n";
  }
  if (report.batches.size() > 1 || (report.batches.size() == 1 && report.batches[0].size > 1)) {
    text += detail::formatted("batches of %.2f on average:", report.mean_batch);
    for (const BatchCount& batch : report.batches) text += " " + count(batch.batches) + " × " + count(batch.size);
    text += "\n";
  }
  if (report.lag.max.count() > 0.0) {
    text += "requests went out late by " + format_latency(report.lag.p50) + " (p50), " +
            format_latency(report.lag.p99) + " (p99), " + format_latency(report.lag.max) + " (at most)\n";
  }

  if (report.blocks.size() > 1) {
    Table blocks({{"from", Align::right},
                  {"queries", Align::right},
                  {"p50", Align::right},
                  {"p99", Align::right},
                  {"queue p50", Align::right},
                  {"throughput", Align::right}});
    for (const LoadBlock& block : report.blocks) {
      blocks.add_row({format_latency(block.start), count(block.queries), format_latency(block.p50),
                      format_latency(block.p99), format_latency(block.queue_p50), format_rate(block.throughput_per_s)});
    }
    text += "\n" + blocks.to_string();
  }
  if (!report.notes.empty()) text += "\n" + detail::notes_text(report.notes);
  return text;
}

}  // namespace fulcrum

#endif
