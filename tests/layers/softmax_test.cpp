#include <fulcrum/layers/softmax.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("softmax keeps the shape and costs five FLOPs per element") {
  const std::vector<Shape> src{{4, 10}};
  CHECK(Softmax{}.dst_shape(src) == Shape{4, 10});
  CHECK(Softmax{0}.dst_shape(src) == Shape{4, 10});
  CHECK(Softmax{}.work(src, {4, 10}) == Work{200.0, 40, 0, 40});
}

TEST_CASE("softmax along an axis that is not there is refused") {
  const std::vector<Shape> src{{4, 10}};
  const std::vector<Shape> scalar{{}};
  CHECK_THROWS_WITH(Softmax{2}.dst_shape(src), ContainsSubstring("axis 2"));
  CHECK_THROWS_AS(Softmax{}.dst_shape(scalar), Error);
  CHECK_THROWS_AS(Softmax{}.dst_shape({}), Error);
}
