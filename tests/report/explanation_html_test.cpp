#include <fulcrum/report/explanation_html.hpp>

#include <fulcrum/exec/explain.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// Times as a measurement would have them: a microsecond more for each step.
LatencyReport timed(const Explanation& explanation) {
  LatencyReport report;
  report.kind = ReportKind::measured;
  for (const StepInfo& step : explanation.steps) {
    report.layers.push_back(row_of(step));
    report.layers.back().latency = Milliseconds(0.001 * static_cast<double>(report.layers.size()));
  }
  return report;
}

}  // namespace

TEST_CASE("every step but changes of layout is a box, and each leads to what takes it") {
  for (const char* name : {"fashion_cnn", "resnet18", "squeezenet1_1"}) {
    INFO(name);
    const Model<float> model = zoo_model(name);
    const Explanation explanation = explain(model, {});
    const LatencyReport report = timed(explanation);
    const std::vector<GraphNode> graph = model_graph(model, explanation, report);
    std::size_t steps = 0;
    Milliseconds all{}, in_graph{};
    for (std::size_t i = 0; i < explanation.steps.size(); ++i) {
      steps += explanation.steps[i].layers.empty() ? 0 : 1;
      all += report.layers[i].latency;
    }
    CHECK(graph.size() == steps + 1);  // and the input
    for (std::size_t i = 0; i < graph.size(); ++i) {
      in_graph += graph[i].latency;
      CHECK(graph[i].sources.empty() == (graph[i].kind == "Input"));
      for (const std::size_t source : graph[i].sources) CHECK(source < i);
      CHECK_FALSE(graph[i].shape.empty());
    }
    CHECK(in_graph.count() == Approx(all.count()));
  }
}

TEST_CASE("the page shows the graph without executing what names hold, and refuses other times") {
  const Model<float> model =
      ModelBuilder<float>("<script>alert(1)</script>", 5).input({1, 8, 8}).conv(4, 3).relu().flatten().dense(2).build();
  const Explanation explanation = explain(model, {});
  LatencyReport report = timed(explanation);
  const std::string page = html_report(model, explanation, report, {"1.2.3", "fulcrum explain 'a b'"});
  CHECK_THAT(page, ContainsSubstring("<svg width=") && ContainsSubstring("1.2.3") &&
                       ContainsSubstring("fulcrum explain &#39;a b&#39;") && ContainsSubstring("Conv+Relu"));
  CHECK(page.find("<script>alert") == std::string::npos);
  report.layers.pop_back();
  CHECK_THROWS_WITH(html_report(model, explanation, report), ContainsSubstring("other steps"));
}
