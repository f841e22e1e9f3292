#pragma once
/// \file
/// Pooling, concatenation, softmax, and the layers that only give the same elements another shape.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/detail/lowering.hpp>

namespace fulcrum::detail::onednn {

/// Reshape and Flatten: nothing runs.
inline void lower_view(Lowering& lowering, const FusionGroup& group) {
  lowering.finish(group.dst, lowering.value(lowering.node(group.primary).src[0]));
}

/// For each position of the result, what the average over a whole kernel must be multiplied by to be the average over
/// the part of it that lies inside the plane and its padding; empty when that is the whole kernel everywhere.
/// A last window of ceil_mode may reach past the padding, and that part never counts.
[[nodiscard]] inline std::vector<float> partial_window_factors(const Pool& pool, const Shape& src, const Shape& dst) {
  const Window& w = pool.window;
  const Extent2 before{w.padding.top, w.padding.left};
  const Extent2 after{w.padding.bottom, w.padding.right};
  if (pool.pool != PoolKind::average || !pool.count_include_pad || !w.ceil_mode) return {};
  const auto counted = [&](std::size_t axis, std::int64_t at) {
    const std::int64_t end = src[axis + 2] + after[axis];
    std::int64_t count = 0;
    for (std::int64_t k = 0; k < w.kernel[axis]; ++k) {
      count += at * w.stride[axis] - before[axis] + k * w.dilation[axis] < end ? 1 : 0;
    }
    return count;
  };
  std::vector<float> factors;
  bool all_whole = true;
  for (std::int64_t y = 0; y < dst[2]; ++y) {
    for (std::int64_t x = 0; x < dst[3]; ++x) {
      const std::int64_t count = counted(0, y) * counted(1, x);
      const std::int64_t whole = w.kernel[0] * w.kernel[1];
      all_whole = all_whole && count == whole;
      factors.push_back(static_cast<float>(whole) / static_cast<float>(count));
    }
  }
  return all_whole ? std::vector<float>{} : factors;
}

inline void lower_pool(Lowering& lowering, const FusionGroup& group, const Pool& pool) {
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

  // The maximum of integers is one of them. An average is another number, which only the same map can take without a
  // second rounding.
  const std::optional<AffineMap>& map = lowering.value(src).map;
  const bool on_integers =
      map && (is_max || (map == lowering.dst_map(group.dst) && map->zero_point == 0 &&
                         dtype_of_desc(lowering.value(src).desc) == lowering.dst_dtype(group.dst) && factors.empty()));
  Value from = on_integers ? builder.with_dims(lowering.value(src), from_shape, name)
                           : lowering.real_value_in_shape(src, lowering.compute_dtype());
  const Geometry geometry = geometry_of(pool.window, {from_shape[2], from_shape[3]}, {to_shape[2], to_shape[3]});
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
  builder.emit(lowering.label(group), pd, PoolingForward(pd),
               {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, dst.desc, dst.where}}, configured);
  if (!factors.empty()) {
    const Value factor = builder.with_type(
        builder.constant({1, 1, to_shape[2], to_shape[3]}, std::span<const float>(factors)), dtype, std::nullopt, name);
    const auto scale =
        binary_forward(dnnl::algorithm::binary_mul, dst.desc, factor.desc, dst.desc, configured.attributes);
    builder.emit({lowering.node(group.primary).name, "Rescale", 0.0}, scale, dnnl::binary(scale),
                 {{DNNL_ARG_SRC_0, dst.desc, dst.where},
                  {DNNL_ARG_SRC_1, factor.desc, factor.where},
                  {DNNL_ARG_DST, dst.desc, dst.where}},
                 configured);
  }
  lowering.finish(group.dst, dst);
}

inline void lower(Lowering& lowering, const FusionGroup& group, const Pool& pool) { lower_pool(lowering, group, pool); }

inline void lower(Lowering& lowering, const FusionGroup& group, const GlobalPool& pool) {
  const Shape& src = lowering.shape(lowering.node(group.primary).src[0]);
  Pool whole;
  whole.pool = pool.pool;
  whole.window.kernel = {src[2], src[3]};
  lower_pool(lowering, group, whole);
}

inline void lower(Lowering& lowering, const FusionGroup& group, const Concat& concat) {
  ProgramBuilder& builder = lowering.builder();
  const Node<float>& node = lowering.node(group.primary);
  const Shape& dst_shape = lowering.shape(group.dst);
  // Integers join as they are when all have the result's map, or one map and the result none.
  std::optional<AffineMap> map = lowering.dst_map(group.dst);
  DType dtype = lowering.dst_dtype(group.dst);
  const Value& leader = lowering.value(node.src[0]);
  const bool alike = std::all_of(node.src.begin(), node.src.end(), [&](NodeId s) {
    return lowering.value(s).map == leader.map && data_type_of(lowering.value(s).desc) == data_type_of(leader.desc);
  });
  if (!map && alike && leader.map) {
    map = leader.map;
    dtype = dtype_of_desc(leader.desc);
  } else if (!map) {
    dtype = lowering.compute_dtype();
  }

  std::vector<Value> from;
  bool all_plain = true;
  for (const NodeId s : node.src) {
    from.push_back(builder.with_dims(lowering.value(s), lowering.shape(s), lowering.node(s).name));
    all_plain = all_plain && is_plain(from.back().desc);
  }
  const auto layout = [&](const Shape& shape) {
    return !all_plain && shape.size() == 4 ? channels_last_desc(shape, dtype) : plain_desc(shape, dtype);
  };
  std::vector<Desc> src_desc;
  std::vector<Argument> arguments;
  for (std::size_t i = 0; i < from.size(); ++i) {
    from[i] = builder.convert(from[i], layout(lowering.shape(node.src[i])), map, lowering.node(node.src[i]).name);
    src_desc.push_back(from[i].desc);
    arguments.push_back({DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), from[i].desc, from[i].where});
  }
  const Configured configured = configure_product({}, std::nullopt);
  const Value dst = builder.allocate(dst_shape, layout(dst_shape), map);
  const auto pd = concat_forward(dst.desc, static_cast<int>(normalized_axis(concat.axis, dst_shape.size())), src_desc,
                                 configured.attributes);
  arguments.push_back({DNNL_ARG_DST, dst.desc, dst.where});
  builder.emit(lowering.label(group), pd, dnnl::concat(pd), std::move(arguments), configured);
  lowering.finish(group.dst, dst);
}

inline void lower(Lowering& lowering, const FusionGroup& group, const Softmax& softmax) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& shape = lowering.shape(group.dst);
  Value from = lowering.real_value_in_shape(src, DType::f32);
  from = builder.convert(from, plain_desc(shape, DType::f32), std::nullopt, lowering.node(src).name);
  const Value dst = builder.allocate(shape, from.desc);
  const Configured configured = configure_product({}, std::nullopt);
  const auto pd = softmax_forward(dnnl::prop_kind::forward_inference, from.desc, dst.desc,
                                  static_cast<int>(normalized_axis(softmax.axis, shape.size())), configured.attributes);
  builder.emit(lowering.label(group), pd, SoftmaxForward(pd),
               {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, dst.desc, dst.where}}, configured);
  lowering.finish(group.dst, dst);
}

}  // namespace fulcrum::detail::onednn
