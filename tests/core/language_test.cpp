#include <cmath>
#include <limits>

#include <fulcrum/core/language.hpp>

#include <support/catch.hpp>

// What the header refuses is in tests/compile_fail/language_….cpp; this is what it promises.
TEST_CASE("NaN and infinity are told from numbers") {
  const volatile double zero = 0.0;
  CHECK(std::isnan(zero / zero));
  CHECK(std::isinf(1.0 / zero));
  CHECK_FALSE(zero / zero >= 0.0);
}
