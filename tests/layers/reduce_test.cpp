#include <fulcrum/layers/reduce.hpp>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::check_close;
using test::counting_tensor;
using test::run_kernel;
using Values = Tensor<double>;

namespace {
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr std::array all_kinds{ReduceKind::sum,         ReduceKind::mean,      ReduceKind::max, ReduceKind::min,
                               ReduceKind::prod,        ReduceKind::l1,        ReduceKind::l2,  ReduceKind::log_sum,
                               ReduceKind::log_sum_exp, ReduceKind::sum_square};

double of_all(ReduceKind kind, const Values& src) {
  const Values dst = run_kernel(Reduce{kind, {}, false}, {src});
  REQUIRE(dst.dims().empty());
  return dst.flat()[0];
}
Shape shape_of(const auto& layer, const Shape& src) {
  const std::vector<Shape> shapes{src};
  return layer.dst_shape(shapes);
}
}  // namespace

TEST_CASE("reductions compute what they are called") {
  const Values src({4}, {1, -2, 3, 4});
  CHECK(of_all(ReduceKind::sum, src) == 6.0);
  CHECK(of_all(ReduceKind::mean, src) == 1.5);
  CHECK(of_all(ReduceKind::max, src) == 4.0);
  CHECK(of_all(ReduceKind::min, src) == -2.0);
  CHECK(of_all(ReduceKind::prod, src) == -24.0);
  CHECK(of_all(ReduceKind::l1, src) == 10.0);
  CHECK(of_all(ReduceKind::l2, src) == Approx(std::sqrt(30.0)));
  CHECK(of_all(ReduceKind::sum_square, src) == 30.0);
  CHECK(of_all(ReduceKind::log_sum, src) == Approx(std::log(6.0)));
  CHECK(of_all(ReduceKind::log_sum_exp, src) ==
        Approx(std::log(std::exp(1.0) + std::exp(-2.0) + std::exp(3.0) + std::exp(4.0))));
}

TEST_CASE("every reduction has a name of its own") {
  std::set<std::string_view> names;
  for (const ReduceKind kind : all_kinds) names.insert(name_of(kind));
  CHECK(names.size() == all_kinds.size());
  CHECK(names.count("?") == 0);
}

TEST_CASE("the axes that are named go, the others stay") {
  const Values src = counting_tensor<double>({2, 3, 2});
  CHECK(run_kernel(Reduce{ReduceKind::sum, {1}, true}, {src}) == Values({2, 1, 2}, {6, 9, 24, 27}));
  CHECK(run_kernel(Reduce{ReduceKind::sum, {1}, false}, {src}) == Values({2, 2}, {6, 9, 24, 27}));
  CHECK(run_kernel(Reduce{ReduceKind::max, {-1}, false}, {src}) == Values({2, 3}, {1, 3, 5, 7, 9, 11}));
  CHECK(run_kernel(Reduce{ReduceKind::mean, {0, 2}, true}, {src}) == Values({1, 3, 1}, {3.5, 5.5, 7.5}));
  CHECK(run_kernel(Reduce{ReduceKind::min, {-1, 0}, false}, {src}) == Values({3}, {0, 2, 4}));
  CHECK(run_kernel(Reduce{ReduceKind::sum, {}, true}, {src}) == Values({1, 1, 1}, {66}));
  CHECK(run_kernel(Reduce{ReduceKind::sum, {}, true}, {Values({}, {5.0})}) == Values({}, {5.0}));
}

TEST_CASE("reductions of nothing are what adding nothing gives") {
  const Values nothing({0});
  CHECK(of_all(ReduceKind::sum, nothing) == 0.0);
  CHECK(of_all(ReduceKind::prod, nothing) == 1.0);
  CHECK(of_all(ReduceKind::max, nothing) == -inf);
  CHECK(of_all(ReduceKind::min, nothing) == inf);
  CHECK(of_all(ReduceKind::l2, nothing) == 0.0);
  CHECK(of_all(ReduceKind::log_sum, nothing) == -inf);
  CHECK(of_all(ReduceKind::log_sum_exp, nothing) == -inf);
  CHECK(std::isnan(of_all(ReduceKind::mean, nothing)));
  CHECK(run_kernel(Reduce{ReduceKind::sum, {1}, false}, {Values({2, 0})}) == Values({2}, {0, 0}));
  CHECK(run_kernel(Reduce{ReduceKind::sum, {1}, true}, {Values({0, 2})}).dims() == Shape{0, 1});
}

TEST_CASE("large arguments do not overflow, NaN is not lost") {
  CHECK(of_all(ReduceKind::log_sum_exp, Values({2}, {1000, 1000})) == Approx(1000 + std::log(2.0)));
  CHECK(of_all(ReduceKind::log_sum_exp, Values({2}, {-inf, -inf})) == -inf);
  CHECK(of_all(ReduceKind::log_sum_exp, Values({2}, {-inf, 3})) == 3.0);
  for (const ReduceKind kind : all_kinds) {
    CAPTURE(name_of(kind));
    CHECK(std::isnan(of_all(kind, Values({3}, {1, NAN, 2}))));
  }
  // Past 2^24, float counts no further by ones.
  CHECK(run_kernel<float>(Reduce{ReduceKind::sum, {}, false}, {Tensor<float>({3}, {0x1p24F, 1, 1})}) ==
        Tensor<float>({}, {0x1p24F + 2}));
}

TEST_CASE("a reduction costs one FLOP per element it reads") {
  const std::vector<Shape> src{{2, 3, 4}};
  CHECK(Reduce{}.work(src, {1, 1, 1}) == Work{24.0, 24, 0, 1});
  CHECK(ArgReduce{}.work(src, {1, 3, 4}) == Work{24.0, 24, 0, 12});
  CHECK_THROWS_WITH(shape_of(Reduce{ReduceKind::sum, {0, -3}, true}, {2, 3, 4}), ContainsSubstring("twice"));
  CHECK_THROWS_AS(shape_of(Reduce{ReduceKind::sum, {3}, true}, {2, 3, 4}), Error);
}

TEST_CASE("the index of the largest or smallest element, the first or the last of equal ones") {
  const Values src({2, 3}, {1, 5, 5, 7, 2, 2});
  CHECK(run_kernel(ArgReduce{true, 1, true, false}, {src}) == Values({2, 1}, {1, 0}));
  CHECK(run_kernel(ArgReduce{true, 1, false, true}, {src}) == Values({2}, {2, 0}));
  CHECK(run_kernel(ArgReduce{false, -1, false, false}, {src}) == Values({2}, {0, 1}));
  CHECK(run_kernel(ArgReduce{false, -1, false, true}, {src}) == Values({2}, {0, 2}));
  CHECK(run_kernel(ArgReduce{true, 0, true, false}, {src}) == Values({1, 3}, {1, 0, 0}));
  CHECK(run_kernel(ArgReduce{true, 1, true, false}, {Values({0, 3})}).dims() == Shape{0, 1});
}

TEST_CASE("there is no index in an empty axis") {
  CHECK_THROWS_WITH(shape_of(ArgReduce{}, {0, 3}), ContainsSubstring("empty axis"));
  CHECK_THROWS_AS(shape_of(ArgReduce{true, 2, true, false}, {2, 3}), Error);
  CHECK(shape_of(ArgReduce{true, -1, false, false}, {2, 3}) == Shape{2});
}
