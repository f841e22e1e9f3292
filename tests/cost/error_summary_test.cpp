#include <fulcrum/cost/error_summary.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the note is of the precision and the nearest batch that were compared") {
  ErrorSummary summary;
  summary.groups = {{Precision::f32, 1, 24, 0.91, 1.0, 0.05, 0.01}, {Precision::f32, 16, 1, 0.5, 1.0, 0.05, 0.01}};
  CHECK(error_note(summary, {}) ==
        "on this machine predictions of f32 at batch 1 were within ±10 % in 91 % of 24 cases");
  CHECK(error_note(summary, {.batch = 8}) ==
        "on this machine predictions of f32 at batch 16 were within ±10 % in 50 % of 1 case");
  CHECK_FALSE(error_note(summary, {.precision = Precision::int8}));
  CHECK_FALSE(error_note({}, {}));
}
