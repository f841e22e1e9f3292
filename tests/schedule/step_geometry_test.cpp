#include <fulcrum/schedule/step_geometry.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("extents past the second one are folded into rows") {
  const StepGeometry g = detail::plain_geometry({2, 3, 4, 5, 6});
  CHECK(g.n == 2);
  CHECK(g.ic == 3);
  CHECK(g.oc == 3);
  CHECK(g.ih == 120);
  CHECK(g.iw == 1);
  CHECK(detail::plain_geometry({2, 3, 4, 5}).iw == 5);
  CHECK(detail::plain_geometry({7}).oc == 7);
}

TEST_CASE("functions with an exponential cost more than comparisons") {
  CHECK(detail::is_function(ActivationKind::sigmoid));
  CHECK_FALSE(detail::is_function(ActivationKind::relu));
}
