#include <fulcrum/schedule/step_geometry.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("extents past the second one are folded into rows") {
  const StepGeometry g = detail::plain_geometry({2, 3, 4, 5, 6});
  CHECK(g.n == 2);
  CHECK(g.ic == 3);
  CHECK(g.oc == 3);
  CHECK(g.ih == 120);
  CHECK(g.iw == 1);
  CHECK(detail::plain_geometry({2, 3, 4, 5}).iw == 5);
  CHECK(detail::plain_geometry({7}).oc == 7);
}

TEST_CASE("functions with an exponential cost more than comparisons") {
  CHECK(detail::is_function(ActivationKind::sigmoid));
  CHECK_FALSE(detail::is_function(ActivationKind::relu));
}

TEST_CASE("the mean of each plane is a pooling over it, as it runs; other sums are reductions") {
  const auto class_of = [](ReduceKind function, std::vector<std::int64_t> axes) {
    const Layer<float> layer = Reduce{function, std::move(axes), false};
    const Shape src{2, 8, 7, 5};
    const Shape dst = std::get<Reduce>(layer).dst_shape(std::span(&src, 1));
    return *detail::classify<float>(layer, {src}, dst);
  };
  const auto [kernel, geometry] = class_of(ReduceKind::mean, {2, -1});
  CHECK(kernel == KernelClass::pooling);
  CHECK(geometry.oc == 8);
  CHECK(geometry.kh * geometry.kw == 35);
  CHECK(geometry.oh * geometry.ow == 1);
  CHECK(class_of(ReduceKind::sum, {2, 3}).first == KernelClass::reduction);
  CHECK(class_of(ReduceKind::mean, {3}).first == KernelClass::reduction);
  CHECK(class_of(ReduceKind::mean, {1, 2, 3}).first == KernelClass::reduction);
}
