#pragma once
/// \file
/// The models that both sides read: ONNX files of networks, and the user's.

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
#include <fulcrum/onnx/import.hpp>
#include <fulcrum/passes/quantize.hpp>

#include "cases.hpp"
#include "networks.hpp"

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

/// The model in an ONNX file, its symbolic dimensions bound.
[[nodiscard]] inline Model<float> model_in(const std::string& path, const Dims& dims) {
  OnnxImportOptions options;
  options.dims = dims;
  return import_onnx(path, options);
}

/// Files of models in a folder, written when they are missing or older than the program.
class ModelFolder {
public:
  /// \param threads  to quantize with
  ModelFolder(std::string folder, int threads) : folder_(std::move(folder)), threads_(threads) {
    std::filesystem::create_directories(folder_);
  }

  /// The file of a case's network in f32 or, quantized on random sources, in int8 (QDQ). bf16 reads f32, which is the
  /// user's own file where the case has one.
  /// \throws Error when the network cannot be quantized
  [[nodiscard]] std::string path(const Case& test, Precision precision) const {
    const bool int8 = precision == Precision::int8;
    if (!int8 && !test.file.empty()) return test.file;
    const std::string path = stem(test) + (int8 ? "_int8.onnx" : "_f32.onnx");
    if (is_current(path, test)) return path;
    const Model<float> model = test.file.empty() ? peers::network(test.network) : model_in(test.file, test.dims);
    if (!int8) {
      export_onnx(model, path);
      return path;
    }
    const std::vector<Tensor<float>> sources = random_sources(model, 8, 1);
    const QuantizeOptions options = int8_options_for_this_cpu();
    export_onnx(quantize_post_training(model, sources, onednn_runner(threads_), options).model, path);
    return path;
  }

  /// The file of empty_model() of a case's network.
  [[nodiscard]] std::string empty_path(const Case& test, const Model<float>& model) const {
    const std::string path = stem(test) + "_empty.onnx";
    if (!is_current(path, test)) export_onnx(empty_model(model), path);
    return path;
  }

private:
  /// What is made of a file depends on the extents of its dimensions as well.
  [[nodiscard]] std::string stem(const Case& test) const {
    std::string stem = folder_ + "/" + test.network;
    for (const auto& [name, extent] : test.dims) stem.append("_").append(std::to_string(extent));
    return stem;
  }

  /// A program built anew may write other files, and so may another file of the user's.
  static bool is_current(const std::string& path, const Case& test) {
    const auto older = [&](const std::string& than) {
      return std::filesystem::last_write_time(path) <= std::filesystem::last_write_time(than);
    };
    return std::filesystem::exists(path) && !older("/proc/self/exe") && (test.file.empty() || !older(test.file));
  }

  std::string folder_;
  int threads_;
};

}  // namespace fulcrum::peers
