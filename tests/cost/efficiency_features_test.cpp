#include <fulcrum/cost/efficiency_features.hpp>

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

TEST_CASE("what else is in the caches moves what memory bounds, and hardly what arithmetic does") {
  const auto moved = [](double compute_us, double memory_us) {
    Step step = synthetic::conv_step(1, 64, 64, 28, 3);
    RooflinePoint roofline;
    roofline.compute_us = compute_us;
    roofline.memory_us = memory_us;
    roofline.overhead_us = 0.01;
    step.reuse_bytes = 1e5;
    const std::vector<double> near = efficiency_features(step, roofline);
    step.reuse_bytes = 1e8;
    const std::vector<double> far = efficiency_features(step, roofline);
    double sum = 0.0;
    for (std::size_t i = 0; i < near.size(); ++i) sum += std::abs(far[i] - near[i]);
    return sum;
  };
  CHECK(moved(100.0, 1.0) < 0.05);
  CHECK(moved(1.0, 100.0) > 0.5);
}
