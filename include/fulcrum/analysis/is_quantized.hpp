#pragma once
/// \file
/// Whether a quantization pass has been over a model.

#include <algorithm>

#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// Whether any weights or any value of the model map to integers.
template <class T>
[[nodiscard]] bool is_quantized(const Model<T>& model) {
  bool found = std::any_of(model.nodes().begin(), model.nodes().end(),
                           [](const Node<T>& node) { return node.dst_quantization.has_value(); });
  for_each_model_parameter(model, [&](NodeId, const char*, const Parameter<T>& parameter) {
    found = found || parameter.quantization.has_value();
  });
  return found;
}

}  // namespace fulcrum
