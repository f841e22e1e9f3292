#include <fulcrum/measure/accuracy.hpp>

#include <limits>
#include <vector>

#include <fulcrum/exec/reference_factory.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

Model<float> small_cnn() {
  return ModelBuilder<float>("small", 3)
      .input({1, 6, 6})
      .conv(8, 3)
      .relu()
      .max_pool(2)
      .flatten()
      .dense(5)
      .softmax()
      .build();
}

Dataset noise(std::int64_t size) {
  Dataset data;
  data.images = test::random_tensor<float>({size, 1, 6, 6}, 4, 0.0, 1.0);
  Random random(5);
  for (std::int64_t i = 0; i < size; ++i) data.labels.push_back(static_cast<std::int32_t>(random.below(5)));
  data.classes = 5;
  return data;
}

/// The labels that the reference executor gives.
std::vector<std::int32_t> answers(const Model<float>& model, const Dataset& data) {
  const Tensor<float> scores = ReferenceExecutor<float>(model).run(std::span(&data.images, 1)).back();
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    std::int32_t best = 0;
    for (std::int32_t c = 1; c < 5; ++c) {
      if (scores.at(i, c) > scores.at(i, best)) best = c;
    }
    labels.push_back(best);
  }
  return labels;
}

}  // namespace

TEST_CASE("accuracy counts the samples whose largest output is that of their label, whatever the batch") {
  const Model<float> model = small_cnn();
  Dataset data = noise(23);
  const std::vector<std::int32_t> right = answers(model, data);
  std::int64_t expected = 0;
  for (std::size_t i = 0; i < right.size(); ++i) expected += right[i] == data.labels[i] ? 1 : 0;
  REQUIRE(expected > 0);
  REQUIRE(expected < 23);
  for (const std::int64_t batch : {1, 5, 22, 23, 250}) {
    const AccuracyReport report = evaluate_accuracy(model, data, {.batch = batch});
    CHECK(report.samples == 23);
    CHECK(report.correct == expected);
    CHECK(report.accuracy == static_cast<double>(expected) / 23.0);
    CHECK(evaluate_accuracy(model, data, {.batch = batch}, {}, reference_executors()).correct == expected);
  }
  data.labels = right;
  CHECK(evaluate_accuracy(model, data, {.batch = 4}).accuracy == 1.0);
  data.labels.back() = (data.labels.back() + 1) % 5;  // in the last, smaller batch
  CHECK(evaluate_accuracy(model, data, {.batch = 4}).correct == 22);
}

TEST_CASE("progress of an evaluation ends at 1") {
  std::vector<double> fractions;
  static_cast<void>(evaluate_accuracy(small_cnn(), noise(10), {.batch = 3},
                                      [&](const Progress& p) { fractions.push_back(p.fraction); }));
  REQUIRE(fractions.size() == 4);
  CHECK(fractions.front() == Approx(0.3));
  CHECK(fractions.back() == 1.0);
}

TEST_CASE("models and data that do not fit are refused") {
  const Model<float> model = small_cnn();
  CHECK_THROWS_WITH(evaluate_accuracy(model, Dataset{}, {}), ContainsSubstring("is empty"));
  CHECK_THROWS_WITH(evaluate_accuracy(model, noise(4), {.batch = 0}), ContainsSubstring("batch: is 0"));
  Dataset wide = noise(4);
  wide.images = Tensor<float>(Shape{4, 1, 6, 7});
  CHECK_THROWS_WITH(evaluate_accuracy(model, wide, {.batch = 2}), ContainsSubstring("(2, 1, 6, 7)"));
  Dataset many = noise(4);
  many.classes = 6;
  CHECK_THROWS_WITH(evaluate_accuracy(model, many, {.batch = 2}), ContainsSubstring("6 classes"));
}

TEST_CASE("outputs that are not numbers are no accuracy") {
  Model<float> model = small_cnn();
  auto& dense = std::get<Dense<float>>(model.edit_layer(*model.find("dense1")));
  dense.weights.value.edit().flat()[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(evaluate_accuracy(model, noise(4), {.batch = 2}), ContainsSubstring("NaN"));
}
