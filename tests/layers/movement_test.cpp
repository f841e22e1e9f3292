#include <fulcrum/layers/movement.hpp>

#include <limits>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::counting_tensor;
using test::run_kernel;
using Values = Tensor<double>;

namespace {
constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t far_before = std::numeric_limits<std::int64_t>::min();

template <class L>
Shape shape_after(const L& layer, const Shape& src) {
  const std::vector<Shape> shapes{src};
  return layer.dst_shape(shapes);
}

Slice slice_of(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t axis = 0) {
  return {{axis}, {start}, {end}, {step}};
}
Values sliced(std::int64_t start, std::int64_t end, std::int64_t step) {
  return run_kernel(slice_of(start, end, step), {counting_tensor<double>({5})});
}
}  // namespace

TEST_CASE("transposing moves every element to its permuted place") {
  const Values src = counting_tensor<double>({2, 3});
  CHECK(run_kernel(Transpose{}, {src}) == Values({3, 2}, {0, 3, 1, 4, 2, 5}));
  CHECK(run_kernel(Transpose{{0, 1}}, {src}) == src);

  const Values volume = counting_tensor<double>({2, 3, 4, 5});
  const Values moved = run_kernel(Transpose{{2, 0, -1, 1}}, {volume});
  REQUIRE(moved.dims() == Shape{4, 2, 5, 3});
  for (std::int64_t n = 0; n < 2; ++n)
    for (std::int64_t c = 0; c < 3; ++c)
      for (std::int64_t h = 0; h < 4; ++h)
        for (std::int64_t w = 0; w < 5; ++w) REQUIRE(moved.at(h, n, w, c) == volume.at(n, c, h, w));

  CHECK(run_kernel(Transpose{}, {Values({}, {7.0})}) == Values({}, {7.0}));
  CHECK(run_kernel(Transpose{}, {Values({2, 0, 3})}).dims() == Shape{3, 0, 2});
  CHECK_THROWS_WITH(shape_after(Transpose{{0, 0}}, {2, 3}), ContainsSubstring("twice"));
  CHECK_THROWS_WITH(shape_after(Transpose{{0}}, {2, 3}), ContainsSubstring("names 1 axes"));
  CHECK_THROWS_AS(shape_after(Transpose{{0, 2}}, {2, 3}), Error);
}

TEST_CASE("slices are Python's") {
  CHECK(sliced(1, 4, 1) == Values({3}, {1, 2, 3}));
  CHECK(sliced(0, far, 2) == Values({3}, {0, 2, 4}));
  CHECK(sliced(-2, far, 1) == Values({2}, {3, 4}));
  CHECK(sliced(-9, -1, 1) == Values({4}, {0, 1, 2, 3}));
  CHECK(sliced(4, far_before, -1) == Values({5}, {4, 3, 2, 1, 0}));
  CHECK(sliced(far, far_before, -2) == Values({3}, {4, 2, 0}));
  CHECK(sliced(-1, 0, -3) == Values({2}, {4, 1}));
  CHECK(sliced(3, -6, -2) == Values({2}, {3, 1}));  // -6 lies before the first element
  CHECK(sliced(2, 2, 1).dims() == Shape{0});
  CHECK(sliced(1, 3, -1).dims() == Shape{0});
  CHECK(sliced(-9, 0, -1).dims() == Shape{0});
  CHECK(sliced(7, 9, 1).dims() == Shape{0});
  CHECK(sliced(4, 0, far_before) == Values({1}, {4}));
  CHECK(sliced(1, 5, far) == Values({1}, {1}));
}

TEST_CASE("several axes are sliced at once, the others are whole") {
  const Values src = counting_tensor<double>({3, 4, 2});
  const Slice layer{{1, -3}, {3, 1}, {0, 3}, {-2, 1}};
  CHECK(run_kernel(layer, {src}) == Values({2, 2, 2}, {14, 15, 10, 11, 22, 23, 18, 19}));
  CHECK(run_kernel(Slice{{0}, {1}, {2}, {}}, {src}).dims() == Shape{1, 4, 2});
  CHECK(run_kernel(Slice{}, {src}) == src);
  CHECK(run_kernel(slice_of(0, 2, 1, 1), {Values({2, 4, 0})}).dims() == Shape{2, 2, 0});
  const std::vector<Shape> shapes{{3, 4, 2}};
  CHECK(layer.work(shapes, {2, 2, 2}) == Work{0.0, 8, 0, 8});  // what is not taken is not read
}

TEST_CASE("a slice that says nothing sensible is refused") {
  CHECK_THROWS_WITH(shape_after(slice_of(0, 1, 0), {5}), ContainsSubstring("step of 0"));
  CHECK_THROWS_WITH(shape_after(Slice{{0, -1}, {0, 0}, {1, 1}, {}}, {5}), ContainsSubstring("twice"));
  CHECK_THROWS_AS(shape_after(slice_of(0, 1, 1, 1), {5}), Error);
  CHECK_THROWS_AS(shape_after(Slice{{0}, {0, 1}, {1}, {}}, {5}), Error);
}

TEST_CASE("expanding repeats what has an extent of one") {
  const Values row({1, 3}, {1, 2, 3});
  CHECK(run_kernel(Expand{{2, 1}}, {row}) == Values({2, 3}, {1, 2, 3, 1, 2, 3}));
  CHECK(run_kernel(Expand{{3}}, {Values({2, 1}, {1, 2})}) == Values({2, 3}, {1, 1, 1, 2, 2, 2}));
  CHECK(run_kernel(Expand{{2, 1, 2}}, {Values({2, 1}, {1, 2})}) == Values({2, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2}));
  CHECK(run_kernel(Expand{{}}, {Values({}, {4.0})}) == Values({}, {4.0}));
  CHECK(run_kernel(Expand{{0}}, {Values({1}, {4.0})}).dims() == Shape{0});
  CHECK_THROWS_AS(shape_after(Expand{{2}}, {3}), Error);
  CHECK(shape_after(Expand{{batch_dim, 3}}, {2, 3}) == Shape{2, 3});  // the batch is the one of the source
}

TEST_CASE("tiling repeats whole axes") {
  const Values src({2, 2}, {0, 1, 2, 3});
  CHECK(run_kernel(Tile{{1, 2}}, {src}) == Values({2, 4}, {0, 1, 0, 1, 2, 3, 2, 3}));
  CHECK(run_kernel(Tile{{2, 1}}, {src}) == Values({4, 2}, {0, 1, 2, 3, 0, 1, 2, 3}));
  CHECK(run_kernel(Tile{{2, 2}}, {src}) == Values({4, 4}, {0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3}));
  CHECK(run_kernel(Tile{{0, 2}}, {src}).dims() == Shape{0, 4});
  CHECK_THROWS_WITH(shape_after(Tile{{2}}, {2, 2}), ContainsSubstring("1 repeats"));
  CHECK_THROWS_WITH(shape_after(Tile{{2, -1}}, {2, 2}), ContainsSubstring("negative"));
}

TEST_CASE("gathering takes the slices that the indices name") {
  const Values table({3, 2}, {10, 11, 20, 21, 30, 31});
  CHECK(run_kernel(Gather{}, {table, Values({2, 2}, {0, 2, -1, 1})}) ==
        Values({2, 2, 2}, {10, 11, 30, 31, 30, 31, 20, 21}));
  CHECK(run_kernel(Gather{1}, {table, Values({1}, {1})}) == Values({3, 1}, {11, 21, 31}));
  CHECK(run_kernel(Gather{-1}, {table, Values({3}, {1, 0, -2})}) ==
        Values({3, 3}, {11, 10, 10, 21, 20, 20, 31, 30, 30}));
  CHECK(run_kernel(Gather{0}, {table, Values({}, {1})}) == Values({2}, {20, 21}));
  CHECK(run_kernel(Gather{}, {table, Values({0})}).dims() == Shape{0, 2});
  const std::vector<Shape> shapes{{3, 2}, {4}};
  CHECK(Gather{}.work(shapes, {4, 2}).flops == 0.0);
}

TEST_CASE("an index outside the axis is refused by number") {
  const Values table({3, 2});
  CHECK_THROWS_WITH(run_kernel(Gather{}, {table, Values({1}, {3})}),
                    ContainsSubstring("index 3 of") && ContainsSubstring("extent 3"));
  CHECK_THROWS_WITH(run_kernel(Gather{}, {table, Values({1}, {-4})}), ContainsSubstring("index -4"));
  CHECK_THROWS_AS(run_kernel(Gather{}, {table, Values({1}, {std::numeric_limits<double>::quiet_NaN()})}), Error);
  const std::vector<Shape> one{{3, 2}};
  CHECK_THROWS_AS(Gather{}.dst_shape(one), Error);
  const std::vector<Shape> two{{3, 2}, {1}};
  CHECK_THROWS_AS(Gather{2}.dst_shape(two), Error);
}

TEST_CASE("padding adds around the source as its mode says") {
  const Values src({3}, {1, 2, 3});
  const auto padded = [&](PadKind mode, std::int64_t before, std::int64_t after) {
    return run_kernel(Pad{mode, {before}, {after}, 9.0F}, {src});
  };
  CHECK(padded(PadKind::constant, 2, 1) == Values({6}, {9, 9, 1, 2, 3, 9}));
  CHECK(padded(PadKind::reflect, 2, 2) == Values({7}, {3, 2, 1, 2, 3, 2, 1}));
  CHECK(padded(PadKind::edge, 2, 5) == Values({10}, {1, 1, 1, 2, 3, 3, 3, 3, 3, 3}));
  CHECK(padded(PadKind::wrap, 2, 3) == Values({8}, {2, 3, 1, 2, 3, 1, 2, 3}));
  CHECK(padded(PadKind::constant, -1, 1) == Values({3}, {2, 3, 9}));
  CHECK(padded(PadKind::constant, -2, -1).dims() == Shape{0});
}

TEST_CASE("every axis is padded by its own numbers") {
  const Values src({2, 2}, {1, 2, 3, 4});
  CHECK(run_kernel(Pad{PadKind::constant, {1, 0}, {0, 1}, 0.0F}, {src}) == Values({3, 3}, {0, 0, 0, 1, 2, 0, 3, 4, 0}));
  CHECK(run_kernel(Pad{PadKind::reflect, {0, 1}, {1, 0}, 0.0F}, {src}) == Values({3, 3}, {2, 1, 2, 4, 3, 4, 2, 1, 2}));
  CHECK(run_kernel(Pad{PadKind::constant, {0, 1, 0}, {0, 0, 0}, 5.0F}, {Values({1, 2, 2}, {1, 2, 3, 4})}) ==
        Values({1, 3, 2}, {5, 5, 1, 2, 3, 4}));
  CHECK(run_kernel(Pad{PadKind::constant, {1, 1}, {0, 0}, 5.0F}, {Values({0, 1})}) == Values({1, 2}, {5, 5}));
  CHECK(run_kernel(Pad{PadKind::constant, {0, 0}, {0, 0}, 5.0F}, {src}) == src);
}

TEST_CASE("a padding that the source cannot give is refused") {
  CHECK_THROWS_WITH(shape_after(Pad{PadKind::constant, {1}, {1}, 0.0F}, {2, 2}), ContainsSubstring("paddings"));
  CHECK_THROWS_WITH(shape_after(Pad{PadKind::reflect, {3}, {0}, 0.0F}, {3}), ContainsSubstring("mirror"));
  CHECK_NOTHROW(shape_after(Pad{PadKind::wrap, {3}, {0}, 0.0F}, {3}));
  CHECK_THROWS_WITH(shape_after(Pad{PadKind::wrap, {4}, {0}, 0.0F}, {3}), ContainsSubstring("repeat"));
  CHECK_THROWS_AS(shape_after(Pad{PadKind::edge, {1}, {0}, 0.0F}, {0}), Error);
  CHECK_THROWS_WITH(shape_after(Pad{PadKind::constant, {-2}, {-2}, 0.0F}, {3}), ContainsSubstring("takes more away"));
  CHECK_THROWS_WITH(shape_after(Pad{PadKind::constant, {far}, {0}, 0.0F}, {3}), ContainsSubstring("2^40"));
}

TEST_CASE("layers that only move elements compute nothing") {
  const std::vector<Shape> src{{2, 3}};
  CHECK(Transpose{}.work(src, {3, 2}) == Work{0.0, 6, 0, 6});
  CHECK(Expand{{4, 2, 3}}.work(src, {4, 2, 3}) == Work{0.0, 6, 0, 24});
  CHECK(Tile{{1, 2}}.work(src, {2, 6}) == Work{0.0, 6, 0, 12});
  CHECK(Pad{PadKind::edge, {1, 0}, {0, 0}, 0.0F}.work(src, {3, 3}) == Work{0.0, 6, 0, 9});
}
