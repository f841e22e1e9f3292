#include <fulcrum/schedule/layout_change.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("two observations speak of one kind of place whatever their share") {
  const LayoutChange seen{Precision::f32, "convolution", "pooling", false, 16, 0.2};
  LayoutChange other = seen;
  other.reorders = 0.9;
  CHECK(seen.same_place(other));
  CHECK_FALSE(seen == other);
  for (const auto change : {+[](LayoutChange& c) { c.precision = Precision::bf16; },
                            +[](LayoutChange& c) { c.from = "input"; }, +[](LayoutChange& c) { c.to = "dense"; },
                            +[](LayoutChange& c) { c.converts = true; }, +[](LayoutChange& c) { c.channels = 3; }}) {
    LayoutChange elsewhere = seen;
    change(elsewhere);
    CHECK_FALSE(seen.same_place(elsewhere));
  }
}
