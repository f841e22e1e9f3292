#include <fulcrum/passes/fake_quant_with_min_max.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {

/// A range, what it is nudged to, and values with what becomes of them. The figures are those of TensorFlow's own
/// tests of the operator (tensorflow/core/kernels/fake_quant_ops_test.cc).
struct Known {
  int bits;
  bool narrow;
  float min, max;
  float nudged_min, nudged_max, scale;
  std::vector<float> src, dst;
};

const std::vector<Known>& known() {
  static const std::vector<Known> cases{
      // no nudging
      {8,
       false,
       -10.0F,
       53.75F,
       -10.0F,
       53.75F,
       0.25F,
       {-10.1F, -10.0F, -9.9F, -9.75F, 53.75F, 53.8F},
       {-10.0F, -10.0F, -10.0F, -9.75F, 53.75F, 53.75F}},
      {8,
       true,
       -10.0F,
       53.5F,
       -10.0F,
       53.5F,
       0.25F,
       {-10.1F, -10.0F, -9.9F, -9.75F, 53.5F, 53.6F},
       {-10.0F, -10.0F, -10.0F, -9.75F, 53.5F, 53.5F}},
      // zero point 0.4 nudged down to 0
      {8,
       false,
       -0.1F,
       63.65F,
       0.0F,
       63.75F,
       0.25F,
       {-0.1F, 0.0F, 0.1F, 0.25F, 63.75F, 63.8F},
       {0.0F, 0.0F, 0.0F, 0.25F, 63.75F, 63.75F}},
      {8,
       true,
       -0.1F,
       63.4F,
       0.0F,
       63.5F,
       0.25F,
       {-0.1F, 0.0F, 0.1F, 0.25F, 63.5F, 63.6F},
       {0.0F, 0.0F, 0.0F, 0.25F, 63.5F, 63.5F}},
      // zero point 0.5 nudged up to 1
      {8,
       false,
       -0.125F,
       63.625F,
       -0.25F,
       63.5F,
       0.25F,
       {-0.26F, -0.25F, -0.24F, 0.0F, 63.5F, 63.6F},
       {-0.25F, -0.25F, -0.25F, 0.0F, 63.5F, 63.5F}},
      {8,
       true,
       -0.125F,
       63.375F,
       -0.25F,
       63.25F,
       0.25F,
       {-0.26F, -0.25F, -0.24F, 0.0F, 63.25F, 63.3F},
       {-0.25F, -0.25F, -0.25F, 0.0F, 63.25F, 63.25F}},
      // zero point 254.6 nudged up to 255
      {8,
       false,
       -63.65F,
       0.1F,
       -63.75F,
       0.0F,
       0.25F,
       {-63.8F, -63.75F, -63.7F, -63.5F, 0.0F, 0.1F},
       {-63.75F, -63.75F, -63.75F, -63.5F, 0.0F, 0.0F}},
      {8,
       true,
       -63.4F,
       0.1F,
       -63.5F,
       0.0F,
       0.25F,
       {-63.6F, -63.5F, -63.4F, -63.25F, 0.0F, 0.1F},
       {-63.5F, -63.5F, -63.5F, -63.25F, 0.0F, 0.0F}},
      // 4 bits
      {4,
       false,
       -6.0F,
       1.5F,
       -6.0F,
       1.5F,
       0.5F,
       {-6.1F, -6.0F, -5.9F, -5.5F, 1.5F, 1.6F},
       {-6.0F, -6.0F, -6.0F, -5.5F, 1.5F, 1.5F}},
      {4,
       true,
       -6.0F,
       1.0F,
       -6.0F,
       1.0F,
       0.5F,
       {-6.1F, -6.0F, -5.9F, -5.5F, 1.0F, 1.1F},
       {-6.0F, -6.0F, -6.0F, -5.5F, 1.0F, 1.0F}},
      {4,
       false,
       -0.4F,
       7.1F,
       -0.5F,
       7.0F,
       0.5F,
       {-0.6F, -0.5F, -0.24F, 0.0F, 7.0F, 7.1F},
       {-0.5F, -0.5F, 0.0F, 0.0F, 7.0F, 7.0F}},
      {4,
       true,
       -0.4F,
       6.6F,
       -0.5F,
       6.5F,
       0.5F,
       {-0.6F, -0.5F, -0.24F, 0.0F, 6.5F, 6.6F},
       {-0.5F, -0.5F, 0.0F, 0.0F, 6.5F, 6.5F}},
      {4,
       false,
       -7.3F,
       0.2F,
       -7.5F,
       0.0F,
       0.5F,
       {-7.6F, -7.5F, -7.4F, -7.2F, 0.0F, 0.1F},
       {-7.5F, -7.5F, -7.5F, -7.0F, 0.0F, 0.0F}},
      {4,
       true,
       -6.8F,
       0.2F,
       -7.0F,
       0.0F,
       0.5F,
       {-7.1F, -7.0F, -6.9F, -6.7F, 0.0F, 0.1F},
       {-7.0F, -7.0F, -7.0F, -6.5F, 0.0F, 0.0F}},
      // 2 bits
      {2,
       false,
       -1.0F,
       0.5F,
       -1.0F,
       0.5F,
       0.5F,
       {-1.1F, -1.0F, -0.9F, -0.3F, 0.1F, 0.6F},
       {-1.0F, -1.0F, -1.0F, -0.5F, 0.0F, 0.5F}},
      {2,
       true,
       -1.0F,
       0.0F,
       -1.0F,
       0.0F,
       0.5F,
       {-1.1F, -1.0F, -0.9F, -0.3F, 0.0F, 0.1F},
       {-1.0F, -1.0F, -1.0F, -0.5F, 0.0F, 0.0F}},
      {2,
       false,
       -0.1F,
       1.4F,
       0.0F,
       1.5F,
       0.5F,
       {-0.2F, 0.1F, 0.7F, 1.0F, 1.3F, 1.6F},
       {0.0F, 0.0F, 0.5F, 1.0F, 1.5F, 1.5F}},
      {2,
       true,
       -0.4F,
       0.6F,
       -0.5F,
       0.5F,
       0.5F,
       {-0.6F, -0.5F, -0.24F, 0.0F, 0.5F, 0.6F},
       {-0.5F, -0.5F, 0.0F, 0.0F, 0.5F, 0.5F}},
  };
  return cases;
}

Tensor<float> vector_of(const std::vector<float>& values) {
  return {Shape{static_cast<std::int64_t>(values.size())}, std::span<const float>(values)};
}

void check_close(const Tensor<float>& actual, const std::vector<float>& expected) {
  REQUIRE(actual.flat().size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(actual.flat()[i] == Approx(expected[i]).margin(1e-5));
}

}  // namespace

TEST_CASE("ranges are nudged so that zero is an integer") {
  for (const Known& k : known()) {
    CAPTURE(k.bits, k.narrow, k.min, k.max);
    const auto range = nudge(k.min, k.max, {.bits = k.bits, .narrow_range = k.narrow});
    CHECK(range.min == Approx(k.nudged_min).margin(1e-5));
    CHECK(range.max == Approx(k.nudged_max).margin(1e-5));
    CHECK(range.scale == Approx(k.scale));
    CHECK(range.inverse_scale == Approx(1.0F / k.scale));
  }
}

TEST_CASE("every variant and both forms give TensorFlow's known values") {
  const auto form = GENERATE(FakeQuantForm::zero_exact, FakeQuantForm::shifted);
  for (const Known& k : known()) {
    CAPTURE(k.bits, k.narrow, k.min, k.max);
    const FakeQuantOptions options{.bits = k.bits, .narrow_range = k.narrow, .form = form};
    const Tensor<float> src = vector_of(k.src);
    check_close(fake_quant_with_min_max_args(src, k.min, k.max, options), k.dst);
    check_close(fake_quant_with_min_max_vars(src, k.min, k.max, options), k.dst);
    const std::vector<float> min(k.src.size(), k.min);
    const std::vector<float> max(k.src.size(), k.max);
    check_close(fake_quant_with_min_max_vars_per_channel<float>(src, min, max, options), k.dst);
  }
}

TEST_CASE("channels of the last axis have ranges of their own") {
  const std::vector<float> min{-0.1F, -0.4F, 0.0F};
  const std::vector<float> max{7.4F, 7.1F, 0.0F};
  const Tensor<float> src({2, 1, 3}, {7.6F, 7.6F, 5.0F, -0.1F, -0.6F, 0.0F});
  check_close(fake_quant_with_min_max_vars_per_channel<float>(src, min, max, {.bits = 4}),
              {7.5F, 7.0F, 0, 0, -0.5F, 0});
  CHECK_THROWS_WITH(fake_quant_with_min_max_vars_per_channel<float>(Tensor<float>({3, 2}), min, max),
                    ContainsSubstring("3 minima"));
  CHECK_THROWS_AS(fake_quant_with_min_max_vars_per_channel<float>(Tensor<float>(), {}, {}), Error);
}

TEST_CASE("zero survives exactly in the newer form, whatever the range") {
  Random random(4);
  for (int i = 0; i < 2000; ++i) {
    const auto min = static_cast<float>(-std::exp(random.uniform(-20, 20)));
    const auto max = static_cast<float>(std::exp(random.uniform(-20, 20)));
    const FakeQuantOptions options{.bits = 2 + static_cast<int>(random.below(15)), .narrow_range = i % 2 == 0};
    const Tensor<float> zero({1});
    CAPTURE(min, max, options.bits, options.narrow_range);
    CHECK(fake_quant_with_min_max_args(zero, min, max, options).flat()[0] == 0.0F);
    CHECK(fake_quant_with_min_max_vars(zero, min, max, options).flat()[0] == 0.0F);
  }
}

TEST_CASE("values move by half a step at most, stay in the range and rounding them again changes nothing") {
  const int bits = GENERATE(2, 3, 8, 16);
  const bool narrow = GENERATE(false, true);
  const FakeQuantOptions options{.bits = bits, .narrow_range = narrow};
  const auto src = random_tensor<double>({500}, 6, -1.5, 2.5);
  const auto range = nudge(-1.0, 2.0, options);
  const auto dst = fake_quant_with_min_max_vars(src, -1.0, 2.0, options);
  for (std::size_t i = 0; i < 500; ++i) {
    const double clamped = std::min(std::max(src.flat()[i], range.min), range.max);
    CHECK(std::abs(dst.flat()[i] - clamped) <= 0.5 * range.scale * (1.0 + 1e-9));
    const double steps = (dst.flat()[i] - range.min) / range.scale;
    CHECK(steps == Approx(std::round(steps)).margin(1e-6));
  }
  const auto again = fake_quant_with_min_max_vars(dst, -1.0, 2.0, options);
  for (std::size_t i = 0; i < 500; ++i) CHECK(again.flat()[i] == Approx(dst.flat()[i]).margin(1e-12));
}

TEST_CASE("ties round upwards, as floor(x + 1/2) does") {
  // scale 1: 0.5 → 1, 1.5 → 2, −0.5 → 0 (round half even would give 0, 2, 0)
  const Tensor<float> src({3}, {0.5F, 1.5F, -0.5F});
  check_close(fake_quant_with_min_max_vars(src, -5.0F, 10.0F, {.bits = 4}), {1.0F, 2.0F, 0.0F});
}

TEST_CASE("a range without zero is shifted until it holds it") {
  // scale 1, zero point clamped to 0: [5, 20] becomes [0, 15].
  const auto range = nudge(5.0F, 20.0F, {.bits = 4});
  CHECK(range.min == 0.0F);
  CHECK(range.max == 15.0F);
  CHECK(nudge(-20.0F, -5.0F, {.bits = 4}).max == 0.0F);
}

TEST_CASE("a range of nothing rounds everything to zero and lets the whole gradient pass") {
  const Tensor<float> src({2}, {3.0F, -4.0F});
  const Tensor<float> gradient({2}, {0.5F, 0.25F});
  CHECK(fake_quant_with_min_max_vars(src, 0.0F, 0.0F) == Tensor<float>({2}));
  const auto back = fake_quant_with_min_max_vars_gradient(gradient, src, 0.0F, 0.0F);
  CHECK(back.src == gradient);
  CHECK(back.min == std::vector<float>{0.0F});
  CHECK(back.max == std::vector<float>{0.0F});
  const float tiny = std::numeric_limits<float>::denorm_min();
  CHECK(fake_quant_with_min_max_vars(src, -tiny, tiny) == Tensor<float>({2}));
}

TEST_CASE("the gradient passes within the nudged range and goes to the end that was passed") {
  const float step = 0.25F;
  // [−0.25, 63.5] after nudging; both ends belong to it.
  const std::vector<float> src{-0.5F, -0.26F, -0.25F, -0.24F, 0.0F, 63.5F, 63.51F, 63.5F + step};
  const Tensor<float> gradient({8}, {1, 2, 3, 4, 5, 6, 7, 8});
  const auto back = fake_quant_with_min_max_vars_gradient(gradient, vector_of(src), -0.125F, 63.625F);
  CHECK(back.src == Tensor<float>({8}, {0, 0, 3, 4, 5, 6, 0, 0}));
  CHECK(back.min == std::vector<float>{3});
  CHECK(back.max == std::vector<float>{15});

  const auto narrow = fake_quant_with_min_max_vars_gradient(gradient, vector_of(src), -0.4F, 6.6F,
                                                            {.bits = 4, .narrow_range = true});  // [−0.5, 6.5]
  CHECK(narrow.src == Tensor<float>({8}, {1, 2, 3, 4, 5, 0, 0, 0}));
  CHECK(narrow.max == std::vector<float>{21});
}

TEST_CASE("per channel the gradient of each range comes from its own channel") {
  // 4 bits, [−0.1, 7.4] → [0, 7.5] in each of four channels.
  const std::vector<float> min(4, -0.1F);
  const std::vector<float> max(4, 7.4F);
  Tensor<float> src({1, 2, 3, 4});
  for (std::size_t i = 0; i < 24; ++i) src.flat()[i] = std::vector<float>{-0.1F, 0.0F, 7.5F, 7.6F}[i % 4];
  Tensor<float> gradient = test::counting_tensor<float>({1, 2, 3, 4});
  const auto back = fake_quant_with_min_max_vars_per_channel_gradient<float>(gradient, src, min, max, {.bits = 4});
  for (std::size_t i = 0; i < 24; ++i) {
    CHECK(back.src.flat()[i] == (i % 4 == 1 || i % 4 == 2 ? gradient.flat()[i] : 0.0F));
  }
  CHECK(back.min == std::vector<float>{0 + 4 + 8 + 12 + 16 + 20, 0, 0, 0});
  CHECK(back.max == std::vector<float>{0, 0, 0, 3 + 7 + 11 + 15 + 19 + 23});
  CHECK_THROWS_WITH(fake_quant_with_min_max_vars_per_channel_gradient<float>(Tensor<float>({2, 4}), src, min, max),
                    ContainsSubstring("(2, 4)"));
}

TEST_CASE("bits and ranges that are not defined are refused") {
  const Tensor<float> src({1});
  CHECK_THROWS_WITH(fake_quant_with_min_max_vars(src, -1.0F, 1.0F, {.bits = 1}), ContainsSubstring("2 to 16"));
  CHECK_THROWS_WITH(fake_quant_with_min_max_vars(src, -1.0F, 1.0F, {.bits = 17}), ContainsSubstring("2 to 16"));
  CHECK_THROWS_WITH(fake_quant_with_min_max_args(src, 1.0F, 1.0F), ContainsSubstring("empty"));
  CHECK_THROWS_AS(fake_quant_with_min_max_args(src, 1.0F, -1.0F), Error);
  CHECK_THROWS_AS(fake_quant_with_min_max_args(src, std::nanf(""), 1.0F), Error);
  CHECK_THROWS_WITH(fake_quant_with_min_max_args(src, -3e38F, 3e38F), ContainsSubstring("too wide"));
}
