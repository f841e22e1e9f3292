#include <fulcrum/cost/efficiency.hpp>

#include <algorithm>
#include <cmath>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

TEST_CASE("a model without samples says nothing") {
  const EfficiencyModel model;
  CHECK(model.slowdown({1.0, 2.0}).log == 0.0);
}

TEST_CASE("a lone sample answers for itself with its weight and the trend") {
  EfficiencyModel model;
  model.trend = {0.5, 2.0};
  model.samples = {{{1.0}, 2.6, 0.25}};
  CHECK(model.slowdown({1.0}).log == Approx(0.5 + 2.0 + 0.25));
}

TEST_CASE("far outside the samples the answer is that of the edge") {
  EfficiencyModel model;
  model.trend = {0.0, 1.0};
  model.samples = {{{0.0}, 0.0, 0.0}, {{1.0}, 1.0, 0.0}};
  CHECK(model.slowdown({100.0}).log == Approx(1.0));
  CHECK(model.slowdown({-100.0}).log == Approx(0.0));
  // And the less sure, the farther.
  model.noise = 0.1;
  model.spread = 0.5;
  CHECK(model.slowdown({1.0}).sd == Approx(0.1));
  CHECK(model.slowdown({3.0}).nearest == Approx(2.0));
  CHECK(model.slowdown({3.0}).sd == Approx(std::hypot(0.1, 1.0)));
}

TEST_CASE("no step is predicted far beyond all that were timed") {
  EfficiencyModel model;
  model.trend = {0.0, 40.0};  // as few samples with features that go together give
  model.samples = {{{0.0}, 1.0, 0.0}, {{1.0}, 2.0, 0.0}};
  CHECK(model.slowdown({0.04}).log == Approx(1.6));
  CHECK(model.slowdown({0.5}).log == Approx(2.3));
  CHECK(model.slowdown({0.0}).log == Approx(0.7));
}

TEST_CASE("a prepared model says the same as one that is not, and as the formula") {
  EfficiencyModel model;
  model.trend = {0.25, 1.0, -0.5};
  model.length_scale = 0.7;
  for (int i = 0; i < 37; ++i) {
    const double x = 0.1 * i;
    model.samples.push_back({{x, std::sin(x)}, i % 2 == 0 ? -20.0 : 20.0, std::cos(3.0 * x)});
  }
  const std::vector<double> at{1.23, 0.4};
  double expected = 0.25 + 1.23 - 0.2;
  for (const EfficiencySample& sample : model.samples)
    expected += sample.weight * detail::matern(detail::distance(at, sample.features) / model.length_scale);
  EfficiencyModel prepared = model;
  prepared.prepare();
  CHECK(prepared.slowdown(at).log == Approx(expected).epsilon(1e-5));
  CHECK(model.slowdown(at).log == prepared.slowdown(at).log);
  CHECK(prepared == model);
  // A table that is older than the samples is not believed.
  prepared.samples.push_back({{1.23, 0.4}, 0.0, 10.0});
  CHECK(prepared.slowdown(at).log == Approx(expected + 10.0).epsilon(1e-5));
}

TEST_CASE("samples in blocks say what the formula says, however many there are") {
  Random random(5);
  for (const int count : {1, 2, 15, 16, 17, 50}) {
    EfficiencyModel model;
    model.length_scale = 0.7;
    for (int i = 0; i < count; ++i) {
      EfficiencySample sample;
      for (int j = 0; j < 7; ++j) sample.features.push_back(random.uniform());
      sample.log_slowdown = random.uniform(-1.0, 1.0);
      sample.weight = random.uniform(-0.05, 0.05);
      model.samples.push_back(std::move(sample));
    }
    model.prepare();
    // Between two samples, so that nothing is clamped.
    std::vector<double> x;
    for (std::size_t j = 0; j < 7; ++j)
      x.push_back(0.5 * (model.samples.front().features[j] + model.samples.back().features[j]));
    double sum = 0.0;
    double nearest = 1e9;
    for (const EfficiencySample& sample : model.samples) {
      const double d = detail::distance(x, sample.features);
      sum += sample.weight * detail::matern(d / model.length_scale);
      nearest = std::min(nearest, d);
    }
    const auto [least, most] =
        std::minmax_element(model.samples.begin(), model.samples.end(),
                            [](const auto& a, const auto& b) { return a.log_slowdown < b.log_slowdown; });
    const double expected = std::clamp(sum, least->log_slowdown - 0.3, most->log_slowdown + 0.3);
    INFO(count);
    CHECK(model.slowdown(x).log == Approx(expected).margin(2e-6));
    CHECK(model.slowdown(x).nearest == Approx(nearest).margin(1e-5));
  }
}

TEST_CASE("loops of Fulcrum's own have a model for each layer where each has a speed of its own") {
  Step step;
  step.kind = "Pow+Relu";
  step.kernel = KernelClass::elementwise;
  step.algorithm = Algorithm::threaded_loops;
  CHECK(loops_of(step) == "Pow");
  step.kernel = KernelClass::pooling;
  CHECK(loops_of(step).empty());
  step.algorithm = Algorithm::loops;
  CHECK(loops_of(step) == "Pow");
  step.algorithm = Algorithm::primitive;
  CHECK(loops_of(step).empty());
}
