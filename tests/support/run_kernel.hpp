#pragma once
// A layer of layers/kernels on tensors, and its result against expected numbers.
#include <cstddef>
#include <span>
#include <vector>

#include <fulcrum/layers/kernels/kernels.hpp>
#include <fulcrum/tensor/tensor.hpp>

#include <support/catch.hpp>

namespace fulcrum::test {

/// The layer's result for its sources, in the shape that the layer itself states.
template <class T = double, class L>
[[nodiscard]] Tensor<T> run_kernel(const L& layer, const std::vector<Tensor<T>>& src) {
  std::vector<Shape> shapes;
  std::vector<kernels::Source<T>> from;
  for (const Tensor<T>& tensor : src) {
    shapes.push_back(tensor.dims());
    from.push_back({tensor.flat(), tensor.dims()});
  }
  const Shape dst_shape = layer.dst_shape(shapes);
  Tensor<T> dst(dst_shape, T{-777});  // a kernel writes every element
  kernels::run(layer, std::span<const kernels::Source<T>>(from), kernels::Result<T>{dst.flat(), dst_shape});
  return dst;
}

/// Equal within rounding of figures that are given to some seven digits.
template <class T>
void check_close(const Tensor<T>& actual, const Tensor<T>& expected, double margin = 1e-6) {
  REQUIRE(actual.dims() == expected.dims());
  for (std::size_t i = 0; i < actual.flat().size(); ++i) {
    CAPTURE(i);
    CHECK(static_cast<double>(actual.flat()[i]) == Approx(static_cast<double>(expected.flat()[i])).margin(margin));
  }
}

}  // namespace fulcrum::test
