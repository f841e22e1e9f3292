#pragma once
/// \file
/// What a model's answers depend on, as a table.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/sensitivity.hpp>

namespace fulcrum {

/// A row for each layer, a column for each way it was changed: the accuracy lost [points] where there are labels, else
/// the SQNR of the output [dB].
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const SensitivityReport& report);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <cmath>
#include <vector>

#include <fulcrum/core/units.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const SensitivityReport& report) {
  std::vector<Column> columns{{"layer"}, {"weights", Align::right}};
  std::vector<std::vector<std::string>> rows;
  for (const LayerSensitivity& row : report.rows) {
    if (rows.empty() || rows.back().front() != row.layer) rows.push_back({row.layer, format_count(row.weights)});
    if (rows.size() == 1) {
      const std::string change =
          row.sparsity ? detail::formatted("%g %% zero", 100.0 * *row.sparsity) : std::to_string(*row.bits) + " bits";
      columns.push_back({change, Align::right});
    }
    rows.back().push_back(row.accuracy && report.accuracy
                              ? detail::formatted("%+.2f", 100.0 * (*row.accuracy - *report.accuracy))
                          : std::isinf(row.sqnr_db) ? "exact"
                                                    : detail::formatted("%.1f dB", row.sqnr_db));
  }
  Table table(columns);
  for (std::vector<std::string>& row : rows) table.add_row(std::move(row));
  std::string text = table.to_string();
  if (report.accuracy)
    text += "points of accuracy against " + format_accuracy(*report.accuracy) + " of the whole model, on " +
            format_count(report.samples) + " samples\n";
  else
    text += "SQNR of the last output, on " + format_count(report.samples) + " samples\n";
  return text;
}

}  // namespace fulcrum

#endif
