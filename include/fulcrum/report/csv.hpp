#pragma once
/// \file
/// Tables of JSON documents as comma-separated values (RFC 4180, lines end with \n).

#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// One column: its name, with the unit where there is one, and where its values are.
struct CsvColumn {
  std::string_view name;
  /// A JSON pointer into the row, or behind ^ into the whole document; several with | between them: the first that
  /// leads to something.
  std::string_view path;
};

/// A cell, quoted where it must be. A text that a spreadsheet would take for a formula gets an apostrophe in front.
FULCRUM_DECLARE [[nodiscard]] std::string csv_cell(const nlohmann::json& value);

/// A line with the columns' names, and one for each row. Numbers are written in full; null and what is missing are
/// empty; a list has semicolons between its values.
FULCRUM_DECLARE [[nodiscard]] std::string to_csv(std::span<const CsvColumn> columns,
                                                 std::span<const nlohmann::json> rows, const nlohmann::json& document);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <nlohmann/json.hpp>

#include <fulcrum/core/utf8.hpp>

namespace fulcrum::detail {

/// Whether a spreadsheet may run the text: it starts as a formula does, and is no number.
FULCRUM_DECLARE bool is_formula(const std::string& text) {
  return !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
}

FULCRUM_DECLARE const nlohmann::json* csv_value(const CsvColumn& column, const nlohmann::json& row,
                                                const nlohmann::json& document) {
  for (std::string_view rest = column.path; !rest.empty();) {
    const std::size_t bar = rest.find('|');
    std::string_view path = rest.substr(0, bar);
    rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
    const nlohmann::json* from = &row;
    if (path.starts_with('^')) {
      from = &document;
      path.remove_prefix(1);
    }
    const nlohmann::json::json_pointer pointer{std::string(path)};
    if (from->contains(pointer) && !(*from)[pointer].is_null() && !(*from)[pointer].is_object())
      return &(*from)[pointer];
  }
  return nullptr;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string csv_cell(const nlohmann::json& value) {
  if (value.is_null()) return {};
  if (value.is_array()) {
    std::string list;
    for (const nlohmann::json& element : value) {
      list += list.empty() ? "" : ";";
      list += element.is_string() ? element.get<std::string>()
                                  : element.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    return csv_cell(nlohmann::json(list));
  }
  if (!value.is_string()) return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string text = valid_utf8(value.get<std::string>());
  if (detail::is_formula(text)) text.insert(0, "'");
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

FULCRUM_DEFINE std::string to_csv(std::span<const CsvColumn> columns, std::span<const nlohmann::json> rows,
                                  const nlohmann::json& document) {
  std::string text;
  for (const CsvColumn& column : columns) text.append(text.empty() ? "" : ",").append(column.name);
  text += "\n";
  for (const nlohmann::json& row : rows) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) text += ",";
      if (const nlohmann::json* value = detail::csv_value(columns[i], row, document)) text += csv_cell(*value);
    }
    text += "\n";
  }
  return text;
}

}  // namespace fulcrum

#endif
