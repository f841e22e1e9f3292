#pragma once
/// \file
/// The plain executor: slow, obvious, the oracle that the others are held to.

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

struct ReferenceOptions {
  /// Weights go through the integers of Parameter::quantization and values through those of Node::dst_quantization and
  /// back, as QuantizeLinear and DequantizeLinear would take them in ONNX; false: both are ignored.
  bool quantized = false;
};

/// Runs a model node by node in T (float or double), each layer exactly as its header defines it.
template <class T>
class ReferenceExecutor {
public:
  /// \throws Error when a quantization (with options.quantized) does not fit the weights or value it belongs to
  explicit ReferenceExecutor(Model<T> model, ReferenceOptions options = {})
      : model_(std::move(model)), options_(options) {
    if (options_.quantized) round_weights();
  }

  /// The model's outputs, in order, for one value per model input, in order. The batch is what the sources hold where
  /// the model says batch_dim (usually src[0].dim(0)); any batch ≥ 1.
  /// \throws Error when the sources' number or shapes are not what the model takes
  [[nodiscard]] std::vector<Tensor<T>> run(std::span<const Tensor<T>> src) const;

  /// The value of every node, by node id.
  /// \throws Error as run()
  [[nodiscard]] std::vector<Tensor<T>> run_all(std::span<const Tensor<T>> src) const { return compute(src, true); }

  [[nodiscard]] const Model<T>& model() const noexcept { return model_; }

private:
  /// All values; without keep_all a value is dropped once its last consumer has taken it, unless it is an output.
  [[nodiscard]] std::vector<Tensor<T>> compute(std::span<const Tensor<T>> src, bool keep_all) const;

  void check(std::span<const Tensor<T>> src, const std::vector<Shape>& shapes) const;

  [[noreturn]] void refuse(NodeId input, const Shape& given, const Shape& expected) const {
    throw Error("input '" + model_.node(input).name + "'",
                "was given " + to_string(given) + " but takes " + to_string(expected));
  }

  [[nodiscard]] static Tensor<T> round_trip(Tensor<T> value, const Quantization& q, const std::string& name);

  void round_weights();

  Model<T> model_;
  ReferenceOptions options_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

#include <cstdint>

#include <fulcrum/exec/kernels/reference_layers.hpp>

namespace fulcrum {

template <class T>
std::vector<Tensor<T>> ReferenceExecutor<T>::run(std::span<const Tensor<T>> src) const {
  std::vector<Tensor<T>> values = compute(src, false);
  std::vector<Tensor<T>> dst;
  dst.reserve(model_.outputs().size());
  for (const NodeId id : model_.outputs()) dst.push_back(values[id]);
  return dst;
}

template <class T>
std::vector<Tensor<T>> ReferenceExecutor<T>::compute(std::span<const Tensor<T>> src, bool keep_all) const {
  const std::vector<Shape> shapes = infer_shapes(model_, batch_of(model_, src));
  check(src, shapes);
  auto consumers = model_.consumers();
  std::vector<Tensor<T>> values(model_.size());
  std::size_t next_input = 0;
  for (NodeId id = 0; id < model_.size(); ++id) {
    const Node<T>& node = model_.node(id);
    std::vector<const Tensor<T>*> from;
    for (const NodeId s : node.src) from.push_back(&values[s]);
    if (std::holds_alternative<Input>(node.layer)) {
      values[id] = src[next_input++];
    } else {
      values[id] = detail::reference::run(node.layer, std::span<const Tensor<T>* const>(from), shapes[id]);
    }
    if (options_.quantized && node.dst_quantization) {
      values[id] = round_trip(std::move(values[id]), *node.dst_quantization, node.name);
    }
    if (keep_all) continue;
    for (const NodeId s : node.src) {
      if (consumers[s].back() == id && !model_.is_output(s)) values[s] = Tensor<T>();
    }
  }
  return values;
}

template <class T>
void ReferenceExecutor<T>::check(std::span<const Tensor<T>> src, const std::vector<Shape>& shapes) const {
  const std::vector<NodeId> inputs = model_.inputs();
  if (src.size() != inputs.size()) {
    throw Error("model '" + model_.name() + "'",
                "takes " + std::to_string(inputs.size()) + " input(s) but was given " + std::to_string(src.size()));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (src[i].dims() == shapes[inputs[i]]) continue;
    const bool first = i == 0;
    refuse(inputs[i], src[i].dims(), first ? std::get<Input>(model_.node(inputs[i]).layer).shape : shapes[inputs[i]]);
  }
}

template <class T>
Tensor<T> ReferenceExecutor<T>::round_trip(Tensor<T> value, const Quantization& q, const std::string& name) {
  try {
    return quantize_dequantize(std::move(value), q);
  } catch (const Error& error) {
    throw Error("layer '" + name + "'", error.what());
  }
}

template <class T>
void ReferenceExecutor<T>::round_weights() {
  for_each_model_parameter(model_, [&](NodeId id, const char*, Parameter<T>& parameter) {
    if (!parameter.quantization) return;
    parameter.value = round_trip(*parameter.value, *parameter.quantization, model_.node(id).name);
  });
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(exec)
namespace fulcrum {
template class ReferenceExecutor<float>;
template class ReferenceExecutor<double>;
}  // namespace fulcrum
#endif

#endif
