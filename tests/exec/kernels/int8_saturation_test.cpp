#include <fulcrum/exec/kernels/int8_saturation.hpp>

#include <array>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
/// What VPMADDUBSW does to the worst pair of sources, for every pair of weights of a channel (0: padding).
bool some_pair_saturates(std::span<const std::int8_t> channel) {
  for (std::size_t i = 0; i < channel.size(); ++i) {
    for (std::size_t j = i; j < channel.size(); ++j) {
      const int a = channel[i];
      const int b = i == j ? 0 : channel[j];
      const int most = 255 * (std::max(a, 0) + std::max(b, 0));
      const int least = 255 * (std::min(a, 0) + std::min(b, 0));
      if (most > 32767 || least < -32768) return true;
    }
  }
  return false;
}
}  // namespace

TEST_CASE("two large weights of one sign in a channel saturate, one beside small ones does not") {
  CHECK(detail::never_saturates(std::array<std::int8_t, 4>{127, 1, -127, -1}, 1));
  CHECK(detail::never_saturates(std::array<std::int8_t, 4>{64, 64, -64, -64}, 1));
  CHECK_FALSE(detail::never_saturates(std::array<std::int8_t, 4>{64, 65, 0, 0}, 1));
  CHECK_FALSE(detail::never_saturates(std::array<std::int8_t, 4>{0, -64, 0, -65}, 1));
  CHECK(detail::never_saturates(std::array<std::int8_t, 4>{65, 0, 65, 0}, 2));  // never in one sum
}

TEST_CASE("the proof agrees with trying every pair") {
  Random random(5);
  int safe = 0;
  for (int run = 0; run < 500; ++run) {
    std::array<std::int8_t, 6> weights{};
    for (std::int8_t& w : weights) w = static_cast<std::int8_t>(random.uniform(-75.0, 75.0));
    const bool expected = !some_pair_saturates(weights);
    REQUIRE(detail::never_saturates(weights, 1) == expected);
    safe += expected ? 1 : 0;
  }
  CHECK(safe > 50);
  CHECK(safe < 450);
}
