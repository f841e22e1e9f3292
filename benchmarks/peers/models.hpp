#pragma once
/// \file
/// The models that both sides read: ONNX files of the zoo's networks.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/zoo/zoo.hpp>

namespace fulcrum::peers {

/// A model that takes the same inputs and has next to nothing to do: it returns one element per sample of each. What
/// ONNX Runtime takes for it is the cost of a call. (An Identity would copy its source, which no network does.)
[[nodiscard]] inline Model<float> empty_model(const Model<float>& model) {
  Model<float> empty("empty");
  std::vector<NodeId> results;
  for (const NodeId id : model.inputs()) {
    const Node<float>& node = model.node(id);
    const auto& input = std::get<Input>(node.layer);
    Slice first;
    for (std::size_t axis = 0; axis < input.shape.size(); ++axis) {
      if (input.shape[axis] == batch_dim) continue;
      first.axes.push_back(static_cast<std::int64_t>(axis));
      first.starts.push_back(0);
      first.ends.push_back(1);
    }
    const NodeId src = empty.add({node.name, input, {}, {}});
    results.push_back(empty.add({node.name + "/first", std::move(first), {src}, {}}));
  }
  empty.set_outputs(results);
  return empty;
}

/// Files of models in a folder, written when they are missing or older than the program.
class ModelFolder {
public:
  /// \param threads  to quantize with
  ModelFolder(std::string folder, int threads) : folder_(std::move(folder)), threads_(threads) {
    std::filesystem::create_directories(folder_);
  }

  /// The file of a zoo network in f32 or, quantized on random sources, in int8 (QDQ). bf16 reads f32.
  /// \throws Error when the network cannot be quantized
  [[nodiscard]] std::string path(const std::string& network, Precision precision) const {
    const bool int8 = precision == Precision::int8;
    const std::string path = folder_ + "/" + network + (int8 ? "_int8.onnx" : "_f32.onnx");
    if (is_current(path)) return path;
    const Model<float> model = zoo_model(network);
    if (!int8) {
      export_onnx(model, path);
      return path;
    }
    const std::vector<Tensor<float>> sources = random_sources(model, 8, 1);
    const QuantizeOptions options = int8_options_for_this_cpu();
    export_onnx(quantize_post_training(model, sources, onednn_runner(threads_), options).model, path);
    return path;
  }

  /// The file of empty_model() of a network.
  [[nodiscard]] std::string empty_path(const std::string& network, const Model<float>& model) const {
    const std::string path = folder_ + "/" + network + "_empty.onnx";
    if (!is_current(path)) export_onnx(empty_model(model), path);
    return path;
  }

private:
  /// A program built anew may write other files.
  static bool is_current(const std::string& path) {
    return std::filesystem::exists(path) &&
           std::filesystem::last_write_time(path) > std::filesystem::last_write_time("/proc/self/exe");
  }

  std::string folder_;
  int threads_;
};

}  // namespace fulcrum::peers
