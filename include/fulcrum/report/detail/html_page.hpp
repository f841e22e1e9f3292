#pragma once
/// \file
/// The frame of the report page: puts sections, figures, style and scripts together.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/study.hpp>

namespace fulcrum::detail {

/// \param data  chart_data() with the machine's limits
FULCRUM_DECLARE std::string html_page(const TradeoffStudy& study, const nlohmann::json& data,
                                      const std::string& provenance, std::string_view chart_js_source);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(report)

#include <map>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/report/detail/html_data.hpp>
#include <fulcrum/report/detail/html_script.hpp>
#include <fulcrum/report/detail/html_sections.hpp>
#include <fulcrum/report/detail/html_spread_script.hpp>
#include <fulcrum/report/detail/html_style.hpp>

namespace fulcrum::detail {

inline constexpr std::string_view html_mark =
    "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M2 9.8 22 5.6\" stroke=\"currentColor\" "
    "stroke-width=\"2.2\" stroke-linecap=\"round\"/><path d=\"m12 9.6 6 11H6Z\" fill=\"currentColor\"/></svg>";

FULCRUM_DECLARE std::string html_legend() {
  std::string text = "<ul class=\"legend\">\n";
  for (const Precision precision : all_precisions) {
    text += "<li>" + html_shape(precision) + std::string(name_of(precision)) + "</li>";
  }
  text +=
      "<li>filled: on the Pareto front</li><li>outlined: measured, off the front</li>"
      "<li><label><input type=\"checkbox\" id=\"show-predicted\"> show what was only predicted</label></li></ul>\n";
  return text;
}

FULCRUM_DECLARE std::string html_plots(const TradeoffStudy& study) {
  std::string text =
      "<h2>How latency, accuracy and throughput balance</h2>\n"
      "<p class=\"lead\">Each point is one way to run the model. One is on the front when no other measured one is at "
      "least "
      "as good in accuracy, p99 latency and throughput and better in one. The stepped line is the best within each "
      "latency; bars reach over "
      "the rounds";
  text +=
      study.objective.slo_p99 || study.objective.max_accuracy_drop_points ? "; the shaded area misses the targets" : "";
  text += ". Select a point to see its layers below.</p>\n";
  text += html_legend();
  text +=
      "<div class=\"pair\">\n<div class=\"card\"><h3>Accuracy against latency</h3><div class=\"plot\">"
      "<canvas id=\"accuracy-plot\" role=\"img\" aria-label=\"Accuracy against p99 latency of every "
      "candidate\"></canvas>"
      "</div></div>\n<div class=\"card\"><h3>Throughput against latency</h3><div class=\"plot\"><canvas "
      "id=\"rate-plot\" "
      "role=\"img\" aria-label=\"Throughput against p99 latency of every candidate\"></canvas></div></div>\n</div>\n";
  text +=
      "<h2>What bounds each layer</h2>\n<p class=\"lead\">A layer can go no faster than the arithmetic units allow "
      "(level lines) or than its data arrives (slanted lines). Far below both, the fixed cost of starting a layer "
      "counts. "
      "A 3×3 convolution may stand above the level line: Winograd's algorithm does a layer's work with fewer "
      "operations than are counted here. "
      "Outlined points are predictions where nothing was measured.</p>\n"
      "<p class=\"controls\"><label for=\"run\">Layers of</label> <select id=\"run\"></select></p>\n"
      "<div class=\"pair\">\n<div class=\"card\"><h3>Roofline</h3><div class=\"plot filling\"><canvas "
      "id=\"roofline-plot\" "
      "role=\"img\" aria-label=\"Rate of each layer against its arithmetic intensity, with the machine's "
      "limits\"></canvas>"
      "</div></div>\n<div class=\"card\"><h3>Predicted against measured</h3><p class=\"caption\" "
      "id=\"layers-caption\"></p>"
      "<div class=\"plot\"><canvas id=\"layers-plot\" role=\"img\" aria-label=\"Predicted and measured latency of each "
      "layer\"></canvas></div></div>\n</div>\n";
  text +=
      "<h2>How latencies are spread, and what a run takes</h2>\n<p class=\"lead\">Left, of single inferences of the "
      "run chosen above and of the other precisions in the same configuration: the share that took no longer. Right, "
      "the parameters of each variant, and the memory of its run in that configuration.</p>\n"
      "<div class=\"pair\">\n<div class=\"card\"><h3>Distribution of latencies</h3><div class=\"plot\"><canvas "
      "id=\"spread-plot\" role=\"img\" aria-label=\"Share of inferences that took no longer than a latency\">"
      "</canvas></div></div>\n<div class=\"card\"><h3>Size and memory</h3><div class=\"plot\"><canvas "
      "id=\"size-plot\" role=\"img\" aria-label=\"Megabytes of each variant\"></canvas></div></div>\n</div>\n";
  return text;
}

FULCRUM_DECLARE std::string html_table_section(const TradeoffStudy& study) {
  std::size_t measured = 0;
  std::size_t front = 0;
  for (const Candidate& c : study.candidates) {
    measured += c.measured ? 1 : 0;
    front += c.on_front ? 1 : 0;
  }
  const auto button = [](const char* filter, const char* label, std::size_t count, bool pressed) {
    std::string text = "<button type=\"button\" data-filter=\"";
    text.append(filter).append("\" aria-pressed=\"").append(pressed ? "true" : "false").append("\">").append(label);
    return text + " (" + std::to_string(count) + ")</button>";
  };
  std::string text =
      "<h2>Every candidate</h2>\n<p class=\"lead\">All were predicted; the promising ones were measured in turns, so "
      "that "
      "a drift of the machine met all alike. The error is that of the predicted median. Click a heading to sort.</p>\n"
      "<p class=\"controls\">";
  text += button("front", "On the front", front, false);
  text += button("measured", "Measured", measured, measured > 0);
  text += button("all", "All", study.candidates.size(), measured == 0);
  text +=
      "<a id=\"download-csv\" download=\"study.csv\">Download as CSV</a><a id=\"download-json\" "
      "download=\"study.json\">as JSON</a></p>\n";
  text += html_candidates(study, measured > 0);
  text +=
      "<h2>Variants of the model</h2>\n<p class=\"lead\">Accuracy is that of the whole test set, computed in the "
      "variant's own precision. Pruning sets weights to zero. In f32 a layer runs as a sparse product, and faster, "
      "where "
      "more of its weights are zero than at its break-even; other kernels multiply zeros like any number.</p>\n";
  return text + html_variants(study);
}

/// \param provenance  where the machine's limits come from, as further <dt>/<dd> pairs
FULCRUM_DECLARE std::string html_environment(const TradeoffStudy& study, const std::string& provenance) {
  const Environment& e = study.environment;
  std::string affinity;
  for (const int cpu : e.affinity) affinity += (affinity.empty() ? "" : ", ") + std::to_string(cpu);
  std::string text = "<h2>Where these figures come from</h2>\n<div class=\"card\"><dl class=\"facts\">\n";
  text += html_fact("Processor", e.cpu);
  text += html_fact("Instruction sets", e.isa);
  text += html_fact("Cores this process may use",
                    std::to_string(e.cores) + (affinity.empty() ? "" : " (CPUs " + affinity + ")"));
  text += html_fact("Container limit", e.cpu_quota > 0.0 ? formatted("%.3g CPUs", e.cpu_quota) : "none");
  for (const auto& [library, version] : e.versions) text += html_fact(library, version);
  text += html_fact("Seed", std::to_string(e.seed));
  text += html_fact("Model", study.model);
  text += html_fact("Data", study.data);
  text += html_fact("Started", study.started_at);
  text += html_fact("Study took", study.duration.count() > 0.0 ? formatted("%.0f s", study.duration.count()) : "");
  text += provenance + "</dl></div>\n";
  std::vector<std::string> notes = study.notes;
  std::map<std::string, std::vector<std::string>> by_note;  // what a note is about
  for (const Candidate& c : study.candidates) {
    if (!c.measured) continue;
    for (const std::string& note : c.measured->notes) by_note[note].push_back(to_string(c));
  }
  for (const auto& [note, candidates] : by_note) {
    notes.push_back(candidates.size() == 1 ? candidates.front() + ": " + note
                                           : std::to_string(candidates.size()) + " candidates (" + candidates.front() +
                                                 " and others): " + note);
  }
  if (!notes.empty()) text += "<h2>Notes</h2>\n<div class=\"card\">" + html_notes(notes) + "</div>\n";
  return text;
}

FULCRUM_DEFINE std::string html_page(const TradeoffStudy& study, const nlohmann::json& data,
                                     const std::string& provenance, std::string_view chart_js_source) {
  const std::string about = study.data.empty() ? study.model : study.model + " on " + study.data;
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  page += escape_html(about) + " – Fulcrum trade-off report</title>\n<style>";
  page.append(html_style).append("</style>\n</head>\n<body>\n<header>").append(html_mark);
  page += "<span class=\"mark\">Fulcrum</span><span class=\"about\">Trade-off report: " + escape_html(about) +
          "</span></header>\n<main>\n";
  page += html_answer(study);
  page += html_plots(study);
  page += html_table_section(study);
  page += html_environment(study, provenance);
  page +=
      "</main>\n<footer>This page is complete in itself and asks nothing of the network. Charts: Chart.js (MIT "
      "License)."
      "</footer>\n<script type=\"application/json\" id=\"study\">";
  page += script_json(data) + "</script>\n<script>" + script_source(chart_js_source) + "</script>\n<script>(() => {";
  page.append(html_script_common).append(html_script_tradeoff).append(html_script_layers);
  page.append(html_script_spread).append(html_script_page);
  return page + "})();</script>\n</body>\n</html>\n";
}

}  // namespace fulcrum::detail

#endif
