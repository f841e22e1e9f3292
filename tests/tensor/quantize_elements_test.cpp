#include <fulcrum/tensor/quantize_elements.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/tensor/quantization.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// Numbers around every tie and bound, and those that are none.
std::vector<float> awkward_numbers() {
  std::vector<float> result;
  for (int i = -600; i <= 600; ++i) result.push_back(static_cast<float>(i) * 0.5F);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const float x : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 1e30F, -1e30F, 1e-40F, -0.0F,
                        std::nextafter(0.5F, 0.0F), std::nextafter(0.5F, 1.0F), 8388609.0F, -12582913.0F})
    result.push_back(x);
  Random random(4);
  for (int i = 0; i < 2000; ++i) result.push_back(static_cast<float>(random.normal() * 60.0));
  return result;
}

template <class Integer>
void expect_one_by_one(DType dtype) {
  const std::vector<float> numbers = awkward_numbers();
  const auto [low, high] = integer_range(dtype);
  for (const float scale : {1.0F, 0.1F, 3e-5F, 1e-38F}) {
    for (const std::int32_t zero_point : {low, 0, 3, high}) {
      for (const std::size_t count :
           {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{17}, numbers.size()}) {
        const float* const src = numbers.data() + (numbers.size() - count) / 2;
        std::vector<Integer> integers(count + 1, Integer{77});
        std::vector<float> reals(count + 1, -7.0F);
        detail::quantize_elements(std::span(src, count), scale, zero_point, integers.data());
        const std::span<const Integer> from = std::span(integers).first(count);
        detail::dequantize_elements(from, scale, zero_point, reals.data());
        for (std::size_t i = 0; i < count; ++i) {
          INFO(src[i] << " / " << scale << " + " << zero_point);
          REQUIRE(integers[i] == quantize(src[i], scale, zero_point, dtype));
          REQUIRE(reals[i] == dequantize(integers[i], scale, zero_point));
        }
        CHECK(integers[count] == 77);
        CHECK(reals[count] == -7.0F);
        std::vector<float> scales(count);
        std::vector<std::int32_t> zeros(count);
        for (std::size_t i = 0; i < count; ++i) {
          scales[i] = scale * static_cast<float>(i % 7 + 1);
          zeros[i] = static_cast<std::int32_t>(i % 5) - 2;
        }
        detail::dequantize_elements(from, scales.data(), zeros.data(), reals.data());
        for (std::size_t i = 0; i < count; ++i) REQUIRE(reals[i] == dequantize(integers[i], scales[i], zeros[i]));
        CHECK(reals[count] == -7.0F);
      }
    }
  }
}

}  // namespace

TEST_CASE("many elements quantize as one by one") {
  expect_one_by_one<std::int8_t>(DType::s8);
  expect_one_by_one<std::uint8_t>(DType::u8);
}
