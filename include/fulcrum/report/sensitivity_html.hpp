#pragma once
/// \file
/// What a model's answers depend on, as one HTML page that needs nothing else, not even a network.

#include <string>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/sensitivity.hpp>
#include <fulcrum/report/report_origin.hpp>

namespace fulcrum {

/// The page: what each layer loses against sparsity and against bits as lines, and as a table that is the warmer the
/// more is lost. Text of any origin is shown as text, whatever it contains.
/// \param chart_js_source  Chart.js 3.x, the text of chart.min.js (UMD build); it goes into the page
/// \throws Error when the source of Chart.js is empty
FULCRUM_DECLARE [[nodiscard]] std::string html_report(const SensitivityReport& report, std::string_view chart_js_source,
                                                      const ReportOrigin& origin = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/units.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/detail/html_document.hpp>
#include <fulcrum/report/detail/html_sections.hpp>
#include <fulcrum/report/detail/html_sensitivity_script.hpp>
#include <fulcrum/report/detail/html_text.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum::detail {

/// Rows of one layer, which stand together.
struct SensitiveLayer {
  std::string name;
  std::int64_t weights = 0;
  std::vector<const LayerSensitivity*> rows;
};

FULCRUM_DECLARE std::vector<SensitiveLayer> layers_of(const SensitivityReport& report) {
  std::vector<SensitiveLayer> layers;
  for (const LayerSensitivity& row : report.rows) {
    if (layers.empty() || layers.back().name != row.layer) layers.push_back({row.layer, row.weights, {}});
    layers.back().rows.push_back(&row);
  }
  return layers;
}

/// Points of accuracy, 0 … 100; nothing: there are no labels.
FULCRUM_DECLARE std::optional<double> points_lost(const SensitivityReport& report, const LayerSensitivity& row) {
  if (!report.accuracy || !row.accuracy) return std::nullopt;
  return 100.0 * (*report.accuracy - *row.accuracy);
}

FULCRUM_DECLARE std::string change_of(const LayerSensitivity& row) {
  return row.sparsity ? formatted("%g %% zero", 100.0 * *row.sparsity) : std::to_string(row.bits.value_or(0)) + " bits";
}

/// {"counts": whether points of accuracy are lost, "samples", "layers": [{"name", "sparsity": [[share, lost], …],
/// "bits": …}, …]}; else of dB. What is exact is null.
FULCRUM_DECLARE nlohmann::json sensitivity_data(const SensitivityReport& report) {
  nlohmann::json layers = nlohmann::json::array();
  for (const SensitiveLayer& layer : layers_of(report)) {
    nlohmann::json entry{
        {"name", valid_utf8(layer.name)}, {"sparsity", nlohmann::json::array()}, {"bits", nlohmann::json::array()}};
    for (const LayerSensitivity* row : layer.rows) {
      const auto lost = points_lost(report, *row);
      const nlohmann::json value = lost ? nlohmann::json(*lost) : number_or_null(row->sqnr_db);
      if (row->sparsity) entry["sparsity"].push_back({*row->sparsity, value});
      if (row->bits) entry["bits"].push_back({*row->bits, value});
    }
    layers.push_back(std::move(entry));
  }
  return {{"counts", report.accuracy.has_value()}, {"samples", report.samples}, {"layers", std::move(layers)}};
}

/// How warm a cell is, 0 … 1: 1 point of accuracy is a third, ten are all; of outputs 40 dB are nothing, 0 dB all.
FULCRUM_DECLARE double warmth(const SensitivityReport& report, const LayerSensitivity& row) {
  const auto lost = points_lost(report, row);
  const double warm = lost ? std::sqrt(std::max(*lost, 0.0) / 10.0) : (40.0 - row.sqnr_db) / 40.0;
  return std::isfinite(warm) ? std::clamp(warm, 0.0, 1.0) : 0.0;
}

FULCRUM_DECLARE std::string html_sensitivity_table(const SensitivityReport& report) {
  const std::vector<SensitiveLayer> layers = layers_of(report);
  std::string text =
      "<div class=\"card scroll\"><table class=\"stacks\"><thead><tr><th class=\"word\">layer</th><th>weights</th>";
  if (!layers.empty()) {
    for (const LayerSensitivity* row : layers.front().rows) text += "<th>" + escape_html(change_of(*row)) + "</th>";
  }
  text += "</tr></thead><tbody>\n";
  for (const SensitiveLayer& layer : layers) {
    text += "<tr><td class=\"word\">" + escape_html(layer.name) + "</td><td>" + format_count(layer.weights) + "</td>";
    for (const LayerSensitivity* row : layer.rows) {
      const auto lost = points_lost(report, *row);
      text += formatted("<td style=\"background: rgba(213, 94, 0, %.3f)\">", 0.55 * warmth(report, *row));
      text += lost                       ? escape_html(format_points(-*lost))
              : std::isinf(row->sqnr_db) ? std::string("exact")
                                         : formatted("%.1f dB", row->sqnr_db);
      text += "</td>";
    }
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

/// The layer that loses most when it is pruned, or rounded, of the ways it was changed.
FULCRUM_DECLARE std::string html_most_sensitive(const SensitivityReport& report, bool pruned) {
  const LayerSensitivity* worst = nullptr;
  for (const LayerSensitivity& row : report.rows) {
    if (row.sparsity.has_value() != pruned) continue;
    const bool worse = worst == nullptr || warmth(report, row) > warmth(report, *worst) ||
                       (warmth(report, row) == warmth(report, *worst) && row.sqnr_db < worst->sqnr_db);
    if (worse) worst = &row;
  }
  const char* const name = pruned ? "Most sensitive to zeros" : "Most sensitive to rounding";
  if (worst == nullptr) return html_tile(name, "—", "nothing was tried");
  const auto lost = points_lost(report, *worst);
  return html_tile(name, printable(worst->layer),
                   (lost ? format_points(-*lost) : formatted("%.1f dB", worst->sqnr_db)) + " at " + change_of(*worst));
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string html_report(const SensitivityReport& report, std::string_view chart_js_source,
                                       const ReportOrigin& origin) {
  using namespace detail;  // NOLINT: the parts of a page
  const bool pruned =
      std::any_of(report.rows.begin(), report.rows.end(), [](const auto& row) { return row.sparsity.has_value(); });
  const bool rounded =
      std::any_of(report.rows.begin(), report.rows.end(), [](const auto& row) { return row.bits.has_value(); });
  std::string body = "<div class=\"tiles\">\n";
  body += html_tile("Whole model", report.accuracy ? format_accuracy(*report.accuracy) : "no labels",
                    (report.accuracy ? "of " : "outputs of ") + format_count(report.samples) + " samples");
  body += html_tile("Layers", std::to_string(layers_of(report).size()), "changed one at a time");
  body += html_most_sensitive(report, true) + html_most_sensitive(report, false);
  body +=
      "</div>\n<h2>What a layer costs</h2>\n<p class=\"lead\">Each line is one layer that was changed while all "
      "others stayed; the higher it goes, the more the ";
  body += report.accuracy ? "answers depend on it. Losses of less than half a sample lie on the lowest line.</p>\n"
                          : "output keeps of what the whole model gives.</p>\n";
  body += "<div class=\"pair\">\n";
  if (pruned)
    body += html_chart("Weights set to 0", "By magnitude, without training.", "sparsity", "Loss against sparsity");
  if (rounded)
    body +=
        html_chart("Weights rounded", "By the range of each channel, without training.", "bits", "Loss against bits");
  body += "</div>\n<h2>Every layer</h2>\n<p class=\"lead\">";
  body += report.accuracy ? "Points of accuracy against the whole model" : "Signal to noise of the last output";
  body += "; the warmer, the more is lost.</p>\n" + html_sensitivity_table(report);
  body += "<h2>Where these figures come from</h2>\n<div class=\"card\"><dl class=\"facts\">\n" +
          html_fact("Model", report.model) + html_fact("Samples", format_count(report.samples)) + html_origin(origin) +
          "</dl></div>\n";
  return html_document("Sensitivity of " + report.model, body, sensitivity_data(report), html_script_sensitivity,
                       chart_js_source);
}

}  // namespace fulcrum

#endif
