#pragma once
/// \file
/// The layers of an operator that is imported as several, one call each.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// Appends layers whose names begin with the node's. Each call gives the layer's value.
class Steps {
public:
  Steps(ImportContext& context, const GraphNode& node) : context_(context), node_(node) {}

  NodeId layer(std::string_view what, Layer<float> layer, std::vector<NodeId> src) {
    return context_.append(node_.name + "/" + std::string(what), std::move(layer), std::move(src));
  }
  NodeId binary(BinaryKind function, NodeId a, NodeId b) { return layer(name_of(function), Binary{function}, {a, b}); }
  NodeId add(NodeId a, NodeId b) { return binary(BinaryKind::add, a, b); }
  NodeId sub(NodeId a, NodeId b) { return binary(BinaryKind::sub, a, b); }
  NodeId mul(NodeId a, NodeId b) { return binary(BinaryKind::mul, a, b); }
  NodeId div(NodeId a, NodeId b) { return binary(BinaryKind::div, a, b); }
  NodeId where(NodeId condition, NodeId a, NodeId b) { return layer("where", Where{}, {condition, a, b}); }
  NodeId function(ActivationKind function, NodeId src, float alpha = 0.0F, float beta = 0.0F) {
    return layer(name_of(function), Activation{function, alpha, beta}, {src});
  }
  NodeId reduce(ReduceKind function, NodeId src, std::vector<std::int64_t> axes, bool keep_dims = true) {
    return layer(name_of(function), Reduce{function, std::move(axes), keep_dims}, {src});
  }
  /// The value itself when it has the type.
  NodeId cast(NodeId src, ElementType to) { return context_.element(src) == to ? src : layer("cast", Cast{to}, {src}); }
  NodeId transpose(NodeId src, std::vector<std::int64_t> perm) {
    return layer("transpose", Transpose{std::move(perm)}, {src});
  }
  /// The value itself when it has the shape.
  NodeId reshape(NodeId src, const TracedShape& dst) {
    const TracedShape& shape = context_.shape(src);
    if (shape.first == dst.first && shape.second == dst.second) return src;
    return append_reshape(context_, node_.name + "/reshape", src, dst);
  }
  /// Elements from `start` up to, and without, `end` of an axis.
  NodeId slice(NodeId src, std::int64_t axis, std::int64_t start, std::int64_t end) {
    return layer("slice", Slice{{axis}, {start}, {end}, {}}, {src});
  }
  NodeId concat(std::vector<NodeId> src, std::int64_t axis) { return layer("concat", Concat{axis}, std::move(src)); }
  NodeId expand(NodeId src, Shape dims) { return layer("expand", Expand{std::move(dims)}, {src}); }

  NodeId number(float value, ElementType element = ElementType::f32) {
    return append_number(context_, node_.name + "/constant", value, element);
  }
  /// A value that is known while importing, the same for every batch.
  NodeId known(Tensor<double> value, ElementType element) {
    return context_.append_known(node_.name + "/constant", {value, value, element});
  }
  /// 0, 1, …, count − 1 along one axis of `rank`.
  NodeId range(std::int64_t count, std::size_t axis, std::size_t rank, ElementType element) {
    Shape dims(rank, 1);
    dims[axis] = count;
    context_.reader.budget.charge(static_cast<std::size_t>(element_count(dims)) * sizeof(double));
    Tensor<double> value(dims);
    double next = 0.0;
    for (double& each : value.flat()) each = next++;
    return known(std::move(value), element);
  }

  /// A name under which another operator's import finds a value.
  [[nodiscard]] std::string name(std::string_view what, NodeId value) {
    std::string name = node_.name + "/" + std::string(what);
    context_.define_input(name, value);
    return name;
  }
  /// The same for a constant.
  [[nodiscard]] std::string name(std::string_view what, ConstantPtr constant) {
    std::string name = node_.name + "/" + std::string(what);
    context_.define_constant(name, std::move(constant));
    return name;
  }

private:
  ImportContext& context_;
  const GraphNode& node_;
};

/// Gives a node an attribute that it has not.
inline void set_default(GraphNode& node, const char* name, float value) {
  if (has_attribute(node, name)) return;
  auto proto = std::make_shared<::onnx::NodeProto>(*node.proto);
  auto* attribute = proto->add_attribute();
  attribute->set_name(name);
  attribute->set_type(::onnx::AttributeProto::FLOAT);
  attribute->set_f(value);
  node.proto = std::move(proto);
}

/// Imports the node as another operator, as which it has its attributes, and gives the result.
inline NodeId append_operator(ImportContext& context, const GraphNode& node, const char* type,
                              void (*import)(ImportContext&, const GraphNode&), std::vector<std::string> inputs) {
  const GraphNode other = as_operator(node, type, std::move(inputs), "/operator");
  import(context, other);
  return context.value(other.outputs[0]);
}

/// Extents at both batch sizes, made of those of values.
template <class F>
[[nodiscard]] TracedShape traced_shape(const TracedShape& shape, F&& f) {
  return {f(shape.first), f(shape.second)};
}

}  // namespace fulcrum::detail::onnx_io
