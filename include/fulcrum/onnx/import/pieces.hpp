#pragma once
/// \file
/// What operators of several families build their layers from: numbers that are known, reshapes to a traced shape.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/operator.hpp>

namespace fulcrum::detail::onnx_io {

/// A constant of rank 0.
inline NodeId append_number(ImportContext& context, std::string name, float value,
                            ElementType element = ElementType::f32) {
  fulcrum::Constant<float> layer;
  layer.value = Parameter<float>(Tensor<float>({}, {value}));
  layer.element = element;
  return context.append(std::move(name), std::move(layer), {});
}

/// The one number that input i holds; none when the input is absent or computed at run time.
/// \throws Error when it holds several, or one that varies with the batch
inline std::optional<float> known_number(ImportContext& context, const GraphNode& node, std::size_t i,
                                         const char* role) {
  if (!context.has_input(node, i) || context.is_computed(node, i)) return std::nullopt;
  return context.scalar(node, i, role);
}

/// Input i as one number for each axis (extents, repeats, …), at both batch sizes. `role` names them in the message.
/// \throws Error when they are absent or computed at run time, too many, or not as many for each batch
inline TracedIntegers traced_dims(ImportContext& context, const GraphNode& node, std::size_t i, const char* role) {
  std::optional<TracedIntegers> dims = context.traced_integers(node, i);
  const std::string where = std::string("its ") + role;
  if (!dims && !context.has_input(node, i)) throw Error(where, "are missing", "export the model again");
  if (!dims) throw Error(where, "are computed by the graph", "export with fixed sizes and constant folding");
  if (dims->first.size() > max_rank) throw Error(where, "have rank " + std::to_string(dims->first.size()));
  if (dims->first.size() != dims->second.size()) throw Error(where, "are more or fewer for another batch");
  return std::move(*dims);
}

/// The dims of a Reshape from `src` to `dst`, whatever the batch: an extent that depends on it is copied (0) when it
/// stands where it stood, and otherwise what is left (−1).
/// \throws Error when more than one would have to be what is left
inline Shape reshape_dims(const TracedShape& src, const TracedShape& dst) {
  Shape dims = dst.first;
  bool any_left = false;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (!dst.depends_on_batch(axis)) continue;
    const bool copied = axis < src.rank() && src.first[axis] == dst.first[axis] && src.second[axis] == dst.second[axis];
    if (!copied && any_left) {
      throw Error("its shape", "has several extents that depend on the batch", "export with a fixed batch");
    }
    any_left = any_left || !copied;
    dims[axis] = copied ? 0 : -1;
  }
  return dims;
}

/// The Reshape from `src` to `dst`, whatever the batch.
inline Reshape reshape_layer(const TracedShape& src, const TracedShape& dst) {
  Reshape layer{reshape_dims(src, dst)};
  for (std::size_t axis = 0; axis < dst.rank(); ++axis) {  // an extent of 0 is meant, unless it is copied anyway
    const bool empty = !dst.depends_on_batch(axis) && dst.first[axis] == 0;
    layer.allow_zero = layer.allow_zero || (empty && !(axis < src.rank() && src.first[axis] == 0));
  }
  return layer;
}

/// `src` under another shape.
inline NodeId append_reshape(ImportContext& context, std::string name, NodeId src, const TracedShape& dst) {
  Reshape layer = reshape_layer(context.shape(src), dst);
  return context.append(std::move(name), std::move(layer), {src});
}

/// The shape with an axis of extent 1 put in before `axis`.
inline TracedShape with_axis(TracedShape shape, std::size_t axis) {
  const auto at = static_cast<std::ptrdiff_t>(axis);
  shape.first.insert(shape.first.begin() + at, 1);
  shape.second.insert(shape.second.begin() + at, 1);
  return shape;
}

/// The shape without an axis.
inline TracedShape without_axis(TracedShape shape, std::size_t axis) {
  const auto at = static_cast<std::ptrdiff_t>(axis);
  shape.first.erase(shape.first.begin() + at);
  shape.second.erase(shape.second.begin() + at);
  return shape;
}

/// Extents with batch_dim where they are the batch; null when one depends on the batch in another way.
inline std::optional<Shape> with_batch_dim(const ImportContext& context, const TracedShape& shape) {
  Shape dims = shape.first;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (!shape.depends_on_batch(axis)) continue;
    if (shape.first[axis] != context.plan.extent || shape.second[axis] != context.plan.other) return std::nullopt;
    dims[axis] = batch_dim;
  }
  return dims;
}

/// Input 1 as NumPy broadcasts it. Before opset 7 its first axis stood at `axis` of input 0 (without the attribute, its
/// last axis at the last one): ones are put behind it.
inline NodeId broadcast_operand(ImportContext& context, const GraphNode& node) {
  const NodeId other = context.src(node, 1);
  if (node.is_pattern || node.opset >= 7 || !has_attribute(node, "axis")) return other;
  const TracedShape shape = context.shape(other);
  const std::size_t rank = context.shape(context.src(node, 0)).rank();
  const std::size_t axis = normalized_axis(integer_attribute(node, "axis", 0), rank);
  if (axis + shape.rank() > rank) throw Error("attribute 'axis'", "leaves no room for the second source", "check it");
  TracedShape aligned = shape;
  while (axis + aligned.rank() < rank) aligned = with_axis(std::move(aligned), aligned.rank());
  return aligned.rank() == shape.rank() ? other : append_reshape(context, node.name + "/aligned", other, aligned);
}

/// The node as one of ONNX's own operators on values of other names, with its own attributes and one result, which
/// bears the name of the new node.
inline GraphNode as_operator(const GraphNode& node, const char* type, std::vector<std::string> inputs,
                             const char* suffix = "/product") {
  GraphNode other = node;
  other.type = type;
  other.name = node.name + suffix;
  if (!other.domain.empty()) other.opset = max_opset;
  other.domain.clear();
  other.inputs = std::move(inputs);
  other.outputs = {other.name};
  other.asked_inputs = std::make_shared<std::set<std::size_t>>();
  return other;
}

/// An attribute that must be there.
inline std::int64_t required_integer(const GraphNode& node, const char* name) {
  if (!has_attribute(node, name)) {
    throw Error(std::string("attribute '") + name + "'", "is missing", "the file is damaged; export it again");
  }
  return integer_attribute(node, name, 0);
}

/// The element type that an attribute names.
/// \throws Error when its numbers are not ones that a model computes with
inline ElementType expect_element(std::int64_t type, const char* attribute) {
  const bool is_type = type > 0 && type < 256;
  if (const auto element = element_of(is_type ? static_cast<std::int32_t>(type) : 0)) return *element;
  std::string what = "is ";
  what.append(is_type ? element_type_name(static_cast<std::int32_t>(type)) : "element type " + std::to_string(type));
  throw Error(std::string("attribute '") + attribute + "'", what, "only numbers and truth values are supported");
}

/// An extent, stride, size, … : from 1 up.
inline std::int64_t expect_setting(std::int64_t value, const char* name) {
  if (value < 1 || value > max_setting) {
    throw Error(std::string("attribute '") + name + "'", "has a value of " + std::to_string(value), "check it");
  }
  return value;
}

}  // namespace fulcrum::detail::onnx_io
