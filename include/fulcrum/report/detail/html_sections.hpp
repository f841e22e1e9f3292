#pragma once
/// \file
/// The parts of the report page that are plain markup: the answer, the key figures, the tables, the provenance.

#include <optional>
#include <string>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/study.hpp>
#include <fulcrum/report/detail/html_text.hpp>
#include <fulcrum/report/report_origin.hpp>

namespace fulcrum::detail {

/// The shape that stands for a precision wherever it is drawn.
FULCRUM_DECLARE std::string html_shape(Precision precision, std::string_view fill = "currentColor");

/// The recommendation, or that there is none, with its figures.
FULCRUM_DECLARE std::string html_answer(const TradeoffStudy& study);

/// A cell with what it sorts by; an empty `sort` goes to the end. Where columns find no room, cells stand one below the
/// other and say what they are.
/// \param column  the head of its column
FULCRUM_DECLARE std::string html_cell(std::string_view column, const std::string& text, const std::string& sort,
                                      std::string_view kind = {});
inline std::string html_cell(std::string_view column, const std::optional<double>& value,
                             std::string (*format)(double)) {
  return value ? html_cell(column, format(*value), formatted("%.17g", *value)) : html_cell(column, "", "");
}

/// By how much the rounds' medians are apart, as a share of the median: half of the range. Nothing for a single round.
FULCRUM_DECLARE std::optional<double> spread_of_rounds(const LatencyReport& report);

FULCRUM_DECLARE std::string html_candidates(const TradeoffStudy& study, bool any_measured);

FULCRUM_DECLARE std::string html_variants(const TradeoffStudy& study);

inline std::string html_fact(std::string_view name, const std::string& value) {
  if (value.empty()) return {};
  return "<dt>" + escape_html(name) + "</dt><dd>" + escape_html(value) + "</dd>\n";
}

/// The version and the command line.
inline std::string html_origin(const ReportOrigin& origin) {
  return html_fact("Fulcrum", origin.version) + html_fact("Command line", origin.command);
}

FULCRUM_DECLARE std::string html_notes(const std::vector<std::string>& notes);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(report)

#include <algorithm>
#include <cmath>

namespace fulcrum::detail {

FULCRUM_DEFINE std::string html_shape(Precision precision, std::string_view fill) {
  std::string shape;
  switch (precision) {
    case Precision::f32: shape = "<circle cx=\"7\" cy=\"7\" r=\"5.4\""; break;
    case Precision::bf16: shape = "<path d=\"M7 1.2 13 12.2H1Z\""; break;
    case Precision::int8: shape = "<path d=\"M7 .6 13.4 7 7 13.4 .6 7Z\""; break;
  }
  return "<svg class=\"dot " + std::string(name_of(precision)) + "\" viewBox=\"0 0 14 14\" aria-hidden=\"true\">" +
         shape + " fill=\"" + std::string(fill) + "\" stroke=\"currentColor\" stroke-width=\"1.4\"/></svg>";
}

FULCRUM_DECLARE std::string html_tile(std::string_view name, const std::string& value, const std::string& remark) {
  std::string text = "<dl class=\"card tile\"><dt>";
  text.append(name).append("</dt><dd>").append(escape_html(value)).append("</dd>");
  if (!remark.empty()) text.append("<dd>").append(escape_html(remark)).append("</dd>");
  return text + "</dl>\n";
}

/// The measured f32 dense candidate of highest throughput: what the answer is compared with.
FULCRUM_DECLARE const Candidate* fastest_baseline(const TradeoffStudy& study) {
  const Candidate* best = nullptr;
  for (const Candidate& c : study.candidates) {
    if (!c.measured || c.config.precision != Precision::f32 || !is_unchanged(c)) continue;
    if (!best || c.measured->throughput_per_s > best->measured->throughput_per_s) best = &c;
  }
  return best;
}

FULCRUM_DEFINE std::string html_answer(const TradeoffStudy& study) {
  const Recommendation& r = study.recommendation;
  // The first sentence is the answer; what follows explains it.
  const std::size_t end = r.reason.find(". ");
  const std::string answer = r.reason.substr(0, end == std::string::npos ? end : end + 1);
  const std::string why = end == std::string::npos ? "" : r.reason.substr(end + 2);
  const std::string targets = to_string(study.objective);
  std::string text = r.candidate ? "<section class=\"card answer\">\n" : "<section class=\"card answer none\">\n";
  text += "<p class=\"kicker\">";
  text += r.candidate ? "Recommendation" : "No configuration qualifies";
  if (!targets.empty()) text += escape_html(" for " + targets);
  text += "</p>\n<h1>" + escape_html(answer) + "</h1>\n";
  if (!why.empty()) text += "<p class=\"why\">" + sentence_html(why) + "</p>\n";
  if (!study.disturbance.empty()) text += "<p class=\"busy\">" + sentence_html(study.disturbance) + "</p>\n";
  text += "</section>\n";

  const std::optional<std::size_t> shown = r.candidate ? r.candidate : r.nearest;
  if (!shown) return text;
  const Candidate& c = study.candidates[*shown];
  const LatencyReport* report = figures(c);
  if (!report) return text;
  if (!r.candidate) text += "<p class=\"caption tiles-of\">Figures of the candidate that comes nearest:</p>\n";
  text += "<div class=\"tiles\">\n";
  const Candidate* baseline = fastest_baseline(study);
  std::string remark;
  if (baseline && c.measured && baseline != &c) {
    remark = formatted("%.2f× the fastest f32 configuration measured",
                       report->throughput_per_s / baseline->measured->throughput_per_s);
  }
  text += html_tile("Throughput", format_rate(report->throughput_per_s), remark);
  remark = "median " + format_latency(report->latency.p50);
  if (study.objective.slo_p99) {
    remark += formatted(", %.0f %% of the target", 100.0 * (report->latency.p99 / *study.objective.slo_p99));
  }
  text += html_tile("p99 latency of one inference", format_latency(report->latency.p99), remark);
  if (c.accuracy) {
    remark.clear();
    if (study.baseline_accuracy) {
      const double drop = accuracy_drop_points(*c.accuracy, *study.baseline_accuracy);
      remark = std::abs(drop) < 0.005 ? std::string("as f32")
                                      : formatted("%.2f points %s f32", std::abs(drop), drop > 0.0 ? "below" : "above");
      if (study.test_samples > 0) remark += ", on " + format_count(study.test_samples) + " test images";
    }
    text += html_tile("Accuracy", format_accuracy(*c.accuracy), remark);
  }
  if (const auto error = prediction_error(c)) {
    remark = format_latency(c.predicted->latency.p50) + " predicted, " + format_latency(c.measured->latency.p50) +
             " measured";
    text += html_tile("Prediction of the median", format_change(*error), remark);
  } else {
    text += html_tile("Figures", "predicted", "this candidate was not measured");
  }
  return text + "</div>\n";
}

FULCRUM_DEFINE std::string html_cell(std::string_view column, const std::string& text, const std::string& sort,
                                     std::string_view kind) {
  std::string cell = "<td data-column=\"" + std::string(column) + "\"";
  if (!kind.empty()) cell.append(" class=\"").append(kind).append("\"");
  return cell + " data-sort=\"" + escape_html(sort) + "\">" + escape_html(text) + "</td>";
}

FULCRUM_DEFINE std::optional<double> spread_of_rounds(const LatencyReport& report) {
  if (report.blocks.size() < 2 || !(report.latency.p50.count() > 0.0)) return std::nullopt;
  const auto [low, high] = std::minmax_element(report.blocks.begin(), report.blocks.end(),
                                               [](const RunBlock& a, const RunBlock& b) { return a.p50 < b.p50; });
  return 0.5 * (high->p50 - low->p50).count() / report.latency.p50.count();
}

FULCRUM_DEFINE std::string html_candidates(const TradeoffStudy& study, bool any_measured) {
  std::string text =
      "<div class=\"card scroll\"><table id=\"candidates\" class=\"stacks\" data-show=\"" +
      std::string(any_measured ? "measured" : "all") +
      "\">\n<thead><tr><th class=\"word\">variant</th><th>batch</th><th>instances × threads</th>"
      "<th>accuracy</th><th>p50</th><th>p99</th><th>samples/s</th><th>rounds ±</th><th>predicted p50</th>"
      "<th>error</th><th>size</th><th>memory</th><th class=\"word\">verdict</th></tr></thead>\n<tbody>\n";
  const auto latency = [](double ms) { return format_latency(Milliseconds(ms)); };
  const auto rate = [](double x) { return format_count(std::llround(x)); };
  const auto error = [](double x) { return format_change(x); };
  const auto spread = [](double x) { return formatted("%.0f %%", 100.0 * x); };
  const auto megabytes = [](double x) { return formatted("%.3g MB", x); };
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    const Candidate& c = study.candidates[i];
    const bool chosen = study.recommendation.candidate == i;
    const auto of = [](const std::optional<LatencyReport>& report, auto figure) {
      return report ? std::optional<double>(figure(*report)) : std::nullopt;
    };
    const auto p50 = [](const LatencyReport& r) { return r.latency.p50.count(); };
    std::string kind = c.measured ? "" : "idle";
    if (c.on_front) kind += " front";
    if (chosen) kind += " chosen";
    const std::string variant = variant_name(c.config.precision, c.sparsity, c.making);
    text += "<tr class=\"" + kind + "\"><td class=\"word name\" data-column=\"variant\" data-sort=\"" +
            escape_html(variant) + "\">" + html_shape(c.config.precision, c.on_front ? "currentColor" : "none") +
            escape_html(variant) + "</td>";
    const auto count = [&](const char* column, std::int64_t n) {
      text += html_cell(column, std::to_string(n), std::to_string(n));
    };
    count("batch", c.config.batch);
    text +=
        html_cell("instances × threads", std::to_string(c.config.instances) + " × " + std::to_string(c.config.threads),
                  std::to_string(c.config.instances * 10000 + c.config.threads));
    text += html_cell(
        "accuracy", c.accuracy, +[](double x) { return format_accuracy(x); });
    text += html_cell("p50", of(c.measured, p50), +latency);
    text += html_cell("p99", of(c.measured, [](const LatencyReport& r) { return r.latency.p99.count(); }), +latency);
    text += html_cell("samples/s", of(c.measured, [](const LatencyReport& r) { return r.throughput_per_s; }), +rate);
    text += html_cell("rounds ±", c.measured ? spread_of_rounds(*c.measured) : std::nullopt, +spread);
    text += html_cell("predicted p50", of(c.predicted, p50), +latency);
    text += html_cell("error", prediction_error(c), +error);
    const Variant* made = variant_of(study, c);
    text += html_cell(
        "size", made != nullptr && made->parameters > 0 ? std::optional(parameter_bytes(*made) / 1e6) : std::nullopt,
        +megabytes);
    text += html_cell("memory", of(c.measured, memory_mb), +megabytes);
    const auto& equals = study.recommendation.equals;
    const bool equal = std::find(equals.begin(), equals.end(), i) != equals.end();
    std::string verdict = chosen ? "recommended" : c.on_front ? "on the front" : c.why_not;
    if (equal) verdict = "equal to the recommended one within the noise; " + verdict;
    text += html_cell("verdict", verdict, chosen ? "0" : (c.on_front ? "1 " : "2 ") + verdict, "why");
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

FULCRUM_DEFINE std::string html_variants(const TradeoffStudy& study) {
  std::string text =
      "<div class=\"card scroll\"><table class=\"stacks\">\n<thead><tr><th class=\"word\">variant</th>"
      "<th>accuracy</th><th>against f32</th><th>parameters</th><th>not zero</th><th>size</th>"
      "<th class=\"word\">remark</th></tr></thead>\n<tbody>\n";
  for (const Variant& v : study.variants) {
    std::string change;
    if (v.accuracy && study.baseline_accuracy) {
      change = format_points(-accuracy_drop_points(*v.accuracy, *study.baseline_accuracy));
    }
    const bool made = v.parameters > 0;
    const double share = made ? static_cast<double>(v.nonzero_parameters) / static_cast<double>(v.parameters) : 0.0;
    text += "<tr><td class=\"word name\" data-column=\"variant\">" + html_shape(v.precision) +
            escape_html(variant_name(v.precision, v.sparsity, v.making)) + "</td>";
    text += html_cell(
        "accuracy", v.accuracy, +[](double x) { return format_accuracy(x); });
    text += html_cell("against f32", change, "");
    text += html_cell("parameters", made ? format_count(v.parameters) : "", "");
    text += html_cell("not zero", made ? formatted("%.1f %%", share * 100.0) : "", "");
    text += html_cell("size", made ? formatted("%.3g MB", parameter_bytes(v) / 1e6) : "", "");
    text += html_cell("remark", v.why_not, "", "why") + "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

FULCRUM_DEFINE std::string html_notes(const std::vector<std::string>& notes) {
  std::string text = "<ul class=\"notes\">\n";
  for (const std::string& note : notes) text += "<li>" + sentence_html(note) + "</li>\n";
  return text + "</ul>\n";
}

}  // namespace fulcrum::detail

#endif
