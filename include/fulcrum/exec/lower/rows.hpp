#pragma once
/// \file
/// Layers that oneDNN runs on the rows of a matrix, whatever axes make up a row: LayerNormalization and Reduce.

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/lower/native.hpp>

namespace fulcrum::detail::onednn {

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const LayerNormalization<float>& layer) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& shape = lowering.shape(group.dst);
  const auto axis = static_cast<std::ptrdiff_t>(normalized_axis(layer.axis, shape.size()));
  const std::int64_t count = element_count(Shape(shape.begin() + axis, shape.end()));
  const Desc rows = plain_desc({element_count(shape) / count, count}, DType::f32);

  using dnnl::normalization_flags;
  normalization_flags flags = normalization_flags::none;
  if (!layer.scale.empty()) flags |= normalization_flags::use_scale;
  if (!layer.shift.empty()) flags |= normalization_flags::use_shift;
  const Configured configured = configure_product({}, std::nullopt);
  const auto pd = layer_normalization_forward(dnnl::prop_kind::forward_inference, rows, rows,
                                              static_cast<float>(layer.epsilon), flags, configured.attributes);
  if (is_reference(pd.impl_info_str())) return lower_natively(lowering, group);

  const Value from = builder.plain_f32(lowering.value(src), lowering.node(src).name);
  const Value dst = builder.allocate(shape, plain_desc(shape, DType::f32));
  std::vector<Argument> arguments{{DNNL_ARG_SRC, rows, from.where}, {DNNL_ARG_DST, rows, dst.where}};
  const auto add = [&](int id, const Parameter<float>& parameter) {
    if (parameter.empty()) return;
    const Desc desc = plain_desc({count}, DType::f32);
    const SharedTensor<float> elements = lowering.elements(parameter);
    arguments.push_back({id, desc, builder.pack({count}, std::span<const float>(elements->flat()), desc)});
  };
  add(DNNL_ARG_SCALE, layer.scale);
  add(DNNL_ARG_SHIFT, layer.shift);
  builder.emit(lowering.label(group), pd, dnnl::layer_normalization_forward(pd), std::move(arguments), configured);
  lowering.finish(group.dst, dst);
}

/// Precondition: runs_in_loops() says no.
FULCRUM_DECLARE [[nodiscard]] dnnl::algorithm reduction_algorithm(ReduceKind function) {
  switch (function) {
    case ReduceKind::sum: return dnnl::algorithm::reduction_sum;
    case ReduceKind::mean: return dnnl::algorithm::reduction_mean;
    case ReduceKind::max:
    case ReduceKind::min:
    case ReduceKind::prod:
    case ReduceKind::l1:
    case ReduceKind::l2:
    case ReduceKind::log_sum:
    case ReduceKind::log_sum_exp:
    case ReduceKind::sum_square: break;
  }
  throw Error(std::string(name_of(function)), "has no oneDNN form");
}

/// Means over whole planes (n, c, h, w) are a pooling, whose kernels take the value in the layout that it has; false
/// where none does.
FULCRUM_DECLARE [[nodiscard]] bool lower_means_of_planes(Lowering& lowering, const FusionGroup& group) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& shape = lowering.shape(src);
  const Shape to{shape[0], shape[1], 1, 1};
  const Value from = lowering.real_value_in_shape(src, DType::f32);
  const Window window{{shape[2], shape[3]}, {1, 1}, 0, {1, 1}, false};
  const Configured configured = configure_product({}, std::nullopt);
  const auto pd = pooling_forward(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::pooling_avg_exclude_padding, from.desc,
      any_desc(to, DType::f32), geometry_of(window, window_extents(shape), window_extents(to)), configured.attributes);
  const std::string implementation = pd.impl_info_str();
  if (is_reference(implementation) || implementation.find("simple") != std::string::npos) return false;
  const Value dst = builder.allocate(lowering.shape(group.dst), pd.dst_desc());
  builder.emit(lowering.label(group), pd, PoolingForward(pd),
               {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, dst.desc, dst.where}}, configured);
  lowering.finish(group.dst, dst);
  return true;
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Reduce& layer) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& from_shape = lowering.shape(src);
  const Shape& shape = lowering.shape(group.dst);
  const std::vector<bool> named = named_axes(layer.axes, from_shape.size(), "Reduce");  // they make up rows
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < named.size(); ++axis) count *= named[axis] ? from_shape[axis] : 1;
  const std::int64_t rows = element_count(from_shape) / count;
  if (fulcrum::detail::averages_planes(layer, from_shape) && lower_means_of_planes(lowering, group)) return;
  const Desc src_desc = plain_desc({rows, count}, DType::f32);
  const Desc dst_desc = plain_desc({rows, 1}, DType::f32);
  const Configured configured = configure_product({}, std::nullopt);
  const auto pd = reduction_forward(reduction_algorithm(layer.function), src_desc, dst_desc, configured.attributes);
  if (is_reference(pd.impl_info_str())) return lower_natively(lowering, group);

  const Value from = builder.plain_f32(lowering.value(src), lowering.node(src).name);
  const Value dst = builder.allocate(shape, plain_desc(shape, DType::f32));
  builder.emit(lowering.label(group), pd, dnnl::reduction(pd),
               {{DNNL_ARG_SRC, src_desc, from.where}, {DNNL_ARG_DST, dst_desc, dst.where}}, configured);
  lowering.finish(group.dst, dst);
}

}  // namespace fulcrum::detail::onednn
