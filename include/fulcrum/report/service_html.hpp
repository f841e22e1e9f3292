#pragma once
/// \file
/// A planned service as one HTML page that needs nothing else, not even a network.

#include <string>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/service_study.hpp>
#include <fulcrum/report/report_origin.hpp>

namespace fulcrum {

/// The page: the answer, throughput against the tail with the knee, latency against the rate, the queue over each run,
/// heat maps of batch × instances for each variant, every candidate with why it is not the answer. Text of any origin
/// is shown as text, whatever it contains.
///
/// \param chart_js_source  Chart.js 3.x, the text of chart.min.js (UMD build); it goes into the page
/// \throws Error when the source of Chart.js is empty
FULCRUM_DECLARE [[nodiscard]] std::string html_report(const ServiceStudy& study, std::string_view chart_js_source,
                                                      const ReportOrigin& origin = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include <fulcrum/plan/service_answer.hpp>
#include <fulcrum/report/load_html.hpp>
#include <fulcrum/report/service_text.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE nlohmann::json curve_data(const std::vector<RatePoint>& curve) {
  nlohmann::json points = nlohmann::json::array();
  for (const RatePoint& point : curve) {
    points.push_back({{"rate", point.rate_per_s},
                      {"throughput", point.throughput_per_s},
                      {"middle", number_or_null(point.middle.count())},
                      {"tail", number_or_null(point.tail.count())}});
  }
  return points;
}

FULCRUM_DECLARE nlohmann::json service_data(const ServiceStudy& study) {
  const std::optional<std::size_t> subject = study.answer.chosen ? study.answer.chosen : study.answer.nearest;
  nlohmann::json data{{"slo", study.target.slo.count()},
                      {"percentile", formatted("p%g", 100.0 * study.target.tail.percentile)},
                      {"wanted", nullptr},
                      {"max_rate", study.answer.max_rate_per_s},
                      {"predicted", curve_data(study.predicted_curve)},
                      {"simulated", curve_data(study.simulated_curve)},
                      {"runs", nlohmann::json::array()}};
  if (!study.target.highest_rate) data["wanted"] = rate_of(study.target.arrivals);
  for (const ServiceRun& run : study.runs) {
    const bool known = run.report.tail.observed < std::chrono::hours(24 * 365);
    data["runs"].push_back(
        {{"label", candidate_name(study, run.candidate)},
         {"of_answer", subject == run.candidate},
         {"rate", run.rate_per_s},
         {"throughput", run.report.throughput_per_s},
         {"within", run.within},
         {"middle", run.report.latency.statistics.p50.count()},
         {"tail", known ? nlohmann::json(run.report.tail.observed.count()) : nlohmann::json(nullptr)},
         {"reason", run.report.reason},
         {"timeline", timeline_data(run.report)}});
  }
  return data;
}

/// Highest rate of each largest batch (rows) and arrangement (columns) of a variant, with the best of the delays.
FULCRUM_DECLARE std::string html_heat_map(const ServiceStudy& study, std::size_t variant, double most) {
  std::map<std::pair<std::int64_t, std::pair<int, int>>, std::size_t> best;
  std::set<std::int64_t> batches;
  std::set<std::pair<int, int>> arrangements;
  const auto rate = [&](std::size_t i) {
    const ServiceFigures* known = figures(study.candidates[i]);
    return known == nullptr ? -1.0 : known->max_rate_per_s;
  };
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    const ServiceCandidate& c = study.candidates[i];
    if (c.variant != variant || figures(c) == nullptr) continue;
    const std::pair arrangement(c.config.instances, c.config.threads);
    const auto [at, first] = best.try_emplace({c.batching.max_batch, arrangement}, i);
    if (!first && (study.answer.chosen == i || (study.answer.chosen != at->second && rate(i) > rate(at->second))))
      at->second = i;
    batches.insert(c.batching.max_batch);
    arrangements.insert(arrangement);
  }
  if (best.empty()) return {};
  std::string text = "<div class=\"card scroll\"><table class=\"heat\"><thead><tr><th class=\"word\">" +
                     escape_html(study.variants[variant].name) + ": largest batch</th>";
  for (const auto& [instances, threads] : arrangements) {
    text += "<th>" + std::to_string(instances) + (instances == 1 ? " instance" : " instances") + "<br>of " +
            std::to_string(threads) + (threads == 1 ? " thread" : " threads") + "</th>";
  }
  text += "</tr></thead><tbody>\n";
  for (const std::int64_t batch : batches) {
    text += "<tr><td class=\"word\">" + std::to_string(batch) + "</td>";
    for (const auto& arrangement : arrangements) {
      const auto at = best.find({batch, arrangement});
      if (at == best.end()) {
        text += "<td>—</td>";
        continue;
      }
      const ServiceCandidate& c = study.candidates[at->second];
      const double share = most > 0.0 ? std::clamp(rate(at->second) / most, 0.0, 1.0) : 0.0;
      const double measured = highest_measured_rate(study, at->second);
      text += formatted("<td style=\"background:rgba(16,140,118,%.2f)\"", 0.55 * share);
      text += study.answer.chosen == at->second ? " class=\"chosen\">" : ">";
      text += rate(at->second) > 0.0 ? format_rate(rate(at->second)) : "—";
      text += std::string("<span>") + (c.refined ? "simulated" : "predicted");
      if (measured > 0.0) text += ", " + format_rate(measured) + " measured";
      if (c.batching.max_delay.count() > 0) text += ", waits " + format_latency(c.batching.max_delay);
      text += "</span></td>";
    }
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

FULCRUM_DECLARE std::string html_service_table(const ServiceStudy& study) {
  std::string text =
      "<div class=\"card scroll\"><table class=\"stacks\"><thead><tr><th class=\"word\">way to "
      "serve</th><th>predicted</th>"
      "<th>simulated</th><th>measured</th><th class=\"word\">verdict</th></tr></thead><tbody>\n";
  const auto rate = [](double per_s) { return per_s > 0.0 ? format_rate(per_s) : std::string("—"); };
  std::vector<std::size_t> order(study.candidates.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto key = [&](std::size_t i) {
    const ServiceFigures* known = figures(study.candidates[i]);
    return study.answer.chosen == i ? 1e300 : known == nullptr ? -1.0 : known->max_rate_per_s;
  };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) > key(b); });
  for (const std::size_t i : order) {
    const ServiceCandidate& c = study.candidates[i];
    text += study.answer.chosen == i ? "<tr class=\"chosen\">" : c.measured ? "<tr>" : "<tr class=\"idle\">";
    text += "<td class=\"word\">" + escape_html(candidate_name(study, i)) + "</td><td>" +
            rate(c.predicted ? c.predicted->max_rate_per_s : 0.0) + "</td><td>" +
            rate(c.refined ? c.refined->max_rate_per_s : 0.0) + "</td><td>" + rate(highest_measured_rate(study, i)) +
            "</td><td class=\"why\">" + sentence_html(study.answer.chosen == i ? "the answer" : c.why_not) +
            "</td></tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

FULCRUM_DECLARE std::string html_run_table(const ServiceStudy& study) {
  std::string text =
      "<div class=\"card scroll\"><table class=\"stacks\"><thead><tr><th class=\"word\">way to "
      "serve</th><th>rate</th><th>" +
      formatted("p%g", 100.0 * study.target.tail.percentile) +
      "</th><th>simulated</th><th>predicted</th><th class=\"word\">verdict</th></tr></thead><tbody>\n";
  for (const ServiceRun& run : study.runs) {
    text += "<tr><td class=\"word\">" + escape_html(candidate_name(study, run.candidate)) + "</td><td>" +
            format_rate(run.rate_per_s) + "</td><td>" + tail_text(run.report.tail.observed) + "</td><td>" +
            tail_text(run.simulated_tail) + "</td><td>" + tail_text(run.predicted_tail) + "</td><td class=\"why\">" +
            sentence_html(run.report.reason) + "</td></tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string html_report(const ServiceStudy& study, std::string_view chart_js_source,
                                       const ReportOrigin& origin) {
  using namespace detail;  // NOLINT: the parts of a page
  const ServiceAnswer& answer = study.answer;
  const std::optional<std::size_t> subject = answer.chosen ? answer.chosen : answer.nearest;
  const std::string percentile = formatted("p%g", 100.0 * study.target.tail.percentile);
  std::string body = std::string("<style>.heat td span { display: block; color: var(--soft); font-size: 12px; }") +
                     ".heat td.chosen { outline: 2px solid var(--accent); outline-offset: -2px; font-weight: 650; }" +
                     ".heat td, .heat th { text-align: center; } .heat td.word, .heat th.word { text-align: left; }" +
                     ".maps { display: grid; gap: 14px; } details summary { cursor: pointer; margin: 14px 0; }" +
                     "</style>\n<section class=\"card answer" + (answer.chosen ? "" : " none") +
                     "\"><p class=\"kicker\">" + escape_html(to_string(study.target)) + "</p>\n<h1>" +
                     sentence_html(answer.reason) + "</h1>\n";
  for (const std::string* part : {&answer.cost, &answer.bound, &answer.next}) {
    if (!part->empty()) body += "<p class=\"why\">" + escape_html(*part) + "</p>";
  }
  body += "</section>\n<div class=\"tiles\">\n";
  body += html_tile("Highest rate within the bound",
                    answer.max_rate_per_s > 0.0 ? format_rate(answer.max_rate_per_s) : "none", "measured");
  if (study.target.highest_rate) {
    body += html_tile("Bound", percentile + " ≤ " + format_latency(study.target.slo), "from when a request is due");
  } else {
    body += html_tile("Headroom", answer.max_rate_per_s > 0.0 ? format_change(answer.headroom) : "—",
                      "over the " + format_rate(rate_of(study.target.arrivals)) + " wanted");
  }
  body += html_tile("Cores", subject ? std::to_string(answer.cores) : "—", "of " + std::to_string(study.cores));
  body += html_tile("Machines like this one", answer.machines ? std::to_string(*answer.machines) : "none helps",
                    answer.chosen ? "are enough" : "are needed");
  body += "</div>\n";
  if (!study.predicted_curve.empty() || !study.simulated_curve.empty()) {
    body += "<h2>Where the knee is</h2>\n<p class=\"lead\">" + escape_html(candidate_name(study, *subject)) +
            ". Latency rises slowly while the machine has time left when it is needed, and steeply beyond the knee. A "
            "service should run to the left of it, by the headroom that its load may need.</p>\n<div class=\"pair\">\n";
    body += html_chart("Throughput against " + percentile, "Lines are simulated, points are measured.", "knee",
                       "Throughput against the tail of the latency, predicted and measured");
    body += html_chart("Latency against the rate", "Median and " + percentile + ".", "latency",
                       "Latency against the rate of requests");
    body += "</div>\n";
  }
  if (!study.runs.empty()) {
    body +=
        "<h2>The queue in a run</h2>\n<p class=\"controls\"><label for=\"run\">Run at</label> <select "
        "id=\"run\"></select></p>\n" +
        html_chart("Requests that wait", "", "timeline", "Length of the queue over time") + "<h2>Real loads</h2>\n" +
        html_run_table(study);
  }
  double most = 0.0;
  for (const ServiceCandidate& c : study.candidates) {
    if (figures(c) != nullptr) most = std::max(most, figures(c)->max_rate_per_s);
  }
  body +=
      "<h2>Batch × instances</h2>\n<p class=\"lead\">The highest rate within the bound, with the best of the delays "
      "tried. Simulated: with service times as the runner had them; predicted: as the cost model has them.</p>\n"
      "<div class=\"maps\">\n";
  for (std::size_t v = 0; v < study.variants.size(); ++v) body += html_heat_map(study, v, most);
  body += "</div>\n<h2>Every way to serve</h2>\n<details><summary>" + std::to_string(study.candidates.size()) +
          " candidates, each with why it is not the answer</summary>\n" + html_service_table(study) + "</details>\n";
  if (!study.notes.empty()) body += "<h2>Notes</h2>\n<div class=\"card\">" + html_notes(study.notes) + "</div>\n";
  body += "<h2>Where these figures come from</h2>\n<div class=\"card\"><dl class=\"facts\">\n" +
          html_fact("Model", study.model) + html_fact("Data", study.data) + html_environment_facts(study.environment) +
          html_fact("Started", study.started_at) +
          html_fact("Planning took", formatted("%.0f s", study.duration.count())) + html_origin(origin) +
          "</dl></div>\n";
  const std::string script = std::string(html_script_load_common) + std::string(html_script_service);
  return html_document("Serving " + study.model, body, service_data(study), script, chart_js_source);
}

}  // namespace fulcrum

#endif
