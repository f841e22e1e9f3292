#include <fulcrum/plan/compress_to_target.hpp>

#include <algorithm>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/plan/model_cost.hpp>

#include <plan/corners.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using test::Corners;

namespace {

/// The corners' model, trained, with what is predicted for it.
struct Trained : Corners {
  TargetOptions options;
  double f32_ms = 0.0;

  Trained() {
    TrainStep step;
    step.epochs = 3;
    step.batch = 32;
    step.learning_rate = 3e-3;
    model = run_recipe(model, Recipe("r").train(step), settings).model;
    options.epochs = 3;
    options.samples = 128;
    options.max_accuracy_drop = 0.05;
    options.channels.multiple = 8;
    f32_ms = predicted_latency_ms({}, profile)(model);
  }
};

}  // namespace

TEST_CASE("a model that is fast enough already is returned as it is") {
  Trained c;
  c.options.latency_ms = 2.0 * c.f32_ms;
  const TargetResult result = compress_to_target(c.model, c.options, c.settings);
  CHECK(result.met);
  CHECK(result.model == c.model);
  CHECK(result.candidates.at(result.chosen).precision == Precision::f32);
  CHECK(result.baseline_ms == c.f32_ms);
}

TEST_CASE("a target is met by what leaves most of the model") {
  Trained c;
  c.options.latency_ms = 0.6 * c.f32_ms;
  const TargetResult result = compress_to_target(c.model, c.options, c.settings);
  REQUIRE(result.met);
  const TargetCandidate& chosen = result.candidates.at(result.chosen);
  CHECK(chosen.predicted_ms <= c.options.latency_ms);
  CHECK(chosen.accuracy >= result.baseline_accuracy - 0.05);
  for (const TargetCandidate& other : result.candidates) {
    if (other.reaches && !other.tried) CHECK(other.flops_left <= chosen.flops_left);
  }
}

TEST_CASE("a target out of reach gives the nearest") {
  Trained c;
  c.options.latency_ms = 1e-6;
  c.options.epochs = 1;
  const TargetResult result = compress_to_target(c.model, c.options, c.settings);
  CHECK_FALSE(result.met);
  const TargetCandidate& chosen = result.candidates.at(result.chosen);
  CHECK(chosen.tried);
  CHECK_FALSE(chosen.reaches);
  CHECK(total_work(result.model, 1).flops < total_work(c.model, 1).flops);
}

TEST_CASE("a target that makes no sense, or lacks data, is refused") {
  Corners c;
  TargetOptions options;
  CHECK_THROWS_WITH(compress_to_target(c.model, options, c.settings), ContainsSubstring("above 0"));
  options.latency_ms = 1.0;
  options.max_accuracy_drop = -1.0;
  CHECK_THROWS_WITH(compress_to_target(c.model, options, c.settings), ContainsSubstring("accuracy drop"));
  options.max_accuracy_drop = 0.0;
  c.settings.test_set = nullptr;
  CHECK_THROWS_WITH(compress_to_target(c.model, options, c.settings), ContainsSubstring("give all three"));
}
