#include <fulcrum/layers/work.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("work adds up component by component") {
  Work total{10.0, 1, 2, 3};
  total += Work{5.0, 10, 20, 30};
  CHECK(total == Work{15.0, 11, 22, 33});
  total += Work{};
  CHECK(total == Work{15.0, 11, 22, 33});
}

TEST_CASE("element-wise work counts what is read, written and computed") {
  const std::vector<Shape> src{{2, 3}, {3}};
  CHECK(detail::elementwise_work(src, {2, 3}, 2.0) == Work{12.0, 9, 0, 6});
  CHECK(detail::total_elements({}) == 0);
}

TEST_CASE("a wrong number or rank of sources is refused with the layer's name") {
  const std::vector<Shape> src{{2, 3}};
  CHECK_NOTHROW(detail::expect_sources(src, 1, "Relu"));
  CHECK_THROWS_WITH(detail::expect_sources(src, 2, "Add"), "Add: takes 2 source(s) but has 1");
  CHECK_NOTHROW(detail::expect_rank(src[0], 2, "Dense"));
  CHECK_THROWS_WITH(detail::expect_rank(src[0], 4, "Conv"), ContainsSubstring("Conv") && ContainsSubstring("(2, 3)"));
}
