#include <fulcrum/exec/kernels/dynamic_quantize.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

std::vector<float> random_floats(std::int64_t count, Random& random, double low, double high) {
  std::vector<float> result;
  for (std::int64_t i = 0; i < count; ++i) result.push_back(static_cast<float>(random.uniform(low, high)));
  return result;
}

}  // namespace

TEST_CASE("runs of any length round as the definition says, NaNs and halves among them") {
  Random random(1);
  for (const std::int64_t count : {0, 1, 7, 31, 32, 33, 200}) {
    std::vector<float> src = random_floats(count, random, -3.0, 9.0);
    if (count > 6) {
      src[2] = std::numeric_limits<float>::quiet_NaN();
      src[3] = std::numeric_limits<float>::infinity();
      src[4] = -std::numeric_limits<float>::infinity();
      src[5] = 2.5F;
      src[6] = -1.5F;
    }
    for (const AffineMap& map : {AffineMap{1.0F, 3}, AffineMap{12.0F / 255.0F, 64}, AffineMap{0.01F, 0}}) {
      std::vector<std::uint8_t> integers(src.size());
      std::vector<float> reals(src.size());
      quantize_run(map, src.data(), integers.data(), count);
      dequantize_run(map, integers.data(), reals.data(), count);
      for (std::size_t i = 0; i < src.size(); ++i) {
        CAPTURE(i, src[i], map.scale);
        CHECK(integers[i] == quantize(src[i], map.scale, map.zero_point, DType::u8));
        CHECK(reals[i] == dequantize(integers[i], map.scale, map.zero_point));
      }
    }
  }
}

TEST_CASE("a range holds 0 and every element but NaN") {
  Random random(2);
  for (const std::int64_t count : {1, 33, 100}) {
    std::vector<float> src = random_floats(count, random, 1.0, 2.0);
    ValueRange range;
    range.add(src.data(), count);
    CHECK(range.least == 0.0F);
    CHECK(range.largest == *std::max_element(src.begin(), src.end()));
    src.back() = -5.0F;
    src.front() = count > 1 ? std::numeric_limits<float>::quiet_NaN() : src.front();
    range.add(src.data(), count);
    CHECK(range.least == -5.0F);
    CHECK(std::isfinite(range.largest));
  }
}

TEST_CASE("the sum of weights under a window leaves out the taps in the padding") {
  IntegerProductPlan plan;
  plan.axes[2] = {4, 4, 3, 1, 1, 1};
  plan.oc = 2;
  plan.ic = 2;
  const std::vector<std::int8_t> weights{1, 2, 3, 10, 20, 30, -1, -2, -3, 5, 6, 7};  // (oc, ic, taps)
  set_window_sums(plan, weights);
  CHECK(plan.place_of[2] == std::vector<int>{0, 1, 1, 2});
  CHECK(plan.sums == std::vector<std::int32_t>{55, 8, 66, 12, 33, 8});
}
