#include <fulcrum/layers/activation.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;

namespace {
constexpr std::array all_kinds{
    ActivationKind::relu,
    ActivationKind::leaky_relu,
    ActivationKind::clip,
    ActivationKind::sigmoid,
    ActivationKind::tanh,
    ActivationKind::elu,
    ActivationKind::swish,
    ActivationKind::hard_sigmoid,
    ActivationKind::hard_swish,
    ActivationKind::softplus,
    ActivationKind::gelu,
    ActivationKind::gelu_tanh,
    ActivationKind::selu,
    ActivationKind::celu,
    ActivationKind::softsign,
    ActivationKind::mish,
    ActivationKind::thresholded_relu,
    ActivationKind::shrink,
    ActivationKind::abs,
    ActivationKind::neg,
    ActivationKind::exp,
    ActivationKind::log,
    ActivationKind::sqrt,
    ActivationKind::reciprocal,
    ActivationKind::erf,
    ActivationKind::floor,
    ActivationKind::ceil,
    ActivationKind::round,
    ActivationKind::sign,
    ActivationKind::sin,
    ActivationKind::cos,
    ActivationKind::tan,
    ActivationKind::asin,
    ActivationKind::acos,
    ActivationKind::atan,
    ActivationKind::sinh,
    ActivationKind::cosh,
    ActivationKind::asinh,
    ActivationKind::acosh,
    ActivationKind::atanh,
    ActivationKind::logical_not,
    ActivationKind::linear,
};

/// Jumps somewhere, so that a number rounded to float may land on the other side.
bool jumps(ActivationKind kind) {
  return kind == ActivationKind::thresholded_relu || kind == ActivationKind::shrink || kind == ActivationKind::sign ||
         kind == ActivationKind::floor || kind == ActivationKind::ceil || kind == ActivationKind::round ||
         kind == ActivationKind::logical_not;
}
/// Not a number, or not a finite one, for some arguments.
bool has_gaps(ActivationKind kind) {
  return kind == ActivationKind::exp || kind == ActivationKind::log || kind == ActivationKind::sqrt ||
         kind == ActivationKind::reciprocal || kind == ActivationKind::asin || kind == ActivationKind::acos ||
         kind == ActivationKind::sinh || kind == ActivationKind::cosh || kind == ActivationKind::acosh ||
         kind == ActivationKind::atanh;
}
/// Where it is a finite number.
std::pair<double, double> domain_of(ActivationKind kind) {
  if (kind == ActivationKind::asin || kind == ActivationKind::acos || kind == ActivationKind::atanh) return {-0.9, 0.9};
  if (kind == ActivationKind::acosh) return {1.1, 8.0};
  return {has_gaps(kind) ? 0.1 : -8.0, 8.0};
}

double value(ActivationKind kind, double x, float alpha = 0.0F, float beta = 0.0F) {
  return Activation{kind, alpha, beta}(x);
}
}  // namespace

TEST_CASE("activations have the values their formulas give") {
  CHECK(value(ActivationKind::relu, -2.0) == 0.0);
  CHECK(value(ActivationKind::relu, 3.0) == 3.0);
  CHECK(value(ActivationKind::leaky_relu, -2.0, 0.25F) == -0.5);
  CHECK(value(ActivationKind::leaky_relu, 2.0, 0.25F) == 2.0);
  CHECK(value(ActivationKind::clip, 7.0, 0.0F, 6.0F) == 6.0);
  CHECK(value(ActivationKind::clip, -1.0, 0.0F, 6.0F) == 0.0);
  CHECK(value(ActivationKind::sigmoid, 0.0) == 0.5);
  CHECK(value(ActivationKind::sigmoid, 1.0) == Approx(0.7310585786300049));
  CHECK(value(ActivationKind::tanh, 0.5) == Approx(0.46211715726000975));
  CHECK(value(ActivationKind::elu, -1.0, 2.0F) == Approx(2.0 * (std::exp(-1.0) - 1.0)));
  CHECK(value(ActivationKind::elu, 1.5, 2.0F) == 1.5);
  CHECK(value(ActivationKind::hard_sigmoid, 1.0, 0.25F, 0.5F) == 0.75);
  CHECK(value(ActivationKind::hard_sigmoid, 10.0, 0.25F, 0.5F) == 1.0);
  CHECK(value(ActivationKind::hard_swish, 1.0) == Approx(4.0 / 6.0));
  CHECK(value(ActivationKind::hard_swish, -3.0) == 0.0);
  CHECK(value(ActivationKind::hard_swish, 5.0) == 5.0);
  CHECK(value(ActivationKind::swish, 1.0, 1.0F) == Approx(0.7310585786300049));
  CHECK(value(ActivationKind::softplus, 0.0) == Approx(std::log(2.0)));
  CHECK(value(ActivationKind::gelu, 1.0) == Approx(0.8413447460685429));
  CHECK(value(ActivationKind::gelu_tanh, 1.0) == Approx(0.8411919906082768));
}

TEST_CASE("the functions of one argument have the values their formulas give") {
  CHECK(value(ActivationKind::selu, 2.0, 1.5F, 3.0F) == 6.0);
  CHECK(value(ActivationKind::selu, -1.0, 1.5F, 3.0F) == Approx(3.0 * 1.5 * (std::exp(-1.0) - 1.0)));
  CHECK(value(ActivationKind::celu, -1.0, 2.0F) == Approx(2.0 * (std::exp(-0.5) - 1.0)));
  CHECK(value(ActivationKind::celu, 3.0, 2.0F) == 3.0);
  CHECK(value(ActivationKind::softsign, -3.0) == -0.75);
  CHECK(value(ActivationKind::mish, 1.0) == Approx(std::tanh(std::log(1.0 + std::exp(1.0)))));
  CHECK(value(ActivationKind::mish, -1.0) == Approx(-std::tanh(std::log(1.0 + std::exp(-1.0)))));
  CHECK(value(ActivationKind::thresholded_relu, 2.0, 2.0F) == 0.0);
  CHECK(value(ActivationKind::thresholded_relu, 2.5, 2.0F) == 2.5);
  CHECK(value(ActivationKind::shrink, -2.0, 1.5F, 0.5F) == -1.5);
  CHECK(value(ActivationKind::shrink, 1.5, 1.5F, 0.5F) == 0.0);
  CHECK(value(ActivationKind::shrink, 2.0, 1.5F, 0.5F) == 1.5);
  CHECK(value(ActivationKind::abs, -2.5) == 2.5);
  CHECK(value(ActivationKind::neg, -2.5) == 2.5);
  CHECK(value(ActivationKind::exp, 1.0) == Approx(2.718281828459045));
  CHECK(value(ActivationKind::log, 2.0) == Approx(0.6931471805599453));
  CHECK(value(ActivationKind::sqrt, 6.25) == 2.5);
  CHECK(value(ActivationKind::reciprocal, -4.0) == -0.25);
  CHECK(value(ActivationKind::erf, 1.0) == Approx(0.8427007929497149));
  CHECK(value(ActivationKind::floor, -1.5) == -2.0);
  CHECK(value(ActivationKind::ceil, -1.5) == -1.0);
  CHECK(value(ActivationKind::sign, -7.0) == -1.0);
  CHECK(value(ActivationKind::sign, 0.0) == 0.0);
  CHECK(value(ActivationKind::sin, 0.5) == Approx(0.479425538604203));
  CHECK(value(ActivationKind::cos, 0.5) == Approx(0.8775825618903728));
  CHECK(value(ActivationKind::tan, 0.5) == Approx(0.5463024898437905));
  CHECK(value(ActivationKind::asin, 0.5) == Approx(0.5235987755982989));
  CHECK(value(ActivationKind::acos, 0.5) == Approx(1.0471975511965979));
  CHECK(value(ActivationKind::atan, 0.5) == Approx(0.4636476090008061));
  CHECK(value(ActivationKind::sinh, 0.5) == Approx(0.5210953054937474));
  CHECK(value(ActivationKind::cosh, 0.5) == Approx(1.1276259652063807));
  CHECK(value(ActivationKind::asinh, 0.5) == Approx(0.48121182505960347));
  CHECK(value(ActivationKind::acosh, 1.5) == Approx(0.9624236501192069));
  CHECK(value(ActivationKind::atanh, 0.5) == Approx(0.5493061443340548));
  CHECK(value(ActivationKind::logical_not, 0.0) == 1.0);
  CHECK(value(ActivationKind::logical_not, 1.0) == 0.0);
}

TEST_CASE("rounding takes the even one of two integers that are as near") {
  const auto rounded = [](double x) { return value(ActivationKind::round, x); };
  CHECK(rounded(0.5) == 0.0);
  CHECK(rounded(1.5) == 2.0);
  CHECK(rounded(2.5) == 2.0);
  CHECK(rounded(-2.5) == -2.0);
  CHECK(rounded(2.51) == 3.0);
}

TEST_CASE("the kernel applies the function to every element") {
  const Activation shifted{ActivationKind::hard_sigmoid, 0.25F, 0.5F};
  CHECK(test::run_kernel(shifted, {Tensor<double>({2, 2}, {-2, 0, 1, 5})}) ==
        Tensor<double>({2, 2}, {0, 0.5, 0.75, 1}));
  CHECK(test::run_kernel(shifted, {Tensor<double>({0, 2})}).dims() == Shape{0, 2});
}

TEST_CASE("no activation overflows on large arguments") {
  for (const ActivationKind kind : all_kinds) {
    if (has_gaps(kind)) continue;
    for (const float x : {-1e4F, -100.0F, 100.0F, 1e4F}) {
      CAPTURE(name_of(kind), x);
      CHECK(std::isfinite(Activation{kind, 1.0F, 6.0F}(x)));
    }
  }
  CHECK(value(ActivationKind::softplus, 1e4) == 1e4);
  CHECK(value(ActivationKind::swish, -1e4, 1.0F) == 0.0);
  CHECK(value(ActivationKind::gelu, -1e4) == 0.0);
}

TEST_CASE("NaN stays NaN where the function is continuous") {
  for (const ActivationKind kind : all_kinds) {
    if (jumps(kind) && kind != ActivationKind::floor && kind != ActivationKind::ceil && kind != ActivationKind::round)
      continue;
    CAPTURE(name_of(kind));
    CHECK(std::isnan(Activation{kind, 1.0F, 6.0F}(std::numeric_limits<double>::quiet_NaN())));
  }
}

TEST_CASE("float and double agree within float's precision") {
  Random random(1);
  for (const ActivationKind kind : all_kinds) {
    for (int i = 0; i < 200; ++i) {
      const auto [low, high] = domain_of(kind);
      const auto x = static_cast<float>(random.uniform(low, high));
      const Activation activation{kind, 0.5F, 0.75F};
      CAPTURE(name_of(kind), x);
      REQUIRE(static_cast<double>(activation(x)) ==
              Approx(activation(static_cast<double>(x))).epsilon(1e-5).margin(1e-6));
    }
  }
}

TEST_CASE("every activation has a name of its own") {
  std::set<std::string_view> names;
  for (const ActivationKind kind : all_kinds) names.insert(name_of(kind));
  CHECK(names.size() == all_kinds.size());
  CHECK(names.count("?") == 0);
}

TEST_CASE("an activation keeps the shape and costs one FLOP per element") {
  const Activation relu;
  const std::vector<Shape> src{{2, 3, 4}};
  CHECK(relu.dst_shape(src) == Shape{2, 3, 4});
  CHECK(relu.work(src, {2, 3, 4}) == Work{24.0, 24, 0, 24});
  CHECK_THROWS_AS(relu.dst_shape({}), Error);
}
