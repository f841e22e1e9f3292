#include <fulcrum/layers/dense.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Dense<float> dense(std::int64_t oc, std::int64_t ic, bool bias = true) {
  Dense<float> layer;
  layer.weights = Tensor<float>({oc, ic});
  if (bias) layer.bias = Tensor<float>(Shape{oc});
  return layer;
}
}  // namespace

TEST_CASE("a dense layer maps the last axis") {
  const std::vector<Shape> rows{{5, 8}};
  const std::vector<Shape> sequence{{2, 7, 8}};
  CHECK(dense(3, 8).dst_shape(rows) == Shape{5, 3});
  CHECK(dense(3, 8).dst_shape(sequence) == Shape{2, 7, 3});
}

TEST_CASE("its work is two FLOPs per weight and row, and one per bias") {
  const std::vector<Shape> rows{{5, 8}};
  CHECK(dense(3, 8, false).work(rows, {5, 3}) == Work{2.0 * 5 * 3 * 8, 40, 24, 15});
  CHECK(dense(3, 8, true).work(rows, {5, 3}) == Work{2.0 * 5 * 3 * 8 + 15, 40, 27, 15});
}

TEST_CASE("a source of another width is refused with the way out") {
  const std::vector<Shape> image{{5, 2, 2, 2}};
  CHECK_THROWS_WITH(dense(3, 8).dst_shape(image), ContainsSubstring("flatten the source to (batch, 8)"));
  const std::vector<Shape> vector{{8}};
  CHECK_THROWS_AS(dense(3, 8).dst_shape(vector), Error);
  auto bias = dense(3, 8);
  bias.bias = Tensor<float>(Shape{4});
  const std::vector<Shape> rows{{5, 8}};
  CHECK_THROWS_WITH(bias.dst_shape(rows), ContainsSubstring("bias (4) for 3 outputs"));
  CHECK_THROWS_WITH(Dense<float>{}.dst_shape(rows), ContainsSubstring("no weights"));
}
