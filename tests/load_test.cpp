#include <fulcrum/load.hpp>

#include <support/catch.hpp>

TEST_CASE("one header has what judges the tail of a load") {
  CHECK(fulcrum::check_tail(459, 0).holds);
  CHECK_FALSE(fulcrum::check_tail(458, 0).holds);
}
