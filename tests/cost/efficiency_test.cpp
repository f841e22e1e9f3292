#include <fulcrum/cost/efficiency.hpp>

#include <cmath>

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
