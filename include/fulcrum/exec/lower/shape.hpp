#pragma once
/// \file
/// Pooling, concatenation, softmax, transposition, and the layers that only give the same elements another shape.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/elementwise_loops.hpp>
#include <fulcrum/exec/kernels/int8_planes.hpp>
#include <fulcrum/exec/kernels/max_pool.hpp>
#include <fulcrum/exec/lower/native.hpp>

namespace fulcrum::detail::onednn {

/// Reshape and Flatten: nothing runs.
FULCRUM_DECLARE void lower_view(Lowering& lowering, const FusionGroup& group) {
  lowering.finish(group.dst, lowering.value(lowering.node(group.primary).src[0]));
}

/// For each position of the result, what the average over a whole kernel must be multiplied by to be the average over
/// the part of it that lies inside the source and its padding; empty when that is the whole kernel everywhere.
/// A last window of ceil_mode may reach past the padding, and that part never counts.
FULCRUM_DECLARE [[nodiscard]] std::vector<float> partial_window_factors(const Pool& pool, const Shape& src,
                                                                        const Shape& dst) {
  if (pool.pool != PoolKind::average || !pool.count_include_pad || !pool.window.ceil_mode) return {};
  const std::vector<WindowAxis> axes = window_axes(pool.window, src.size() - 2);
  std::vector<float> factors{1.0F};
  bool all_whole = true;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const WindowAxis& axis = axes[i];
    std::vector<float> longer;
    for (const float factor : factors) {
      for (std::int64_t at = 0; at < dst[i + 2]; ++at) {
        std::int64_t count = 0;
        for (std::int64_t k = 0; k < axis.kernel; ++k) {
          count += at * axis.stride - axis.before + k * axis.dilation < src[i + 2] + axis.after ? 1 : 0;
        }
        all_whole = all_whole && count == axis.kernel;
        longer.push_back(factor * static_cast<float>(axis.kernel) / static_cast<float>(count));
      }
    }
    factors = std::move(longer);
  }
  return all_whole ? std::vector<float>{} : factors;
}

FULCRUM_DECLARE void lower_pool(Lowering& lowering, const FusionGroup& group, const Pool& pool) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& from_shape = lowering.shape(src);
  const Shape& to_shape = lowering.shape(group.dst);
  const std::string& name = lowering.node(src).name;
  const bool is_max = pool.pool == PoolKind::max;
  const dnnl::algorithm algorithm = is_max                   ? dnnl::algorithm::pooling_max
                                    : pool.count_include_pad ? dnnl::algorithm::pooling_avg_include_padding
                                                             : dnnl::algorithm::pooling_avg_exclude_padding;
  const std::vector<float> factors = partial_window_factors(pool, from_shape, to_shape);

  const bool on_integers = lowering.types_of(group).dst.map.has_value();
  Value from = on_integers ? builder.with_dims(lowering.value(src), from_shape, name)
                           : lowering.real_value_in_shape(src, lowering.compute_dtype(group.primary));
  const Geometry geometry = geometry_of(pool.window, window_extents(from_shape), window_extents(to_shape));
  const Configured configured = configure_product({}, std::nullopt);
  const DType dtype = dtype_of_desc(from.desc);
  const auto describe = [&] {
    return pooling_forward(dnnl::prop_kind::forward_inference, algorithm, from.desc, any_desc(to_shape, dtype),
                           geometry, configured.attributes);
  };
  auto pd = describe();
  const std::string implementation = pd.impl_info_str();
  if (implementation.find("ref") != std::string::npos || implementation.find("simple") != std::string::npos) {
    from = builder.convert(from, channels_last_desc(from_shape, dtype), from.map, name);
    pd = describe();
  }
  Value dst = builder.allocate(to_shape, pd.dst_desc(), from.map);
  std::vector<Argument> arguments{{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, dst.desc, dst.where}};
  NativeFunction own;
#if defined(__x86_64__)
  if (is_max && is_slow_pooling(pd.impl_info_str())) {
    if (const auto images = max_pool_of(from.desc, dst.desc, pool.window)) {
      own = max_pool_function(*images, builder.threads());
    }
  }
#endif
  if (own) {
    builder.amend(lowering.node(group.primary).name, "runs in Fulcrum's own loops", "oneDNN's kernel for it is slow");
    builder.emit_native(lowering.label(group), Algorithm::threaded_loops, std::move(own), std::move(arguments), 0,
                        builder.threads());
  } else {
    builder.emit(lowering.label(group), pd, PoolingForward(pd), std::move(arguments), configured);
  }
  if (!factors.empty()) {
    Shape shape = to_shape;
    shape[0] = shape[1] = 1;
    const Value factor =
        builder.with_type(builder.constant(shape, std::span<const float>(factors)), dtype, std::nullopt, name);
    const auto scale =
        binary_forward(dnnl::algorithm::binary_mul, dst.desc, factor.desc, dst.desc, configured.attributes);
    const ProgramBuilder::Label label{lowering.node(group.primary).name, "Rescale"};
    std::vector<Argument> operands{{DNNL_ARG_SRC_0, dst.desc, dst.where},
                                   {DNNL_ARG_SRC_1, factor.desc, factor.where},
                                   {DNNL_ARG_DST, dst.desc, dst.where}};
    const auto loops = broadcast_loops(dst.desc, dst.desc, factor.desc);
    const auto padding = channel_padding(dst.desc);
    if (is_reference(scale.impl_info_str()) && dtype == DType::f32 && loops && padding) {
      builder.emit_native(label, Algorithm::threaded_loops,
                          binary_function(BinaryKind::mul, *loops, {}, *padding, builder.threads()),
                          std::move(operands), 0, builder.threads());
    } else {
      builder.emit(label, scale, dnnl::binary(scale), std::move(operands), configured);
    }
  }
  lowering.finish(group.dst, dst);
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Pool& pool) {
  lower_pool(lowering, group, pool);
}

/// The means of integers with a zero point, or of another map than the result's, as real numbers.
FULCRUM_DECLARE void lower_plane_means(Lowering& lowering, const FusionGroup& group) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& shape = lowering.shape(src);
  const std::optional<AffineMap>& map = lowering.value(src).map;
  const std::string& name = lowering.node(src).name;
  const Value given = builder.with_dims(lowering.value(src), shape, name);
  const DType dtype = dtype_of_desc(given.desc);
  const Value from = builder.convert(given, channels_last_desc(shape, dtype), map, name);
  const Shape& to_shape = lowering.shape(group.dst);
  const Value dst = builder.allocate(to_shape, plain_desc(to_shape, DType::f32));
  const IntegerPlanes planes{shape[0], shape[2] * shape[3], shape[1], *map};
  const int threads = builder.threads();
  builder.emit_native(lowering.label(group), Algorithm::threaded_loops,
                      dtype == DType::u8 ? plane_mean_function<std::uint8_t>(planes, threads)
                                         : plane_mean_function<std::int8_t>(planes, threads),
                      {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, dst.desc, dst.where}}, 0, threads);
  lowering.finish(group.dst, dst);
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const GlobalPool& pool) {
  if (lowering.types_of(group).integer_loops) return lower_plane_means(lowering, group);
  const Shape& src = lowering.shape(lowering.node(group.primary).src[0]);
  Pool whole;
  whole.pool = pool.pool;
  whole.window.kernel = {src[2], src[3]};
  lower_pool(lowering, group, whole);
}

/// The layout in which values are joined: that of the largest where the others fit it too, so that as little as
/// possible is moved.
struct JoinedLayout {
  bool plain = true;
  std::int64_t block = 0;  ///< of channels; 0: channels last, unless plain

  [[nodiscard]] Desc desc(const Shape& shape, DType dtype) const {
    if (plain || !has_channels_last(shape.size())) return plain_desc(shape, dtype);
    return block == 0 ? channels_last_desc(shape, dtype) : blocked_channels_desc(shape, dtype, block);
  }
};

FULCRUM_DECLARE [[nodiscard]] JoinedLayout joined_layout(const std::vector<Value>& values, std::size_t axis) {
  JoinedLayout layout;
  const Value* largest = &values.front();
  for (const Value& value : values) {
    layout.plain = layout.plain && is_plain(value.desc);
    if (value.desc.get_size() > largest->desc.get_size()) largest = &value;
  }
  layout.block = channel_block_of(largest->desc);
  if (axis != 1) return layout;
  for (std::size_t i = 0; i + 1 < values.size() && layout.block != 0; ++i) {
    if (dims_of(values[i].desc)[1] % layout.block != 0) layout.block = 0;  // the next one would begin within a block
  }
  return layout;
}

/// Joins values that lie in the result in one piece each: those that only this step reads are computed there, so that
/// nothing runs for them, and the others are copied.
FULCRUM_DECLARE void join_in_place(Lowering& lowering, const FusionGroup& group, const std::vector<NodeId>& src,
                                   const std::vector<Value>& from,
                                   const std::vector<std::optional<std::size_t>>& places, const Value& dst) {
  ProgramBuilder& builder = lowering.builder();
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (lowering.may_overwrite(src[i], from[i]) && builder.is_movable(from[i])) {
      builder.place_inside(from[i].where, dst.where, *places[i]);
      continue;
    }
    Location where = dst.where;
    where.offset = *places[i];
    const Configured configured = configure_reorder(std::nullopt, std::nullopt);
    const auto pd = reorder_forward(from[i].desc, from[i].desc, configured.attributes);
    builder.emit(lowering.label(group), pd, dnnl::reorder(pd),
                 {{DNNL_ARG_SRC, from[i].desc, from[i].where}, {DNNL_ARG_DST, from[i].desc, where}}, configured);
  }
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Concat& concat) {
  ProgramBuilder& builder = lowering.builder();
  const Shape& dst_shape = lowering.shape(group.dst);
  std::vector<NodeId> src;
  for (const NodeId s : lowering.node(group.primary).src) {
    if (element_count(lowering.shape(s)) != 0) src.push_back(s);
  }
  const ValueType joined = lowering.types_of(group).dst;
  const std::optional<AffineMap>& map = joined.map;
  const DType dtype = joined.dtype;

  std::vector<Value> from;
  for (const NodeId s : src) {
    from.push_back(builder.with_dims(lowering.value(s), lowering.shape(s), lowering.node(s).name));
  }
  const std::size_t axis = normalized_axis(concat.axis, dst_shape.size());
  const JoinedLayout layout = joined_layout(from, axis);
  const Value dst = builder.allocate(dst_shape, layout.desc(dst_shape, dtype), map);
  // A source that nobody needs afterwards is computed where it belongs in the result.
  std::vector<std::optional<std::size_t>> places;
  std::int64_t at = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    from[i] = builder.convert(from[i], layout.desc(lowering.shape(src[i]), dtype), map, lowering.node(src[i]).name);
    places.push_back(place_of_part(dst.desc, from[i].desc, axis, at));
    at += lowering.shape(src[i])[axis];
  }
  const bool in_pieces = std::all_of(places.begin(), places.end(), [](const auto& place) { return place.has_value(); });
  if (in_pieces) {
    join_in_place(lowering, group, src, from, places, dst);
  } else {
    std::vector<Desc> src_desc;
    std::vector<Argument> arguments;
    for (std::size_t i = 0; i < from.size(); ++i) {
      src_desc.push_back(from[i].desc);
      arguments.push_back({DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), from[i].desc, from[i].where});
    }
    const Configured configured = configure_product({}, std::nullopt);
    const auto pd = concat_forward(dst.desc, static_cast<int>(axis), src_desc, configured.attributes);
    arguments.push_back({DNNL_ARG_DST, dst.desc, dst.where});
    builder.emit(lowering.label(group), pd, dnnl::concat(pd), std::move(arguments), configured);
  }
  lowering.finish(group.dst, dst);
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Softmax& softmax) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& shape = lowering.shape(group.dst);
  const std::size_t axis = normalized_axis(softmax.axis, shape.size());
  const Configured configured = configure_product({}, std::nullopt);
  const auto describe = [&](DType from, DType to) {
    return softmax_forward(dnnl::prop_kind::forward_inference,
                           softmax.logarithm ? dnnl::algorithm::softmax_log : dnnl::algorithm::softmax_accurate,
                           plain_desc(shape, from), plain_desc(shape, to), static_cast<int>(axis),
                           configured.attributes);
  };
  const StepTypes types = lowering.types_of(group);
  DType src_dtype = types.src;
  DType dst_dtype = types.dst.dtype;
  std::optional<SoftmaxForward::primitive_desc> pd;
  if (src_dtype == DType::bf16 || dst_dtype == DType::bf16) {
    try {
      pd = describe(src_dtype, dst_dtype);
    } catch (const dnnl::error& error) {
      if (!is_refusal(error)) throw;
    }
    if (pd && is_reference(pd->impl_info_str())) pd.reset();
  }
  if (!pd) {
    if (src_dtype != DType::f32 || dst_dtype != DType::f32)
      builder.amend(lowering.node(group.primary).name, "reads and gives f32", "oneDNN has no bf16 kernel for it");
    src_dtype = dst_dtype = DType::f32;
    pd = describe(src_dtype, dst_dtype);
    if (is_reference(pd->impl_info_str())) return lower_natively(lowering, group);
  }
  const Value& value = lowering.value(src);
  const Value from =
      builder.convert(value, plain_desc(shape_of(value.desc), src_dtype), std::nullopt, lowering.node(src).name);
  const Value dst = builder.allocate(shape, plain_desc(shape, dst_dtype));
  builder.emit(lowering.label(group), *pd, SoftmaxForward(*pd),
               {{DNNL_ARG_SRC, plain_desc(shape, src_dtype), from.where}, {DNNL_ARG_DST, dst.desc, dst.where}},
               configured);
  lowering.finish(group.dst, dst);
}

/// The layout of a value under permuted axes, which may not be blocked.
FULCRUM_DECLARE [[nodiscard]] Desc permuted_desc(const Desc& desc, const SmallVector<std::size_t>& permutation) {
  const Blocking b = blocking_of(desc);
  Dims dims;
  Dims strides;
  for (const std::size_t axis : permutation) {
    dims.push_back(b.dims[axis]);
    strides.push_back(b.strides[axis]);
  }
  return {dims, data_type_of(desc), strides};
}

/// Nothing where only matrix products see the order of the axes; else a reorder from the source's layout with its axes
/// permuted.
FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Transpose& transpose) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& shape = lowering.shape(group.dst);
  if (is_view(lowering.model(), group.primary)) {
    Value value = builder.with_dims(lowering.value(src), lowering.shape(src), lowering.node(src).name);
    if (blocking_of(value.desc).inner_blocks.empty()) {
      value.desc = permuted_desc(value.desc, transpose.permutation(shape.size()));
      return lowering.finish(group.dst, value);
    }
    builder.amend(lowering.node(group.primary).name, "moves its values", "they lie in blocks");
  }
  if (lowering.in_loops(group)) return lower_natively(lowering, group);
  const std::string& name = lowering.node(src).name;
  Value from = lowering.real_value_in_shape(src, DType::f32);
  if (!blocking_of(from.desc).inner_blocks.empty()) from = builder.plain_f32(from, name);
  const Desc desc = permuted_desc(from.desc, transpose.permutation(shape.size()));
  const Desc dst_desc = plain_desc(shape, DType::f32);
  const Configured configured = configure_reorder(std::nullopt, std::nullopt);
  const auto pd = reorder_forward(desc, dst_desc, configured.attributes);
  const std::string implementation = pd.impl_info_str();
  if (is_reference(implementation) || implementation.find("simple") != std::string::npos)
    return lower_natively(lowering, group);

  const Value dst = builder.allocate(shape, dst_desc);
  builder.emit(lowering.label(group), pd, dnnl::reorder(pd),
               {{DNNL_ARG_SRC, desc, from.where}, {DNNL_ARG_DST, dst_desc, dst.where}}, configured);
  lowering.finish(group.dst, dst);
}

}  // namespace fulcrum::detail::onednn
