#pragma once
/// \file
/// Shapes and work of every node for a batch size.

#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// Shape of every node's value, by node id, with the batch dimension bound to `batch`.
/// \param batch  ≥ 1
/// \throws Error naming the layer whose sources do not fit
template <class T>
[[nodiscard]] std::vector<Shape> infer_shapes(const Model<T>& model, std::int64_t batch);

/// What the first source with a batch dimension holds there; 1 when there is none. A source that its input does not
/// take tells nothing.
template <class T>
[[nodiscard]] std::int64_t batch_of(const Model<T>& model, std::span<const Tensor<T>> src);

/// \throws Error when the model runs one batch size only and `batch` is neither that nor 1
template <class T>
void expect_batch(const Model<T>& model, std::int64_t batch);

/// Shapes of a node's sources.
template <class T>
[[nodiscard]] std::vector<Shape> src_shapes(const Node<T>& node, const std::vector<Shape>& shapes);

/// Work of every node, by node id, for shapes from infer_shapes().
template <class T>
[[nodiscard]] std::vector<Work> infer_work(const Model<T>& model, const std::vector<Shape>& shapes);

/// Work of one inference of the whole model at a batch size (FLOPs of the batch, not of one sample).
template <class T>
[[nodiscard]] Work total_work(const Model<T>& model, std::int64_t batch);

}  // namespace fulcrum

#if FULCRUM_DEFINES(model)

#include <algorithm>

namespace fulcrum {

template <class T>
std::vector<Shape> infer_shapes(const Model<T>& model, std::int64_t batch) {
  if (batch < 1) throw Error("batch " + std::to_string(batch), "is below 1", "give a batch size of 1 or more");
  std::vector<Shape> shapes;
  shapes.reserve(model.size());
  for (const Node<T>& node : model.nodes()) {
    std::vector<Shape> src;
    for (const NodeId id : node.src) src.push_back(shapes[id]);
    try {
      shapes.push_back(with_batch(dst_shape(node.layer, std::span<const Shape>(src)), batch));
      static_cast<void>(element_count(shapes.back()));
    } catch (const Error& error) {
      throw Error("layer '" + node.name + "'", error.what());
    }
  }
  return shapes;
}

template <class T>
std::int64_t batch_of(const Model<T>& model, std::span<const Tensor<T>> src) {
  const std::vector<NodeId> inputs = model.inputs();
  for (std::size_t i = 0; i < std::min(inputs.size(), src.size()); ++i) {
    const Shape& shape = std::get<Input>(model.node(inputs[i]).layer).shape;
    const Shape given = src[i].dims();
    if (given.size() != shape.size()) continue;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis] == batch_dim && given[axis] >= 1) return given[axis];
    }
  }
  return 1;
}

template <class T>
void expect_batch(const Model<T>& model, std::int64_t batch) {
  std::int64_t fixed = 1;
  for (const Node<T>& node : model.nodes()) {
    const auto* input = std::get_if<Input>(&node.layer);
    if (input == nullptr) continue;
    if (std::find(input->shape.begin(), input->shape.end(), batch_dim) != input->shape.end()) return;
    if (fixed == 1 && !input->shape.empty()) fixed = input->shape[0];
  }
  if (batch == 1 || batch == fixed) return;
  throw Error("model '" + model.name() + "'", "has a fixed batch and cannot run one of " + std::to_string(batch),
              "export it with a dynamic batch, or bind another: --dim NAME=EXTENT");
}

template <class T>
std::vector<Shape> src_shapes(const Node<T>& node, const std::vector<Shape>& shapes) {
  std::vector<Shape> src;
  for (const NodeId id : node.src) src.push_back(shapes[id]);
  return src;
}

template <class T>
std::vector<Work> infer_work(const Model<T>& model, const std::vector<Shape>& shapes) {
  std::vector<Work> work;
  work.reserve(model.size());
  for (NodeId id = 0; id < model.size(); ++id) {
    const std::vector<Shape> src = src_shapes(model.node(id), shapes);
    work.push_back(work_of(model.node(id).layer, std::span<const Shape>(src), shapes[id]));
  }
  return work;
}

template <class T>
Work total_work(const Model<T>& model, std::int64_t batch) {
  Work total;
  for (const Work& work : infer_work(model, infer_shapes(model, batch))) total += work;
  return total;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(model)
namespace fulcrum {
template std::vector<Shape> infer_shapes(const Model<float>& model, std::int64_t batch);
template std::vector<Shape> infer_shapes(const Model<double>& model, std::int64_t batch);
template std::int64_t batch_of(const Model<float>& model, std::span<const Tensor<float>> src);
template std::int64_t batch_of(const Model<double>& model, std::span<const Tensor<double>> src);
template void expect_batch(const Model<float>& model, std::int64_t batch);
template void expect_batch(const Model<double>& model, std::int64_t batch);
template std::vector<Shape> src_shapes(const Node<float>& node, const std::vector<Shape>& shapes);
template std::vector<Shape> src_shapes(const Node<double>& node, const std::vector<Shape>& shapes);
template std::vector<Work> infer_work(const Model<float>& model, const std::vector<Shape>& shapes);
template std::vector<Work> infer_work(const Model<double>& model, const std::vector<Shape>& shapes);
template Work total_work(const Model<float>& model, std::int64_t batch);
template Work total_work(const Model<double>& model, std::int64_t batch);
}  // namespace fulcrum
#endif

#endif
