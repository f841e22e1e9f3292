#include <fulcrum/schedule/packed.hpp>

#include <algorithm>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

/// Integers of either type, for all weights or for each output.
Dense<float> dense(std::int64_t oc, std::int64_t ic, DType dtype, bool per_channel, std::uint64_t seed) {
  Random random(seed);
  Dense<float> layer{test::random_tensor<float>({oc, ic}, seed), test::random_tensor<float>({oc}, seed + 1)};
  Quantization q{dtype, {}, {}, per_channel ? 0 : -1};
  for (std::int64_t i = 0; i < (per_channel ? oc : 1); ++i) {
    q.scale.push_back(static_cast<float>(random.uniform(0.004, 0.01)));
    q.zero_point.push_back((dtype == DType::u8 ? 128 : 0) + static_cast<std::int32_t>(random.below(21)) - 10);
  }
  layer.weights.quantization = q;
  return layer;
}

}  // namespace

TEST_CASE("a dense layer's integers are packed as they are") {
  for (const DType dtype : {DType::s8, DType::u8}) {
    for (const bool per_channel : {false, true}) {
      const Dense<float> layer = dense(9, 45, dtype, per_channel, 3);
      const MatMulNBits packed = packed_layer(layer);
      CHECK(packed.dst_shape(std::vector<Shape>{{1, 45}}) == Shape{1, 9});
      CHECK(packed.dequantized() == quantize_dequantize(*layer.weights.value, *layer.weights.quantization));
      CHECK(*packed.bias == *layer.bias.value);
    }
  }
}

TEST_CASE("few rows of many weights of 8 bits run packed, and the bytes are those of integers") {
  const auto step = [](const Dense<float>& layer, std::int64_t batch, Precision precision = Precision::f32) {
    ModelBuilder<float> b("net", 1);
    b.input({layer.weights.value->dim(1)}).layer(layer, {b.last()});
    const Schedule schedule = make_schedule(std::move(b).build(), {.batch = batch, .precision = precision}, Machine{});
    return schedule.steps.at(0).step;
  };
  const Dense<float> large = dense(512, 1024, DType::s8, true, 1);
  CHECK(step(large, 1).algorithm == Algorithm::packed);
  CHECK(step(large, 4).kernel == KernelClass::packed_dense);
  CHECK(step(large, 1).weight_bytes == packed_bytes(large));
  CHECK(step(large, 5).algorithm == Algorithm::primitive);
  CHECK(step(large, 1, Precision::bf16).algorithm == Algorithm::primitive);
  Dense<float> real = large;
  real.weights.quantization.reset();
  CHECK(step(real, 1).algorithm == Algorithm::primitive);
  CHECK(step(dense(64, 64, DType::s8, true, 1), 1).algorithm == Algorithm::primitive);
}
