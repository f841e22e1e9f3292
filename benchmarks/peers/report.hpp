#pragma once
/// \file
/// The two tables, for a terminal and as Markdown.

#include <string>
#include <vector>

#include <fulcrum/core/environment.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/table.hpp>

#include "turns.hpp"

namespace fulcrum::peers {

/// All there is to tell.
struct Report {
  Environment environment;  ///< its versions name oneDNN and, when a case got that far, ONNX Runtime
  Timing timing;
  std::vector<CaseResult> cases;
  std::vector<StepResult> steps;
};

/// Cells under heads, and remarks on those that are missing.
struct Sheet {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> remarks;
};

[[nodiscard]] inline std::string to_text(const Sheet& sheet) {
  Table table(sheet.columns);
  for (const auto& row : sheet.rows) table.add_row(row);
  std::string text = table.to_string();
  for (const std::string& remark : sheet.remarks) text.append(printable(remark)).append("\n");
  return text;
}

[[nodiscard]] inline std::string to_markdown(const Sheet& sheet) {
  const auto line = [&](const auto& cell_of) {
    std::string text = "|";
    for (std::size_t c = 0; c < sheet.columns.size(); ++c) {
      text += ' ';
      for (const char character : std::string(cell_of(c)))
        text.append(character == '|' ? "\\" : "").push_back(character);
      text += " |";
    }
    return text + "\n";
  };
  std::string text = line([&](std::size_t c) { return sheet.columns[c].title; });
  text += "|";
  for (const Column& column : sheet.columns) text += column.align == Align::right ? "---:|" : "---|";
  text += "\n";
  for (const auto& row : sheet.rows) {
    text += line([&](std::size_t c) { return c < row.size() ? row[c] : std::string(); });
  }
  if (!sheet.remarks.empty()) text += "\n";
  for (const std::string& remark : sheet.remarks) text.append("- ").append(remark).append("\n");
  return text;
}

/// "1.25" and "1.20 … 1.31"
[[nodiscard]] inline std::vector<std::string> ratio_cells(const std::vector<double>& ratios) {
  const Quartiles q = quartiles(ratios);
  return {fulcrum::detail::formatted("%.2f", q.median), fulcrum::detail::formatted("%.2f … %.2f", q.lower, q.upper)};
}

/// What stands where there are no figures.
[[nodiscard]] inline std::string missing(bool failed) { return failed ? "failed" : "not available"; }

/// Fulcrum beside ONNX Runtime.
[[nodiscard]] inline Sheet peer_sheet(const std::vector<CaseResult>& cases) {
  Sheet sheet{{{"network"},
               {"batch", Align::right},
               {"precision"},
               {"Fulcrum", Align::right},
               {"p99", Align::right},
               {"ONNX Runtime", Align::right},
               {"p99", Align::right},
               {"Node call", Align::right},
               {"ratio", Align::right},
               {"25 % … 75 %", Align::right},
               {"outputs differ", Align::right},
               {"Fulcrum created in", Align::right},
               {"ONNX Runtime created in", Align::right}},
              {},
              {}};
  for (const CaseResult& result : cases) {
    std::vector<std::string> row{result.test.network, std::to_string(result.test.batch),
                                 to_string(result.test.comparison)};
    if (!result.why_not.empty()) {
      row.push_back(missing(result.failed));
      sheet.remarks.push_back(to_string(result.test) + ": " + missing(result.failed) + ": " + result.why_not);
      sheet.rows.push_back(std::move(row));
      continue;
    }
    const std::vector<std::string> ratio = ratio_cells(ratios(result.rounds));
    for (const std::string& cell :
         {format_latency(result.ours.p50), format_latency(result.ours.p99),
          format_latency(net(result.theirs.p50, result.node_call)),
          format_latency(net(result.theirs.p99, result.node_call)), format_latency(result.node_call), ratio[0],
          ratio[1], fulcrum::detail::formatted("%.0e", result.difference), format_latency(result.our_creation),
          format_latency(result.their_creation)}) {
      row.push_back(cell);
    }
    sheet.rows.push_back(std::move(row));
  }
  return sheet;
}

/// The executor beside its own steps.
[[nodiscard]] inline Sheet step_sheet(const std::vector<StepResult>& cases) {
  Sheet sheet{{{"network"},
               {"batch", Align::right},
               {"precision"},
               {"steps", Align::right},
               {"executor", Align::right},
               {"steps alone", Align::right},
               {"ratio", Align::right},
               {"25 % … 75 %", Align::right},
               {"steps in place", Align::right},
               {"ratio", Align::right},
               {"25 % … 75 %", Align::right}},
              {},
              {}};
  for (const StepResult& result : cases) {
    const std::string precision(name_of(result.test.comparison.ours));
    std::vector<std::string> row{result.test.network, std::to_string(result.test.batch), precision};
    if (!result.why_not.empty()) {
      row.push_back(missing(result.failed));
      sheet.remarks.push_back(result.test.network + ", batch " + std::to_string(result.test.batch) + ", " + precision +
                              ": " + missing(result.failed) + ": " + result.why_not);
      sheet.rows.push_back(std::move(row));
      continue;
    }
    const std::vector<std::string> alone = ratio_cells(ratios(result.rounds, &StepRound::alone));
    const std::vector<std::string> in_place = ratio_cells(ratios(result.rounds, &StepRound::in_place));
    for (const std::string& cell :
         {std::to_string(result.steps), format_latency(middle(result.rounds, &StepRound::executor)),
          format_latency(middle(result.rounds, &StepRound::alone)), alone[0], alone[1],
          format_latency(middle(result.rounds, &StepRound::in_place)), in_place[0], in_place[1]}) {
      row.push_back(cell);
    }
    sheet.rows.push_back(std::move(row));
  }
  return sheet;
}

/// "Intel(R) Xeon(R) Processor, avx512 vnni amx, 2 threads, ONNX Runtime 1.2.3, oneDNN 2.6.3"
[[nodiscard]] inline std::string heading(const Report& report) {
  const int threads = report.timing.threads;
  std::string text = printable(report.environment.cpu) + ", " + printable(report.environment.isa) + ", " +
                     std::to_string(threads) + (threads == 1 ? " thread" : " threads");
  for (const auto& [library, version] : report.environment.versions) {
    text.append(", ").append(library).append(" ").append(version);
  }
  return text;
}

inline constexpr const char* peer_legend =
    "Precisions are Fulcrum's / ONNX Runtime's. Both run the same threads, and int8 the same quantized model, in "
    "turns; times are medians over all runs. ONNX Runtime's are without the call from JavaScript (column Node call: "
    "an empty model with the same inputs, timed in the same rounds). The ratio is ONNX Runtime's time over Fulcrum's "
    "(above 1, "
    "Fulcrum takes less): the median over the rounds and the middle half of them. Outputs on "
    "Fulcrum's model were compared before: at most 1e-4 of the largest in f32, 5e-2 in bf16 and in int8; in int8 also "
    "as much as quantization itself changes them.";
inline constexpr const char* step_legend =
    "The executor's whole run beside the sum of its steps: each run again and again by itself, with its data warm in "
    "the caches (steps alone), and each timed where it stands in a run (steps in place). The ratio is the "
    "executor's time over the sum: the median over the rounds and the middle half of them.";

/// Both tables for the terminal, or as Markdown.
template <class Render>
[[nodiscard]] std::string document(const Report& report, const Render& render, const std::string& heading_mark) {
  std::string text;
  const auto section = [&](const std::string& title, const Sheet& sheet, const char* legend) {
    if (sheet.rows.empty()) return;
    if (!text.empty()) text += "\n";
    text.append(heading_mark).append(title).append("\n\n").append(heading(report)).append("\n\n");
    text.append(render(sheet)).append("\n").append(legend).append("\n");
  };
  section("Fulcrum beside ONNX Runtime", peer_sheet(report.cases), peer_legend);
  section("The executor beside its steps", step_sheet(report.steps), step_legend);
  return text;
}

[[nodiscard]] inline std::string to_text(const Report& report) {
  return document(
      report, [](const Sheet& sheet) { return to_text(sheet); }, "");
}
[[nodiscard]] inline std::string to_markdown(const Report& report) {
  return document(
      report, [](const Sheet& sheet) { return to_markdown(sheet); }, "## ");
}

}  // namespace fulcrum::peers
