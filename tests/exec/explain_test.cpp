#include <fulcrum/exec/explain.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// Two branches of a convolution each that are joined, with a sum that broadcasts behind them.
Model<float> branches() {
  ModelBuilder<float> b("branches", 1);
  const NodeId stem = b.input({3, 8, 8}).conv(8, 3, {.padding = 1}).batch_normalization().relu().last();
  const NodeId left = b.from(stem).conv(16, 1).relu().last();
  b.from(stem).conv(8, 3, {.padding = 1});
  b.concat({left});
  const NodeId joined = b.last();
  const NodeId mean = b.global_average_pool().last();
  return b.from(joined).conv(24, 1).add(mean).build();
}

const StepInfo& step_of(const Explanation& explanation, const std::string& layer) {
  for (const StepInfo& step : explanation.steps) {
    if (std::find(step.layers.begin(), step.layers.end(), layer) != step.layers.end()) return step;
  }
  FAIL("no step runs " << layer);
  return explanation.steps.front();
}

}  // namespace

TEST_CASE("an explanation says what runs together, what was folded and why the rest is apart") {
  const Explanation explanation = explain(branches(), {.batch = 1});
  CHECK(explanation.model == "branches");
  CHECK(step_of(explanation, "relu1").layers == std::vector<std::string>{"conv1", "relu1"});
  CHECK(step_of(explanation, "relu2").layers == std::vector<std::string>{"conv2", "relu2"});
  REQUIRE(explanation.folded.folded.size() == 1);
  CHECK(explanation.folded.folded[0].into == "conv1");
  CHECK_THAT(step_of(explanation, "conv4").why_ended, ContainsSubstring("broadcasts"));
  CHECK(explanation.memory.weights > 0);
  for (const StepInfo& step : explanation.steps) {
    CHECK_FALSE(step.implementation.empty());
    CHECK_FALSE(step.dst_layout.empty());
    CHECK(step.threads >= 1);
  }
}

TEST_CASE("every layer of a model is in one step, or costs nothing") {
  const Model<float> model = branches();
  const Explanation explanation = explain(model, {.batch = 2});
  for (const Node<float>& node : model.nodes()) {
    if (std::holds_alternative<Input>(node.layer) || std::holds_alternative<BatchNormalization<float>>(node.layer)) {
      continue;
    }
    std::size_t seen = 0;
    for (const StepInfo& step : explanation.steps) {
      if (step.kind == "Concat" && &step != &explanation.steps.front()) {
        seen += step.layers[0] == node.name && seen == 0 ? 1U : 0U;  // several copies make one Concat
      } else {
        seen += static_cast<std::size_t>(std::count(step.layers.begin(), step.layers.end(), node.name));
      }
    }
    for (const auto& layer : explanation.free_layers) seen += layer.name == node.name ? 1U : 0U;
    INFO(node.name);
    CHECK(seen == 1);
  }
}
