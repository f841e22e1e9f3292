#include <fulcrum/passes/range_observer.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// 1, 2, … n.
std::vector<float> ramp(int n, float factor = 1.0F) {
  std::vector<float> values;
  for (int i = 1; i <= n; ++i) values.push_back(factor * static_cast<float>(i));
  return values;
}

}  // namespace

TEST_CASE("the extremes seen so far, and zero, make the range") {
  MinMaxObserver observer;
  CHECK(observer.range() == Range{0, 0});
  observer.observe(std::vector<float>{2, 3});
  CHECK(observer.range() == Range{0, 3});
  observer.observe(std::vector<float>{-5, 1});
  CHECK(observer.range() == Range{-5, 3});
}

TEST_CASE("a percentile leaves out the largest magnitudes, to one bin") {
  PercentileObserver observer(90.0);
  observer.observe(ramp(1000));
  // 900 values lie within 900; a bin is 1000/2048 wide.
  CHECK(observer.range().min == 0.0F);
  CHECK(observer.range().max >= 900.0F);
  CHECK(observer.range().max <= 900.0F + 1000.0F / 2048.0F);
}

TEST_CASE("a percentile clips both signs at one magnitude and never widens a side") {
  PercentileObserver observer(50.0);
  auto values = ramp(100, -1.0F);
  values.push_back(20.0F);
  observer.observe(values);
  CHECK(observer.range().min == Approx(-50.5).margin(1.0));
  CHECK(observer.range().max == 20.0F);
}

TEST_CASE("the hundredth percentile is the range itself") {
  PercentileObserver observer(100.0);
  observer.observe(std::vector<float>{-0.3F, 0.7F, 0.1F});
  CHECK(observer.range() == Range{-0.3F, 0.7F});
}

TEST_CASE("larger values later extend the histogram at the same bin width") {
  PercentileObserver observer(99.0);
  observer.observe(ramp(1000, 0.001F));
  CHECK(observer.bin_count() == 2048);
  observer.observe(std::vector<float>{4.0F});
  CHECK(observer.bin_count() == 4 * 2048);
  CHECK(observer.range().max == Approx(0.991).margin(1.0 / 2048));

  PercentileObserver at_once(99.0);
  auto all = ramp(1000, 0.001F);
  all.push_back(4.0F);
  at_once.observe(all);
  CHECK(at_once.range().max == Approx(observer.range().max).margin(4.0 / 2048));
}

TEST_CASE("memory stays bounded however much larger the later values are") {
  PercentileObserver observer(50.0);
  observer.observe(std::vector<float>{1e-30F});
  observer.observe(std::vector<float>{1e30F, 2e30F, -3e30F});
  CHECK(observer.bin_count() <= 16 * 2048);
  CHECK(observer.range().max == Approx(1e30).epsilon(1e-3));
  CHECK(observer.range().min == Approx(-1e30).epsilon(1e-3));
}

TEST_CASE("zeros count towards the percentile but alone never clip everything else") {
  PercentileObserver observer(99.0);
  observer.observe(std::vector<float>(50, 0.0F));
  CHECK(observer.range() == Range{0, 0});
  observer.observe(ramp(50));
  CHECK(observer.range().max == Approx(49.0).margin(50.0 / 2048));

  PercentileObserver sparse(99.0);
  std::vector<float> mostly_zero(1000, 0.0F);
  mostly_zero.back() = 5.0F;
  sparse.observe(mostly_zero);
  CHECK(sparse.range() == Range{0, 5});
}

TEST_CASE("a percentile outside (0, 100] is refused") {
  CHECK_THROWS_WITH(PercentileObserver(0.0), ContainsSubstring("(0, 100]"));
  CHECK_THROWS_AS(PercentileObserver(100.1), Error);
  CHECK_THROWS_AS(PercentileObserver(std::nan("")), Error);
}

namespace {

/// Numbers of a bell curve, and one outlier far away.
std::vector<float> bell_with_outlier(bool both_signs) {
  std::vector<float> values;
  Random random(7);
  for (int i = 0; i < 100000; ++i) {
    double sum = 0.0;
    for (int k = 0; k < 12; ++k) sum += random.uniform();
    const double x = sum - 6.0;
    values.push_back(static_cast<float>(both_signs ? x : std::abs(x)));
  }
  values.push_back(60.0F);
  return values;
}

}  // namespace

TEST_CASE("entropy cuts off an outlier and keeps the bell, and the squared error cuts a part of it") {
  for (const bool both_signs : {false, true}) {
    EntropyObserver entropy;
    MseObserver mse;
    entropy.observe(bell_with_outlier(both_signs));
    mse.observe(bell_with_outlier(both_signs));
    CHECK(entropy.range().max > 2.5F);
    CHECK(entropy.range().max < 20.0F);
    CHECK(mse.range().max < 58.0F);
    for (const Range range : {entropy.range(), mse.range()}) CHECK((range.min < 0.0F) == both_signs);
  }
}

TEST_CASE("the squared-error range loses less by rounding than the whole one") {
  const std::vector<float> values = bell_with_outlier(true);
  MseObserver mse;
  mse.observe(values);
  const auto error = [&](float largest) {
    double sum = 0.0;
    for (const float x : values) {
      const double scale = static_cast<double>(largest) / 127.0;
      const double q = std::min(std::max(std::nearbyint(static_cast<double>(x) / scale), -127.0), 127.0);
      sum += (q * scale - static_cast<double>(x)) * (q * scale - static_cast<double>(x));
    }
    return sum;
  };
  CHECK(error(mse.range().max) < error(60.0F));
}

TEST_CASE("values that fill their range evenly are not cut by entropy or squared error") {
  EntropyObserver entropy;
  MseObserver mse;
  entropy.observe(ramp(20000, 0.01F));
  mse.observe(ramp(20000, 0.01F));
  CHECK(entropy.range().max > 190.0F);
  CHECK(mse.range().max > 190.0F);
  CHECK(EntropyObserver().range() == Range{0, 0});
  CHECK(MseObserver().range() == Range{0, 0});
}
