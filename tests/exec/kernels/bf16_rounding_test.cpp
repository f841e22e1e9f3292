#include <fulcrum/exec/kernels/bf16_rounding.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

/// Every sign and exponent with fractions around those at which rounding changes, and any others.
std::vector<float> floats() {
  std::vector<float> result;
  const auto add = [&](std::uint32_t bits) { result.push_back(std::bit_cast<float>(bits)); };
  for (std::uint32_t top = 0; top < 0x200U; ++top) {
    for (const std::uint32_t fraction : {0x0U, 0x1U, 0x7fffU, 0x8000U, 0x8001U, 0x17fffU, 0x18000U, 0x18001U, 0x3f8000U,
                                         0x400000U, 0x7f0000U, 0x7f7fffU, 0x7f8000U, 0x7fffffU}) {
      add(top << 23U | fraction);
    }
  }
  Random random(3);
  for (int i = 0; i < 20000; ++i) add(static_cast<std::uint32_t>(random()));
  return result;
}

}  // namespace

TEST_CASE("floats round to bf16 one by one or many at a time alike") {
  const std::vector<float> src = floats();
  std::vector<bf16> dst(src.size());
  round_to_bf16(src.data(), dst.data(), static_cast<std::int64_t>(src.size()));
  for (std::size_t i = 0; i < src.size(); ++i) {
    INFO(std::bit_cast<std::uint32_t>(src[i]));
    REQUIRE(dst[i] == finite_bf16(src[i]));
  }
}

TEST_CASE("threads round each element once, and nothing beyond the last") {
  for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 1000U}) {
    for (const int threads : {1, 3}) {
      std::vector<float> src(count);
      for (std::size_t i = 0; i < count; ++i) src[i] = static_cast<float>(i) + 0.3F;
      std::vector<bf16> dst(count + 1);
      dst[count].bits = 0x1234U;
      const std::array<void*, 2> pointers{src.data(), dst.data()};
      bf16_rounding_function(static_cast<std::int64_t>(count), threads)(pointers);
      for (std::size_t i = 0; i < count; ++i) REQUIRE(dst[i] == finite_bf16(src[i]));
      CHECK(dst[count].bits == 0x1234U);
    }
  }
}

TEST_CASE("one finite number beyond bf16's largest is found wherever it stands") {
  const float largest = std::numeric_limits<float>::max();
  for (const std::size_t count : {1U, 7U, 8U, 21U}) {
    std::vector<float> elements(count, static_cast<float>(finite_bf16(largest)));
    elements[0] = std::numeric_limits<float>::infinity();
    CHECK_FALSE(reaches_beyond_bf16(elements));
    for (float& x : elements) {
      const float before = std::exchange(x, -largest);
      CHECK(reaches_beyond_bf16(elements));
      x = before;
    }
    elements.back() = std::numeric_limits<float>::quiet_NaN();
    CHECK_FALSE(reaches_beyond_bf16(elements));
  }
  CHECK_FALSE(reaches_beyond_bf16({}));
}
