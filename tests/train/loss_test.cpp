#include <fulcrum/train/loss.hpp>

#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

struct WithoutInput {
  LossResult<float> operator()(const Tensor<float>&, const Batch&) const { return {}; }
};

struct WithoutGradient {
  static constexpr LossInput input = LossInput::output;
  double operator()(const Tensor<float>&, const Batch&) const { return 0.0; }
};

}  // namespace

TEST_CASE("cross-entropy of known logits is what its formula says") {
  // softmax(0, ln 3) = (1/4, 3/4)
  const Tensor<double> logits({2, 2}, {0.0, std::log(3.0), 0.0, std::log(3.0)});
  const auto result = CrossEntropy{}(logits, std::vector<std::int32_t>{1, 0});
  CHECK(result.loss == Approx(0.5 * (-std::log(0.75) - std::log(0.25))));
  CHECK(result.correct == std::optional<std::int64_t>(1));
  const std::vector<double> gradient{0.125, -0.125, -0.375, 0.375};  // (p − onehot)/2
  for (std::size_t i = 0; i < gradient.size(); ++i) CHECK(result.gradient.flat()[i] == Approx(gradient[i]));
}

TEST_CASE("label smoothing mixes the labels with the uniform distribution") {
  const Tensor<double> logits({1, 4}, {0.3, -0.2, 0.9, 0.1});
  const std::vector<std::int32_t> label{2};
  double mean_over_labels = 0.0;
  for (std::int32_t c = 0; c < 4; ++c) mean_over_labels += CrossEntropy{}(logits, std::vector{c}).loss / 4.0;
  CHECK(CrossEntropy{0.2}(logits, label).loss ==
        Approx(0.8 * CrossEntropy{}(logits, label).loss + 0.2 * mean_over_labels));
}

TEST_CASE("the gradient of cross-entropy matches finite differences") {
  const auto smoothing = GENERATE(0.0, 0.1);
  const CrossEntropy loss{smoothing};
  Tensor<double> logits = test::random_tensor<double>({5, 7}, 1, -3.0, 3.0);
  const std::vector<std::int32_t> labels{0, 6, 3, 3, 1};
  const Tensor<double> gradient = loss(logits, labels).gradient;
  for (std::size_t i = 0; i < gradient.flat().size(); ++i) {
    const double before = logits.flat()[i];
    const double step = 1e-5;
    logits.flat()[i] = before + step;
    const double above = loss(logits, labels).loss;
    logits.flat()[i] = before - step;
    const double below = loss(logits, labels).loss;
    logits.flat()[i] = before;
    CHECK(gradient.flat()[i] == Approx((above - below) / (2.0 * step)).margin(1e-9));
  }
}

TEST_CASE("logits far apart neither overflow nor underflow") {
  const Tensor<float> logits({2, 2}, {1000.0F, -1000.0F, 1000.0F, -1000.0F});
  const auto result = CrossEntropy{}(logits, std::vector<std::int32_t>{0, 1});
  CHECK(result.loss == Approx(1000.0));
  CHECK(result.gradient.flat()[2] == 0.5F);
  const Tensor<float> bad({1, 2}, {std::numeric_limits<float>::quiet_NaN(), 0.0F});
  CHECK(std::isnan(CrossEntropy{}(bad, std::vector<std::int32_t>{0}).loss));
}

TEST_CASE("cross-entropy of a batch is that of its labels, which must be there") {
  const auto logits = test::random_tensor<float>({3, 4}, 2);
  Batch batch;
  batch.labels = {2, 0, 3};
  batch.classes = 4;
  const AnyLoss loss = CrossEntropy{0.1};
  const auto expected = CrossEntropy{0.1}(logits, std::span<const std::int32_t>(batch.labels));
  CHECK(loss.input() == LossInput::logits);
  CHECK(loss(logits, batch).loss == expected.loss);
  CHECK(loss(logits, batch).gradient == expected.gradient);
  CHECK(loss(logits, batch).correct == expected.correct);
  batch.classes = 5;
  CHECK_THROWS_WITH(loss(logits, batch), ContainsSubstring("5 classes") && ContainsSubstring("(3, 4)"));
  batch.labels.clear();
  CHECK_THROWS_WITH(loss(logits, batch), ContainsSubstring("without labels"));
}

TEST_CASE("the mean squared error is the mean over all elements") {
  const Tensor<float> output({2, 2}, {1.0F, 2.0F, 3.0F, 4.0F});
  Batch batch;
  batch.targets = Tensor<float>({2, 2}, {1.0F, 0.0F, 4.0F, 4.5F});
  const auto result = AnyLoss(MeanSquaredError{})(output, batch);
  CHECK(result.loss == (0.0 + 4.0 + 1.0 + 0.25) / 4.0);
  CHECK(result.gradient == Tensor<float>({2, 2}, {0.0F, 1.0F, -0.5F, -0.25F}));
  CHECK_FALSE(result.correct);
}

TEST_CASE("the gradient of the mean squared error matches finite differences") {
  const auto targets = test::random_tensor<double>({3, 2, 4}, 1);
  auto output = test::random_tensor<double>({3, 2, 4}, 2);
  const Tensor<double> gradient = MeanSquaredError{}(output, targets).gradient;
  for (std::size_t i = 0; i < gradient.flat().size(); ++i) {
    const double before = output.flat()[i];
    const double step = 1e-4;
    output.flat()[i] = before + step;
    const double above = MeanSquaredError{}(output, targets).loss;
    output.flat()[i] = before - step;
    const double below = MeanSquaredError{}(output, targets).loss;
    output.flat()[i] = before;
    CHECK(gradient.flat()[i] == Approx((above - below) / (2.0 * step)).margin(1e-9));
  }
}

TEST_CASE("targets that are not there or of another shape are refused") {
  const Tensor<float> output(Shape{2, 3});
  CHECK_THROWS_WITH(MeanSquaredError{}(output, Batch{}), ContainsSubstring("without targets"));
  CHECK_THROWS_WITH(MeanSquaredError{}(output, Tensor<float>(Shape{2, 1})),
                    ContainsSubstring("(2, 3)") && ContainsSubstring("(2, 1)"));
  CHECK_THROWS_AS(MeanSquaredError{}(Tensor<float>(Shape{0, 3}), Tensor<float>(Shape{0, 3})), Error);
}

TEST_CASE("what is no loss is told apart from one") {
  STATIC_REQUIRE(Loss<CrossEntropy>);
  STATIC_REQUIRE(Loss<MeanSquaredError>);
  STATIC_REQUIRE_FALSE(Loss<WithoutInput>);
  STATIC_REQUIRE_FALSE(Loss<WithoutGradient>);
}

TEST_CASE("labels and logits that do not match are refused") {
  const Tensor<float> logits(Shape{2, 3});
  CHECK_THROWS_WITH(CrossEntropy{}(logits, std::vector<std::int32_t>{0}), ContainsSubstring("(2, 3) and 1"));
  CHECK_THROWS_WITH(CrossEntropy{}(logits, std::vector<std::int32_t>{0, 3}), ContainsSubstring("label 3"));
  CHECK_THROWS_WITH(CrossEntropy{}(logits, std::vector<std::int32_t>{0, -1}), ContainsSubstring("label -1"));
  CHECK_THROWS_WITH(CrossEntropy{1.5}(logits, std::vector<std::int32_t>{0, 1}), ContainsSubstring("label smoothing"));
}
