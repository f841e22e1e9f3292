#pragma once
/// \file
/// An error card as one HTML page that needs nothing else, not even a network.

#include <string>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/report/report_origin.hpp>
#include <fulcrum/validate/validation.hpp>

namespace fulcrum {

/// The page: the card's figures, predicted against measured medians on logarithmic axes with the ±10 % band, coloured
/// by network, and the tables of the card. Text of any origin is shown as text, whatever it contains.
///
/// \param chart_js_source  Chart.js 3.x, the text of chart.min.js (UMD build); it goes into the page
/// \throws Error when the source of Chart.js is empty
FULCRUM_DECLARE [[nodiscard]] std::string html_report(const Validation& validation, std::string_view chart_js_source,
                                                      const ReportOrigin& origin = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/detail/html_page.hpp>
#include <fulcrum/report/detail/html_table_script.hpp>
#include <fulcrum/report/detail/html_validation_script.hpp>
#include <fulcrum/report/validation_text.hpp>

namespace fulcrum::detail {

/// What the page's script reads: a point for each complete case.
FULCRUM_DECLARE nlohmann::json scatter_data(const Validation& validation) {
  nlohmann::json points = nlohmann::json::array();
  for (const ValidationCase& c : validation.cases) {
    if (!c.complete()) continue;
    points.push_back({{"model", c.model},
                      {"precision", name_of(c.config.precision)},
                      {"label", to_string(c.config)},
                      {"predicted", c.predicted_p50_ms},
                      {"measured", c.measured_p50_ms()},
                      {"error", c.error()}});
  }
  return {{"points", std::move(points)}};
}

FULCRUM_DECLARE std::string html_row(const std::vector<std::string>& cells, const char* tag, std::size_t words) {
  std::string text = "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    text.append("<").append(tag).append(i < words ? " class=\"word\">" : ">");
    text.append(escape_html(cells[i])).append("</").append(tag).append(">");
  }
  return text + "</tr>\n";
}

FULCRUM_DECLARE std::string html_error_table(const ErrorCard& card) {
  std::string text = "<div class=\"card scroll\"><table class=\"stacks\"><thead>" +
                     html_row({"cases", "number", "±5 %", "±10 %", "±20 %", "MAPE", "bias", "largest"}, "th", 1) +
                     "</thead><tbody>\n";
  const auto add = [&](const std::string& label, const ErrorFigures& f) {
    text += html_row({label, std::to_string(f.cases), percent(f.within_5), percent(f.within_10), percent(f.within_20),
                      percent_1(f.mape), signed_figure("%.1f %%", 100.0 * f.bias), format_change(f.largest)},
                     "td", 1);
  };
  add("all", card.p50);
  if (card.at_present_speed) add("all, at the machine's present speed", *card.at_present_speed);
  for (const auto* groups : {&card.by_model, &card.by_precision, &card.by_batch, &card.by_arrangement}) {
    for (const GroupErrors& group : *groups) add(group.label, group.figures);
  }
  return text + "</tbody></table></div>\n";
}

FULCRUM_DECLARE std::string html_kernel_table(const ErrorCard& card) {
  std::string text = "<div class=\"card scroll\"><table class=\"stacks\"><thead>" +
                     html_row({"kernels", "steps", "share of time", "bias", "absolute error"}, "th", 1) +
                     "</thead><tbody>\n";
  for (const KernelErrors& k : card.kernels) {
    text += html_row({k.kernel, std::to_string(k.steps), percent_1(k.share), signed_figure("%.1f %%", 100.0 * k.bias),
                      percent_1(k.absolute)},
                     "td", 1);
  }
  return text + "</tbody></table></div>\n";
}

FULCRUM_DECLARE std::string html_case_table(const Validation& validation) {
  std::string text = "<div class=\"card scroll\"><table class=\"stacks\"><thead>" +
                     html_row({"network", "configuration", "predicted", "measured", "error", "worst step"}, "th", 2) +
                     "</thead><tbody>\n";
  for (const ValidationCase& c : validation.cases) {
    if (!c.complete()) {
      text += html_row({c.model, to_string(c.config) + ": " + c.why_not}, "td", 2);
      continue;
    }
    const std::vector<ValidatedStep> worst = worst_steps(c, 1);
    text += html_row({c.model, to_string(c.config), format_latency(Milliseconds(c.predicted_p50_ms)),
                      format_latency(Milliseconds(c.measured_p50_ms())), format_change(c.error()),
                      worst.empty() ? "" : worst[0].name + " (" + worst[0].kind + ")"},
                     "td", 2);
  }
  return text + "</tbody></table></div>\n";
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string html_report(const Validation& validation, std::string_view chart_js_source,
                                       const ReportOrigin& origin) {
  using namespace detail;  // NOLINT: the parts of a page
  if (chart_js_source.empty())
    throw Error("html_report", "was given no source of Chart.js", "pass the text of chart.min.js 3.x");
  const ErrorCard card = error_card(validation);
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Fulcrum error card</title>\n"
      "<style>";
  page.append(html_style).append("</style>\n</head>\n<body>\n<header>").append(html_mark);
  page += "<span class=\"mark\">Fulcrum</span><span class=\"about\">Error card of predictions on " +
          escape_html(validation.environment.cpu) + "</span></header>\n<main>\n<div class=\"tiles\">\n";
  page += html_tile("Within ±10 %", percent(card.p50.within_10), "of " + std::to_string(card.p50.cases) + " cases");
  page += html_tile("Mean absolute error", percent_1(card.p50.mape), "of the predicted median");
  page += html_tile("Bias", signed_figure("%.1f %%", 100.0 * card.p50.bias), "above 0: predicted too slow");
  page += html_tile("The machine's own noise", card.noise ? percent_1(*card.noise) : "not known",
                    "between rounds of one case");
  page +=
      "</div>\n<h2>Predicted against measured</h2>\n<p class=\"lead\">Each point is a network in a configuration; "
      "inside "
      "the band the prediction is within ±10 % of what was measured. The shape tells the precision.</p>\n"
      "<div class=\"card\"><div class=\"plot\" style=\"height:560px\"><canvas id=\"scatter\" role=\"img\" "
      "aria-label=\"Predicted against measured median latency of every case\"></canvas></div></div>\n"
      "<h2>Errors of predicted medians</h2>\n";
  page += html_error_table(card) + "<h2>By kernel class</h2>\n" + html_kernel_table(card);
  page += "<h2>Every case</h2>\n" + html_case_table(validation);
  page += "<h2>Notes</h2>\n<div class=\"card\">";
  std::vector<std::string> notes;
  const std::string lines = summary_lines(card);
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at);
    notes.push_back(lines.substr(at, end - at));
    at = end + 1;
  }
  notes.insert(notes.end(), validation.notes.begin(), validation.notes.end());
  page +=
      html_notes(notes) + "</div>\n<h2>Where these figures come from</h2>\n<div class=\"card\"><dl class=\"facts\">\n";
  page += html_fact("Processor", validation.environment.cpu) +
          html_fact("Instruction sets", validation.environment.isa) + html_fact("Measured", validation.created_utc) +
          html_fact("Machine profile", validation.profile_created_utc) + html_origin(origin);
  page +=
      "</dl></div>\n</main>\n<footer>This page is complete in itself and asks nothing of the network. Charts: Chart.js "
      "(MIT License).</footer>\n<script type=\"application/json\" id=\"study\">";
  page += script_json(scatter_data(validation)) + "</script>\n<script>" + script_source(chart_js_source) +
          "</script>\n<script>(() => {";
  page.append(html_script_common).append(html_script_tables).append(html_script_validation);
  return page + "})();</script>\n</body>\n</html>\n";
}

}  // namespace fulcrum

#endif
