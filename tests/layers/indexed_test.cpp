#include <fulcrum/layers/indexed.hpp>

#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::counting_tensor;
using test::run_kernel;
using Values = Tensor<double>;

namespace {

template <class L>
Shape shape_of(const L& layer, const std::vector<Shape>& src) {
  return layer.dst_shape(src);
}

}  // namespace

TEST_CASE("GatherElements takes each element at its index, counted from either end") {
  const Values src = counting_tensor<double>({2, 3});  // 0 1 2 / 3 4 5
  CHECK(run_kernel(GatherElements{1}, {src, Values({2, 2}, {2, 0, -1, 1})}) == Values({2, 2}, {2, 0, 5, 4}));
  CHECK(run_kernel(GatherElements{0}, {src, Values({1, 3}, {1, 0, -1})}) == Values({1, 3}, {3, 1, 5}));
  CHECK(run_kernel(GatherElements{-1}, {src, Values({1, 4}, {0, 1, 2, 2})}) == Values({1, 4}, {0, 1, 2, 2}));

  const Values volume = counting_tensor<double>({2, 3, 4});
  const Values y = run_kernel(GatherElements{1}, {volume, Values({2, 1, 4}, {0, 1, 2, 0, 2, 2, 1, 0})});
  CHECK(y == Values({2, 1, 4}, {0, 5, 10, 3, 20, 21, 18, 15}));

  CHECK_THROWS_WITH(run_kernel(GatherElements{1}, {src, Values({2, 1}, {3, 0})}), ContainsSubstring("takes index 3"));
  CHECK_THROWS_WITH(shape_of(GatherElements{1}, {{2, 3}, {3, 3}}), ContainsSubstring("cannot take indices"));
  CHECK_THROWS_WITH(shape_of(GatherElements{1}, {{2, 3}, {2}}), ContainsSubstring("cannot take indices"));
}

TEST_CASE("GatherND takes slices at tuples, within each batch where there is one") {
  const Values src = counting_tensor<double>({2, 2, 3});
  CHECK(run_kernel(GatherND{}, {src, Values({2, 2}, {0, 1, -1, 0})}) == Values({2, 3}, {3, 4, 5, 6, 7, 8}));
  CHECK(run_kernel(GatherND{}, {src, Values({1, 3}, {1, 1, -1})}) == Values({1}, {11}));
  CHECK(run_kernel(GatherND{1}, {src, Values({2, 1}, {1, 0})}) == Values({2, 3}, {3, 4, 5, 6, 7, 8}));
  CHECK(run_kernel(GatherND{2}, {src, Values({2, 2, 1}, {0, 1, 2, 0})}) == Values({2, 2}, {0, 4, 8, 9}));
  CHECK_THROWS_WITH(shape_of(GatherND{}, {{2, 3}, {4, 3}}), ContainsSubstring("cannot take indices"));
  CHECK_THROWS_WITH(shape_of(GatherND{1}, {{2, 3}, {3, 1}}), ContainsSubstring("batch axes"));
}

TEST_CASE("ScatterElements puts, adds, multiplies, and takes extremes") {
  const Values src({2, 3}, {1, 2, 3, 4, 5, 6});
  const Values indices({2, 2}, {0, 0, -1, 1});
  const Values updates({2, 2}, {10, 20, 30, -40});
  const auto run = [&](ScatterKind function) {
    return run_kernel(ScatterElements{1, function}, {src, indices, updates});
  };
  CHECK(run(ScatterKind::replace) == Values({2, 3}, {20, 2, 3, 4, -40, 30}));
  CHECK(run(ScatterKind::add) == Values({2, 3}, {31, 2, 3, 4, -35, 36}));
  CHECK(run(ScatterKind::mul) == Values({2, 3}, {200, 2, 3, 4, -200, 180}));
  CHECK(run(ScatterKind::max) == Values({2, 3}, {20, 2, 3, 4, 5, 30}));
  CHECK(run(ScatterKind::min) == Values({2, 3}, {1, 2, 3, 4, -40, 6}));
  CHECK_THROWS_WITH(shape_of(ScatterElements{1}, {{2, 3}, {2, 2}, {2, 1}}), ContainsSubstring("but updates"));
}

TEST_CASE("ScatterND puts slices to tuples") {
  const Values src = counting_tensor<double>({3, 2});
  const Values updates({2, 2}, {10, 20, 30, 40});
  CHECK(run_kernel(ScatterND{}, {src, Values({2, 1}, {2, 0}), updates}) == Values({3, 2}, {30, 40, 2, 3, 10, 20}));
  CHECK(run_kernel(ScatterND{ScatterKind::add}, {src, Values({2, 1}, {1, -2}), updates}) ==
        Values({3, 2}, {0, 1, 42, 63, 4, 5}));
  CHECK(run_kernel(ScatterND{}, {src, Values({1, 2}, {1, 1}), Values({1}, {9})}) == Values({3, 2}, {0, 1, 2, 9, 4, 5}));
  CHECK_THROWS_WITH(shape_of(ScatterND{}, {{3, 2}, {2, 1}, {2, 3}}), ContainsSubstring("cannot put"));
  CHECK_THROWS_WITH(run_kernel(ScatterND{}, {src, Values({2, 1}, {3, 0}), updates}),
                    ContainsSubstring("takes index 3"));
}
