#include <fulcrum/schedule/value_types.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a map is one for all elements") {
  CHECK(map_of(Quantization{DType::u8, {0.5F}, {3}, -1}, "x") == AffineMap{0.5F, 3});
  CHECK_THROWS_WITH(map_of(Quantization{DType::u8, {0.5F, 0.5F}, {3, 3}, 1}, "x"), ContainsSubstring("per channel"));
}

TEST_CASE("int8 kernels take s8 weights with zero point 0") {
  Parameter<float> weights(Tensor<float>({2, 3}));
  CHECK_FALSE(are_int8_weights(weights));
  weights.quantization = Quantization{DType::s8, {0.1F, 0.2F}, {0, 0}, 0};
  CHECK(are_int8_weights(weights));
  weights.quantization->zero_point = {0, 1};
  CHECK_FALSE(are_int8_weights(weights));
  weights.quantization = Quantization{DType::u8, {0.1F}, {0}, -1};
  CHECK_FALSE(are_int8_weights(weights));
}

TEST_CASE("bf16 would round whole numbers: values that stand for integers stay in f32") {
  Model<float> model("positions");
  const NodeId ids = model.add({"ids", Input{{batch_dim, 8}, ElementType::s64}, {}, {}});
  const NodeId reals = model.add({"reals", Input{{batch_dim, 8}}, {}, {}});
  const NodeId sum_of_ids = model.add({"sum_of_ids", Binary{BinaryKind::add}, {ids, ids}, {}});
  const NodeId sum = model.add({"sum", Binary{BinaryKind::add}, {reals, reals}, {}});
  model.set_outputs({sum_of_ids, sum});
  const std::vector<Shape> shapes = infer_shapes(model, 1);
  const ValueTypes types(model, shapes, {.precision = Precision::bf16});
  CHECK(types.compute_dtype(sum_of_ids) == DType::f32);
  CHECK(types.compute_dtype(sum) == DType::bf16);
}

TEST_CASE("what a step takes follows how the values before it came") {
  Model<float> model = ModelBuilder<float>("pool").input({4, 6, 6}).max_pool(2).build();
  const NodeId input = model.inputs().front();
  const FusionGroup pool{1, {}, 1, {}};
  model.set_dst_quantization(input, Quantization{DType::u8, {0.1F}, {7}, -1});
  model.set_dst_quantization(1, Quantization{DType::u8, {0.1F}, {7}, -1});
  const std::vector<Shape> shapes = infer_shapes(model, 1);
  ValueTypes types(model, shapes, {.precision = Precision::int8});
  CHECK(types.types_of(pool, false).src == DType::u8);
  CHECK(types.types_of(pool, false).dst == ValueType{DType::u8, AffineMap{0.1F, 7}});
  CHECK(types.types_of(pool, true).src == DType::f32);
}

TEST_CASE("a layer may compute in a precision of its own") {
  const Model<float> model = ModelBuilder<float>("two").input({4, 6, 6}).conv(4, 3).conv(4, 3).build();
  const std::vector<Shape> shapes = infer_shapes(model, 1);
  const ValueTypes types(model, shapes, {.precision = Precision::bf16, .layer_precision = {{"conv2", Precision::f32}}});
  CHECK(types.precision_of(*model.find("conv1")) == Precision::bf16);
  CHECK(types.compute_dtype(*model.find("conv2")) == DType::f32);
}
