#pragma once
/// \file
/// The frame of a page that is not the trade-off study's: head, header, figures, scripts.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum::detail {

/// \param about   behind the mark, and in the title
/// \param body    what stands in <main>
/// \param data    for the scripts, as `study`
/// \param script  behind html_script_common
/// \throws Error when the source of Chart.js is empty
FULCRUM_DECLARE std::string html_document(const std::string& about, const std::string& body, const nlohmann::json& data,
                                          std::string_view script, std::string_view chart_js_source);

/// Where figures come from: the facts of an environment as <dt>/<dd> pairs.
FULCRUM_DECLARE std::string html_environment_facts(const Environment& environment);

/// A chart in a card of its own.
/// \param caption  may be empty
FULCRUM_DECLARE std::string html_chart(const std::string& title, const std::string& caption, const std::string& id,
                                       const std::string& label);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(report)

#include <nlohmann/json.hpp>

#include <fulcrum/core/error.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/detail/html_page.hpp>
#include <fulcrum/report/detail/html_script.hpp>
#include <fulcrum/report/detail/html_table_script.hpp>

namespace fulcrum::detail {

FULCRUM_DEFINE std::string html_document(const std::string& about, const std::string& body, const nlohmann::json& data,
                                         std::string_view script, std::string_view chart_js_source) {
  if (chart_js_source.empty())
    throw Error("html_report", "was given no source of Chart.js", "pass the text of chart.min.js 3.x");
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  page += escape_html(about) + " – Fulcrum</title>\n<style>";
  page.append(html_style).append("</style>\n</head>\n<body>\n<header>").append(html_mark);
  page += "<span class=\"mark\">Fulcrum</span><span class=\"about\">" + escape_html(about) +
          "</span></header>\n<main>\n" + body +
          "</main>\n<footer>This page is complete in itself and asks nothing of the network. Charts: Chart.js (MIT "
          "License).</footer>\n<script type=\"application/json\" id=\"study\">";
  page += script_json(data) + "</script>\n<script>" + script_source(chart_js_source) + "</script>\n<script>(() => {";
  page.append(html_script_common).append(html_script_tables).append(script);
  return page + "})();</script>\n</body>\n</html>\n";
}

FULCRUM_DEFINE std::string html_environment_facts(const Environment& environment) {
  std::string text = html_fact("Processor", environment.cpu) + html_fact("Instruction sets", environment.isa) +
                     html_fact("Cores this process may use", std::to_string(environment.cores)) +
                     html_fact("Container limit",
                               environment.cpu_quota > 0.0 ? formatted("%.3g CPUs", environment.cpu_quota) : "none");
  for (const auto& [library, version] : environment.versions) text += html_fact(library, version);
  return text + html_fact("Seed", std::to_string(environment.seed));
}

FULCRUM_DEFINE std::string html_chart(const std::string& title, const std::string& caption, const std::string& id,
                                      const std::string& label) {
  return "<div class=\"card\"><h3>" + escape_html(title) + "</h3>" +
         (caption.empty() ? std::string() : "<p class=\"caption\">" + escape_html(caption) + "</p>") +
         "<div class=\"plot\"><canvas id=\"" + id + "\" role=\"img\" aria-label=\"" + escape_html(label) +
         "\"></canvas></div></div>\n";
}

}  // namespace fulcrum::detail

#endif
