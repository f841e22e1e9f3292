#pragma once
/// \file
/// What is computed from constants while a model is imported: Constant itself, Identity and Dropout, Reshape, Flatten,
/// Squeeze and Unsqueeze, Cast, and Transpose of weights.

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/operator.hpp>

namespace fulcrum::detail::onnx_io {

inline std::set<std::size_t> normalized_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::set<std::size_t> result;
  for (const std::int64_t axis : axes) {
    if (!result.insert(normalized_axis(axis, rank)).second) {
      throw Error("its axes", "name axis " + std::to_string(axis) + " twice", "the file is damaged");
    }
  }
  return result;
}

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
  constant->dims = {from.dims[1], from.dims[0]};
  constant->proto = nullptr;
  constant->type = Proto::FLOAT;
  constant->floats = transposed_matrix(*src);
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
    constant->type = type;
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
  constant->fill.reset();
  constant->proto = nullptr;
  constant->type = type;
  return constant;
}

/// ConstantOfShape of a constant shape: the elements are made when somebody asks for them.
inline ConstantPtr fold_fill(ConstantReader& reader, const GraphNode& node, std::span<const ConstantPtr> inputs) {
  auto constant = std::make_shared<Constant>();
  constant->name = node.outputs[0];
  constant->dims = reader.integers(*inputs[0]);
  for (const std::int64_t dim : constant->dims) {
    if (dim < 0) throw Error("its shape", "has a negative extent: " + to_string(constant->dims), "check the export");
  }
  expect_sane(constant->dims);
  constant->type = Proto::FLOAT;
  constant->fill = 0.0;
  if (const auto* value = find_attribute(node, "value", ::onnx::AttributeProto::TENSOR)) {
    const Tensor<double> element = reader.numbers(*make_constant(node.outputs[0], value->t()));
    if (element.flat().size() != 1) throw Error("attribute 'value'", "does not hold one element", "check the export");
    constant->fill = element.flat()[0];
    constant->type = value->t().data_type();
  }
  return constant;
}

}  // namespace fulcrum::detail::onnx_io
