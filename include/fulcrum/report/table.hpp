#pragma once
/// \file
/// Aligned text tables.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/utf8.hpp>

namespace fulcrum {

namespace detail {

/// Columns a code point takes on a terminal: 0 for combining and joining marks, 2 for the wide scripts and pictographs
/// (the blocks of Unicode's EastAsianWidth.txt that are W or F), otherwise 1.
constexpr std::size_t code_point_width(std::uint32_t c) noexcept {
  const auto in = [c](std::uint32_t low, std::uint32_t high) { return c >= low && c <= high; };
  if (in(0x300, 0x36f) || in(0x200b, 0x200f) || in(0x20d0, 0x20ff) || in(0xfe00, 0xfe0f)) return 0;
  const bool wide = in(0x1100, 0x115f) || in(0x2e80, 0x303e) || in(0x3041, 0xa4cf) || in(0xac00, 0xd7a3) ||
                    in(0xf900, 0xfaff) || in(0xfe30, 0xfe6f) || in(0xff00, 0xff60) || in(0xffe0, 0xffe6) ||
                    in(0x1f300, 0x1f64f) || in(0x1f900, 0x1f9ff) || in(0x20000, 0x3fffd);
  return wide ? 2 : 1;
}

}  // namespace detail

/// Columns that UTF-8 text takes on a terminal.
FULCRUM_DECLARE [[nodiscard]] std::size_t display_width(std::string_view text);

/// The text with every control character and invalid byte replaced by "�": names come from model files, and a terminal
/// must not obey them.
FULCRUM_DECLARE [[nodiscard]] std::string printable(std::string_view text);

enum class Align : std::uint8_t { left, right };

/// Head of a column; figures are right-aligned, words left-aligned.
struct Column {
  std::string title;
  Align align = Align::left;
};

/// Rows of text under a header, as wide as they need to be.
///
///     Table table({{"layer", Align::left}, {"FLOPs", Align::right}}, "fashion_cnn");
///     table.add_row({"conv1", "451,584"});
///     std::string text = table.to_string();
class Table {
public:
  /// \param title  printed above; may be empty
  /// \throws Error when there is no column
  FULCRUM_DECLARE explicit Table(std::vector<Column> columns, std::string title = {});

  /// \throws Error when there are more cells than columns; missing ones are empty
  FULCRUM_DECLARE void add_row(std::vector<std::string> cells);

  /// A line between rows (before totals, say).
  void add_rule() { rows_.emplace_back(); }

  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }

  /// Lines, each with its end of line.
  FULCRUM_DECLARE [[nodiscard]] std::string to_string() const;

private:
  static constexpr std::size_t gap = 2;

  FULCRUM_DECLARE void append_row(std::string& text, const std::vector<std::string>& cells,
                                  const std::vector<std::size_t>& widths) const;

  std::vector<Column> columns_;
  std::string title_;
  std::vector<std::vector<std::string>> rows_;  // an empty row is a rule
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <algorithm>

namespace fulcrum {

FULCRUM_DEFINE Table::Table(std::vector<Column> columns, std::string title)
    : columns_(std::move(columns)), title_(printable(title)) {
  if (columns_.empty()) throw Error("table", "has no columns");
  for (Column& column : columns_) column.title = printable(column.title);
}

FULCRUM_DEFINE std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    width += detail::code_point_width(c.value);
    at += c.bytes;
  }
  return width;
}

FULCRUM_DEFINE std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const bool control = c.value < 0x20U || (c.value >= 0x7fU && c.value < 0xa0U);
    if (control || c.value == 0xfffdU)
      result += "\xef\xbf\xbd";
    else
      result.append(text.substr(at, c.bytes));
    at += c.bytes;
  }
  return result;
}

FULCRUM_DEFINE void Table::add_row(std::vector<std::string> cells) {
  if (cells.size() > columns_.size()) {
    throw Error("table row",
                "has " + std::to_string(cells.size()) + " cells for " + std::to_string(columns_.size()) + " columns");
  }
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

FULCRUM_DEFINE std::string Table::to_string() const {
  std::vector<std::size_t> widths;
  std::size_t total = gap * (columns_.size() - 1);
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = display_width(columns_[c].title);
    for (const auto& row : rows_) width = row.empty() ? width : std::max(width, display_width(row[c]));
    widths.push_back(width);
    total += width;
  }
  std::string rule;
  for (std::size_t i = 0; i < total; ++i) rule += "─";
  rule += '\n';

  std::string text;
  if (!title_.empty()) text.append(title_).append("\n");
  std::vector<std::string> header;
  for (const Column& column : columns_) header.push_back(column.title);
  append_row(text, header, widths);
  text += rule;
  for (const auto& row : rows_) {
    if (row.empty())
      text += rule;
    else
      append_row(text, row, widths);
  }
  return text;
}

FULCRUM_DEFINE void Table::append_row(std::string& text, const std::vector<std::string>& cells,
                                      const std::vector<std::size_t>& widths) const {
  std::string line;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const std::string padding(widths[c] - display_width(cells[c]), ' ');
    if (c != 0) line.append(gap, ' ');
    line += columns_[c].align == Align::right ? padding + cells[c] : cells[c] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  text.append(line).append("\n");
}

}  // namespace fulcrum

#endif
