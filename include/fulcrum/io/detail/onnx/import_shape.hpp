#pragma once
/// \file
/// Operators that join, rename or reshape values: Concat, Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout,
/// Softmax (whose old form flattens), and Constant, Cast and Transpose of constants.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/io/detail/onnx/operator.hpp>

namespace fulcrum::detail::onnx_io {

// ---- Layers --------------------------------------------------------------------------------------------------------

inline void import_concat(ImportContext& context, const GraphNode& node) {
  if (!has_attribute(node, "axis")) throw Error("attribute 'axis'", "is missing", "the file is damaged");
  std::vector<NodeId> src;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) src.push_back(context.src(node, i));
  if (src.empty()) throw Error("", "has no input", "the file is damaged; export it again");
  context.append(node, Concat{integer_attribute(node, "axis", 1)}, std::move(src));
}

inline void import_flatten(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Flatten{integer_attribute(node, "axis", 1)}, {src});
}

/// The dims of a Reshape from `src` to `dst`, whatever the batch: an extent that depends on it is copied (0) when it
/// stands where it stood, and otherwise what is left (−1).
inline Shape reshape_dims(const TracedShape& src, const TracedShape& dst) {
  Shape dims = dst.first;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (!dst.depends_on_batch(axis)) continue;
    const bool copied = axis < src.rank() && src.first[axis] == dst.first[axis] && src.second[axis] == dst.second[axis];
    dims[axis] = copied ? 0 : -1;
  }
  return dims;
}

inline void import_reshape(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  if (!context.constant_or_null(node, 1)) {
    throw Error("its shape", "is computed by the graph", "export with fixed sizes and constant folding");
  }
  Reshape layer;
  layer.dims = context.reader.integers(*context.constant_or_null(node, 1));
  layer.allow_zero = integer_attribute(node, "allowzero", 0) != 0;
  if (layer.dims.size() > max_rank) throw Error("its shape", "has rank " + std::to_string(layer.dims.size()));
  // A model exported for one batch size repeats it in its Reshapes: (1, −1) means "each sample, flat".
  const TracedShape& shape = context.shape(src);
  if (context.plan.given && !layer.allow_zero && !layer.dims.empty() && layer.dims[0] == context.plan.extent &&
      shape.rank() > 0 && shape.depends_on_batch(0) && shape.first[0] == context.plan.extent) {
    layer.dims[0] = 0;
  }
  context.append(node, std::move(layer), {src});
}

/// Axes of Squeeze and Unsqueeze: an attribute up to opset 12, then an input.
inline std::optional<std::vector<std::int64_t>> read_axes(ImportContext& context, const GraphNode& node) {
  if (context.has_input(node, 1)) return context.reader.integers(*context.constant(node, 1, "axes"));
  if (has_attribute(node, "axes")) return integers_attribute(node, "axes");
  return std::nullopt;
}

inline std::set<std::size_t> normalized_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::set<std::size_t> result;
  for (const std::int64_t axis : axes) {
    if (!result.insert(normalized_axis(axis, rank)).second) {
      throw Error("its axes", "name axis " + std::to_string(axis) + " twice", "the file is damaged");
    }
  }
  return result;
}

inline void import_squeeze(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  std::set<std::size_t> dropped;
  if (const auto axes = read_axes(context, node)) {
    dropped = normalized_axes(*axes, shape.rank());
  } else {
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (shape.first[axis] == 1 && shape.second[axis] == 1) dropped.insert(axis);
    }
  }
  TracedShape dst;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (dropped.count(axis) == 0) {
      dst.first.push_back(shape.first[axis]);
      dst.second.push_back(shape.second[axis]);
    } else if (shape.first[axis] != 1 || shape.second[axis] != 1) {
      throw Error("", "drops axis " + std::to_string(axis) + " of a source " + to_string(shape.second));
    }
  }
  context.append(node, Reshape{reshape_dims(shape, dst)}, {src});
}

inline void import_unsqueeze(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const auto axes = read_axes(context, node);
  if (!axes) throw Error("its axes", "are missing", "the file is damaged; export it again");
  if (axes->size() > max_rank) throw Error("its axes", "are too many", "the file is damaged; export it again");
  const std::size_t rank = shape.rank() + axes->size();
  const std::set<std::size_t> added = normalized_axes(*axes, rank);
  TracedShape dst;
  for (std::size_t axis = 0, from = 0; axis < rank; ++axis) {
    const bool is_added = added.count(axis) != 0;
    dst.first.push_back(is_added ? 1 : shape.first[from]);
    dst.second.push_back(is_added ? 1 : shape.second[from]);
    if (!is_added) ++from;
  }
  context.append(node, Reshape{reshape_dims(shape, dst)}, {src});
}

/// Softmax over one axis from opset 13 on; before, over all axes from `axis` on, as if they were one.
inline void import_softmax(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const bool flattens = node.opset < 13;
  const std::int64_t given = integer_attribute(node, "axis", flattens ? 1 : -1);
  const auto axis = static_cast<std::int64_t>(normalized_axis(given, shape.rank()));
  const auto is_one = [](std::int64_t extent) { return extent == 1; };
  const auto after = [&](const Shape& s) { return s.begin() + axis + 1; };
  const bool one_axis = std::all_of(after(shape.first), shape.first.end(), is_one) &&
                        std::all_of(after(shape.second), shape.second.end(), is_one);
  if (!flattens || one_axis) {
    context.append(node, Softmax{given}, {src});
    return;
  }
  const NodeId flat = context.append(node.name + "/flatten", Flatten{axis}, {src});
  const NodeId softmax = context.append(node.name + "/softmax", Softmax{1}, {flat});
  Shape dims = shape.first;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (shape.depends_on_batch(i)) dims[i] = i == 0 && axis == 1 ? 0 : -1;
  }
  context.append(node, Reshape{std::move(dims)}, {softmax});
}

/// Identity, and Dropout, which does nothing in inference.
inline void import_identity(ImportContext& context, const GraphNode& node) {
  if (const ConstantPtr training = context.constant_or_null(node, 2); node.type == "Dropout" && training) {
    const std::vector<std::int64_t> value = context.reader.integers(*training);
    if (!value.empty() && value[0] != 0) throw Error("", "is in training mode", "export the model in evaluation mode");
  }
  context.define(node, context.src(node, 0));
}

// ---- Constants -----------------------------------------------------------------------------------------------------

inline ConstantPtr fold_identity(ConstantReader& /*reader*/, const GraphNode& node,
                                 std::span<const ConstantPtr> inputs) {
  return inputs.size() == 1 || node.type == "Dropout" ? inputs[0] : nullptr;
}

/// A copy of a constant under another name, to be changed.
inline std::shared_ptr<Constant> derived(const GraphNode& node, const Constant& from) {
  auto constant = std::make_shared<Constant>(from);
  constant->name = node.outputs[0];
  return constant;
}

inline ConstantPtr integer_constant(const GraphNode& node, std::vector<std::int64_t> values, bool scalar) {
  Constant constant;
  constant.name = node.outputs[0];
  constant.type = Proto::INT64;
  if (!scalar) constant.dims = {static_cast<std::int64_t>(values.size())};
  constant.integers = std::move(values);
  return std::make_shared<Constant>(std::move(constant));
}

inline ConstantPtr fold_constant(ConstantReader& /*reader*/, const GraphNode& node,
                                 std::span<const ConstantPtr> /*inputs*/) {
  using Attribute = ::onnx::AttributeProto;
  if (const auto* value = find_attribute(node, "value", Attribute::TENSOR)) {
    return make_constant(node.outputs[0], value->t());
  }
  if (const auto* value = find_attribute(node, "value_float", Attribute::FLOAT)) {
    return make_constant(node.outputs[0], Tensor<float>({}, {value->f()}));
  }
  if (const auto* value = find_attribute(node, "value_floats", Attribute::FLOATS)) {
    const std::vector<float> values(value->floats().begin(), value->floats().end());
    return make_constant(node.outputs[0], Tensor<float>({value->floats_size()}, std::span<const float>(values)));
  }
  if (has_attribute(node, "value_int")) {
    return integer_constant(node, {integer_attribute(node, "value_int", 0)}, true);
  }
  if (has_attribute(node, "value_ints")) return integer_constant(node, integers_attribute(node, "value_ints"), false);
  throw Error("", "holds no tensor or number", "sparse and text constants are not supported");
}

/// Reshape, Flatten, Squeeze and Unsqueeze of a constant: the elements stay, the shape is what the layer would give.
inline ConstantPtr fold_reshape(ConstantReader& reader, const GraphNode& node, std::span<const ConstantPtr> inputs) {
  Constant& from = *inputs[0];
  Shape dims;
  if (node.type == "Flatten") {
    dims = Flatten{integer_attribute(node, "axis", 1)}.dst_shape(std::span<const Shape>(&from.dims, 1));
  } else if (node.type == "Reshape") {
    if (inputs.size() < 2 || !inputs[1]) throw Error("", "has no shape", "the file is damaged");
    Reshape layer{reader.integers(*inputs[1]), integer_attribute(node, "allowzero", 0) != 0};
    if (layer.dims.size() > max_rank) throw Error("", "has too high a rank", "the file is damaged");
    dims = layer.dst_shape(std::span<const Shape>(&from.dims, 1));
  } else {
    std::optional<std::vector<std::int64_t>> axes;
    if (inputs.size() > 1 && inputs[1])
      axes = reader.integers(*inputs[1]);
    else if (has_attribute(node, "axes"))
      axes = integers_attribute(node, "axes");
    const bool squeeze = node.type == "Squeeze";
    if (!squeeze && !axes) throw Error("", "has no axes", "the file is damaged");
    if (axes && axes->size() > max_rank) throw Error("", "has too many axes", "the file is damaged");
    const std::size_t rank = from.dims.size() + (squeeze ? 0 : axes->size());
    const std::set<std::size_t> named = axes ? normalized_axes(*axes, rank) : std::set<std::size_t>();
    for (std::size_t axis = 0, at = 0; axis < rank; ++axis) {
      const bool is_named = named.count(axis) != 0;
      if (!squeeze && is_named) {
        dims.push_back(1);
        continue;
      }
      const std::int64_t extent = from.dims[at++];
      if (!squeeze || (axes ? !is_named : extent != 1)) dims.push_back(extent);
    }
  }
  expect_sane(dims);
  if (element_count(dims) != element_count(from.dims)) {
    throw Error("", "cannot turn " + to_string(from.dims) + " into " + to_string(dims));
  }
  const std::shared_ptr<Constant> constant = derived(node, from);
  if (!from.floats.empty()) {
    reader.budget.charge(from.floats->flat().size_bytes());
    constant->floats = from.floats->reshaped(dims);
  }
  constant->dims = std::move(dims);
  if (constant->quantization && constant->quantization->per_channel()) constant->quantization.reset();
  return constant;
}

/// The transpose of a constant matrix of floats (weights that an exporter left in a graph).
inline ConstantPtr fold_transpose(ConstantReader& reader, const GraphNode& node, std::span<const ConstantPtr> inputs) {
  const Constant& from = *inputs[0];
  const std::vector<std::int64_t> permutation = integers_attribute(node, "perm");
  const bool swaps = permutation.empty() || permutation == std::vector<std::int64_t>{1, 0};
  if (from.dims.size() != 2 || !swaps || !is_floating(from.type)) return nullptr;
  const std::shared_ptr<Constant> constant = derived(node, from);
  const SharedTensor<float> src = reader.floats(*inputs[0]);
  reader.budget.charge(src->flat().size_bytes());
  const auto rows = static_cast<std::size_t>(from.dims[0]);
  const auto columns = static_cast<std::size_t>(from.dims[1]);
  constant->dims = {from.dims[1], from.dims[0]};
  Tensor<float> dst(constant->dims);
  for (std::size_t i = 0; i < rows * columns; ++i) dst.flat()[i % columns * rows + i / columns] = src->flat()[i];
  constant->proto = nullptr;
  constant->type = Proto::FLOAT;
  constant->floats = std::move(dst);
  if (constant->quantization && constant->quantization->per_channel()) {
    constant->quantization->axis = 1 - constant->quantization->axis;
  }
  return constant;
}

/// Cast of a constant between floating types, or between integer types.
inline ConstantPtr fold_cast(ConstantReader& reader, const GraphNode& node, std::span<const ConstantPtr> inputs) {
  const std::int64_t to = integer_attribute(node, "to", 0);
  const Constant& from = *inputs[0];
  if (to <= 0 || to > std::numeric_limits<std::int16_t>::max()) return nullptr;
  const auto type = static_cast<std::int32_t>(to);
  const std::shared_ptr<Constant> constant = derived(node, from);
  if (is_floating(from.type) && is_floating(type)) {
    static_cast<void>(reader.floats(*inputs[0]));
    constant->floats = inputs[0]->floats;
    constant->proto = nullptr;
    constant->type = Proto::FLOAT;
    return constant;
  }
  if (is_floating(from.type) || (type != Proto::INT64 && type != Proto::INT32)) return nullptr;
  std::vector<std::int64_t> integers = reader.integers(from);
  for (const std::int64_t value : integers) {
    if (type == Proto::INT32 &&
        (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())) {
      return nullptr;
    }
  }
  constant->integers = std::move(integers);
  constant->proto = nullptr;
  constant->type = type;
  return constant;
}

inline constexpr Operator shape_operators[] = {
    {"Concat", 4, import_concat},
    {"Flatten", 1, import_flatten, fold_reshape},
    {"Reshape", 5, import_reshape, fold_reshape},
    {"Squeeze", 1, import_squeeze, fold_reshape},
    {"Unsqueeze", 1, import_unsqueeze, fold_reshape},
    {"Softmax", 1, import_softmax},
    {"Identity", 1, import_identity, fold_identity},
    {"Dropout", 7, import_identity, fold_identity},
    {"Constant", 1, nullptr, fold_constant},
    {"Transpose", 1, nullptr, fold_transpose},
    {"Cast", 6, nullptr, fold_cast},
};

}  // namespace fulcrum::detail::onnx_io
