#pragma once
/// \file
/// Text into a page without its becoming markup.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum::detail {

/// Text for element content or a quoted attribute; always valid UTF-8.
FULCRUM_DECLARE std::string escape_html(std::string_view text);

/// A sentence for element content: as escape_html(), and what stands in backquotes is marked as code.
FULCRUM_DECLARE std::string sentence_html(std::string_view text);

/// JSON for a <script type="application/json"> element: "<" can only stand within strings there, and written as an
/// escape it cannot end the element. Invalid UTF-8 becomes U+FFFD.
FULCRUM_DECLARE std::string script_json(const nlohmann::json& value);

/// The source of a script for an inline <script> element: "</script" and "<!--", which can only stand in its string
/// literals and comments, are broken up in the way that JavaScript reads back as the same string.
FULCRUM_DECLARE std::string script_source(std::string_view source);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(report)

#include <nlohmann/json.hpp>

namespace fulcrum::detail {

FULCRUM_DEFINE std::string escape_html(std::string_view text) {
  std::string result;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += c;
    }
  }
  return result;
}

FULCRUM_DEFINE std::string sentence_html(std::string_view text) {
  std::string result;
  for (std::string rest = escape_html(text); !rest.empty();) {
    const std::size_t from = rest.find('`');
    const std::size_t to = from == std::string::npos ? from : rest.find('`', from + 1);
    if (to == std::string::npos) return result + rest;
    result += rest.substr(0, from) + "<code>" + rest.substr(from + 1, to - from - 1) + "</code>";
    rest.erase(0, to + 1);
  }
  return result;
}

FULCRUM_DEFINE std::string script_json(const nlohmann::json& value) {
  std::string result;
  for (const char c : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
    if (c == '<')
      result += "\\u003c";
    else
      result += c;
  }
  return result;
}

FULCRUM_DEFINE std::string script_source(std::string_view source) {
  const auto starts = [&](std::size_t at, std::string_view lower) {
    if (source.size() - at < lower.size()) return false;
    for (std::size_t i = 0; i < lower.size(); ++i) {
      const char c = source[at + i];
      if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower[i]) return false;
    }
    return true;
  };
  std::string result;
  for (std::size_t at = 0; at < source.size(); ++at) {
    result += source[at];
    if (starts(at, "</script") || starts(at, "<!--")) result += '\\';
  }
  return result;
}

}  // namespace fulcrum::detail

#endif
