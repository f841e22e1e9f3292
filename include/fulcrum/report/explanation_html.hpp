#pragma once
/// \file
/// What runs of a model, and how long it takes, as a graph on an HTML page that needs nothing else, not even a script
/// for its main part.

#include <cstddef>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/exec/explanation.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/report/html.hpp>

namespace fulcrum {

/// A box of the graph: a step that runs, or an input.
struct GraphNode {
  std::string name, kind;            ///< as the step's; "Input" of an input
  std::string shape;                 ///< of its result, without the batch
  std::string implementation;        ///< empty: an input
  std::vector<std::string> layers;   ///< of the model that run in it
  Milliseconds latency{};            ///< of the step and of the changes of layout that its value takes
  Milliseconds reorders{};           ///< of those alone
  double flops = 0.0, bytes = 0.0;   ///< of the batch
  std::vector<std::size_t> sources;  ///< indices of boxes; each before this one
};

/// The steps of an explanation and what leads from each to each. Layers that cost nothing or were folded are passed
/// through; changes of layout count to the step whose value they convert.
/// \param timed  a measurement or a prediction of the same model and configuration; its layers are the steps
/// \throws Error when the report is of other steps
FULCRUM_DECLARE [[nodiscard]] std::vector<GraphNode> model_graph(const Model<float>& model,
                                                                 const Explanation& explanation,
                                                                 const LatencyReport& timed);

/// The page: the graph, boxes coloured by their share of the time, and the same as a table.
/// \throws Error as model_graph()
FULCRUM_DECLARE [[nodiscard]] std::string html_report(const Model<float>& model, const Explanation& explanation,
                                                      const LatencyReport& timed, const ReportOrigin& origin = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/detail/html_document.hpp>
#include <fulcrum/report/detail/html_style.hpp>
#include <fulcrum/report/detail/html_text.hpp>
#include <fulcrum/report/detail/layered_layout.hpp>

namespace fulcrum::detail {

/// "64×112×112": the extents of one sample.
FULCRUM_DECLARE std::string shape_of_sample(const Shape& shape) {
  std::string text;
  for (std::size_t i = 1; i < shape.size(); ++i) text += (text.empty() ? "" : "×") + std::to_string(shape[i]);
  return text;
}

FULCRUM_DECLARE std::string shortened(const std::string& name, std::size_t most) {
  std::string shown = printable(name);
  std::size_t from = 0;
  while (display_width(std::string_view(shown).substr(from)) > most) {
    ++from;
    while (from < shown.size() && (static_cast<unsigned char>(shown[from]) & 0xC0U) == 0x80U) ++from;
  }
  return from == 0 ? shown : "…" + shown.substr(from);
}

/// What a box says when it is looked at closely.
FULCRUM_DECLARE std::string details_of(const GraphNode& node, Milliseconds whole) {
  std::string text = printable(node.name) + " (" + printable(node.kind) + ")";
  if (!node.shape.empty()) text += "\nresult " + node.shape;
  if (!node.implementation.empty()) {
    text += "\n" + format_latency(node.latency);
    if (whole.count() > 0.0) text += formatted(", %.1f %% of the time", 100.0 * (node.latency / whole));
    if (node.reorders.count() > 0.0) text += "\nof it " + format_latency(node.reorders) + " for changes of layout";
    if (node.flops > 0.0 && node.latency.count() > 0.0)
      text += "\n" + format_flops(node.flops) + formatted(", %.3g GFLOP/s", node.flops / node.latency.count() * 1e-6);
    text += "\n" + printable(node.implementation);
    if (node.layers.size() > 1) {
      text += "\nlayers";
      for (const std::string& layer : node.layers) text += " " + printable(layer);
    }
  }
  return text;
}

FULCRUM_DECLARE std::string svg_edge(const std::vector<LayoutPoint>& points) {
  std::string path = formatted("M%.1f %.1f", points.front().x, points.front().y);
  for (std::size_t i = 1; i < points.size(); ++i) {
    const LayoutPoint& a = points[i - 1];
    const LayoutPoint& b = points[i];
    const double middle = 0.5 * (a.y + b.y);
    path += a.x == b.x ? formatted("V%.1f", b.y)
                       : formatted("C%.1f %.1f %.1f %.1f %.1f %.1f", a.x, middle, b.x, middle, b.x, b.y);
  }
  return "<path d=\"" + path + "\"/>\n";
}

FULCRUM_DECLARE std::string svg_graph(const std::vector<GraphNode>& graph, Milliseconds whole) {
  std::vector<std::pair<std::size_t, std::size_t>> edges;
  Milliseconds longest{};
  for (std::size_t i = 0; i < graph.size(); ++i) {
    for (const std::size_t source : graph[i].sources) edges.emplace_back(source, i);
    longest = std::max(longest, graph[i].latency);
  }
  const LayoutOptions options;
  const GraphLayout layout = layered_layout(graph.size(), edges, options);
  constexpr double margin = 8.0;
  const double width = layout.width + 2 * margin;
  const double height = layout.height + 2 * margin;
  std::string svg = formatted("<svg width=\"%.0f\" height=\"%.0f\" viewBox=\"%.0f %.0f %.0f %.0f\" ", width, height,
                              -margin, -margin, width, height);
  svg +=
      "role=\"img\" aria-label=\"The steps of the model and what leads from each to each\">\n<defs><marker id=\"tip\" "
      "viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
      "<path class=\"tip\" d=\"M0 0 8 4 0 8Z\"/></marker></defs>\n<g class=\"edges\">\n";
  for (const auto& points : layout.edges) svg += svg_edge(points);
  svg += "</g>\n";
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const GraphNode& node = graph[i];
    const double share = longest.count() > 0.0 ? node.latency / longest : 0.0;
    svg += std::string("<g class=\"box") + (share > 0.35 ? " hot" : "") + "\" tabindex=\"0\"" +
           formatted(" transform=\"translate(%.1f %.1f)\">", layout.nodes[i].x, layout.nodes[i].y);
    svg += "<title>" + escape_html(details_of(node, whole)) + "</title>";
    svg += formatted("<rect class=\"back\" width=\"%.0f\" height=\"%.0f\" rx=\"6\"/>", options.node_width,
                     options.node_height);
    svg += formatted("<rect class=\"heat\" width=\"%.0f\" height=\"%.0f\" rx=\"6\" fill-opacity=\"%.3f\"/>",
                     options.node_width, options.node_height, 0.62 * share);
    const std::string time = node.implementation.empty() ? "" : format_latency(node.latency);
    svg += "<text x=\"10\" y=\"17\" class=\"name\">" + escape_html(shortened(node.name, time.empty() ? 30 : 21)) +
           "</text>";
    svg +=
        formatted("<text x=\"%.0f\" y=\"17\" class=\"time\">", options.node_width - 10) + escape_html(time) + "</text>";
    svg += "<text x=\"10\" y=\"33\" class=\"kind\">" + escape_html(shortened(node.kind, 20)) + "</text>";
    svg += formatted("<text x=\"%.0f\" y=\"33\" class=\"shape\">", options.node_width - 10) +
           escape_html(shortened(node.shape, 18)) + "</text></g>\n";
  }
  return svg + "</svg>\n";
}

inline constexpr std::string_view html_graph_style = R"css(
.graph { overflow: auto; padding: 14px; max-height: 82vh; }
.graph svg { display: block; margin: 0 auto; }
.graph .edges path { fill: none; stroke: var(--faint); stroke-width: 1.4; marker-end: url(#tip); }
.graph .edges { opacity: .8; }
.graph .tip { fill: var(--faint); }
.graph .back { fill: var(--card); stroke: var(--line); stroke-width: 1.2; }
.graph .heat { fill: var(--bf16); }
.graph text { font-size: 12.5px; fill: var(--ink); }
.graph .name { font-weight: 620; }
.graph .time, .graph .shape { text-anchor: end; }
.graph .kind, .graph .shape { fill: var(--soft); font-size: 11.5px; }
.graph .box { cursor: default; outline: none; }
.graph .box:hover .back, .graph .box:focus .back { stroke: var(--accent); stroke-width: 2.4; }
.graph .hot .kind, .graph .hot .shape, .graph .box:hover .kind, .graph .box:hover .shape, .graph .box:focus .kind, .graph .box:focus .shape { fill: var(--ink); }
#details { position: sticky; bottom: 0; white-space: pre-line; overflow-wrap: anywhere; font-size: 14px; margin-top: 12px; min-height: 64px; padding: 12px 16px; }
#details.filled::first-line { font-weight: 620; }
)css";

inline constexpr std::string_view html_graph_script = R"js(
const graph = document.querySelector('.graph');
graph.scrollLeft = (graph.scrollWidth - graph.clientWidth) / 2;  // where the graph begins
const details = document.getElementById('details');
for (const box of document.querySelectorAll('.graph .box')) {
  const text = box.querySelector('title').textContent;
  const show = () => { details.textContent = text; details.classList.add('filled'); };
  box.addEventListener('pointerenter', show);
  box.addEventListener('focus', show);
}
)js";

FULCRUM_DECLARE std::string html_steps(const std::vector<GraphNode>& graph, Milliseconds whole) {
  std::string text =
      "<div class=\"card scroll\"><table class=\"stacks\">\n<thead><tr><th class=\"word\">step</th>"
      "<th class=\"word\">kind</th><th>result</th><th>time</th><th>share</th><th>FLOP</th>"
      "<th class=\"word\">implementation</th></tr></thead>\n<tbody>\n";
  for (const GraphNode& node : graph) {
    if (node.implementation.empty()) continue;
    text += "<tr><td class=\"word name\" data-column=\"step\">" + escape_html(printable(node.name)) + "</td>";
    text += html_cell("kind", printable(node.kind), "", "word");
    text += html_cell("result", node.shape, "");
    text += html_cell("time", format_latency(node.latency), "");
    text += html_cell("share", whole.count() > 0.0 ? formatted("%.1f %%", 100.0 * (node.latency / whole)) : "", "");
    text += html_cell("FLOP", node.flops > 0.0 ? format_flops(node.flops) : "", "");
    text += html_cell("implementation", printable(node.implementation), "", "why") + "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::vector<GraphNode> model_graph(const Model<float>& model, const Explanation& explanation,
                                                  const LatencyReport& timed) {
  const auto& steps = explanation.steps;
  bool same = steps.size() == timed.layers.size();
  for (std::size_t i = 0; same && i < steps.size(); ++i) same = steps[i].name == timed.layers[i].name;
  if (!same) throw Error("the graph of '" + model.name() + "'", "was given times of other steps");

  const std::vector<Shape> shapes = infer_shapes(model, explanation.batch);
  // The boxes in the order in which they run: inputs first, then steps that have layers.
  std::vector<GraphNode> graph;
  std::map<std::string, std::size_t> box_of;  // by layer
  for (const NodeId id : model.inputs()) {
    box_of[model.node(id).name] = graph.size();
    GraphNode& node = graph.emplace_back();
    node.name = model.node(id).name;
    node.kind = "Input";
    node.shape = detail::shape_of_sample(shapes[id]);
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const StepInfo& step = steps[i];
    const Milliseconds latency = timed.layers[i].latency;
    const auto before = step.layers.empty() ? box_of.find(step.name) : box_of.find(step.layers.front());
    if (step.layers.empty() || before != box_of.end()) {
      if (before == box_of.end()) continue;
      graph[before->second].latency += latency;
      if (step.layers.empty()) graph[before->second].reorders += latency;
      continue;
    }
    for (const std::string& layer : step.layers) box_of.try_emplace(layer, graph.size());
    GraphNode& node = graph.emplace_back();
    node.name = step.name;
    node.kind = step.kind;
    node.implementation = step.implementation;
    node.layers = step.layers;
    node.latency = latency;
    node.flops = step.flops;
    node.bytes = step.bytes;
  }
  // A layer that is in no step stands for what leads to it.
  std::vector<std::vector<std::size_t>> boxes(model.size());
  for (NodeId id = 0; id < model.size(); ++id) {
    const auto own = box_of.find(model.node(id).name);
    if (own != box_of.end()) {
      boxes[id] = {own->second};
      GraphNode& node = graph[own->second];
      if (node.kind != "Input") node.shape = detail::shape_of_sample(shapes[id]);  // of the last layer in it
    }
    for (const NodeId source : model.node(id).src) {
      for (const std::size_t box : boxes[source]) {
        std::vector<std::size_t>& into = own != box_of.end() ? graph[own->second].sources : boxes[id];
        const bool itself = own != box_of.end() && box >= own->second;
        if (!itself && std::find(into.begin(), into.end(), box) == into.end()) into.push_back(box);
      }
    }
  }
  return graph;
}

FULCRUM_DEFINE std::string html_report(const Model<float>& model, const Explanation& explanation,
                                       const LatencyReport& timed, const ReportOrigin& origin) {
  using detail::escape_html;
  const std::vector<GraphNode> graph = model_graph(model, explanation, timed);
  Milliseconds whole{};
  for (const StepLatency& layer : timed.layers) whole += layer.latency;
  const std::string about = printable(model.name()) + ", " + to_string(timed.config);
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  page += escape_html(about) + " – Fulcrum</title>\n<style>";
  page.append(detail::html_style).append(detail::html_graph_style).append("</style>\n</head>\n<body>\n<header>");
  page.append(detail::html_mark);
  page +=
      "<span class=\"mark\">Fulcrum</span><span class=\"about\">What runs: " + escape_html(about) +
      "</span></header>\n<main>\n<h2>The graph</h2>\n<p class=\"lead\">A box is a step that runs: layers that were "
      "fused are one, those that cost nothing are left out. The stronger its colour, the more of the time it takes: ";
  page += escape_html(format_latency(whole)) + " of steps, " + std::string(name_of(timed.kind)) + ", " +
          escape_html(format_latency(timed.latency.p50)) +
          " for the whole. Point at a box, or reach it with the Tab key, for more.</p>\n<div class=\"card graph\">\n";
  page += detail::svg_graph(graph, whole) +
          "</div>\n<div class=\"card\" id=\"details\" aria-live=\"polite\">The box that you point at is described "
          "here.</div>\n";
  page += "<h2>The same as a table</h2>\n" + detail::html_steps(graph, whole);
  std::vector<std::string> notes = explanation.notes;
  notes.insert(notes.end(), timed.notes.begin(), timed.notes.end());
  if (!notes.empty()) page += "<h2>Notes</h2>\n<div class=\"card\">" + detail::html_notes(notes) + "</div>\n";
  page += "<h2>Where these figures come from</h2>\n<div class=\"card\"><dl class=\"facts\">\n" +
          detail::html_environment_facts(timed.environment) + detail::html_origin(origin) + "</dl></div>\n";
  page +=
      "</main>\n<footer>This page is complete in itself and asks nothing of the network.</footer>\n<script>(() => {";
  page.append(detail::html_graph_script);
  return page + "})();</script>\n</body>\n</html>\n";
}

}  // namespace fulcrum

#endif
