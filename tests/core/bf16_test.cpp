#include <fulcrum/core/bf16.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
float round_trip(float value) { return static_cast<float>(bf16(value)); }
float float_of(std::uint32_t bits) { return std::bit_cast<float>(bits); }
}  // namespace

TEST_CASE("every bf16 but NaN survives a round trip through float") {
  for (std::uint32_t bits = 0; bits <= 0xffffU; ++bits) {
    bf16 value;
    value.bits = static_cast<std::uint16_t>(bits);
    const auto wide = static_cast<float>(value);
    if (std::isnan(wide)) {
      REQUIRE(std::isnan(round_trip(wide)));
    } else {
      REQUIRE(bf16(wide).bits == bits);
    }
  }
}

TEST_CASE("a float rounds to the nearest bf16, ties to even") {
  CHECK(bf16(float_of(0x3f808000U)).bits == 0x3f80U);  // halfway between 0x3f80 and 0x3f81: the even one
  CHECK(bf16(float_of(0x3f818000U)).bits == 0x3f82U);  // halfway between 0x3f81 and 0x3f82: the even one
  CHECK(bf16(float_of(0x3f808001U)).bits == 0x3f81U);
  CHECK(bf16(float_of(0x3f807fffU)).bits == 0x3f80U);
  CHECK(bf16(-float_of(0x3f808001U)).bits == 0xbf81U);
}

TEST_CASE("no bf16 is nearer to a float than the one it rounds to") {
  Random random(11);
  for (int i = 0; i < 20000; ++i) {
    const float value = float_of(static_cast<std::uint32_t>(random()) & 0x7effffffU);  // finite, away from overflow
    const bf16 rounded(value);
    bf16 below = rounded;
    bf16 above = rounded;
    if (rounded.bits != 0) --below.bits;
    ++above.bits;
    const double error = std::abs(static_cast<double>(static_cast<float>(rounded)) - value);
    REQUIRE(error <= std::abs(static_cast<double>(static_cast<float>(below)) - value));
    REQUIRE(error <= std::abs(static_cast<double>(static_cast<float>(above)) - value));
  }
}

TEST_CASE("infinities, signed zeros and NaN keep their nature; what is too large becomes infinite") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(round_trip(infinity) == infinity);
  CHECK(round_trip(-infinity) == -infinity);
  CHECK(std::signbit(round_trip(-0.0F)));
  CHECK(std::isnan(round_trip(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(round_trip(float_of(0x7f800001U))));  // its payload sits in the half that is cut off
  CHECK(round_trip(std::numeric_limits<float>::max()) == infinity);
}

TEST_CASE("finite_bf16 keeps finite numbers finite, and is the rounding of bf16 for all others") {
  constexpr std::uint16_t largest = 0x7f7fU;
  CHECK(finite_bf16(std::numeric_limits<float>::max()).bits == largest);
  CHECK(finite_bf16(std::numeric_limits<float>::lowest()).bits == (0x8000U | largest));
  CHECK(finite_bf16(float_of(0x7f7f8000U)).bits == largest);  // halfway to infinity
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(finite_bf16(infinity) == bf16(infinity));
  CHECK(finite_bf16(-infinity) == bf16(-infinity));
  CHECK(std::isnan(static_cast<float>(finite_bf16(float_of(0x7f800001U)))));
  Random random(12);
  for (int i = 0; i < 20000; ++i) {
    const float value = float_of(static_cast<std::uint32_t>(random()));
    const bf16 rounded(value);
    const bool became_infinite = std::isfinite(value) && std::isinf(static_cast<float>(rounded));
    REQUIRE((finite_bf16(value) == rounded) != became_infinite);
  }
  static_assert(finite_bf16(std::numeric_limits<float>::max()).bits == largest);
}

TEST_CASE("bf16 converts at compile time") {
  static_assert(bf16(1.0F).bits == 0x3f80U);
  static_assert(static_cast<float>(bf16(-2.0F)) == -2.0F);
  CHECK(bf16().bits == 0);
}
