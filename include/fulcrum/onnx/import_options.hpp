#pragma once
/// \file
/// What an import of an ONNX model may be told beside the file.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

struct OnnxImportOptions {
  /// Extents of symbolic dimensions, by the name that the file gives them. One symbol may stay open: the batch.
  std::map<std::string, std::int64_t> dims{};

  /// Shapes that the inputs which are not bound will have, in the graph's order: they bind symbolic dimensions where
  /// `dims` does not.
  std::vector<Shape> input_shapes{};
  /// Inputs that `input_shapes` leaves out, by name: the states of a model that runs step by step, say.
  std::set<std::string> unshaped_inputs{};

  /// Values of inputs that are known already, by the input's name: they bind the input's shape, and stand where the
  /// graph needs a constant (weights, axes, a shape). An input that the graph takes otherwise as well stays an input.
  std::map<std::string, Tensor<double>> known_inputs{};

  /// Values that inputs always have, by the input's name: such an input is a constant and none of the model's inputs. A
  /// tensor of rank 0 is the value of every element of its input.
  std::map<std::string, Tensor<double>> bound_inputs{};

  /// Values of the graph that are the model's outputs instead of the file's, by name: a model ends there, and what
  /// comes behind is not read. Empty: the file's.
  std::vector<std::string> outputs{};

  /// Is told in a sentence what the import had to decide and a user may not expect.
  std::function<void(const std::string& note)> note{};

  /// [B] for tensors of which the file says a shape and one value (ConstantOfShape): the only ones that may take much
  /// more memory than the file.
  std::size_t max_fill_bytes = std::size_t{2} << 30U;
};

}  // namespace fulcrum
