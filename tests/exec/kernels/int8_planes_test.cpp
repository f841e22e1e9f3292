#include <fulcrum/exec/kernels/int8_planes.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

template <class T>
std::vector<T> random_integers(std::size_t count, Random& random) {
  std::vector<T> result;
  for (std::size_t i = 0; i < count; ++i) {
    result.push_back(
        static_cast<T>(std::lround(random.uniform(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()))));
  }
  return result;
}

/// The definition: the real product, mapped to integers.
template <class Src, class Dst>
std::vector<Dst> gated(const IntegerPlanes& p, const AffineMap& map, const std::vector<Src>& src,
                       const std::vector<float>& factors) {
  std::vector<Dst> result;
  for (std::int64_t i = 0; i < p.images * p.pixels * p.channels; ++i) {
    const double factor = factors[static_cast<std::size_t>(i / (p.pixels * p.channels) * p.channels + i % p.channels)];
    const int steps = src[static_cast<std::size_t>(i)] - p.map.zero_point;
    const double real = static_cast<double>(p.map.scale) * steps * factor;
    const double q = std::nearbyint(real / map.scale) + map.zero_point;
    result.push_back(
        static_cast<Dst>(std::clamp<double>(q, std::numeric_limits<Dst>::min(), std::numeric_limits<Dst>::max())));
  }
  return result;
}

template <class Src, class Dst>
void check_gate(const IntegerPlanes& p, const AffineMap& map) {
  Random random(7);
  const auto count = static_cast<std::size_t>(p.images * p.pixels * p.channels);
  std::vector<Src> src = random_integers<Src>(count, random);
  std::vector<float> factors;
  for (std::int64_t i = 0; i < p.images * p.channels; ++i)
    factors.push_back(static_cast<float>(random.uniform(-0.5, 2.5)));
  const std::vector<Dst> expected = gated<Src, Dst>(p, map, src, factors);
  for (const int threads : {1, 3}) {
    std::vector<Dst> dst(count);
    const std::vector<void*> pointers{src.data(), factors.data(), dst.data()};
    gate_function<Src, Dst>(p, map, threads)(pointers);
    int worst = 0;
    int differing = 0;
    for (std::size_t i = 0; i < count; ++i) {
      worst = std::max(worst, std::abs(static_cast<int>(dst[i]) - static_cast<int>(expected[i])));
      differing += dst[i] != expected[i] ? 1 : 0;
    }
    INFO(p.channels << " channels, " << threads << " threads");
    CHECK(worst <= 1);  // a half may go either way in float
    CHECK(differing <= static_cast<int>(count / 100));
  }
}

}  // namespace

TEST_CASE("a gate on integers gives the real product in the integers of its result") {
  for (const std::int64_t channels : {1, 7, 8, 32, 43}) {
    const IntegerPlanes p{2, 15, channels, {0.031F, 9}};
    check_gate<std::uint8_t, std::uint8_t>(p, {0.05F, 30});
    check_gate<std::uint8_t, std::int8_t>(p, {0.05F, -3});
    check_gate<std::int8_t, std::uint8_t>(p, {0.02F, 100});
    check_gate<std::int8_t, std::int8_t>(p, {0.04F, 0});
  }
}

TEST_CASE("a gate on integers may be made in place, and saturates for factors out of any range") {
  const IntegerPlanes p{1, 3, 9, {0.1F, 2}};
  std::vector<std::uint8_t> src(27, 200);
  src[1] = 0;
  std::vector<float> factors(9, 1e30F);
  factors[2] = -std::numeric_limits<float>::infinity();
  const std::vector<void*> pointers{src.data(), factors.data(), src.data()};
  gate_function<std::uint8_t, std::uint8_t>(p, {0.1F, 5}, 1)(pointers);
  CHECK(src[0] == 255);
  CHECK(src[1] == 0);
  CHECK(src[2] == 0);
  CHECK(src[8] == 255);
}

TEST_CASE("means over planes of integers are exact real means") {
  for (const std::int64_t channels : {3, 8, 32, 75}) {
    Random random(11);
    const IntegerPlanes p{2, 49, channels, {0.25F, 13}};
    const auto count = static_cast<std::size_t>(p.images * p.pixels * p.channels);
    const auto check = [&]<class T>(std::vector<T> src) {
      for (const int threads : {1, 2}) {
        std::vector<float> dst(static_cast<std::size_t>(p.images * channels));
        const std::vector<void*> pointers{src.data(), dst.data()};
        plane_mean_function<T>(p, threads)(pointers);
        for (std::int64_t i = 0; i < p.images * channels; ++i) {
          std::int64_t sum = 0;
          for (std::int64_t pixel = 0; pixel < p.pixels; ++pixel) {
            sum += src[static_cast<std::size_t>((i / channels * p.pixels + pixel) * channels + i % channels)] - 13;
          }
          INFO(channels << " channels, " << threads << " threads, mean " << i);
          CHECK(dst[static_cast<std::size_t>(i)] ==
                Approx(0.25 * static_cast<double>(sum) / 49.0).epsilon(1e-6).margin(1e-6));
        }
      }
    };
    check(random_integers<std::uint8_t>(count, random));
    check(random_integers<std::int8_t>(count, random));
  }
}
