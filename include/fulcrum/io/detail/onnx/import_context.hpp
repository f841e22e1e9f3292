#pragma once
/// \file
/// What an operator's import function works with: the values so far, and the layers built from them.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/io/detail/onnx/attributes.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum::detail::onnx_io {

/// How the first extent of the graph's inputs is taken.
///
/// Every shape is inferred for two batch sizes, so an extent that depends on the batch is one that differs.
struct BatchPlan {
  bool free = true;         ///< inputs get batch_dim; otherwise they keep `extent`
  bool given = false;       ///< free, but the file says a number: constants in the graph may repeat it
  std::int64_t extent = 1;  ///< the first of the two batch sizes: what the file says, or 1
  std::int64_t other = 1;   ///< the second; equals `extent` when not free
};

/// Shape of a value at the two batch sizes of the plan.
struct TracedShape {
  Shape first;
  Shape second;

  [[nodiscard]] std::size_t rank() const noexcept { return first.size(); }
  [[nodiscard]] bool depends_on_batch(std::size_t axis) const { return first[axis] != second[axis]; }
};

/// A model value rounded to integers: what QuantizeLinear gives before DequantizeLinear takes it.
struct QuantizedValue {
  NodeId node = 0;
  Quantization quantization;
};

/// A layer of the model in the making.
struct BuiltNode {
  Node<float> node;
  TracedShape shape;
  bool from_input = false;   ///< depends on an input of the graph
  bool only_rounds = false;  ///< a QuantizeLinear and DequantizeLinear pair, to be merged into its source
};

/// The quantization of weights, as passes and executors agree on it: s8 around 0. u8 around 128 is the same thing;
/// anything else is dropped and the weights stay the floats that they stand for.
inline void normalize_weights_quantization(std::optional<Quantization>& q) {
  if (!q) return;
  const std::int32_t center = q->dtype == DType::u8 ? 128 : 0;
  for (std::int32_t& zero_point : q->zero_point) {
    if (zero_point != center) return q.reset();
    zero_point = 0;
  }
  q->dtype = DType::s8;
}

class ImportContext {
public:
  ImportContext(Graph& graph, ConstantReader constants, BatchPlan batch)
      : reader(std::move(constants)), plan(batch), graph_(graph) {}

  ConstantReader reader;
  BatchPlan plan;
  std::vector<BuiltNode> built;

  // ---- Sources of a node -------------------------------------------------------------------------------------------

  [[nodiscard]] static bool has_input(const GraphNode& node, std::size_t i) {
    return i < node.inputs.size() && !node.inputs[i].empty();
  }

  /// Input i as a constant, or null when it is absent or computed at run time.
  [[nodiscard]] ConstantPtr constant_or_null(const GraphNode& node, std::size_t i) const {
    return has_input(node, i) ? graph_.constant(node.inputs[i]) : nullptr;
  }

  /// Input i as a constant. `role` names it in the message ("weights").
  /// \throws Error when it is absent or computed at run time
  [[nodiscard]] ConstantPtr constant(const GraphNode& node, std::size_t i, const char* role) const {
    if (ConstantPtr value = constant_or_null(node, i)) return value;
    if (!has_input(node, i)) throw Error(std::string("its ") + role, "are missing", "export the model again");
    throw Error(std::string("its ") + role, "are computed by the graph ('" + node.inputs[i] + "'), not constant",
                "export the model with constant folding");
  }

  /// Input i as constant floats that are no weights of a matrix product: never quantized.
  [[nodiscard]] Parameter<float> parameter(const GraphNode& node, std::size_t i, const char* role) {
    Parameter<float> result = reader.parameter(*constant(node, i, role));
    result.quantization.reset();
    return result;
  }

  /// Input i as weights, with their quantization.
  [[nodiscard]] Parameter<float> weights(const GraphNode& node, std::size_t i) {
    Parameter<float> result = reader.parameter(*constant(node, i, "weights"));
    normalize_weights_quantization(result.quantization);
    return result;
  }

  /// A constant of one element.
  [[nodiscard]] float scalar(const GraphNode& node, std::size_t i, const char* role) {
    const SharedTensor<float> value = reader.floats(*constant(node, i, role));
    if (value->flat().size() != 1) {
      throw Error(std::string("its ") + role, "has " + std::to_string(value->flat().size()) + " elements", "give one");
    }
    return value->flat()[0];
  }

  /// Input i as a value of the model; a constant becomes a Constant node at its first use.
  /// \throws Error when it is absent or holds integers
  [[nodiscard]] NodeId src(const GraphNode& node, std::size_t i) {
    if (!has_input(node, i)) {
      throw Error("", "has no input " + std::to_string(i), "the file is damaged; export it again");
    }
    return value(node.inputs[i]);
  }

  /// A value by name; see src().
  [[nodiscard]] NodeId value(const std::string& name) {
    if (const ConstantPtr constant = graph_.constant(name)) return materialized(*constant);
    const auto at = values_.find(name);
    if (at == values_.end()) {
      const GraphNode* from = graph_.producer(name);
      throw Error("value '" + name + "'", "is a second result of " + (from == nullptr ? "a node" : from->label()),
                  "only first results are supported");
    }
    if (const auto* id = std::get_if<NodeId>(&at->second)) return *id;
    throw Error("value '" + name + "'", "is quantized and taken without DequantizeLinear",
                "export the quantized model in QDQ form");
  }

  /// Input i when it comes from a QuantizeLinear, else null.
  [[nodiscard]] const QuantizedValue* quantized_src(const GraphNode& node, std::size_t i) const {
    const auto at = has_input(node, i) ? values_.find(node.inputs[i]) : values_.end();
    return at == values_.end() ? nullptr : std::get_if<QuantizedValue>(&at->second);
  }

  [[nodiscard]] const TracedShape& shape(NodeId id) const { return built[id].shape; }

  // ---- Results -----------------------------------------------------------------------------------------------------

  /// Adds a layer and infers its shape.
  NodeId append(std::string name, Layer<float> layer, std::vector<NodeId> src) {
    BuiltNode node;
    std::vector<Shape> first;
    std::vector<Shape> second;
    for (const NodeId id : src) {
      first.push_back(built[id].shape.first);
      second.push_back(built[id].shape.second);
      node.from_input = node.from_input || built[id].from_input;
    }
    node.shape.first = with_batch(dst_shape(layer, std::span<const Shape>(first)), plan.extent);
    node.shape.second =
        plan.free ? with_batch(dst_shape(layer, std::span<const Shape>(second)), plan.other) : node.shape.first;
    expect_sane(node.shape.first);
    expect_sane(node.shape.second);
    if (node.shape.first.size() != node.shape.second.size()) throw Error("", "has a rank that depends on the batch");
    node.node = {std::move(name), std::move(layer), std::move(src), {}};
    built.push_back(std::move(node));
    return built.size() - 1;
  }

  /// Says what the node's first output is.
  void define(const GraphNode& node, std::variant<NodeId, QuantizedValue> value) {
    values_[node.outputs[0]] = std::move(value);
  }
  void define_input(const std::string& name, NodeId id) { values_[name] = id; }

  /// Adds the layer that the node is, under the node's name.
  NodeId append(const GraphNode& node, Layer<float> layer, std::vector<NodeId> src) {
    const NodeId id = append(node.name, std::move(layer), std::move(src));
    define(node, id);
    return id;
  }

private:
  [[nodiscard]] NodeId materialized(Constant& constant) {
    const auto [at, fresh] = constants_.emplace(&constant, 0);
    if (fresh) at->second = append(constant.name, fulcrum::Constant<float>{reader.parameter(constant)}, {});
    return at->second;
  }

  Graph& graph_;
  std::unordered_map<std::string, std::variant<NodeId, QuantizedValue>> values_;
  std::unordered_map<const Constant*, NodeId> constants_;
};

}  // namespace fulcrum::detail::onnx_io
