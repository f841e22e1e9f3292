#include "int8.hpp"

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/model/random_sources.hpp>

#include "command.hpp"

using namespace fulcrum;

QuantizeResult quantized_on(const Model<float>& model, const std::string& data, const QuantizeOptions& options,
                            std::int64_t count) {
  const Dataset train_set = load_dataset(data, Split::train);
  const auto size = static_cast<std::int64_t>(train_set.labels.size());
  const auto samples = std::min(count, size);
  if (count > size)
    remark("--samples " + std::to_string(count) + ": there are " + std::to_string(size) +
           " images, which are all used");
  return quantize_post_training(model, slice(train_set, 0, samples).images, onednn_runner(current_environment().cores),
                                options);
}

QuantizeResult quantized_on(const Model<float>& model, const std::vector<std::string>& files,
                            const QuantizeOptions& options) {
  std::vector<Tensor<float>> sources;
  for (const std::string& file : files) sources.push_back(load_npy(file));
  return quantize_post_training(model, sources, onednn_runner(current_environment().cores), options);
}

Model<float> quantized_for_timing(const Model<float>& model) {
  return quantize_post_training(model, random_sources(model, 8, 0), onednn_runner(current_environment().cores),
                                int8_options_for_this_cpu())
      .model;
}
