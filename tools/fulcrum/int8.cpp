#include "int8.hpp"

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/io/dataset.hpp>

using namespace fulcrum;

QuantizeResult quantized_on(const Model<float>& model, const std::string& data, const QuantizeOptions& options,
                            std::int64_t count) {
  const Dataset train_set = load_dataset(data, Split::train);
  const auto samples = std::min<std::int64_t>(count, static_cast<std::int64_t>(train_set.labels.size()));
  return quantize_post_training(model, slice(train_set, 0, samples).images, onednn_runner(current_environment().cores),
                                options);
}

Model<float> quantized_for_timing(const Model<float>& model) {
  const std::vector<NodeId> inputs = model.inputs();
  if (inputs.size() != 1) {
    throw Error("model '" + model.name() + "'", "has " + std::to_string(inputs.size()) + " inputs and no scales",
                "give a model that is quantized already");
  }
  Tensor<float> images(with_batch(std::get<Input>(model.node(inputs[0]).layer).shape, 8));
  Random random(0);
  for (float& x : images.flat()) x = static_cast<float>(random.uniform());
  return quantize_post_training(model, images, onednn_runner(current_environment().cores), int8_options_for_this_cpu())
      .model;
}
