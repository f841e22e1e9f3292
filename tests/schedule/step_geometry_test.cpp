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

TEST_CASE("windows over volumes slide over planes of samples, and taps along the depth may lie in the padding") {
  Conv<float> conv;
  conv.weights = Tensor<float>({8, 4, 3, 5, 5}, 1.0F);
  conv.window = {{5, 5}, {2, 2}, 2, {1, 1}};
  conv.window.depth = {.kernel = 3, .stride = 1, .front = 1, .back = 1};
  const Shape src{2, 4, 2, 9, 9};
  const Shape dst = conv.dst_shape(std::span(&src, 1));
  const auto [kernel, g] = *detail::classify<float>(Layer<float>(conv), {src}, dst);
  CHECK(kernel == KernelClass::convolution);
  CHECK(g.n == 2 * 2);
  CHECK(g.ic == 4);
  CHECK(g.kd == 3);
  CHECK(g.kh == 5);
  // Two planes, of which each window of three sees two.
  const double along = detail::inside_share(9, 5, 5, 2, 1, 2);
  CHECK(g.inside == Approx(along * along * 2.0 / 3.0));

  conv.weights = Tensor<float>({4, 1, 3, 5, 5}, 1.0F);
  conv.groups = 4;
  CHECK(detail::classify<float>(Layer<float>(conv), {src}, conv.dst_shape(std::span(&src, 1)))->first ==
        KernelClass::depthwise_convolution);

  const auto [pooling, plane] =
      *detail::classify<float>(Layer<float>(GlobalPool{PoolKind::average}), {{2, 4, 3, 6, 7}}, {2, 4, 1, 1, 1});
  CHECK(pooling == KernelClass::pooling);
  CHECK(plane.kd * plane.kh * plane.kw == 3 * 6 * 7);
  CHECK(plane.n == 2);
}
