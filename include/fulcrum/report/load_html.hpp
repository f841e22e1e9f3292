#pragma once
/// \file
/// A load as one HTML page that needs nothing else, not even a network.

#include <string>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/load_report.hpp>
#include <fulcrum/report/report_origin.hpp>

namespace fulcrum {

/// The page: the verdict, the histogram of latencies, the queue and the latencies over time, all percentiles. Text of
/// any origin is shown as text, whatever it contains.
/// \param simulated        of the same load, to stand beside it; null: none
/// \param chart_js_source  Chart.js 3.x, the text of chart.min.js (UMD build); it goes into the page
/// \throws Error when the source of Chart.js is empty
FULCRUM_DECLARE [[nodiscard]] std::string html_report(const LoadReport& report, const LoadReport* simulated,
                                                      std::string_view chart_js_source,
                                                      const ReportOrigin& origin = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <cmath>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/detail/html_document.hpp>
#include <fulcrum/report/detail/html_load_script.hpp>
#include <fulcrum/report/detail/html_sections.hpp>
#include <fulcrum/report/detail/html_text.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE nlohmann::json histogram_data(const LoadReport& report) {
  nlohmann::json bins = nlohmann::json::array();
  for (const LatencyBin& bin : report.histogram)
    bins.push_back({{"up_to", bin.up_to.count()}, {"queries", bin.queries}});
  return bins;
}

FULCRUM_DECLARE nlohmann::json timeline_data(const LoadReport& report) {
  nlohmann::json parts = nlohmann::json::array();
  for (const QueueLength& part : report.timeline)
    parts.push_back({{"start", part.start.count()}, {"mean", part.mean}, {"most", part.most}});
  return parts;
}

FULCRUM_DECLARE std::string html_latency_table(const LoadReport& report, const LoadReport* simulated) {
  std::string text =
      "<div class=\"card scroll\"><table class=\"stacks\"><thead><tr><th "
      "class=\"word\">latency</th><th>min</th><th>mean</th>"
      "<th>p50</th><th>p90</th><th>p95</th><th>p99</th><th>p99.9</th><th>max</th></tr></thead><tbody>\n";
  const auto add = [&](const char* name, const LoadLatency& latency) {
    const LatencyStatistics& s = latency.statistics;
    text += "<tr><td class=\"word\">" + escape_html(name) + "</td>";
    for (const Milliseconds figure : {s.min, s.mean, s.p50, s.p90, s.p95, s.p99, s.p99_9, latency.max})
      text += "<td>" + (s.samples > 0 ? format_latency(figure) : std::string("—")) + "</td>";
    text += "</tr>\n";
  };
  add("from when it was due", report.latency);
  add("in the queue", report.queue);
  add("running", report.service);
  if (simulated != nullptr) {
    add("simulated, from when it was due", simulated->latency);
    add("simulated, in the queue", simulated->queue);
    add("simulated, running", simulated->service);
  }
  return text + "</tbody></table></div>\n";
}

FULCRUM_DECLARE std::string html_batch_table(const LoadReport& report) {
  if (report.batches.size() < 2) return {};
  std::string text =
      "<h2>Batches</h2>\n<div class=\"card scroll\"><table><thead><tr><th>size</th><th>batches</th><th>share of the "
      "requests</th><th>running, p50</th><th>running, p99</th></tr></thead><tbody>\n";
  const auto done = static_cast<double>(report.requests.done);
  for (const BatchCount& batch : report.batches) {
    text += "<tr><td>" + std::to_string(batch.size) + "</td><td>" + format_count(batch.batches) + "</td><td>" +
            formatted("%.1f %%", 100.0 * static_cast<double>(batch.service.samples) / done) + "</td><td>" +
            format_latency(batch.service.p50) + "</td><td>" + format_latency(batch.service.p99) + "</td></tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string html_report(const LoadReport& report, const LoadReport* simulated,
                                       std::string_view chart_js_source, const ReportOrigin& origin) {
  using namespace detail;  // NOLINT: the parts of a page
  nlohmann::json data{{"histogram", histogram_data(report)},
                      {"simulated", simulated != nullptr ? histogram_data(*simulated) : nlohmann::json::array()},
                      {"timeline", timeline_data(report)},
                      {"blocks", nlohmann::json::array()},
                      {"duration", report.duration.count()},
                      {"slo", nullptr}};
  if (report.slo) data["slo"] = report.slo->bound.count();
  for (const LoadBlock& block : report.blocks) {
    data["blocks"].push_back({{"start", block.start.count()},
                              {"p50", block.p50.count()},
                              {"p99", block.p99.count()},
                              {"queue", block.queue_p50.count()}});
  }
  const bool valid = report.verdict != LoadVerdict::invalid;
  const std::string percentile = formatted("p%g", 100.0 * report.tail.target.percentile);
  const bool observed = report.tail.observed < std::chrono::hours(24 * 365);
  std::string body = std::string("<section class=\"card answer") + (valid ? "" : " none") + "\"><p class=\"kicker\">" +
                     std::string(name_of(report.verdict)) + "</p>\n<h1>" + sentence_html(report.reason) +
                     "</h1>\n<p class=\"why\">" + escape_html(report.scenario) + "; " + escape_html(report.setup) +
                     "</p></section>\n<div class=\"tiles\">\n";
  body += html_tile(percentile + " latency", observed ? format_latency(report.tail.observed) : "—",
                    report.tail.estimate ? "at most " + format_latency(*report.tail.estimate) +
                                               formatted(" at %g %% confidence", 100.0 * report.tail.target.confidence)
                                         : "of " + format_count(report.queries) + " queries");
  body += html_tile("Throughput", format_rate(report.throughput_per_s),
                    report.offered_per_s > 0.0 ? "of " + format_rate(report.offered_per_s) + " that came"
                                               : format_count(report.requests.done) + " requests");
  const double mean = report.latency.statistics.mean.count();
  body += html_tile("In the queue",
                    mean > 0.0 ? formatted("%.0f %%", 100.0 * report.queue.statistics.mean.count() / mean) : "—",
                    "of the mean latency; the rest it runs");
  body += html_tile("Requests done", format_count(report.requests.done),
                    "of " + format_count(report.requests.issued) + "; batches of " +
                        formatted("%.2f", report.mean_batch) + " on average");
  body += "</div>\n<h2>Latency</h2>\n";
  body += html_latency_table(report, simulated);
  body += "<h2>How it spreads, and how it went on</h2>\n<div class=\"pair\">\n";
  body += html_chart("Histogram", "Four bins to a doubling.", "histogram", "Histogram of the latencies");
  body += html_chart("Latency over time", "In ten parts of the run.", "trend", "Percentiles of the latency over time");
  body +=
      "</div>\n<h2>The queue</h2>\n<p class=\"lead\">A queue that returns to zero keeps up. One that grows to the "
      "end is a rate beyond what this setup can do.</p>\n";
  body += html_chart("Requests that wait", "", "timeline", "Length of the queue over time");
  body += html_batch_table(report);
  if (!report.notes.empty()) body += "<h2>Notes</h2>\n<div class=\"card\">" + html_notes(report.notes) + "</div>\n";
  body += "<h2>Where these figures come from</h2>\n<div class=\"card\"><dl class=\"facts\">\n";
  body += html_fact("Model", report.model) + html_fact("Served by", report.setup) + html_fact("Load", report.scenario) +
          html_fact("Requests went out late by",
                    format_latency(report.lag.p50) + " (p50), " + format_latency(report.lag.p99) + " (p99)") +
          html_environment_facts(report.environment) + html_origin(origin) + "</dl></div>\n";
  const std::string script = std::string(html_script_load_common) + std::string(html_script_load);
  return html_document("Load on " + report.model, body, data, script, chart_js_source);
}

}  // namespace fulcrum

#endif
