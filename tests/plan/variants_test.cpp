#include <fulcrum/plan/variants.hpp>

#include <cmath>
#include <limits>
#include <set>

#include <plan/small_study.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a sample of images is drawn by its seed, without repetition") {
  Dataset dataset;
  dataset.images = Tensor<float>(Shape{20, 1, 1, 2});
  for (std::size_t i = 0; i < 40; ++i) dataset.images.flat()[i] = static_cast<float>(i);
  const Tensor<float> sample = sample_images(dataset, 8, 3);
  CHECK(sample.dims() == Shape{8, 1, 1, 2});
  CHECK(sample == sample_images(dataset, 8, 3));
  CHECK_FALSE(sample == sample_images(dataset, 8, 4));
  std::set<float> firsts;
  for (std::int64_t i = 0; i < 8; ++i) {
    CHECK(sample.at(i, 0, 0, 1) == sample.at(i, 0, 0, 0) + 1.0F);  // whole images
    firsts.insert(sample.at(i, 0, 0, 0));
  }
  CHECK(firsts.size() == 8);
  CHECK(sample_images(dataset, 99, 3).dim(0) == 20);
  CHECK_THROWS_WITH(sample_images(dataset, 0, 3), ContainsSubstring("calibration images"));
}

TEST_CASE("a variant is pruned and quantized as asked and counts what is left") {
  const Model<float> model = synthetic::small_model();
  const Dataset data = synthetic::images_labelled_by(model, 64, 1);
  const VariantModel v = make_variant(model, Precision::int8, 0.5, data.images, {}, 1);
  REQUIRE(v.model.has_value());
  CHECK(v.variant.why_not.empty());
  CHECK(v.variant.parameters == parameter_count(model));
  const std::int64_t weights = 8 * 9 + 4 * 8 * 16;
  CHECK(v.variant.nonzero_parameters <= weights / 2 + 12);  // biases may be anything
  const auto& conv = std::get<Conv<float>>(v.model->node(*v.model->find("conv1")).layer);
  CHECK(conv.weights.quantization.has_value());
  CHECK_FALSE(conv.weights.mask.empty());
}

TEST_CASE("the accuracy of a variant is that of the whole test set in its precision") {
  const Model<float> model = synthetic::small_model();
  const Dataset data = synthetic::images_labelled_by(model, 250, 2);
  const auto accuracy = [&](Precision precision) {
    return with_accuracy(make_variant(model, precision, 0.0, data.images, {}, 1), data, 1).variant.accuracy;
  };
  CHECK(accuracy(Precision::f32) == 1.0);  // the labels are its own
  CHECK(accuracy(Precision::int8).value() > 0.9);
}

TEST_CASE("what cannot be made or evaluated says why") {
  const Model<float> model = synthetic::small_model();
  Dataset data = synthetic::images_labelled_by(model, 32, 2);
  Tensor<float> odd(Shape{4, 1, 5, 5});
  const VariantModel not_made = make_variant(model, Precision::int8, 0.0, odd, {}, 1);
  CHECK_FALSE(not_made.model.has_value());
  CHECK_THAT(not_made.variant.why_not, ContainsSubstring("could not be made"));
  data.images = Tensor<float>(Shape{32, 1, 5, 5});
  const VariantModel not_evaluated = with_accuracy(make_variant(model, Precision::f32, 0.0, {}, {}, 1), data, 1);
  CHECK_FALSE(not_evaluated.model.has_value());
  CHECK_THAT(not_evaluated.variant.why_not, ContainsSubstring("could not be evaluated"));
}
