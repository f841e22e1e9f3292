#pragma once
// Gradients of the training network against central differences of the loss, in double, on the reference executor.
#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/cast.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/train/loss.hpp>
#include <fulcrum/train/network.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

namespace fulcrum::test {

/// |analytic − numeric| may be this share of the largest gradient of the parameter, and an absolute part for
/// parameters that do not matter. The analytic gradients are f32 sums; the numeric ones are good to about 1e-9.
inline constexpr double gradient_tolerance = 2e-4;
inline constexpr double gradient_tolerance_absolute = 2e-6;

/// What the loss takes, in double, batch normalization with the statistics of the batch.
inline Tensor<double> output_of(Model<double> model, const Tensor<double>& src, LossInput input) {
  const std::span<const Tensor<double>> sources(&src, 1);
  for (NodeId id = 0; id < model.size(); ++id) {
    if (!std::holds_alternative<BatchNormalization<double>>(model.node(id).layer)) continue;
    const Tensor<double> value = ReferenceExecutor<double>(model).run_all(sources)[model.node(id).src[0]];
    const std::int64_t channels = value.dim(1);
    Tensor<double> mean(Shape{channels});
    Tensor<double> variance(Shape{channels});
    const auto count = static_cast<double>(value.flat().size()) / static_cast<double>(channels);
    const auto each = [&](auto&& f) { detail::for_each_channel_element(value.dims(), 1, f); };
    each([&](std::size_t i, std::size_t c) { mean.flat()[c] += value.flat()[i] / count; });
    each([&](std::size_t i, std::size_t c) {
      const double off = value.flat()[i] - mean.flat()[c];
      variance.flat()[c] += off * off / count;
    });
    auto& layer = std::get<BatchNormalization<double>>(model.edit_layer(id));
    layer.mean = mean;
    layer.variance = variance;
  }
  const NodeId output = model.outputs().back();
  const bool has_logits = input == LossInput::logits && std::holds_alternative<Softmax>(model.node(output).layer);
  return ReferenceExecutor<double>(model).run_all(sources)[has_logits ? model.node(output).src[0] : output];
}

/// Checks values and gradients of every trainable parameter at up to `samples` elements each: of cross-entropy, or of
/// the mean squared error where the output itself is asked for.
inline void check_gradients(const Model<float>& model, std::int64_t batch, std::uint64_t seed, int samples = 6,
                            LossInput input = LossInput::logits) {
  const auto src = random_tensor<float>(infer_shapes(model, batch)[model.inputs().front()], seed);
  const detail::ThreadScope one_thread(1);  // so small that more would only wait for each other
  TrainingNetwork network(model, batch, input);
  const Tensor<float> output = network.forward(src);
  Random random(seed + 1);
  std::vector<std::int32_t> labels;
  if (input == LossInput::logits) {
    REQUIRE(output.dimension() == 2);
    for (std::int64_t i = 0; i < output.dim(0); ++i) {
      labels.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(output.dim(1)))));
    }
  }
  const auto targets = random_tensor<float>(output.dims(), seed + 2);
  const auto loss = [&]<class T>(const Tensor<T>& y) {
    return labels.empty() ? MeanSquaredError{}(y, cast<T>(targets))
                          : CrossEntropy{0.1}(y, std::span(std::as_const(labels)));
  };
  network.backward(loss(output).gradient);

  const Tensor<double> src64 = cast<double>(src);
  const Model<double> exact = cast<double>(model);
  const Tensor<double> expected = output_of(exact, src64, input);
  REQUIRE(expected.dims() == output.dims());
  for (std::size_t i = 0; i < expected.flat().size(); ++i) {
    CHECK(static_cast<double>(output.flat()[i]) == Approx(expected.flat()[i]).epsilon(1e-4).margin(1e-5));
  }

  for (const TrainableParameter& p : network.parameters()) {
    const auto gradient = p.gradient.flat();
    double largest = 0.0;
    for (const float g : gradient) largest = std::max(largest, std::abs(static_cast<double>(g)));
    for (int sample = 0; sample < samples; ++sample) {
      const auto at = static_cast<std::size_t>(random.below(gradient.size()));
      constexpr double step = 1e-5;
      const auto loss_at = [&](double offset) {
        Model<double> moved = exact;
        for_each_parameter(moved.edit_layer(p.node), [&](const char* name, Parameter<double>& parameter) {
          if (name == p.name) parameter.value.edit().flat()[at] += offset;
        });
        return loss(output_of(std::move(moved), src64, input)).loss;
      };
      const double numeric = (loss_at(step) - loss_at(-step)) / (2.0 * step);
      INFO(model.node(p.node).name << " " << p.name << "[" << at << "], largest gradient " << largest);
      CHECK(std::abs(static_cast<double>(gradient[at]) - numeric) <=
            gradient_tolerance * largest + gradient_tolerance_absolute);
    }
  }
}

}  // namespace fulcrum::test
