#include <fulcrum/exec/kernels/nan_search.hpp>

#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include <support/catch.hpp>

using fulcrum::detail::onednn::holds_nan;

TEST_CASE("one NaN is found wherever it stands, and infinities are none") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(holds_nan({}));
  for (const std::size_t count : {1U, 7U, 8U, 31U, 32U, 33U, 64U, 65U}) {
    std::vector<float> elements(count, std::numeric_limits<float>::infinity());
    CHECK_FALSE(holds_nan(elements));
    for (float& x : elements) {
      for (const float wrong : {nan, -nan}) {
        const float before = std::exchange(x, wrong);
        CHECK(holds_nan(elements));
        x = before;
      }
    }
  }
}

TEST_CASE("a NaN behind the last element is nobody's") {
  std::vector<float> elements(40, 1.0F);
  elements[33] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(holds_nan({elements.data(), 33}));
  CHECK(holds_nan({elements.data(), 34}));
}
