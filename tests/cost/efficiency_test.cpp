#include <fulcrum/cost/efficiency.hpp>

#include <cmath>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

TEST_CASE("features are as many for every step of a class, and finite") {
  const MachineRates rates = synthetic::rates();
  for (const KernelClass kernel : all_kernel_classes) {
    Step empty;
    empty.kernel = kernel;
    const std::size_t width = efficiency_features(empty, RooflinePoint{}).size();
    CHECK(width > 0);
    for (Step step : synthetic::conv_steps(5, 3)) {
      step.kernel = kernel;
      const std::vector<double> features = efficiency_features(step, roofline_point(step, rates, 1));
      CHECK(features.size() == width);
      for (const double x : features) CHECK(std::isfinite(x));
    }
  }
}

TEST_CASE("blocks that are not filled are told from those that are") {
  CHECK(detail::utilization(16, 16) == 1.0);
  CHECK(detail::utilization(17, 16) == Approx(17.0 / 32.0));
  CHECK(detail::utilization(1, 64) == Approx(1.0 / 64.0));
}

TEST_CASE("a model without samples says nothing") {
  const EfficiencyModel model;
  CHECK(model.slowdown({1.0, 2.0}).log == 0.0);
}

TEST_CASE("a lone sample answers for itself with its weight and the trend") {
  EfficiencyModel model;
  model.trend = {0.5, 2.0};
  model.samples = {{{1.0}, 0.0, 0.25}};
  CHECK(model.slowdown({1.0}).log == Approx(0.5 + 2.0 + 0.25));
}

TEST_CASE("far outside the samples the answer is that of the edge") {
  EfficiencyModel model;
  model.trend = {0.0, 1.0};
  model.samples = {{{0.0}, 0.0, 0.0}, {{1.0}, 0.0, 0.0}};
  CHECK(model.slowdown({100.0}).log == Approx(1.0));
  CHECK(model.slowdown({-100.0}).log == Approx(0.0));
  // And the less sure, the farther.
  model.noise = 0.1;
  model.spread = 0.5;
  CHECK(model.slowdown({1.0}).sd == Approx(0.1));
  CHECK(model.slowdown({3.0}).nearest == Approx(2.0));
  CHECK(model.slowdown({3.0}).sd == Approx(std::hypot(0.1, 1.0)));
}
