#include <fulcrum/analysis/is_quantized.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a model is quantized once any weights or any value map to integers") {
  const Model<float> model = ModelBuilder<float>("m").input({4}).dense(2).build();
  CHECK_FALSE(is_quantized(model));

  Model<float> weights = model;
  std::get<Dense<float>>(weights.edit_layer(1)).weights.quantization = Quantization{DType::s8, {1, 1}, {0, 0}, 0};
  CHECK(is_quantized(weights));

  Model<float> value = model;
  value.set_dst_quantization(0, Quantization{DType::u8, {1}, {0}, -1});
  CHECK(is_quantized(value));
}
