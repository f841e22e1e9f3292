#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <fulcrum/measure/named_metrics.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// The score of outputs that come in batches of two.
double score(const Metric& metric, const Tensor<float>& outputs) {
  const auto running = metric.start();
  const std::int64_t samples = outputs.dim(0);
  const std::size_t width = outputs.flat().size() / static_cast<std::size_t>(samples);
  for (std::int64_t first = 0; first < samples; first += 2) {
    const std::int64_t count = std::min<std::int64_t>(2, samples - first);
    Shape shape = outputs.dims();
    shape[0] = count;
    const std::vector<Tensor<float>> batch{Tensor<float>(
        shape,
        outputs.flat().subspan(static_cast<std::size_t>(first) * width, static_cast<std::size_t>(count) * width))};
    running->add({batch, first, count});
  }
  return running->value();
}

const Tensor<float> scores({3, 4}, {0.1F, 0.5F, 0.3F, 0.1F, 0.4F, 0.3F, 0.2F, 0.1F, 0.0F, 0.1F, 0.2F, 0.7F});

}  // namespace

TEST_CASE("top-k counts the samples whose class is among the largest scores") {
  const Tensor<float> classes({3}, {2.0F, 0.0F, 0.0F});
  CHECK(score(top_k_metric(1, classes), scores) == Approx(1.0 / 3.0));
  CHECK(score(top_k_metric(2, classes), scores) == Approx(2.0 / 3.0));
  CHECK(score(top_k_metric(3, classes), scores) == Approx(2.0 / 3.0));
  CHECK(score(top_k_metric(4, classes), scores) == 1.0);
  CHECK(score(metric_named("top5", classes), scores) == 1.0);
  // The first of equal scores counts as the larger one.
  const Tensor<float> equal({2, 2}, {1.0F, 1.0F, 1.0F, 1.0F});
  CHECK(score(top_k_metric(1, Tensor<float>({2, 1}, {0.0F, 1.0F})), equal) == 0.5);
}

TEST_CASE("the squared error is that of all elements") {
  Tensor<float> targets = scores;
  CHECK(score(metric_named("mse", targets), scores) == 0.0);
  targets.flat()[5] += 0.6F;
  CHECK(score(squared_error_metric(targets), scores) == Approx(0.36 / 12.0));
}

TEST_CASE("the cosine does not see lengths") {
  Tensor<float> targets = scores;
  for (float& x : targets.flat()) x *= 3.0F;
  CHECK(score(metric_named("cosine", targets), scores) == Approx(1.0));
  for (float& x : targets.flat()) x = -x;
  CHECK(score(cosine_metric(targets), scores) == Approx(-1.0));
  const Tensor<float> zeros({2, 2});
  CHECK(score(cosine_metric(zeros), zeros) == 1.0);
  CHECK(score(cosine_metric(zeros), Tensor<float>({2, 2}, {1.0F, 0.0F, 0.0F, 0.0F})) == 0.5);
  CHECK(std::isnan(score(cosine_metric(zeros), Tensor<float>({2, 2}, {std::nanf(""), 0.0F, 0.0F, 0.0F}))));
}

TEST_CASE("targets that do not fit are refused") {
  CHECK_THROWS_WITH(metric_named("bleu", scores), ContainsSubstring("use top1, top5, mse or cosine"));
  CHECK_THROWS_WITH(top_k_metric(0, scores), ContainsSubstring("k = 0"));
  CHECK_THROWS_WITH(top_k_metric(1, scores), ContainsSubstring("are no classes"));
  CHECK_THROWS_WITH(score(top_k_metric(1, Tensor<float>({2}, {0.0F, 1.0F})), scores), ContainsSubstring("fewer than"));
  CHECK_THROWS_WITH(score(top_k_metric(1, Tensor<float>({3}, {0.0F, 1.0F, 4.0F})), scores),
                    ContainsSubstring("class 4 for a model of 4"));
  CHECK_THROWS_WITH(score(squared_error_metric(Tensor<float>({3, 2})), scores),
                    ContainsSubstring("2 elements a sample where 4"));
}
