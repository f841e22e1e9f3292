#include <fulcrum/layers/source.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("an input has the shape it was declared with and costs nothing") {
  const Input input{{batch_dim, 1, 28, 28}};
  CHECK(input.dst_shape({}) == Shape{batch_dim, 1, 28, 28});
  CHECK(input.work({}, {4, 1, 28, 28}) == Work{});
  const std::vector<Shape> src{{1}};
  CHECK_THROWS_AS(input.dst_shape(src), Error);
}

TEST_CASE("a constant has the shape of its value and is read like a weight") {
  Constant<float> constant;
  CHECK_THROWS_WITH(constant.dst_shape({}), ContainsSubstring("no value"));
  constant.value = Tensor<float>({2, 3});
  CHECK(constant.dst_shape({}) == Shape{2, 3});
  CHECK(constant.work({}, {2, 3}) == Work{0.0, 0, 6, 0});
  const std::vector<Shape> src{{1}};
  CHECK_THROWS_AS(constant.dst_shape(src), Error);
}
