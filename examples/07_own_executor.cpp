// An executor and a score of your own: measured, evaluated and compared like what Fulcrum brings along.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

namespace {

/// Two dense layers by hand: dst = W2 · relu(W1 · src + b1) + b2, for each sample.
class HandWritten {
public:
  HandWritten(const Model<float>& model, const RunConfig& config)
      : batch_(config.batch), hidden_(layer(model, "dense1")), result_(layer(model, "dense2")), values_(32) {}

  [[nodiscard]] std::vector<Shape> src_shapes() const { return {{batch_, 2}}; }
  [[nodiscard]] std::vector<Shape> dst_shapes() const { return {{batch_, 1}}; }
  void execute(std::span<const float* const> src, std::span<float* const> dst) {
    for (std::int64_t i = 0; i < batch_; ++i) {
      apply(hidden_, {src[0] + 2 * i, 2}, values_);
      for (float& x : values_) x = std::max(x, 0.0F);
      apply(result_, values_, {dst[0] + i, 1});
    }
  }

private:
  static const Dense<float>& layer(const Model<float>& model, const char* name) {
    return std::get<Dense<float>>(model.node(model.find(name).value()).layer);
  }
  static void apply(const Dense<float>& dense, std::span<const float> src, std::span<float> dst) {
    const auto weights = dense.weights.value->flat();
    for (std::size_t row = 0; row < dst.size(); ++row) {
      dst[row] = dense.bias.empty() ? 0.0F : dense.bias.value->flat()[row];
      for (std::size_t i = 0; i < src.size(); ++i) dst[row] += weights[row * src.size() + i] * src[i];
    }
  }

  std::int64_t batch_;
  Dense<float> hidden_, result_;
  std::vector<float> values_;
};

}  // namespace

int main() {
  const Model<float> model = ModelBuilder<float>("regression").input({2}).dense(32).relu().dense(1).build();
  const ExecutorFactory by_hand = [](const Model<float>& of, const RunConfig& config) {
    return HandWritten(of, config);
  };

  MeasureOptions options{.min_duration = Seconds(0.1)};
  const RunConfig config{.batch = 4};
  const LatencyReport onednn = measure(model, config, options);
  options.executors = by_hand;
  const LatencyReport own = measure(model, config, options);
  std::printf("oneDNN %.2f µs, by hand %.2f µs\n", Microseconds(onednn.latency.p50).count(),
              Microseconds(own.latency.p50).count());

  // How far is the (untrained) model from x · y? Targets are the metric's own.
  Tensor<float> points({100, 2});
  Random random(1);
  for (float& x : points.flat()) x = static_cast<float>(random.uniform());
  const Metric error = mean_metric("mean squared error", [&](const Answers& answers) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < answers.count; ++i) {
      const std::int64_t n = answers.first + i;
      sum += std::pow(answers.outputs[0].at(i, 0) - points.at(n, 0) * points.at(n, 1), 2.0);
    }
    return sum;
  });
  std::printf("%s: oneDNN %.4f, by hand %.4f\n", error.name().c_str(),
              evaluate(model, {&points, 1}, config, error).score,
              evaluate(model, {&points, 1}, config, error, {}, by_hand).score);
}
