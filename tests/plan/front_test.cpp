#include <fulcrum/plan/front.hpp>

#include <limits>

#include <plan/synthetic.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using synthetic::measured;

TEST_CASE("the front holds what no measured candidate beats and the others say who beats them") {
  const auto marked = with_front({
      measured(Precision::f32, 0.0, 1, 0.91, 1.0, 1000.0),
      measured(Precision::int8, 0.0, 1, 0.90, 0.5, 3000.0),
      measured(Precision::f32, 0.5, 1, 0.89, 1.0, 1000.0),
      synthetic::predicted(Precision::bf16, 0.0, 1, 0.91, 0.1, 9000.0),
  });
  CHECK(marked[0].on_front);
  CHECK(marked[1].on_front);
  CHECK(marked[1].why_not.empty());
  CHECK_FALSE(marked[2].on_front);
  CHECK_THAT(marked[2].why_not, ContainsSubstring("outdone by f32, batch 1, 1 thread, 1 instance"));
  CHECK_FALSE(marked[3].on_front);  // never measured
}

TEST_CASE("a candidate whose figures are not numbers is not on the front and says so") {
  auto marked = with_front({measured(Precision::f32, 0.0, 1, 0.91, std::numeric_limits<double>::quiet_NaN(), 1000.0)});
  CHECK_FALSE(marked[0].on_front);
  CHECK_THAT(marked[0].why_not, ContainsSubstring("not numbers"));
}
