#pragma once
/// \file
/// Operators that work at indices: GatherElements, GatherND, ScatterElements, Scatter, ScatterND, TopK, OneHot,
/// Hardmax, Compress, NonZero, ReverseSequence, MaxUnpool; and CumSum, Trilu and EyeLike, whose elements follow from
/// their places.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/reduce.hpp>
#include <fulcrum/onnx/import/steps.hpp>
#include <fulcrum/onnx/import/suppression.hpp>
#include <fulcrum/onnx/import/window_attributes.hpp>

namespace fulcrum::detail::onnx_io {

inline void import_gather_elements(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const NodeId indices = context.src(node, 1);
  append_taken(context, node, GatherElements{integer_attribute(node, "axis", 0)}, src, indices, false, 0);
}

inline void import_gather_nd(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const NodeId indices = context.src(node, 1);
  const GatherND layer{integer_attribute(node, "batch_dims", 0)};
  const Shape& tuples = context.shape(indices).first;
  const auto rank = static_cast<std::int64_t>(context.shape(src).rank());
  const std::int64_t after = tuples.empty() ? 0 : rank - layer.batch_dims - tuples.back();  // else it is refused below
  append_taken(context, node, layer, src, indices, true, static_cast<std::size_t>(std::max<std::int64_t>(after, 0)));
}

inline ScatterKind scatter_kind(const GraphNode& node) {
  const std::string reduction = text_attribute(node, "reduction", "none");
  for (const ScatterKind kind :
       {ScatterKind::replace, ScatterKind::add, ScatterKind::mul, ScatterKind::min, ScatterKind::max}) {
    if (reduction == name_of(kind)) return kind;
  }
  throw Error("attribute 'reduction'", "is '" + reduction + "'", "use none, add, mul, min or max");
}

inline void import_scatter_elements(ImportContext& context, const GraphNode& node) {
  const ScatterElements layer{integer_attribute(node, "axis", 0), scatter_kind(node)};
  std::vector<NodeId> src;
  for (std::size_t i = 0; i < 3; ++i) src.push_back(context.src(node, i));
  context.append(node, layer, std::move(src));
}

inline void import_scatter_nd(ImportContext& context, const GraphNode& node) {
  const ScatterND layer{scatter_kind(node)};
  std::vector<NodeId> src;
  for (std::size_t i = 0; i < 3; ++i) src.push_back(context.src(node, i));
  context.append(node, layer, std::move(src));
}

/// The indices are a layer, the elements are taken at them. `k` is an attribute before opset 10.
inline void import_top_k(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  TopK layer;
  layer.axis = integer_attribute(node, "axis", -1);
  layer.largest = integer_attribute(node, "largest", 1) != 0;
  if (node.opset < 10) {
    layer.count = required_integer(node, "k");
  } else {
    const std::vector<std::int64_t> k = context.integers(node, 1, "k");
    if (k.size() != 1) throw Error("its k", "has " + std::to_string(k.size()) + " elements", "give one");
    layer.count = k[0];
  }
  const std::int64_t axis = layer.axis;
  const NodeId indices = context.append(node.name, layer, {src});
  context.define(node, 1, indices);
  if (context.wants(node, 0)) {
    context.define(node, 0, context.append(node.name + "/values", GatherElements{axis}, {src, indices}));
  }
}

/// The axis is an input, of one element.
inline void import_cum_sum(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const std::vector<std::int64_t> axis = context.integers(node, 1, "axis");
  if (axis.size() != 1) throw Error("its axis", "has " + std::to_string(axis.size()) + " elements", "give one");
  CumSum layer{axis[0], integer_attribute(node, "exclusive", 0) != 0, integer_attribute(node, "reverse", 0) != 0};
  context.append(node, layer, {src});
}

/// Whether each index, along a new axis of `depth`, is that place: (indices, depth, (off, on)).
inline void import_one_hot(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  NodeId indices = context.src(node, 0);
  const float depth = context.scalar(node, 1, "depth");
  if (!(depth >= 0.0F && depth < 0x1p24F)) throw Error("its depth", "is " + std::to_string(depth), "check the export");
  const auto extent = static_cast<std::int64_t>(depth);
  const TracedShape shape = context.shape(indices);
  const std::size_t axis = normalized_axis(integer_attribute(node, "axis", -1), shape.rank() + 1);
  const ElementType element = context.element(indices);
  const NodeId zero = steps.number(0.0F, element);
  const NodeId wrapped = steps.add(indices, steps.number(static_cast<float>(extent), element));
  indices = steps.where(steps.binary(BinaryKind::less, indices, zero), wrapped, indices);
  indices = steps.reshape(indices, with_axis(shape, axis));
  const NodeId places = steps.range(extent, axis, shape.rank() + 1, element);
  const NodeId hit = steps.binary(BinaryKind::equal, indices, places);
  const NodeId values = context.src(node, 2);
  if (context.shape(values).first != Shape{2}) throw Error("its values", "are not two", "check the export");
  const NodeId off = steps.slice(values, 0, 0, 1);
  const NodeId on = steps.slice(values, 0, 1, 2);
  context.append(node, Where{}, {hit, on, off});
}

/// 1 at the first largest element along the axis; before opset 13 over all axes from `axis` on, as if they were one.
inline void import_hardmax(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const bool flattens = node.opset < 13;
  std::size_t axis = normalized_axis(integer_attribute(node, "axis", flattens ? 1 : -1), shape.rank());
  if (flattens) {
    src = steps.layer("flatten", Flatten{static_cast<std::int64_t>(axis)}, {src});
    axis = 1;
  }
  const TracedShape whole = context.shape(src);
  ArgReduce layer;
  layer.axis = static_cast<std::int64_t>(axis);
  const NodeId at = steps.layer("largest", layer, {src});
  if (whole.depends_on_batch(axis)) throw Error("", "goes along the batch", "export with a fixed batch");
  const NodeId places = steps.range(whole.first[axis], axis, whole.rank(), ElementType::s64);
  const NodeId hit = steps.cast(steps.binary(BinaryKind::equal, places, at), ElementType::f32);
  context.define(node, 0, flattens ? steps.reshape(hit, shape) : hit);
}

/// Slices where a condition holds, which must be known: how many there are is a shape.
inline void import_compress(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  NodeId src = context.src(node, 0);
  const std::vector<std::int64_t> condition = context.integers(node, 1, "condition");
  std::int64_t axis = integer_attribute(node, "axis", 0);
  if (!has_attribute(node, "axis")) {
    const auto flat = [](const Shape& s) { return Shape{element_count(s)}; };
    src = steps.reshape(src, traced_shape(context.shape(src), flat));
    axis = 0;
  }
  std::vector<double> kept;
  for (std::size_t i = 0; i < condition.size(); ++i) {
    if (condition[i] != 0) kept.push_back(static_cast<double>(i));
  }
  const Shape count{static_cast<std::int64_t>(kept.size())};
  const NodeId indices = steps.known(Tensor<double>(count, std::span<const double>(kept)), ElementType::s64);
  context.append(node, Gather{axis}, {src, indices});
}

/// Where a value that is known is not 0: (rank, how many).
inline void import_non_zero(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const std::shared_ptr<const TracedTensor> known = context.evaluate(src);
  if (!known) {
    throw Error("", "finds places in a value of run time, and how many there are is a shape",
                "use Where with the mask instead");
  }
  const auto places = [&](const Tensor<double>& value) {
    const Shape dims = value.dims();
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < value.flat().size(); ++i) {
      if (value.flat()[i] != 0.0) found.push_back(i);
    }
    context.reader.budget.charge(found.size() * std::max<std::size_t>(dims.size(), 1) * sizeof(double));
    Tensor<double> result(Shape{static_cast<std::int64_t>(dims.size()), static_cast<std::int64_t>(found.size())});
    const kernels::Steps strides = kernels::row_major_strides(dims);
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      for (std::size_t i = 0; i < found.size(); ++i) {
        const auto place = static_cast<std::int64_t>(found[i]);
        result.flat()[axis * found.size() + i] = static_cast<double>(place / strides[axis] % dims[axis]);
      }
    }
    return result;
  };
  TracedTensor value{places(known->first), places(known->second), ElementType::s64};
  context.define_traced(node, std::move(value));
}

/// The first elements of each sample's sequence in the reverse order, as many as its length (input 1) says.
inline void import_reverse_sequence(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const NodeId src = context.src(node, 0);
  const NodeId lengths = context.src(node, 1);
  const TracedShape shape = context.shape(src);
  const std::size_t batch = normalized_axis(integer_attribute(node, "batch_axis", 1), shape.rank());
  const std::size_t time = normalized_axis(integer_attribute(node, "time_axis", 0), shape.rank());
  if (batch == time || shape.depends_on_batch(time)) {
    throw Error("attribute 'time_axis'", "is the batch", "export with a fixed batch");
  }
  const ElementType element = context.element(lengths);
  const auto aligned = [&](const Shape& s) {
    Shape dims(s.size(), 1);
    dims[batch] = s[batch];
    return dims;
  };
  const NodeId length = steps.reshape(lengths, traced_shape(shape, aligned));
  const NodeId step = steps.range(shape.first[time], time, shape.rank(), element);
  const NodeId mirrored = steps.sub(steps.sub(length, steps.number(1.0F, element)), step);
  const NodeId index = steps.where(steps.binary(BinaryKind::less, step, length), mirrored, step);
  const std::optional<Shape> dims = with_batch_dim(context, shape);
  if (!dims) throw Error("", "takes a value with an extent that is not simply the batch", "export with a fixed batch");
  const NodeId whole = steps.expand(index, *dims);
  context.append(node, GatherElements{static_cast<std::int64_t>(time)}, {src, whole});
}

/// The elements put back to where a MaxPool found them (its second result), 0 elsewhere. Places count through the whole
/// pooled value; with an output_shape (input 2) a larger one, in whose corner it lies.
inline void import_max_unpool(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const NodeId src = context.src(node, 0);
  const NodeId places = context.src(node, 1);
  const TracedShape shape = context.shape(src);
  const std::size_t axes = spatial_axes(shape);
  SpatialWindow window = read_steps(node, spatial_attribute(node, "kernel_shape", axes));
  read_pads(node, window);
  TracedShape pooled = shape;
  for (std::size_t axis = 0; axis < axes; ++axis) {
    const std::int64_t extent = (spatial_extent(shape, axis) - 1) * window.stride[axis] + window.kernel[axis] -
                                window.before[axis] - window.after[axis];
    if (extent < 1) throw Error("", "has padding that leaves nothing", "the file is damaged; export it again");
    pooled.first[axis + 2] = pooled.second[axis + 2] = extent;
  }
  TracedShape wanted = pooled;
  if (context.has_input(node, 2)) {
    const TracedIntegers given = traced_dims(context, node, 2, "output_shape");
    if (given.first.size() != shape.rank()) throw Error("its output_shape", "has not one extent for each axis");
    wanted = {Shape(given.first.begin(), given.first.end()), Shape(given.second.begin(), given.second.end())};
  }
  const std::optional<Shape> dims = with_batch_dim(context, pooled);
  if (!dims) throw Error("", "takes a value with an extent that is not simply the batch", "export with a fixed batch");
  const auto flat = [](const Shape& s) { return Shape{element_count(s)}; };
  const NodeId empty = steps.reshape(steps.expand(steps.number(0.0F), *dims), traced_shape(pooled, flat));
  const NodeId filled = steps.layer(
      "scatter", ScatterElements{0},
      {empty, steps.reshape(places, traced_shape(shape, flat)), steps.reshape(src, traced_shape(shape, flat))});
  NodeId result = steps.reshape(filled, pooled);
  if (wanted.first != pooled.first) {
    Pad more;
    more.before.assign(shape.rank(), 0);
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      more.after.push_back(wanted.first[axis] - pooled.first[axis]);
      if (wanted.second[axis] - pooled.second[axis] != more.after[axis]) {
        throw Error("its output_shape", "depends on the batch", "export with a fixed batch");
      }
    }
    result = steps.layer("pad", std::move(more), {result});
  }
  context.define(node, 0, result);
}

/// 1 on the triangle of a matrix from diagonal k on (`upper`), or up to it; 0 elsewhere.
inline Tensor<double> triangle(std::int64_t rows, std::int64_t columns, std::int64_t k, bool upper) {
  Tensor<double> mask(Shape{rows, columns});
  double* to = mask.flat().data();
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) *to++ = (upper ? j - i >= k : j - i <= k) ? 1.0 : 0.0;
  }
  return mask;
}

/// The upper or lower triangle of the last two axes, 0 elsewhere.
inline void import_trilu(ImportContext& context, const GraphNode& node) {
  Steps steps(context, node);
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  if (shape.rank() < 2) throw Error("", "takes a source of shape " + to_string(shape.first), "give it a matrix");
  const std::size_t row = shape.rank() - 2;
  if (shape.depends_on_batch(row) || shape.depends_on_batch(row + 1)) {
    throw Error("", "takes a matrix whose extents depend on the batch", "export with a fixed batch");
  }
  std::int64_t k = 0;
  if (context.has_input(node, 1)) {
    const std::vector<std::int64_t> given = context.integers(node, 1, "k");
    if (given.size() != 1) throw Error("its k", "has " + std::to_string(given.size()) + " elements", "give one");
    k = std::clamp<std::int64_t>(given[0], -max_setting, max_setting);
  }
  const std::int64_t rows = shape.first[row];
  const std::int64_t columns = shape.first[row + 1];
  context.reader.budget.charge(static_cast<std::size_t>(element_count({rows, columns})) * 2 * sizeof(double));
  const bool upper = integer_attribute(node, "upper", 1) != 0;
  const NodeId mask = steps.known(triangle(rows, columns, k, upper), ElementType::boolean);
  const NodeId zero = steps.number(0.0F, context.element(src));
  context.append(node, Where{}, {mask, src, zero});
}

/// 1 on diagonal k of a matrix of the source's shape, 0 elsewhere.
inline void import_eye_like(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  if (shape.rank() != 2) throw Error("", "takes a source of shape " + to_string(shape.first), "give it a matrix");
  const std::int64_t k = std::clamp<std::int64_t>(integer_attribute(node, "k", 0), -max_setting, max_setting);
  const ElementType element =
      has_attribute(node, "dtype") ? expect_element(required_integer(node, "dtype"), "dtype") : context.element(src);
  const auto eye = [&](const Shape& s) {
    context.reader.budget.charge(static_cast<std::size_t>(element_count(s)) * sizeof(double));
    Tensor<double> value(s);
    for (std::int64_t i = std::max<std::int64_t>(-k, 0); i < s[0] && i + k < s[1]; ++i) {
      value.flat()[static_cast<std::size_t>(i * s[1] + i + k)] = 1.0;
    }
    return value;
  };
  context.define_traced(node, {eye(shape.first), eye(shape.second), element});
}

inline constexpr Operator indexed_operators[] = {
    {"GatherElements", 11, import_gather_elements},
    {"GatherND", 11, import_gather_nd},
    {"Scatter", 9, import_scatter_elements},
    {"ScatterElements", 11, import_scatter_elements},
    {"ScatterND", 11, import_scatter_nd},
    {"TopK", 1, import_top_k, nullptr, "sorted"},
    {"CumSum", 11, import_cum_sum},
    {"OneHot", 9, import_one_hot},
    {"Hardmax", 1, import_hardmax},
    {"Compress", 9, import_compress},
    {"NonZero", 9, import_non_zero},
    {"ReverseSequence", 10, import_reverse_sequence},
    {"MaxUnpool", 9, import_max_unpool},
    {"Trilu", 14, import_trilu},
    {"EyeLike", 9, import_eye_like},
};

}  // namespace fulcrum::detail::onnx_io
