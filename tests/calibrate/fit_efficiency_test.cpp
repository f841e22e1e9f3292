#include <fulcrum/calibrate/fit_efficiency.hpp>

#include <cmath>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
/// A smooth function of two features: a trend and a bump.
double truth(double x, double y) { return 0.3 + 0.4 * x - 0.2 * y + 0.5 * std::sin(2.0 * x) * std::cos(1.5 * y); }

std::vector<EfficiencySample> samples_of(int count, std::uint64_t seed, double noise) {
  Random random(seed);
  std::vector<EfficiencySample> samples;
  for (int i = 0; i < count; ++i) {
    const double x = random.uniform(0.0, 3.0);
    const double y = random.uniform(0.0, 3.0);
    samples.push_back({{x, y}, truth(x, y) + noise * random.normal(), 0.0});
  }
  return samples;
}

EfficiencyModel of_dense(Precision precision, int threads) {
  EfficiencyModel model;
  model.kernel = KernelClass::dense;
  model.precision = precision;
  model.threads = threads;
  return model;
}

double typical_error(const EfficiencyModel& model) {
  double sum = 0.0;
  for (const EfficiencySample& s : samples_of(200, 99, 0.0))
    sum += std::abs(model.slowdown(s.features).log - s.log_slowdown);
  return sum / 200.0;
}
}  // namespace

TEST_CASE("parts of a roofline are found in the times that they make, whatever stands out") {
  std::vector<detail::TimedParts> timed;
  for (int i = 1; i <= 40; ++i) {
    const double compute = 1.0 + i % 7, memory = 0.5 * (i % 5), functions = i % 3;
    timed.push_back({{0.5, compute, memory, functions}, 2.0 * 0.5 + 1.5 * compute + 0.25 * memory + 4.0 * functions});
  }
  timed[5].time_us *= 10.0;
  const std::optional<RooflineParts> parts = detail::fit_parts(timed);
  REQUIRE(parts);
  CHECK(parts->overhead == Approx(2.0).epsilon(0.05));
  CHECK(parts->compute == Approx(1.5).epsilon(0.02));
  CHECK(parts->memory == Approx(0.25).epsilon(0.05));
  CHECK(parts->functions == Approx(4.0).epsilon(0.02));
  timed.resize(20);
  CHECK(!detail::fit_parts(timed));  // too few to tell
}

TEST_CASE("a known function is recovered at places that were not sampled") {
  const EfficiencyModel model = fit_efficiency(of_dense(Precision::bf16, 2), samples_of(120, 1, 0.0));
  CHECK(model.kernel == KernelClass::dense);
  CHECK(model.precision == Precision::bf16);
  CHECK(model.threads == 2);
  CHECK(typical_error(model) < 0.05);
  CHECK(model.loo_error < 0.1);
}

TEST_CASE("more samples predict better, and noise is smoothed over") {
  const double few = typical_error(fit_efficiency(of_dense(Precision::f32, 1), samples_of(15, 1, 0.05)));
  const double many = typical_error(fit_efficiency(of_dense(Precision::f32, 1), samples_of(200, 1, 0.05)));
  CHECK(many < few);
  CHECK(many < 0.08);
}

TEST_CASE("the error stated is the error made on samples left out") {
  const EfficiencyModel model = fit_efficiency(of_dense(Precision::f32, 1), samples_of(100, 5, 0.2));
  CHECK(model.loo_error > 0.05);  // a fifth of noise cannot be predicted
  CHECK(model.loo_error < 0.4);
}

TEST_CASE("a sample that was disturbed does not spoil the fit") {
  std::vector<EfficiencySample> samples = samples_of(120, 1, 0.01);
  samples[7].log_slowdown += 6.0;  // a time slice went to somebody else: 400 times slower
  const EfficiencyModel model = fit_efficiency(of_dense(Precision::f32, 1), samples);
  CHECK(model.samples.size() >= 110);
  for (const EfficiencySample& sample : model.samples) CHECK(sample.log_slowdown < 5.0);
  CHECK(typical_error(model) < 0.06);
}

TEST_CASE("one sample and equal samples can be fitted") {
  CHECK(fit_efficiency(of_dense(Precision::f32, 1), {}).samples.empty());
  const EfficiencyModel one = fit_efficiency(of_dense(Precision::f32, 1), {{{1.0, 1.0}, 0.7, 0.0}});
  CHECK(one.slowdown({1.0, 1.0}).log == Approx(0.7).margin(0.2));
  const EfficiencyModel equal =
      fit_efficiency(of_dense(Precision::f32, 1), std::vector<EfficiencySample>(5, {{1.0, 1.0}, 0.7, 0.0}));
  CHECK(equal.slowdown({1.0, 1.0}).log == Approx(0.7).margin(0.1));
}

TEST_CASE("the deviation of residuals is found, as it grows with the distance to the nearest sample") {
  Random random(4);
  std::vector<detail::LeftOut> samples;
  for (int i = 0; i < 2000; ++i) {
    const double nearest = random.uniform(0.0, 1.0);
    samples.push_back({nearest, std::hypot(0.09, 0.35 * nearest) * random.normal()});
  }
  const auto [noise, spread] = detail::fit_deviation(samples);
  CHECK(noise == Approx(0.09).margin(0.03));
  CHECK(spread == Approx(0.35).margin(0.11));
  // Of nothing, next to nothing is known.
  CHECK(detail::fit_deviation({}).first > 0.2);
}

TEST_CASE("nine of ten new steps lie within the deviation that a model states") {
  const EfficiencyModel model = fit_efficiency(of_dense(Precision::f32, 1), samples_of(150, 6, 0.1));
  int inside = 0;
  for (const EfficiencySample& s : samples_of(400, 42, 0.1)) {
    const Slowdown slowdown = model.slowdown(s.features);
    inside += std::abs(s.log_slowdown - slowdown.log) < 1.645 * slowdown.sd ? 1 : 0;
  }
  CHECK(inside > 320);
  CHECK(inside < 396);
  CHECK(model.slowdown({10.0, 10.0}).sd > 2.0 * model.slowdown(model.samples[0].features).sd);
}
