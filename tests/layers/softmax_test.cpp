#include <fulcrum/layers/softmax.hpp>

#include <cmath>
#include <vector>

#include <support/catch.hpp>
#include <support/run_kernel.hpp>

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

TEST_CASE("softmax shares out 1 along its axis, its logarithm does not overflow") {
  using Numbers = Tensor<double>;
  const Numbers src({2, 2}, {0, std::log(3.0), 1000, 1000});
  test::check_close(test::run_kernel(Softmax{}, {src}), Numbers({2, 2}, {0.25, 0.75, 0.5, 0.5}), 1e-12);
  test::check_close(test::run_kernel(Softmax{-1, true}, {src}),
                    Numbers({2, 2}, {std::log(0.25), std::log(0.75), -std::log(2.0), -std::log(2.0)}), 1e-12);
  test::check_close(test::run_kernel(Softmax{0, true}, {Numbers({2, 1}, {0, 1000})}), Numbers({2, 1}, {-1000, 0}),
                    1e-12);
  CHECK(test::run_kernel(Softmax{0}, {Numbers({0, 3})}).dims() == Shape{0, 3});
}
