// Train on numbers instead of classes: a small network learns a curve by the mean squared error, once in float and once
// aware that its weights will be rounded to 4 bits.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

int main() {
  constexpr std::int64_t samples = 512;
  Tensor<float> x(Shape{samples, 1});
  Tensor<float> y(Shape{samples, 1});
  for (std::int64_t i = 0; i < samples; ++i) {
    x.at(i, 0) = 2.0F * static_cast<float>(i) / static_cast<float>(samples) - 1.0F;
    y.at(i, 0) = std::sin(3.0F * x.at(i, 0));
  }
  const Model<float> model = ModelBuilder<float>("curve", 1).input({1}).dense(32).tanh().dense(1).build();

  TrainOptions options;
  options.epochs = 100;
  options.batch = 64;
  options.learning_rate = 0.01;
  options.threads = 1;  // a network this small has nothing to share out
  options.loss = MeanSquaredError{};
  const TrainResult in_float = train(model, SampleView(x, y), options);

  options.hooks = {FakeQuantizeHook{.bits = 4}};
  const TrainResult aware = train(model, SampleView(x, y), options);

  std::printf("mean squared error: %.5f at first, %.5f in float, %.5f with weights of 4 bits\n",
              in_float.epochs.front().loss, in_float.epochs.back().loss, aware.epochs.back().loss);
  const std::vector<Tensor<float>> src{Tensor<float>({1, 1}, {0.5F})};
  const Tensor<float> dst = ReferenceExecutor<float>(in_float.model).run(src).front();
  std::printf("sin(1.5) is %.4f, the network says %.4f\n", std::sin(1.5), static_cast<double>(dst.at(0, 0)));
}
