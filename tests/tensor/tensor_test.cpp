#include <fulcrum/tensor/tensor.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#if __has_include(<xtensor/core/xmath.hpp>)  // xtensor 0.26 and later
#include <xtensor/core/xmath.hpp>
#include <xtensor/generators/xbuilder.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xview.hpp>
#endif

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::counting_tensor;
using fulcrum::test::random_tensor;

namespace {
template <class T>
bool is_aligned(const Tensor<T>& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.flat().data()) % tensor_alignment == 0;
}

Shape random_shape(Random& random, std::size_t max_rank = 4) {
  Shape shape(random.below(max_rank + 1));
  for (auto& dim : shape) dim = static_cast<std::int64_t>(random.below(5));
  return shape;
}
}  // namespace

TEST_CASE("a tensor to be written has its shape, and takes every element") {
  for (const Shape& shape : {Shape{}, Shape{0, 3}, Shape{2, 3}, Shape{700, 800}}) {
    Tensor<float> tensor = Tensor<float>::for_overwrite(shape);
    CHECK(tensor.dims() == shape);
    CHECK(static_cast<std::int64_t>(tensor.flat().size()) == element_count(shape));
    for (float& x : tensor.flat()) x = 3.0F;
    CHECK(tensor == Tensor<float>(shape, 3.0F));
  }
  CHECK_THROWS_AS(Tensor<float>::for_overwrite({2, -1}), Error);
}

TEST_CASE("a tensor is made zero-filled, filled, or from values in row-major order") {
  const Tensor<float> zeros({2, 3});
  CHECK(zeros.dims() == Shape{2, 3});
  for (const float x : zeros.flat()) CHECK(x == 0.0F);

  const Tensor<float> sevens({2, 3}, 7.0F);
  for (const float x : sevens.flat()) CHECK(x == 7.0F);

  const Tensor<float> given({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(given(0, 2) == 3.0F);
  CHECK(given(1, 0) == 4.0F);

  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  CHECK(Tensor<float>({2, 3}, std::span<const float>(values)) == given);
}

TEST_CASE("a default-constructed tensor is a scalar holding 0") {
  const Tensor<double> scalar;
  CHECK(scalar.dims().empty());
  REQUIRE(scalar.flat().size() == 1);
  CHECK(scalar.flat()[0] == 0.0);
  CHECK(scalar.at() == 0.0);
}

TEST_CASE("a tensor without elements is a tensor") {
  const Tensor<float> empty({3, 0, 2});
  CHECK(empty.flat().empty());
  CHECK(empty.dims() == Shape{3, 0, 2});
  CHECK(empty == Tensor<float>({3, 0, 2}));
  CHECK_FALSE(empty == Tensor<float>({0, 3, 2}));
}

TEST_CASE("a tensor that cannot be made is refused with its shape") {
  CHECK_THROWS_WITH(Tensor<float>({2, -1}), ContainsSubstring("(2, N)"));
  CHECK_THROWS_WITH(Tensor<float>({2, 2}, {1, 2, 3}), "tensor of shape (2, 2): was given 3 values; give 4");
  CHECK_THROWS_AS(Tensor<float>({std::int64_t{1} << 40, std::int64_t{1} << 40}), Error);
}

TEST_CASE("elements start on a 64-byte boundary, also after copies and expressions") {
  Random random(1);
  for (int i = 0; i < 50; ++i) {
    const Tensor<float> a(random_shape(random), 1.0F);
    const Tensor<float> copy = a;
    const Tensor<float> sum = a + copy;
    REQUIRE(is_aligned(a));
    REQUIRE(is_aligned(copy));
    REQUIRE(is_aligned(sum));
  }
}

TEST_CASE("checked access agrees with unchecked access") {
  Tensor<int> t = counting_tensor<int>({2, 3, 4});
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) {
        REQUIRE(t.at(i, j, k) == (i * 3 + j) * 4 + k);
        REQUIRE(t.at(i, j, k) == t(i, j, k));
      }
  t.at(1, 2, 3) = -5;
  CHECK(t.flat()[23] == -5);
}

TEST_CASE("checked access outside throws with index and shape") {
  const Tensor<float> t({2, 3});
  CHECK_THROWS_WITH(t.at(2, 0), "index (2, 0): is outside a tensor of shape (2, 3)");
  CHECK_THROWS_AS(t.at(0, 3), Error);
  CHECK_THROWS_AS(t.at(0, -2), Error);
  CHECK_THROWS_WITH(t.at(0), ContainsSubstring("(0)"));  // too few indices
  CHECK_THROWS_AS(t.at(0, 0, 0), Error);                 // too many
  CHECK_THROWS_AS(t.at(), Error);
  CHECK_THROWS_AS(t.at(std::numeric_limits<std::int64_t>::max(), std::int64_t{1}), Error);
}

TEST_CASE("extents are asked by axis, from either end") {
  const Tensor<float> t({2, 3, 5});
  CHECK(t.dim(0) == 2);
  CHECK(t.dim(-1) == 5);
  CHECK_THROWS_AS(t.dim(3), Error);
}

TEST_CASE("a reshaped tensor holds the same elements and moves them when it can") {
  Tensor<int> t = counting_tensor<int>({2, 6});
  const Tensor<int> copy = t.reshaped({3, 4});
  CHECK(copy.at(1, 0) == 4);
  CHECK(t.dims() == Shape{2, 6});

  const int* const storage = t.flat().data();
  const Tensor<int> moved = std::move(t).reshaped({12});
  CHECK(moved.flat().data() == storage);
  CHECK(moved.dims() == Shape{12});
  CHECK_THROWS_WITH(moved.reshaped({5}), "tensor of shape (12): cannot be reshaped to (5)");
  CHECK(moved.reshaped({2, 3, 2, 1}).reshaped({12}) == moved);
}

TEST_CASE("a scalar and a one-element tensor reshape into each other") {
  const Tensor<float> one({1, 1}, 3.0F);
  const Tensor<float> scalar = one.reshaped({});
  CHECK(scalar.dims().empty());
  CHECK(scalar.at() == 3.0F);
  CHECK(scalar.reshaped({1, 1}) == one);
}

TEST_CASE("tensors are equal when shapes and elements are") {
  const Tensor<float> a({2, 2}, {1, 2, 3, 4});
  CHECK(a == Tensor<float>({2, 2}, {1, 2, 3, 4}));
  CHECK_FALSE(a == Tensor<float>({4}, {1, 2, 3, 4}));
  CHECK_FALSE(a == Tensor<float>({2, 2}, {1, 2, 3, 5}));
  const Tensor<float> nan({1}, std::numeric_limits<float>::quiet_NaN());
  CHECK_FALSE(nan == nan);
}

TEST_CASE("a copy is independent, a moved-from tensor can be given a new value") {
  Tensor<float> a({3}, 1.0F);
  Tensor<float> b = a;
  b.flat()[0] = 9.0F;
  CHECK(a.flat()[0] == 1.0F);

  const Tensor<float> c = std::move(a);
  CHECK(c == Tensor<float>({3}, 1.0F));
  a = b;
  CHECK(a == b);
  static_assert(std::is_nothrow_move_constructible_v<Tensor<float>> &&
                std::is_nothrow_move_assignable_v<Tensor<float>>);
}

TEST_CASE("a tensor takes part in xtensor expressions") {
  const Tensor<float> x({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor<float> row({3}, {10, 20, 30});
  const Tensor<float> y = 2.0F * x + row;  // (2,3) + (3) → (2,3)
  CHECK(y == Tensor<float>({2, 3}, {12, 24, 36, 18, 30, 42}));

  const Tensor<float> roots = xt::sqrt(x * x);
  CHECK(roots == x);
  CHECK(xt::sum(x)() == 21.0F);
  const Tensor<float> columns = xt::sum(x, {0});
  CHECK(columns == Tensor<float>({3}, {5, 7, 9}));
  const Tensor<float> from_builder = xt::ones<float>({2, 2});
  CHECK(from_builder == Tensor<float>({2, 2}, 1.0F));
}

TEST_CASE("an expression is assigned in place, with aliasing and with another shape") {
  Tensor<float> x({2, 2}, {1, 2, 3, 4});
  x = xt::transpose(x) + x;
  CHECK(x == Tensor<float>({2, 2}, {2, 5, 5, 8}));
  x += 1.0F;
  CHECK(x == Tensor<float>({2, 2}, {3, 6, 6, 9}));
  x *= x;
  CHECK(x == Tensor<float>({2, 2}, {9, 36, 36, 81}));
  x = xt::arange<float>(5.0F);
  CHECK(x == Tensor<float>({5}, {0, 1, 2, 3, 4}));
}

TEST_CASE("a view of a tensor writes to the tensor") {
  Tensor<int> t = counting_tensor<int>({3, 4});
  xt::view(t, 1, xt::range(1, 3)) = 0;
  CHECK(t == Tensor<int>({3, 4}, {0, 1, 2, 3, 4, 0, 0, 7, 8, 9, 10, 11}));
  const Tensor<int> column = xt::view(t, xt::all(), 3);
  CHECK(column == Tensor<int>({3}, {3, 7, 11}));
}

TEST_CASE("expressions over random shapes equal the loop they stand for") {
  Random random(2);
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Shape shape = random_shape(random);
    const auto a = random_tensor<double>(shape, 3 * i);
    const auto b = random_tensor<double>(shape, 3 * i + 1);
    const Tensor<double> c = a * b - a;
    REQUIRE(c.dims() == shape);
    for (std::size_t k = 0; k < c.flat().size(); ++k) {
      REQUIRE(c.flat()[k] == Approx(a.flat()[k] * b.flat()[k] - a.flat()[k]));
    }
  }
}

TEST_CASE("the offset of an index is that of row-major order for random shapes") {
  Random random(5);
  for (int i = 0; i < 100; ++i) {
    const Shape shape{1 + static_cast<std::int64_t>(random.below(4)), 1 + static_cast<std::int64_t>(random.below(4)),
                      1 + static_cast<std::int64_t>(random.below(4))};
    const auto t = counting_tensor<std::int64_t>(shape);
    const auto index = [&](std::size_t axis) {
      return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(shape[axis])));
    };
    const std::int64_t a = index(0);
    const std::int64_t b = index(1);
    const std::int64_t c = index(2);
    REQUIRE(t.at(a, b, c) == (a * shape[1] + b) * shape[2] + c);
  }
}

TEST_CASE("a conversion is a tensor, not an expression, whatever it is called with") {
  Tensor<float> x({2}, 1.5F);
  static_assert(std::is_same_v<decltype(cast<double>(x)), Tensor<double>>);
  static_assert(std::is_same_v<decltype(cast<double>(std::as_const(x))), Tensor<double>>);
  static_assert(std::is_same_v<decltype(cast<double>(std::move(x))), Tensor<double>>);
  CHECK(cast<double>(x) == Tensor<double>({2}, 1.5));
}

TEST_CASE("elements convert one by one") {
  const Tensor<float> x({2, 2}, {1.75F, -1.75F, 0.5F, 300.0F});
  CHECK(cast<double>(x) == Tensor<double>({2, 2}, {1.75, -1.75, 0.5, 300.0}));
  CHECK(cast<std::int32_t>(x) == Tensor<std::int32_t>({2, 2}, {1, -1, 0, 300}));
  CHECK(cast<float>(cast<bf16>(x)) == x);  // all four are bf16 numbers
}

TEST_CASE("tensors of every element type are values") {
  const auto check = []<class T>(T a, T b) {
    Tensor<T> t({2}, a);
    t.flat()[1] = b;
    const Tensor<T> copy = t;
    CHECK(copy == t);
    CHECK(copy.at(1) == b);
  };
  check(std::int8_t{-1}, std::int8_t{127});
  check(std::uint8_t{1}, std::uint8_t{255});
  check(std::int32_t{1}, std::int32_t{-2});
  check(std::int64_t{1}, std::int64_t{-2});
  check(bf16(1.0F), bf16(-0.5F));
}
