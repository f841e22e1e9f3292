#include <fulcrum/plan/accuracy_score.hpp>

#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

TEST_CASE("the score of a model is its top-1, in int8 where it is quantized") {
  const Model<float> model = ModelBuilder<float>("m", 2).input({1, 6, 6}).conv(4, 3).relu().flatten().dense(3).build();
  Dataset data;
  data.classes = 3;
  data.images = test::random_tensor<float>({40, 1, 6, 6}, 3, 0.0, 1.0);
  for (std::int32_t i = 0; i < 40; ++i) data.labels.push_back(i % 3);
  const Model<float> quantized = quantize_post_training(model, data.images, onednn_runner()).model;
  const ModelScore score = accuracy_score(data, 1);
  RunConfig config;
  CHECK(score(model) == evaluate_accuracy(model, data, config).accuracy);
  config.precision = Precision::int8;
  CHECK(score(quantized) == evaluate_accuracy(quantized, data, config).accuracy);
}
