#pragma once
/// \file
/// Whether a quantization pass has been over a model.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// Whether any weights or any value of the model map to integers.
template <class T>
[[nodiscard]] bool is_quantized(const Model<T>& model);

namespace detail {

/// \throws Error when a quantization pass has been over the model
template <class T>
void refuse_quantized(const Model<T>& model, const char* remedy) {
  if (is_quantized(model)) throw Error("model '" + model.name() + "'", "is quantized already", remedy);
}

}  // namespace detail

}  // namespace fulcrum

#if FULCRUM_DEFINES(analysis)

#include <algorithm>

namespace fulcrum {

template <class T>
bool is_quantized(const Model<T>& model) {
  bool found = std::any_of(model.nodes().begin(), model.nodes().end(),
                           [](const Node<T>& node) { return node.dst_quantization.has_value(); });
  for_each_model_parameter(model, [&](NodeId, const char*, const Parameter<T>& parameter) {
    found = found || parameter.quantization.has_value();
  });
  return found;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(analysis)
namespace fulcrum {
template bool is_quantized(const Model<float>& model);
template bool is_quantized(const Model<double>& model);
}  // namespace fulcrum
#endif

#endif
