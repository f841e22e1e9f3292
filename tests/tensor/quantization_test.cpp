#include <fulcrum/tensor/quantization.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

TEST_CASE("an 8-bit type has its range, another type has none") {
  CHECK(integer_range(DType::u8) == std::pair<std::int32_t, std::int32_t>(0, 255));
  CHECK(integer_range(DType::s8) == std::pair<std::int32_t, std::int32_t>(-128, 127));
  CHECK_THROWS_WITH(integer_range(DType::f32), ContainsSubstring("f32") && ContainsSubstring("s8 or u8"));
}

TEST_CASE("ties round to the even integer, as ONNX QuantizeLinear says") {
  CHECK(quantize(0.5F, 1.0F, 0, DType::s8) == 0);
  CHECK(quantize(1.5F, 1.0F, 0, DType::s8) == 2);
  CHECK(quantize(2.5F, 1.0F, 0, DType::s8) == 2);
  CHECK(quantize(-0.5F, 1.0F, 0, DType::s8) == 0);
  CHECK(quantize(-1.5F, 1.0F, 0, DType::s8) == -2);
  CHECK(quantize(-2.5F, 1.0F, 0, DType::s8) == -2);
  CHECK(quantize(2.5F, 1.0F, 1, DType::s8) == 3);  // the zero point is added after rounding: 2 + 1, not round(3.5) = 4
  CHECK(quantize(0.75F, 0.5F, 0, DType::u8) == 2);
}

TEST_CASE("what lies outside saturates, infinities included; NaN gives the zero point") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(quantize(1000.0F, 1.0F, 0, DType::s8) == 127);
  CHECK(quantize(-1000.0F, 1.0F, 0, DType::s8) == -128);
  CHECK(quantize(127.5F, 1.0F, 0, DType::s8) == 127);
  CHECK(quantize(-1.0F, 1.0F, 0, DType::u8) == 0);
  CHECK(quantize(infinity, 0.1F, 3, DType::u8) == 255);
  CHECK(quantize(-infinity, 0.1F, 3, DType::u8) == 0);
  CHECK(quantize(1e30F, 1e-30F, 0, DType::s8) == 127);  // the quotient overflows
  CHECK(quantize(std::numeric_limits<float>::quiet_NaN(), 1.0F, 17, DType::u8) == 17);
}

TEST_CASE("every integer survives a round trip through its real value") {
  for (const DType dtype : {DType::u8, DType::s8}) {
    const auto [low, high] = integer_range(dtype);
    for (const float scale : {1.0F, 0.1F, 0.007843138F, 3e-5F}) {
      for (const std::int32_t zero_point : {low, 0, high}) {
        for (std::int32_t q = low; q <= high; ++q) {
          REQUIRE(quantize(dequantize(q, scale, zero_point), scale, zero_point, dtype) == q);
        }
      }
    }
  }
}

TEST_CASE("a value within the range is off by at most half a step") {
  Random random(1);
  for (int i = 0; i < 5000; ++i) {
    const auto scale = static_cast<float>(random.uniform(0.001, 1.0));
    const auto zero_point = static_cast<std::int32_t>(random.below(256));
    const auto x = static_cast<float>(random.uniform(-zero_point, 255 - zero_point)) * scale;
    const float back = dequantize(quantize(x, scale, zero_point, DType::u8), scale, zero_point);
    REQUIRE(std::abs(back - x) <= 0.5F * scale * 1.0001F);
  }
}

TEST_CASE("a round trip uses one scale, or the scale of each channel") {
  const Tensor<float> x({2, 3}, {0.26F, 0.74F, -9.0F, 2.6F, 7.4F, -900.0F});
  const Tensor<float> whole = quantize_dequantize(x, {DType::s8, {0.5F}, {0}, -1});
  CHECK(whole == Tensor<float>({2, 3}, {0.5F, 0.5F, -9.0F, 2.5F, 7.5F, -64.0F}));
  const Tensor<float> rows = quantize_dequantize(x, {DType::s8, {0.5F, 5.0F}, {0, 0}, 0});
  CHECK(rows == Tensor<float>({2, 3}, {0.5F, 0.5F, -9.0F, 5.0F, 5.0F, -640.0F}));
  const Tensor<float> columns = quantize_dequantize(x, {DType::s8, {1.0F, 2.0F, 10.0F}, {0, 0, 0}, 1});
  CHECK(columns == Tensor<float>({2, 3}, {0.0F, 0.0F, -10.0F, 3.0F, 8.0F, -900.0F}));
}

TEST_CASE("a second round trip changes nothing") {
  Random random(2);
  for (std::uint64_t i = 0; i < 30; ++i) {
    const auto axis = static_cast<std::int64_t>(random.below(4)) - 1;
    const auto x = random_tensor<float>({3, 4, 5}, i, -4.0, 4.0);
    Quantization q{DType::u8, {}, {}, axis};
    for (std::int64_t c = 0; c < (axis < 0 ? 1 : x.dim(axis)); ++c) {
      q.scale.push_back(static_cast<float>(random.uniform(0.001, 0.1)));
      q.zero_point.push_back(static_cast<std::int32_t>(random.below(256)));
    }
    const Tensor<float> once = quantize_dequantize(x, q);
    REQUIRE(quantize_dequantize(once, q) == once);
  }
}

TEST_CASE("a quantization that does not fit its tensor is refused") {
  const Shape shape{2, 3};
  const auto with = [](auto edit) {
    Quantization q{DType::s8, {0.5F, 0.5F}, {0, 0}, 0};
    edit(q);
    return q;
  };
  CHECK_NOTHROW(validate(with([](Quantization&) {}), shape));
  CHECK_THROWS_WITH(validate(with([](Quantization& q) { q.axis = 1; }), shape),
                    ContainsSubstring("2 scales") && ContainsSubstring("takes 3"));
  CHECK_THROWS_WITH(validate(with([](Quantization& q) { q.axis = 2; }), shape), ContainsSubstring("axis 2"));
  CHECK_THROWS_AS(validate(with([](Quantization& q) { q.axis = -2; }), shape), Error);
  CHECK_THROWS_AS(validate(with([](Quantization& q) { q.axis = -1; }), shape), Error);
  CHECK_THROWS_AS(validate(with([](Quantization& q) { q.zero_point.pop_back(); }), shape), Error);
  CHECK_THROWS_WITH(validate(with([](Quantization& q) { q.scale[1] = 0.0F; }), shape), ContainsSubstring("scale"));
  CHECK_THROWS_AS(validate(with([](Quantization& q) { q.scale[1] = std::nanf(""); }), shape), Error);
  CHECK_THROWS_AS(validate(with([](Quantization& q) { q.scale[1] = INFINITY; }), shape), Error);
  CHECK_THROWS_WITH(validate(with([](Quantization& q) { q.zero_point[0] = 128; }), shape), ContainsSubstring("128"));
  CHECK_THROWS_AS(validate(with([](Quantization& q) { q.dtype = DType::s32; }), shape), Error);
  CHECK_THROWS_AS(quantize_dequantize(Tensor<float>({3}), Quantization{}), Error);
}

TEST_CASE("symmetric scales map the largest magnitude to the largest integer, and 0 to 0") {
  const auto tensor = random_tensor<float>({4, 5, 3}, 21);
  for (int bits = 2; bits <= 8; ++bits) {
    for (std::int64_t axis = -1; axis < 3; ++axis) {
      const Quantization q = symmetric_quantization(tensor, bits, axis);
      CHECK_NOTHROW(validate(q, tensor.dims()));
      const std::int32_t largest = (1 << (bits - 1)) - 1;
      std::vector<std::int32_t> reached(q.scale.size(), 0);
      detail::for_each_channel_element(tensor.dims(), axis, [&](std::size_t i, std::size_t c) {
        reached[c] = std::max(reached[c], std::abs(quantize(tensor.flat()[i], q.scale[c], q.zero_point[c], q.dtype)));
      });
      CHECK(reached == std::vector<std::int32_t>(q.scale.size(), largest));
    }
  }
  CHECK(symmetric_quantization(Tensor<float>({2, 2}, {0.0F, 0.0F, 0.0F, -3.0F}), 3, 0).scale ==
        std::vector<float>{1.0F, 1.0F});
  CHECK_THROWS_WITH(symmetric_quantization(tensor, 1), ContainsSubstring("1 bits") && ContainsSubstring("2 to 8"));
  CHECK_THROWS_WITH(symmetric_quantization(tensor, 9), ContainsSubstring("9 bits"));
  CHECK_THROWS_WITH(symmetric_quantization(tensor, 8, 3), ContainsSubstring("axis 3"));
}

TEST_CASE("runs of one channel cover every element once, in their order") {
  for (const Shape& shape : {Shape{3, 4, 5}, Shape{1}, Shape{7}, Shape{2, 0, 3}, Shape{}}) {
    for (std::int64_t axis = -1; axis < static_cast<std::int64_t>(shape.size()); ++axis) {
      std::size_t next = 0;
      detail::for_each_channel_element(shape, axis, [&](std::size_t i, std::size_t c) {
        REQUIRE(i == next++);
        std::size_t inner = 1;
        for (std::size_t a = static_cast<std::size_t>(axis + 1); a < shape.size(); ++a)
          inner *= static_cast<std::size_t>(shape[a]);
        REQUIRE(c == (axis < 0 ? 0 : i / inner % static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)])));
      });
      CHECK(next == static_cast<std::size_t>(element_count(shape)));
    }
  }
}
