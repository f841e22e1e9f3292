// Change a model: prune half of its weights, then quantize it to int8. Each pass returns a new model and a report.

#include <cstdio>
#include <vector>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

int main() {
  const Model<float> model = zoo_model("fashion_cnn");
  const Dataset train_set = load_dataset("fashion-mnist", Split::train);

  const auto pruned = prune(model, {.sparsity = 0.5, .scope = PruneScope::global});
  std::printf("%s\n", to_text(pruned.report).c_str());

  // Ranges of the activations come from a slice of the training images, run in f32 with all values visible.
  const ModelRunner runner = onednn_runner();
  const Tensor<float> images = slice(train_set, 0, 256).images;
  const auto quantized = quantize_post_training(pruned.model, images, runner, int8_options_for_this_cpu());
  std::printf("%s\n", to_text(quantized.report).c_str());

  OnednnExecutor int8(quantized.model, {.batch = 1, .precision = Precision::int8});
  const std::vector<Tensor<float>> src{slice(train_set, 0, 1).images};
  std::printf("int8 says %.4f for class 0\n", static_cast<double>(int8.run(src).front().at(0, 0)));
}
