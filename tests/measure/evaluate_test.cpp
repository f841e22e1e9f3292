#include <fulcrum/measure/evaluate.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fulcrum/exec/reference_factory.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/own_executor.hpp>

using namespace fulcrum;

namespace {

/// Two outputs: of three numbers a hidden layer's four, then one.
Model<float> regression() {
  ModelBuilder<float> b("regression", 3);
  const NodeId hidden = b.input({3}).dense(4).last();
  const NodeId result = b.dense(1).last();
  Model<float> model = std::move(b).build();
  model.set_outputs({hidden, result});
  return model;
}

Metric mean_squared_error(std::vector<float> targets) {
  return mean_metric("mean squared error", [targets = std::move(targets)](const Answers& answers) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < answers.count; ++i) {
      const float target = targets[static_cast<std::size_t>(answers.first + i)];
      sum += std::pow(answers.outputs.back().at(i, 0) - target, 2.0);
    }
    return sum;
  });
}

/// The largest answer, which is no mean over the samples.
struct Largest {
  double largest = -1e30;
  std::int64_t next = 0;
  void add(const Answers& answers) {
    CHECK(answers.first == next);
    CHECK(answers.outputs.size() == 2);
    CHECK(answers.outputs[0].dims() == Shape{answers.count, 4});
    next += answers.count;
    for (const float x : answers.outputs[1].flat()) largest = std::max(largest, static_cast<double>(x));
  }
  [[nodiscard]] double value() const { return largest; }
};

}  // namespace

TEST_CASE("a score of the user's is computed over all samples, whatever the batch and the executor") {
  const Model<float> model = regression();
  const Tensor<float> samples = test::random_tensor<float>({23, 3}, 1);
  const std::vector<Tensor<float>> expected = ReferenceExecutor<float>(model).run({&samples, 1});
  std::vector<float> targets(23);
  double sum = 0.0;
  float largest = -1e30F;
  for (std::size_t i = 0; i < 23; ++i) {
    targets[i] = static_cast<float>(i) / 23.0F;
    sum += std::pow(expected[1].flat()[i] - targets[i], 2.0);
    largest = std::max(largest, expected[1].flat()[i]);
  }
  const Metric error = mean_squared_error(targets);
  const Metric most("largest", Largest{});
  for (const std::int64_t batch : {1, 5, 23, 100}) {
    const ScoreReport report = evaluate(model, {&samples, 1}, {.batch = batch}, error);
    CHECK(report.metric == "mean squared error");
    CHECK(report.samples == 23);
    CHECK(report.score == Approx(sum / 23.0));
    CHECK(evaluate(model, {&samples, 1}, {.batch = batch}, error, {}, reference_executors()).score ==
          Approx(sum / 23.0));
    CHECK(evaluate(model, {&samples, 1}, {.batch = batch}, most).score == Approx(largest));  // each starts anew
  }
}

TEST_CASE("every input of a model has its samples") {
  ModelBuilder<float> b("sum");
  const NodeId first = b.input({2}, "first").last();
  const Model<float> model = b.input({2}, "second").add(first).build();
  const std::vector<Tensor<float>> sources{Tensor<float>({5, 2}, 1.0F), Tensor<float>({5, 2}, 2.0F)};
  const Metric mean = mean_metric("mean", [](const Answers& answers) {
    double sum = 0.0;
    for (const float x : answers.outputs[0].flat()) sum += 0.5 * x;
    return sum;
  });
  CHECK(evaluate(model, sources, {.batch = 2}, mean).score == Approx(3.0));
  CHECK_THROWS_WITH(evaluate(model, std::span(sources).first(1), {.batch = 2}, mean), ContainsSubstring("1 source(s)"));
  const std::vector<Tensor<float>> uneven{Tensor<float>({5, 2}), Tensor<float>({4, 2})};
  CHECK_THROWS_WITH(evaluate(model, uneven, {.batch = 2}, mean), ContainsSubstring("the same samples"));
}

TEST_CASE("an executor of the user's is evaluated, and what it throws comes out as it is") {
  const Model<float> model = ModelBuilder<float>("m").input({3}).dense(1).build();
  const Tensor<float> samples({4, 3}, 1.0F);
  const Metric error = mean_squared_error({3.0F, 3.0F, 3.0F, 5.0F});
  const ExecutorFactory own = [](const Model<float>&, const RunConfig& config) {
    return test::SumExecutor(config.batch, 3);
  };
  CHECK(evaluate(model, {&samples, 1}, {.batch = 2}, error, {}, own).score == 1.0);
  const ExecutorFactory failing = [](const Model<float>&, const RunConfig& config) {
    return test::SumExecutor(config.batch, 3, [] { throw std::domain_error("of its own"); });
  };
  CHECK_THROWS_AS(evaluate(model, {&samples, 1}, {.batch = 2}, error, {}, failing), std::domain_error);
}

TEST_CASE("no samples, samples of another shape and scores that are no numbers are refused") {
  const Model<float> model = regression();
  const Metric error = mean_squared_error(std::vector<float>(4, std::numeric_limits<float>::quiet_NaN()));
  const Tensor<float> samples({4, 3});
  const Tensor<float> wide({4, 5});
  const Tensor<float> none({0, 3});
  CHECK_THROWS_WITH(evaluate(model, {&samples, 1}, {}, error), ContainsSubstring("mean squared error"));
  CHECK_THROWS_WITH(evaluate(model, {&wide, 1}, {.batch = 2}, error), ContainsSubstring("(2, 5)"));
  CHECK_THROWS_WITH(evaluate(model, {&none, 1}, {}, error), ContainsSubstring("is empty"));
  CHECK_THROWS_WITH(evaluate(model, {}, {}, error), ContainsSubstring("is empty"));
}

TEST_CASE("progress of a score counts samples and ends at 1") {
  std::vector<Progress> seen;
  const Tensor<float> samples({10, 3});
  static_cast<void>(evaluate(regression(), {&samples, 1}, {.batch = 3}, Metric("largest", Largest{}),
                             [&](const Progress& p) { seen.push_back(p); }));
  REQUIRE(seen.size() == 4);
  CHECK(seen.back().fraction == 1.0);
  CHECK(seen.back().detail == "10 samples");
}
