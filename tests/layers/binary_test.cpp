#include <fulcrum/layers/binary.hpp>

#include <cmath>
#include <vector>

#include <support/catch.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;

TEST_CASE("element-wise functions of two arguments compute what they are called") {
  CHECK(Binary{BinaryKind::add}(2.0, 3.0) == 5.0);
  CHECK(Binary{BinaryKind::mul}(2.0, 3.0) == 6.0);
  CHECK(name_of(BinaryKind::add) == "Add");
  CHECK(name_of(BinaryKind::mul) == "Mul");
}

TEST_CASE("arithmetic and the smaller, larger and remaining one") {
  CHECK(Binary{BinaryKind::sub}(2.0, 3.0) == -1.0);
  CHECK(Binary{BinaryKind::div}(3.0, 2.0) == 1.5);
  CHECK(Binary{BinaryKind::min}(2.0, 3.0) == 2.0);
  CHECK(Binary{BinaryKind::max}(2.0, 3.0) == 3.0);
  CHECK(Binary{BinaryKind::pow}(2.0, -2.0) == 0.25);
  CHECK(Binary{BinaryKind::prelu}(-2.0, 0.25) == -0.5);
  CHECK(Binary{BinaryKind::prelu}(2.0, 0.25) == 2.0);
  for (const BinaryKind kind : {BinaryKind::min, BinaryKind::max}) {
    CHECK(std::isnan(Binary{kind}(double{NAN}, 1.0)));
    CHECK(std::isnan(Binary{kind}(1.0, double{NAN})));
  }
}

TEST_CASE("bits of whole numbers are those of two's complement") {
  CHECK(Binary{BinaryKind::bit_and}(12.0, 10.0) == 8.0);
  CHECK(Binary{BinaryKind::bit_or}(12.0, 10.0) == 14.0);
  CHECK(Binary{BinaryKind::bit_xor}(12.0, 10.0) == 6.0);
  CHECK(Binary{BinaryKind::bit_and}(-1.0F, 10.0F) == 10.0F);
  CHECK(Binary{BinaryKind::bit_xor}(-1.0F, 10.0F) == -11.0F);
}

TEST_CASE("a remainder has the sign of the divisor, fmod's that of the dividend") {
  const auto remainder = [](double a, double b) { return Binary{BinaryKind::remainder}(a, b); };
  const auto fmod = [](double a, double b) { return Binary{BinaryKind::fmod}(a, b); };
  CHECK(remainder(-4, 3) == 2);
  CHECK(remainder(7, -3) == -2);
  CHECK(remainder(-7, -3) == -1);
  CHECK(remainder(5, 8) == 5);
  CHECK(remainder(-6, 3) == 0);
  CHECK(fmod(-4, 3) == -1);
  CHECK(fmod(7, -3) == 1);
  CHECK(fmod(5.5, 2) == 1.5);
}

TEST_CASE("comparisons and logic give 1 or 0") {
  using enum BinaryKind;
  const auto truth = [](BinaryKind kind, double a, double b) { return Binary{kind}(a, b); };
  CHECK(truth(equal, 2, 2) == 1);
  CHECK(truth(equal, 2, 3) == 0);
  CHECK(truth(less, 2, 2) == 0);
  CHECK(truth(less_or_equal, 2, 2) == 1);
  CHECK(truth(greater, 3, 2) == 1);
  CHECK(truth(greater_or_equal, 1, 2) == 0);
  CHECK(truth(logical_and, 1, 0) == 0);
  CHECK(truth(logical_and, 1, 2) == 1);
  CHECK(truth(logical_or, 0, 2) == 1);
  CHECK(truth(logical_or, 0, 0) == 0);
  CHECK(truth(logical_xor, 1, 2) == 0);
  CHECK(truth(logical_xor, 0, 2) == 1);
  CHECK(truth(equal, NAN, NAN) == 0);
  CHECK((is_predicate(equal) && is_predicate(logical_xor) && !is_predicate(prelu) && !is_predicate(add)));
}

TEST_CASE("the kernel broadcasts as NumPy does") {
  using Numbers = Tensor<double>;
  const Binary sub{BinaryKind::sub};
  const Numbers square({2, 2}, {1, 2, 3, 4});
  CHECK(test::run_kernel(sub, {square, Numbers({2}, {1, 2})}) == Numbers({2, 2}, {0, 0, 2, 2}));
  CHECK(test::run_kernel(sub, {square, Numbers({2, 1}, {1, 2})}) == Numbers({2, 2}, {0, 1, 1, 2}));
  CHECK(test::run_kernel(sub, {Numbers({}, {10}), square}) == Numbers({2, 2}, {9, 8, 7, 6}));
  CHECK(test::run_kernel(sub, {Numbers({2, 1, 1}, {10, 20}), Numbers({2, 1}, {1, 2})}) ==
        Numbers({2, 2, 1}, {9, 8, 19, 18}));
  CHECK(test::run_kernel(sub, {square, square}) == Numbers({2, 2}));
  CHECK(test::run_kernel(sub, {Numbers({0, 2}), Numbers({1, 2})}).dims() == Shape{0, 2});
}

TEST_CASE("their shapes broadcast, one FLOP per element of the result") {
  const Binary add;
  const std::vector<Shape> src{{2, 8, 4, 4}, {8, 1, 1}};
  CHECK(add.dst_shape(src) == Shape{2, 8, 4, 4});
  CHECK(add.work(src, {2, 8, 4, 4}) == Work{256.0, 264, 0, 256});
}

TEST_CASE("they take two sources that fit") {
  const std::vector<Shape> one{{2}};
  const std::vector<Shape> apart{{2, 3}, {4, 3}};
  CHECK_THROWS_WITH(Binary{}.dst_shape(one), ContainsSubstring("takes 2"));
  CHECK_THROWS_WITH(Binary{}.dst_shape(apart), ContainsSubstring("broadcast"));
}
