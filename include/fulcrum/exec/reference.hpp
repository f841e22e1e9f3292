#pragma once
/// \file
/// The plain executor: slow, obvious, the oracle that the others are held to.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/executor.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

struct ReferenceOptions {
  /// Weights go through the integers of Parameter::quantization and values through those of Node::dst_quantization and
  /// back, as QuantizeLinear and DequantizeLinear would take them in ONNX; false: both are left out.
  bool quantized = true;
  std::int64_t batch = 1;  ///< that execute() runs; ≥ 1. run() takes its from the sources.
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
  [[nodiscard]] std::vector<Tensor<T>> run(std::span<const Tensor<T>> src) const { return outputs_of(compute(src)); }

  /// The value of every node, by node id.
  /// \throws Error as run()
  [[nodiscard]] std::vector<Tensor<T>> run_all(std::span<const Tensor<T>> src) const {
    return compute(src, {.keep_all = true});
  }

  /// Shapes of the model's inputs and outputs for options.batch.
  /// \throws Error naming the layer that does not take that batch
  [[nodiscard]] std::vector<Shape> src_shapes() const;
  [[nodiscard]] std::vector<Shape> dst_shapes() const { return shapes_of(model_.outputs()); }

  /// One step per layer; what is given (Input, Constant) is none. All of them compute in T, whatever DType they tell.
  [[nodiscard]] std::vector<StepInfo> steps() const;

  /// run() from arrays to arrays, in row-major order, of options.batch. What the layers compute is allocated on the
  /// way. Precondition: one pointer per input and per output, each to as many elements as its shape says.
  ///
  /// \throws Error
  /// as run()
  void execute(std::span<const T* const> src, std::span<T* const> dst) const { execute_with(src, dst, {}); }

  /// The same with the time of each step.
  /// \throws Error when there is not room for one time per step, and as run()
  void execute_timed(std::span<const T* const> src, std::span<T* const> dst,
                     std::span<std::chrono::nanoseconds> step_times) const;

  [[nodiscard]] const Model<T>& model() const noexcept { return model_; }

private:
  struct ComputeOptions {
    bool keep_all = false;  ///< false: a value is dropped once its last consumer has taken it, unless it is an output
    std::span<std::chrono::nanoseconds> node_times = {};  ///< one per node; empty: nobody asks
  };

  [[nodiscard]] std::vector<NodeId> step_nodes() const;

  [[nodiscard]] std::vector<Shape> shapes_of(const std::vector<NodeId>& nodes) const;

  [[nodiscard]] std::vector<Tensor<T>> outputs_of(const std::vector<Tensor<T>>& values) const;

  void execute_with(std::span<const T* const> src, std::span<T* const> dst, const ComputeOptions& how) const;

  /// All values.
  [[nodiscard]] std::vector<Tensor<T>> compute(std::span<const Tensor<T>> src, const ComputeOptions& how = {}) const;

  void check(std::span<const Tensor<T>> src, const std::vector<Shape>& shapes) const;

  [[noreturn]] void refuse(NodeId input, const Shape& given, const Shape& expected) const;

  [[nodiscard]] static Tensor<T> round_trip(Tensor<T> value, const Quantization& q, const std::string& name);

  void round_weights();

  Model<T> model_;
  ReferenceOptions options_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

#include <algorithm>

#include <fulcrum/exec/kernels/reference_layers.hpp>

namespace fulcrum {

template <class T>
std::vector<Shape> ReferenceExecutor<T>::src_shapes() const {
  return shapes_of(model_.inputs());
}

template <class T>
std::vector<StepInfo> ReferenceExecutor<T>::steps() const {
  const std::vector<Shape> shapes = infer_shapes(model_, options_.batch);
  const std::vector<Work> work = infer_work(model_, shapes);
  std::vector<StepInfo> steps;
  for (const NodeId id : step_nodes()) {
    const Node<T>& node = model_.node(id);
    StepInfo step;
    step.name = node.name;
    step.kind = kind_of(node.layer);
    step.implementation = "reference";
    step.flops = work[id].flops;
    step.bytes = static_cast<double>(sizeof(T)) *
                 static_cast<double>(work[id].src_elements + work[id].weight_elements + work[id].dst_elements);
    step.layers = {node.name};
    steps.push_back(std::move(step));
  }
  return steps;
}

template <class T>
void ReferenceExecutor<T>::execute_timed(std::span<const T* const> src, std::span<T* const> dst,
                                         std::span<std::chrono::nanoseconds> step_times) const {
  const std::vector<NodeId> nodes = step_nodes();
  detail::expect_step_times(step_times.size(), nodes.size());
  std::vector<std::chrono::nanoseconds> node_times(model_.size());
  execute_with(src, dst, {.node_times = node_times});
  std::transform(nodes.begin(), nodes.end(), step_times.begin(), [&](NodeId id) { return node_times[id]; });
}

template <class T>
std::vector<NodeId> ReferenceExecutor<T>::step_nodes() const {
  std::vector<NodeId> nodes;
  for (NodeId id = 0; id < model_.size(); ++id) {
    const Layer<T>& layer = model_.node(id).layer;
    if (!std::holds_alternative<Input>(layer) && !std::holds_alternative<Constant<T>>(layer)) nodes.push_back(id);
  }
  return nodes;
}

template <class T>
std::vector<Shape> ReferenceExecutor<T>::shapes_of(const std::vector<NodeId>& nodes) const {
  const std::vector<Shape> all = infer_shapes(model_, options_.batch);
  std::vector<Shape> shapes;
  for (const NodeId id : nodes) shapes.push_back(all[id]);
  return shapes;
}

template <class T>
std::vector<Tensor<T>> ReferenceExecutor<T>::outputs_of(const std::vector<Tensor<T>>& values) const {
  std::vector<Tensor<T>> dst;
  dst.reserve(model_.outputs().size());
  for (const NodeId id : model_.outputs()) dst.push_back(values[id]);
  return dst;
}

template <class T>
void ReferenceExecutor<T>::execute_with(std::span<const T* const> src, std::span<T* const> dst,
                                        const ComputeOptions& how) const {
  const std::vector<Shape> shapes = src_shapes();
  detail::expect_arrays(src.size(), dst.size(), shapes.size(), model_.outputs().size());
  std::vector<Tensor<T>> from;
  for (std::size_t i = 0; i < src.size(); ++i)
    from.emplace_back(shapes[i], std::span(src[i], static_cast<std::size_t>(element_count(shapes[i]))));
  const std::vector<Tensor<T>> results = outputs_of(compute(from, how));
  for (std::size_t i = 0; i < dst.size(); ++i) std::copy(results[i].flat().begin(), results[i].flat().end(), dst[i]);
}

template <class T>
std::vector<Tensor<T>> ReferenceExecutor<T>::compute(std::span<const Tensor<T>> src, const ComputeOptions& how) const {
  const std::vector<Shape> shapes = infer_shapes(model_, batch_of(model_, src));
  check(src, shapes);
  auto consumers = model_.consumers();
  std::vector<Tensor<T>> values(model_.size());
  std::size_t next_input = 0;
  for (NodeId id = 0; id < model_.size(); ++id) {
    const Node<T>& node = model_.node(id);
    std::vector<const Tensor<T>*> from;
    for (const NodeId s : node.src) from.push_back(&values[s]);
    const auto before = std::chrono::steady_clock::now();
    if (std::holds_alternative<Input>(node.layer)) {
      values[id] = src[next_input++];
    } else {
      values[id] = detail::reference::run(node.layer, std::span<const Tensor<T>* const>(from), shapes[id]);
    }
    if (options_.quantized && node.dst_quantization) {
      values[id] = round_trip(std::move(values[id]), *node.dst_quantization, node.name);
    }
    if (!how.node_times.empty()) how.node_times[id] = std::chrono::steady_clock::now() - before;
    if (how.keep_all) continue;
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
void ReferenceExecutor<T>::refuse(NodeId input, const Shape& given, const Shape& expected) const {
  throw Error("input '" + model_.node(input).name + "'",
              "was given " + to_string(given) + " but takes " + to_string(expected));
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
