// Write a network down with the builder, look at it, run it.

#include <cstdio>
#include <vector>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

int main() {
  ModelBuilder<float> b("tiny_resnet", /*seed=*/7);
  b.input({3, 32, 32}).conv(16, 3, {.padding = 1, .bias = false}).batch_normalization().relu();
  const NodeId shortcut = b.last();  // (n, 16, 32, 32)
  b.conv(16, 3, {.padding = 1}).relu().conv(16, 3, {.padding = 1}).add(shortcut).relu();
  const Model<float> model = b.global_average_pool().flatten().dense(10).softmax().named("probabilities").build();

  std::printf("%s\n", summary(model).c_str());

  const std::vector<Tensor<float>> src{Tensor<float>({4, 3, 32, 32}, 0.5F)};
  const Tensor<float> fast = OnednnExecutor(model, {.batch = 4}).run(src).front();  // (4, 10)
  const Tensor<float> plain = ReferenceExecutor<float>(model).run(src).front();
  std::printf("class 0 of sample 0: oneDNN %.6f, reference %.6f\n", static_cast<double>(fast.at(0, 0)),
              static_cast<double>(plain.at(0, 0)));
}
