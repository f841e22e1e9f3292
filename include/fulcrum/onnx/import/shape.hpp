#pragma once
/// \file
/// Operators that only rename or reshape a value (Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout), and those
/// that make values of shapes (Shape, Size, ConstantOfShape, Range, Constant). The table lists those of
/// import_movement.hpp and import_resize.hpp too.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/arithmetic.hpp>
#include <fulcrum/onnx/import/fold_sparse.hpp>
#include <fulcrum/onnx/import/movement.hpp>
#include <fulcrum/onnx/import/reduce.hpp>
#include <fulcrum/onnx/import/resize.hpp>

namespace fulcrum::detail::onnx_io {

inline void import_flatten(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  context.append(node, Flatten{integer_attribute(node, "axis", 1)}, {src});
}

/// A shape that is the same for every batch stays as the file has it; else it is resolved at both batch sizes.
inline void import_reshape(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const TracedIntegers dims = traced_dims(context, node, 1, "dims");
  Reshape layer{dims.first, integer_attribute(node, "allowzero", 0) != 0};
  if (!dims.same()) {
    const Reshape other{dims.second, layer.allow_zero};
    layer = reshape_layer(shape, {layer.dst_shape(std::span<const Shape>(&shape.first, 1)),
                                  other.dst_shape(std::span<const Shape>(&shape.second, 1))});
  } else if (context.plan.given && !layer.allow_zero && !layer.dims.empty() && layer.dims[0] == context.plan.extent &&
             shape.rank() > 0 && shape.depends_on_batch(0) && shape.first[0] == context.plan.extent) {
    // A model exported for one batch size repeats it in its Reshapes: (1, −1) means "each sample, flat".
    layer.dims[0] = 0;
  }
  context.append(node, std::move(layer), {src});
}

/// Without axes, extents of 1 go that the file states; an open batch stays, whatever it turns out to be.
inline void import_squeeze(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  std::set<std::size_t> dropped;
  if (const auto axes = read_axes(context, node)) {
    dropped = normalized_axes(*axes, shape.rank());
  } else {
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (shape.first[axis] == 1 && shape.second[axis] == 1) {
        dropped.insert(axis);
      } else if (context.plan.given && shape.first[axis] == 1) {
        throw Error("", "drops every axis of extent 1, and so the batch that the file states");
      }
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
  context.append(node, reshape_layer(shape, dst), {src});
}

inline void import_unsqueeze(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  TracedShape dst = context.shape(src);
  const auto axes = read_axes(context, node);
  if (!axes) throw Error("its axes", "are missing", "the file is damaged; export it again");
  if (axes->size() > max_rank) throw Error("its axes", "are too many", "the file is damaged; export it again");
  for (const std::size_t axis : normalized_axes(*axes, dst.rank() + axes->size())) dst = with_axis(dst, axis);
  context.append(node, reshape_layer(context.shape(src), dst), {src});
}

inline void import_identity(ImportContext& context, const GraphNode& node) {
  context.define(node, 0, context.src(node, 0));
}

/// Dropout does nothing in inference; its mask then keeps everything.
inline void import_dropout(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  static_cast<void>(context.has_input(node, 1));  // the ratio, which matters in training alone
  if (context.has_input(node, 2)) {
    const std::optional<float> training = known_number(context, node, 2, "training mode");
    const bool drops = known_number(context, node, 1, "ratio").value_or(0.5F) != 0.0F;
    if (!training) throw Error("its training mode", "is computed at run time", "export it in evaluation mode");
    if (*training != 0.0F && drops) {
      throw Error("", "is in training mode", "export the model in evaluation mode");
    }
  }
  context.define(node, 0, src);
  if (!context.wants(node, 1)) return;
  const NodeId one = append_number(context, node.name + "/one", 1.0F, ElementType::boolean);
  context.define(node, 1, context.append(node.name + "/mask", Binary{BinaryKind::logical_or}, {src, one}));
}

/// Integers that are known at both batch sizes, of rank 1, or 0 where there is one.
inline TracedTensor traced_tensor(const std::vector<double>& first, const std::vector<double>& second, bool scalar,
                                  ElementType element) {
  const auto tensor = [&](const std::vector<double>& values) {
    const Shape dims = scalar ? Shape{} : Shape{static_cast<std::int64_t>(values.size())};
    return Tensor<double>(dims, std::span<const double>(values));
  };
  return {tensor(first), tensor(second), element};
}

/// The extents from `start` up to, and without, `end` (opset 15); all before.
inline void import_shape_of(ImportContext& context, const GraphNode& node) {
  const TracedShape shape = context.shape(context.src(node, 0));
  const auto rank = static_cast<std::int64_t>(shape.rank());
  const auto position = [&](const char* name, std::int64_t otherwise) {
    const std::int64_t given = integer_attribute(node, name, otherwise);
    return std::clamp<std::int64_t>(given < 0 ? std::max(given, -rank) + rank : given, 0, rank);
  };
  const std::int64_t start = position("start", 0);
  const std::int64_t end = std::max(position("end", rank), start);
  const auto part = [&](const Shape& s) { return std::vector<double>(s.begin() + start, s.begin() + end); };
  context.define_traced(node, traced_tensor(part(shape.first), part(shape.second), false, ElementType::s64));
}

inline void import_size(ImportContext& context, const GraphNode& node) {
  const TracedShape shape = context.shape(context.src(node, 0));
  const auto count = [](const Shape& s) { return std::vector<double>{static_cast<double>(element_count(s))}; };
  context.define_traced(node, traced_tensor(count(shape.first), count(shape.second), true, ElementType::s64));
}

/// The one element of attribute `value`, broadcast; 0 of type float by default.
inline void import_constant_of_shape(ImportContext& context, const GraphNode& node) {
  const TracedIntegers dims = traced_dims(context, node, 0, "dims");
  for (const std::int64_t dim : dims.first) {
    if (dim < 0) throw Error("its dims", "hold an extent of " + std::to_string(dim), "the file is damaged");
  }
  const std::optional<Shape> wanted = with_batch_dim(context, {dims.first, dims.second});
  if (!wanted) throw Error("its dims", "hold an extent that is not simply the batch", "export with a fixed batch");
  float value = 0.0F;
  ElementType element = ElementType::f32;
  if (const auto* attribute = find_attribute(node, "value", ::onnx::AttributeProto::TENSOR)) {
    const Proto& tensor = attribute->t();
    if (element_count(checked_dims(tensor)) != 1) throw Error("attribute 'value'", "holds not one element");
    decode<float>(tensor, context.reader.files, [&](std::size_t) { return &value; });
    element = expect_element(tensor.data_type(), "value");
  }
  const NodeId one = append_number(context, node.name + "/value", value, element);
  context.append(node, Expand{*wanted}, {one});
}

/// start, start + delta, … up to, and without, limit.
inline void import_range(ImportContext& context, const GraphNode& node) {
  const auto range = [&](double start, double limit, double delta) {
    if (delta == 0.0) throw Error("its delta", "is 0", "the file is damaged; export it again");
    const double count = std::max(std::ceil((limit - start) / delta), 0.0);
    if (!(count <= 0x1p24)) throw Error("", "has more than 2^24 elements", "check its limits");
    context.reader.budget.charge(static_cast<std::size_t>(count) * 2 * sizeof(double));
    std::vector<double> values;
    for (double i = 0.0; i < count; ++i) values.push_back(start + i * delta);
    return values;
  };
  const ElementType element = context.element(context.src(node, 2));
  if (is_floating(element)) {
    std::vector<double> settings;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::optional<float> number = known_number(context, node, i, "limits");
      if (!number) throw Error("its limits", "are computed at run time", "export with fixed sizes");
      settings.push_back(decimal(*number));
    }
    const std::vector<double> values = range(settings[0], settings[1], settings[2]);
    context.define_traced(node, traced_tensor(values, values, false, element));
    return;
  }
  std::vector<double> first;
  std::vector<double> second;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::optional<TracedIntegers> number = context.traced_integers(node, i);
    if (!number || number->first.size() != 1) {
      throw Error("its limits", "are computed at run time", "export with fixed sizes");
    }
    first.push_back(static_cast<double>(number->first[0]));
    second.push_back(static_cast<double>(number->second[0]));
  }
  context.define_traced(
      node, traced_tensor(range(first[0], first[1], first[2]), range(second[0], second[1], second[2]), false, element));
}

inline constexpr Operator shape_operators[] = {
    {"Flatten", 1, import_flatten, fold_reshape},
    {"Reshape", 5, import_reshape, fold_reshape},
    {"Squeeze", 1, import_squeeze, fold_reshape},
    {"Unsqueeze", 1, import_unsqueeze, fold_reshape},
    {"Identity", 1, import_identity, fold_identity},
    {"Dropout", 7, import_dropout, fold_identity, "ratio seed is_test"},
    {"Shape", 1, import_shape_of},
    {"Size", 1, import_size},
    {"ConstantOfShape", 9, import_constant_of_shape, fold_fill},
    {"Range", 11, import_range},
    {"Constant", 1, nullptr, fold_any_constant},
    {"Concat", 4, import_concat},
    {"Split", 2, import_split, nullptr, "axis split num_outputs"},
    {"Slice", 1, import_slice},
    {"Transpose", 1, import_transpose, fold_transpose},
    {"Expand", 8, import_expand},
    {"Tile", 6, import_tile},
    {"Gather", 1, import_gather},
    {"Pad", 2, import_pad},
    {"DepthToSpace", 1, import_depth_to_space},
    {"SpaceToDepth", 1, import_space_to_depth},
    {"Resize", 10, import_resize, nullptr, "axes keep_aspect_ratio_policy cubic_coeff_a extrapolation_value"},
    {"Upsample", 7, import_old_resize},
};

}  // namespace fulcrum::detail::onnx_io
