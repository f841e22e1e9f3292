#include <fulcrum/train/distillation.hpp>

#include <cmath>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

Batch batch_of_two() {
  Batch batch;
  batch.labels = {2, 0};
  batch.classes = 3;
  batch.targets = Tensor<float>(Shape{2, 3}, {0.2F, 0.1F, 0.7F, 0.5F, 0.3F, 0.2F});
  return batch;
}

}  // namespace

TEST_CASE("without the teacher's part distillation is cross-entropy") {
  const auto logits = test::random_tensor<float>({2, 3}, 1);
  Distillation loss;
  loss.soft = 0.0;
  const auto result = loss(logits, batch_of_two());
  const auto expected = CrossEntropy{}(logits, batch_of_two());
  CHECK(result.loss == Approx(expected.loss));
  CHECK(result.gradient == expected.gradient);
  CHECK(result.correct == expected.correct);
}

TEST_CASE("a student that is the teacher loses nothing by the teacher's part, and does not move") {
  const Batch batch = batch_of_two();
  Tensor<float> logits(Shape{2, 3});
  for (std::size_t i = 0; i < 6; ++i) logits.flat()[i] = std::log(batch.targets->flat()[i]) + 5.0F;
  Distillation loss;
  loss.soft = 1.0;
  const auto result = loss(logits, batch);
  CHECK(result.loss == Approx(0.0).margin(1e-6));
  for (const float g : result.gradient.flat()) CHECK(g == Approx(0.0).margin(1e-6));
}

TEST_CASE("the gradient of distillation is that of finite differences") {
  const Batch batch = batch_of_two();
  const auto logits = test::random_tensor<float>({2, 3}, 9, -2.0, 2.0);
  Distillation loss;
  loss.temperature = 2.5;
  loss.soft = 0.6;
  loss.label_smoothing = 0.1;
  const auto result = loss(logits, batch);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto at = [&](float by) {
      Tensor<float> moved = logits;
      moved.flat()[i] += by;
      return loss(moved, batch).loss;
    };
    CHECK(result.gradient.flat()[i] == Approx((at(1e-2F) - at(-1e-2F)) / 2e-2).margin(2e-3));
  }
}

TEST_CASE("distillation without a teacher's outputs, or out of range, is refused") {
  const auto logits = test::random_tensor<float>({2, 3}, 1);
  Batch batch = batch_of_two();
  Distillation loss;
  loss.temperature = 0.0;
  CHECK_THROWS_WITH(loss(logits, batch), ContainsSubstring("temperature above 0"));
  batch.targets.reset();
  CHECK_THROWS_WITH(Distillation{}(logits, batch), ContainsSubstring("teacher's probabilities"));
}
