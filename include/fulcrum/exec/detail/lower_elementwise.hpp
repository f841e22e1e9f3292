#pragma once
/// \file
/// Activations, sums and products, and batch norms that no convolution took.

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/detail/lowering.hpp>

namespace fulcrum::detail::onednn {

/// Where an element-wise step writes: over its source when nobody reads that afterwards, else to a new buffer.
[[nodiscard]] inline Value elementwise_dst(Lowering& lowering, NodeId src, const Value& from, NodeId dst) {
  Value result{lowering.shape(dst), from.desc, from.where, from.map};
  if (lowering.may_overwrite(src, from)) {
    lowering.builder().forget_conversions(from.where);
    return result;
  }
  return lowering.builder().allocate(result.shape, from.desc, from.map);
}

inline void lower(Lowering& lowering, const FusionGroup& group, const Activation& activation) {
  const NodeId src = lowering.node(group.primary).src[0];
  const Configured configured = configure_product({}, std::nullopt);
  const std::optional<AffineMap>& map = lowering.value(src).map;
  // max(x, 0) commutes with a scale, so it may stay in integers where 0 is 0.
  const bool on_integers = map && map->zero_point == 0 && activation.function == ActivationKind::relu;
  Value from = on_integers ? lowering.value(src) : lowering.real_value(src, lowering.compute_dtype());
  Value to = elementwise_dst(lowering, src, from, group.dst);
  ProgramBuilder::Label label = lowering.label(group);
  for (const Eltwise& function : eltwise_of(activation)) {
    const auto pd = eltwise_forward(dnnl::prop_kind::forward_inference, function.algorithm, from.desc, from.desc,
                                    function.alpha, function.beta, configured.attributes);
    lowering.builder().emit(label, pd, dnnl::eltwise_forward(pd),
                            {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, to.desc, to.where}}, configured);
    from = to;  // a second function works in place
    label.flops = 0.0;
  }
  lowering.finish(group.dst, to);
}

inline void lower(Lowering& lowering, const FusionGroup& group, const BatchNormalization<float>& layer) {
  const NodeId src = lowering.node(group.primary).src[0];
  const Value from = lowering.real_value_in_shape(src, lowering.compute_dtype());
  const Value to = elementwise_dst(lowering, src, from, group.dst);
  const Configured configured = configure_product({}, std::nullopt);
  using dnnl::normalization_flags;
  const auto pd = batch_normalization_forward(
      dnnl::prop_kind::forward_inference, from.desc, from.desc, static_cast<float>(layer.epsilon),
      normalization_flags::use_global_stats | normalization_flags::use_scale | normalization_flags::use_shift,
      configured.attributes);
  std::vector<Argument> arguments{{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, to.desc, to.where}};
  const auto add = [&](int id, const Parameter<float>& parameter) {
    const Desc desc = plain_desc(parameter.value->dims(), DType::f32);
    const SharedTensor<float> elements = lowering.elements(parameter);
    arguments.push_back({id, desc, lowering.builder().pack(elements->dims(), elements->flat(), desc)});
  };
  add(DNNL_ARG_SCALE, layer.scale);
  add(DNNL_ARG_SHIFT, layer.shift);
  add(DNNL_ARG_MEAN, layer.mean);
  add(DNNL_ARG_VARIANCE, layer.variance);
  lowering.builder().emit(lowering.label(group), pd, dnnl::batch_normalization_forward(pd), std::move(arguments),
                          configured);
  lowering.finish(group.dst, to);
}

/// A source under as many dims as the result has, ones in front.
[[nodiscard]] inline Value with_rank(Lowering& lowering, NodeId src, Value value, std::size_t rank) {
  Shape dims = lowering.shape(src);
  dims.insert(dims.begin(), rank - dims.size(), 1);
  return lowering.builder().with_dims(value, dims, lowering.node(src).name);
}

inline void lower(Lowering& lowering, const FusionGroup& group, const Binary& binary) {
  ProgramBuilder& builder = lowering.builder();
  const Node<float>& node = lowering.node(group.primary);
  const Shape& dst_shape = lowering.shape(group.dst);
  const Tail tail = tail_of(lowering.model(), group);
  const bool is_add = binary.function == BinaryKind::add;
  const std::optional<AffineMap> dst_map = lowering.dst_map(group.dst);

  // The source that has the result's shape goes first: oneDNN broadcasts the second.
  NodeId first = node.src[0];
  NodeId second = node.src[1];
  if (lowering.shape(first) != dst_shape) std::swap(first, second);
  const auto zero_is_zero = [&](NodeId id) {
    const std::optional<AffineMap>& map = lowering.value(id).map;
    return map && map->zero_point == 0;
  };
  const bool on_integers = dst_map && zero_is_zero(first) && zero_is_zero(second);

  const DType dtype = lowering.compute_dtype();
  const std::size_t rank = std::max<std::size_t>(dst_shape.size(), 1);
  Value a = with_rank(lowering, first, on_integers ? lowering.value(first) : lowering.real_value(first, dtype), rank);
  Value b =
      with_rank(lowering, second, on_integers ? lowering.value(second) : lowering.real_value(second, dtype), rank);
  const Shape dims = dst_shape.empty() ? Shape{1} : dst_shape;
  if (shape_of(a.desc) != dims) {
    // Both are broadcast. The first is written out: ones of the result's shape times it.
    const std::vector<float> ones(static_cast<std::size_t>(element_count(dims)), 1.0F);
    const Value full = builder.with_type(builder.constant(dims, std::span<const float>(ones)), dtype_of_desc(a.desc),
                                         std::nullopt, node.name);
    const Value wide = builder.allocate(dst_shape, full.desc, a.map);
    const Configured plain = configure_product({}, std::nullopt);
    const auto pd = binary_forward(dnnl::algorithm::binary_mul, full.desc, a.desc, wide.desc, plain.attributes);
    builder.emit({node.name, "Broadcast", 0.0}, pd, dnnl::binary(pd),
                 {{DNNL_ARG_SRC_0, full.desc, full.where},
                  {DNNL_ARG_SRC_1, a.desc, a.where},
                  {DNNL_ARG_DST, wide.desc, wide.where}});
    a = wide;
  }
  if (shape_of(b.desc) == dims) {
    // Kernels take both sources in one layout.
    if (const std::optional<Desc> like_a = with_dtype(a.desc, dtype_of_desc(b.desc))) {
      b = builder.convert(b, *like_a, b.map, lowering.node(second).name);
    }
  }

  Epilogue epilogue;
  epilogue.eltwise = tail.eltwise;
  if (on_integers) epilogue.dst = dst_map;
  const Configured configured =
      configure_binary(a.map.value_or(AffineMap{}).scale, b.map.value_or(AffineMap{}).scale, epilogue);
  const DType dst_dtype = on_integers ? lowering.dst_dtype(group.dst) : dtype;
  const std::optional<Desc> dst_desc = with_dtype(a.desc, dst_dtype);
  const bool in_place = lowering.may_overwrite(first, a) && dst_desc;
  Value dst{dst_shape, dst_desc.value_or(plain_desc(dims, dst_dtype)), a.where, epilogue.dst};
  if (in_place) {
    builder.forget_conversions(a.where);
  } else {
    dst = builder.allocate(dst_shape, dst.desc, epilogue.dst);
  }
  const auto pd = binary_forward(is_add ? dnnl::algorithm::binary_add : dnnl::algorithm::binary_mul, a.desc, b.desc,
                                 dst.desc, configured.attributes);
  builder.emit(
      lowering.label(group), pd, dnnl::binary(pd),
      {{DNNL_ARG_SRC_0, a.desc, a.where}, {DNNL_ARG_SRC_1, b.desc, b.where}, {DNNL_ARG_DST, dst.desc, dst.where}},
      configured);
  lowering.finish(group.dst, dst);
}

}  // namespace fulcrum::detail::onednn
