#include <fulcrum/layers/matmul_nbits.hpp>

#include <vector>

#include <fulcrum/layers/dense.hpp>
#include <fulcrum/layers/kernels/kernels.hpp>
#include <fulcrum/layers/layer.hpp>

#include <support/catch.hpp>
#include <support/random_nbits.hpp>

using namespace fulcrum;

TEST_CASE("weights of a few bits lie low half first, with a scale and a zero point for each block") {
  MatMulNBits layer;
  layer.ic = 10;
  layer.block = 8;
  layer.packed = Tensor<std::uint8_t>(Shape{1, 2, 4}, {0x21, 0x43, 0x65, 0x87, 0xA9, 0, 0, 0});
  layer.scales = Tensor<float>(Shape{1, 2}, {0.5F, 2.0F});
  CHECK(layer.blocks() == 2);
  const std::vector<float> around_8{-3.5F, -3.0F, -2.5F, -2.0F, -1.5F, -1.0F, -0.5F, 0.0F, 2.0F, 4.0F};
  const Tensor<float> weights = layer.dequantized();
  CHECK(weights.dims() == Shape{1, 10});
  for (std::size_t i = 0; i < 10; ++i) CHECK(weights.flat()[i] == around_8[i]);
  layer.zero_points = Tensor<std::uint8_t>(Shape{1, 2}, {0, 10});
  CHECK(layer.dequantized().flat()[0] == 0.5F);
  CHECK(layer.dequantized().flat()[8] == -2.0F);
  CHECK(layer.bytes() == 8 + 2 * 4 + 2);
}

TEST_CASE("it gives what a dense layer of its real weights gives, in float and double") {
  Random random(3);
  for (const int bits : {2, 4, 8}) {
    for (const bool zeros : {false, true}) {
      const MatMulNBits layer = test::random_nbits(random, 70, 37, bits, 16, zeros, zeros);
      Tensor<double> src(Shape{3, 2, 37});
      for (double& x : src.flat()) x = random.uniform(-1.0, 1.0);
      const std::vector<Shape> shapes{src.dims()};
      REQUIRE(layer.dst_shape(shapes) == Shape{3, 2, 70});
      CHECK(layer.work(shapes, {3, 2, 70}) ==
            Dense<float>{layer.dequantized(), zeros ? Parameter<float>(*layer.bias) : Parameter<float>{}}.work(
                shapes, {3, 2, 70}));
      Tensor<double> dst(Shape{3, 2, 70});
      const std::vector<kernels::Source<double>> from{{src.flat(), src.dims()}};
      kernels::run(layer, std::span<const kernels::Source<double>>(from),
                   kernels::Result<double>{dst.flat(), dst.dims()});
      const Tensor<float> weights = layer.dequantized();
      for (std::size_t row = 0; row < 6; ++row) {
        for (std::size_t o = 0; o < 70; ++o) {
          double sum = zeros ? static_cast<double>(layer.bias->flat()[o]) : 0.0;
          for (std::size_t i = 0; i < 37; ++i)
            sum += src.flat()[row * 37 + i] * static_cast<double>(weights.flat()[o * 37 + i]);
          CHECK(dst.flat()[row * 70 + o] == Approx(sum).margin(1e-12));
        }
      }
    }
  }
}

TEST_CASE("what does not fit is refused") {
  Random random(1);
  const MatMulNBits layer = test::random_nbits(random, 3, 20, 4, 16, true, true);
  const auto shape_of = [](const MatMulNBits& l, const Shape& src) { return l.dst_shape(std::vector<Shape>{src}); };
  CHECK(shape_of(layer, {5, 20}) == Shape{5, 3});
  CHECK_THROWS_WITH(shape_of(layer, {5, 21}), ContainsSubstring("do not fit a source"));
  CHECK_THROWS_WITH(shape_of(layer, {20}), ContainsSubstring("do not fit a source"));
  MatMulNBits other = layer;
  other.bits = 3;
  CHECK_THROWS_WITH(shape_of(other, {5, 20}), ContainsSubstring("3 bits"));
  other = layer;
  other.block = 12;
  CHECK_THROWS_WITH(shape_of(other, {5, 20}), ContainsSubstring("blocks of 12"));
  other = layer;
  other.bits = 2;
  CHECK_THROWS_WITH(shape_of(other, {5, 20}), ContainsSubstring("packed weights"));
  other = layer;
  other.scales = Tensor<float>(Shape{3, 1});
  CHECK_THROWS_WITH(shape_of(other, {5, 20}), ContainsSubstring("scales"));
  other = layer;
  other.zero_points.edit().flat()[0] = 16;
  CHECK_THROWS_WITH(shape_of(other, {5, 20}), ContainsSubstring("zero point 16"));
  other = layer;
  other.bias = Tensor<float>(Shape{4});
  CHECK_THROWS_WITH(shape_of(other, {5, 20}), ContainsSubstring("a bias"));
  other.packed = {};
  CHECK_THROWS_WITH(shape_of(other, {5, 20}), ContainsSubstring("no weights"));
}
