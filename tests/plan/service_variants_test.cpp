#include <fulcrum/plan/service_variants.hpp>

#include <fulcrum/passes/prune.hpp>

#include <plan/small_study.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("without data a model has its floating-point forms, compared by their results") {
  const std::vector<ServedModel> models = service_variants(synthetic::small_model());
  REQUIRE(!models.empty());
  CHECK(models[0].variant.name == "f32");
  CHECK_FALSE(models[0].variant.output_snr_db.has_value());
  for (std::size_t i = 1; i < models.size(); ++i) {
    CHECK(models[i].variant.precision == Precision::bf16);
    REQUIRE(models[i].variant.output_snr_db.has_value());
    CHECK(*models[i].variant.output_snr_db > 20.0);
  }
}

TEST_CASE("with data there is int8, and every form has an accuracy") {
  const Model<float> model = synthetic::small_model();
  const Dataset data = synthetic::images_labelled_by(model, 60, 1);
  ServiceVariantOptions options;
  options.precisions = {Precision::f32, Precision::int8};
  options.sparsities = {0.0, 0.5};
  options.train_set = options.test_set = &data;
  options.calibration_images = 32;
  const std::vector<ServedModel> models = service_variants(model, options);
  REQUIRE(models.size() == 4);
  CHECK(models[0].variant.accuracy == 1.0);
  for (const ServedModel& served : models) CHECK(served.variant.accuracy.has_value());
  CHECK(models[1].variant.name == "f32, 50 % pruned");
  CHECK(models[2].variant.name == "int8");
  const std::vector<ServedModel> quantized = service_variants(*models[2].model, options);
  REQUIRE(quantized.size() == 1);
  CHECK(quantized[0].variant.precision == Precision::int8);
}

TEST_CASE("a form that was made elsewhere is compared with the first") {
  const Model<float> model = synthetic::small_model();
  const std::vector<ServedModel> models = service_variants(model);
  const ServedModel same = service_variant("same.onnx", model, Precision::f32, models[0]);
  CHECK(same.variant.name == "same.onnx");
  CHECK(std::isinf(*same.variant.output_snr_db));
  PruneOptions pruning;
  pruning.sparsity = 0.9;
  const ServedModel pruned = service_variant("pruned.onnx", prune(model, pruning).model, Precision::f32, models[0]);
  CHECK(*pruned.variant.output_snr_db < 60.0);
}
