#include <fulcrum/layers/quantize_linear.hpp>

#include <limits>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::random_tensor;
using test::run_kernel;
using Values = Tensor<double>;

namespace {
const Quantization halves{DType::u8, {0.5F}, {10}, -1};
const Quantization by_channel{DType::s8, {1.0F, 0.25F}, {0, -3}, 1};
}  // namespace

TEST_CASE("quantizing rounds half to even, adds the zero point and saturates") {
  CHECK(run_kernel(QuantizeLinear{halves}, {Values({7}, {0, 0.25, 0.75, 1.0, -5.25, -9, 500})}) ==
        Values({7}, {10, 10, 12, 12, 0, 0, 255}));
}

TEST_CASE("dequantizing is the way back") {
  CHECK(run_kernel(DequantizeLinear{halves}, {Values({3}, {10, 0, 255})}) == Values({3}, {0, -5, 122.5}));
}

TEST_CASE("each channel has its own scale and zero point") {
  const Values src({1, 2, 2}, {1.5, -200, 1.0, 0.5});
  CHECK(run_kernel(QuantizeLinear{by_channel}, {src}) == Values({1, 2, 2}, {2, -128, 1, -1}));
  CHECK(run_kernel(DequantizeLinear{by_channel}, {Values({1, 2, 2}, {2, -128, 1, -1})}) ==
        Values({1, 2, 2}, {2, -128, 1, 0.5}));
  CHECK(run_kernel(QuantizeLinear{by_channel}, {Values({0, 2, 3})}).dims() == Shape{0, 2, 3});
}

TEST_CASE("both together are the round trip that a quantized value takes") {
  const Quantization q{DType::s8, {0.013F, 0.02F, 0.007F}, {0, 5, -7}, 1};
  const auto src = random_tensor<float>({4, 3, 5}, 1, -2.0, 2.0);
  const auto integers = run_kernel<float>(QuantizeLinear{q}, {src});
  CHECK(run_kernel<float>(DequantizeLinear{q}, {integers}) == quantize_dequantize(src, q));
}

TEST_CASE("a quantization that does not fit the source is refused") {
  const std::vector<Shape> src{{1, 3, 2}};
  CHECK_THROWS_AS(QuantizeLinear{by_channel}.dst_shape(src), Error);
  CHECK_THROWS_AS(DequantizeLinear{by_channel}.dst_shape(src), Error);
  CHECK(QuantizeLinear{halves}.dst_shape(src) == src[0]);
  CHECK(QuantizeLinear{halves}.work(src, src[0]) == Work{6.0, 6, 0, 6});
  CHECK(DequantizeLinear{halves}.work(src, src[0]) == Work{6.0, 6, 0, 6});
}

TEST_CASE("a dynamic rounding has 256 levels over the range of the value and 0") {
  // Range [−1, 4]: scale 5/255, zero point 51; as ONNX's DynamicQuantizeLinear has it.
  const float scale = 5.0F / 255.0F;
  const auto level = [&](float q) { return (q - 51.0F) * scale; };
  CHECK(run_kernel<float>(DynamicQuantize{}, {Tensor<float>({5}, {-1.0F, 4.0F, 0.0F, 0.031F, 1.0F})}) ==
        Tensor<float>({5}, {level(0), level(255), 0.0F, level(53), level(102)}));
  // 0 is in the range of values that are all above it, or all below.
  CHECK(run_kernel<float>(DynamicQuantize{}, {Tensor<float>({2}, {255.0F, 100.4F})}) ==
        Tensor<float>({2}, {255.0F, 100.0F}));
  CHECK(run_kernel<float>(DynamicQuantize{}, {Tensor<float>({2}, {-255.0F, -100.4F})}) ==
        Tensor<float>({2}, {-255.0F, -100.0F}));
  CHECK(run_kernel<float>(DynamicQuantize{}, {Tensor<float>({3})}) == Tensor<float>({3}));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(run_kernel<float>(DynamicQuantize{}, {Tensor<float>({3}, {nan, 255.0F, 3.2F})}) ==
        Tensor<float>({3}, {0.0F, 255.0F, 3.0F}));
  CHECK(run_kernel(DynamicQuantize{}, {Values({0, 2})}).dims() == Shape{0, 2});
  const std::vector<Shape> src{{1, 3, 2}};
  CHECK(DynamicQuantize{}.dst_shape(src) == src[0]);
  CHECK(DynamicQuantize{}.work(src, src[0]) == Work{12.0, 6, 0, 6});
}
