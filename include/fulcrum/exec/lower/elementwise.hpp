#pragma once
/// \file
/// Activations, sums and products, and batch norms that no convolution took.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/channel_gate.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/int8_planes.hpp>
#include <fulcrum/exec/lower/elementwise_loops.hpp>

namespace fulcrum::detail::onednn {

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Activation& activation) {
  const std::vector<Eltwise> functions = eltwise_of(activation);
  const NodeId src = lowering.node(group.primary).src[0];
  const Configured configured = configure_product({}, std::nullopt);
  const bool on_integers = lowering.types_of(group).dst.map.has_value();
  Value from = on_integers ? lowering.value(src) : lowering.real_value(src, lowering.compute_dtype(group.primary));
  std::vector<dnnl::eltwise_forward::primitive_desc> steps;  // all described before the first may overwrite the source
  for (const Eltwise& function : functions) {
    steps.push_back(eltwise_forward(dnnl::prop_kind::forward_inference, function.algorithm, from.desc, from.desc,
                                    function.alpha, function.beta, configured.attributes));
    if (is_reference(steps.back().impl_info_str())) return lower_in_threaded_loops_after_all(lowering, group);
  }
  const Value to = elementwise_dst(lowering, src, from, group.dst);
  ProgramBuilder::Label label = lowering.label(group);
  for (const auto& pd : steps) {
    lowering.builder().emit(label, pd, dnnl::eltwise_forward(pd),
                            {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, to.desc, to.where}}, configured);
    from = to;  // a second function works in place
    label.flops = 0.0;
  }
  lowering.finish(group.dst, to);
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const BatchNormalization<float>& layer) {
  using dnnl::normalization_flags;
  normalization_flags flags =
      normalization_flags::use_global_stats | normalization_flags::use_scale | normalization_flags::use_shift;
  if (!group.absorbed.empty()) {
    // Of functions, only max(x, 0) runs inside.
    const auto& first = std::get<Activation>(lowering.node(group.absorbed.front()).layer);
    if (group.absorbed.size() > 1 || first.function != ActivationKind::relu) return lower_apart(lowering, group);
    flags = flags | normalization_flags::fuse_norm_relu;
  }
  const NodeId src = lowering.node(group.primary).src[0];
  const Value from = lowering.real_value_in_shape(src, lowering.compute_dtype(group.primary));
  const Value to = elementwise_dst(lowering, src, from, group.dst);
  const Configured configured = configure_product({}, std::nullopt);
  const auto pd = batch_normalization_forward(dnnl::prop_kind::forward_inference, from.desc, from.desc,
                                              static_cast<float>(layer.epsilon), flags, configured.attributes);
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

/// Precondition: runs_in_loops() says no.
FULCRUM_DECLARE [[nodiscard]] dnnl::algorithm binary_algorithm(BinaryKind function) {
  switch (function) {
    case BinaryKind::add: return dnnl::algorithm::binary_add;
    case BinaryKind::mul: return dnnl::algorithm::binary_mul;
    case BinaryKind::sub: return dnnl::algorithm::binary_sub;
    case BinaryKind::div: return dnnl::algorithm::binary_div;
    case BinaryKind::min: return dnnl::algorithm::binary_min;
    case BinaryKind::max: return dnnl::algorithm::binary_max;
    case BinaryKind::pow:
    case BinaryKind::remainder:
    case BinaryKind::fmod:
    case BinaryKind::prelu:
    case BinaryKind::bit_and:
    case BinaryKind::bit_or:
    case BinaryKind::bit_xor:
    case BinaryKind::equal:
    case BinaryKind::less:
    case BinaryKind::less_or_equal:
    case BinaryKind::greater:
    case BinaryKind::greater_or_equal:
    case BinaryKind::logical_and:
    case BinaryKind::logical_or:
    case BinaryKind::logical_xor: break;
  }
  throw Error(std::string(name_of(function)), "has no oneDNN form");
}

/// A gate on integers: the image as u8 or s8 with any zero point, its factors as real numbers.
FULCRUM_DECLARE void lower_gate(Lowering& lowering, const FusionGroup& group, const ChannelGate& gate) {
  ProgramBuilder& builder = lowering.builder();
  const ValueType to = lowering.types_of(group).dst;
  const std::optional<AffineMap>& dst_map = to.map;
  const Shape& shape = lowering.shape(group.dst);
  const std::string& name = lowering.node(gate.image).name;
  const Value image = builder.with_dims(lowering.value(gate.image), shape, name);
  const DType src_dtype = dtype_of_desc(image.desc);
  const DType dst_dtype = to.dtype;
  const Value from = builder.convert(image, channels_last_desc(shape, src_dtype), image.map, name);
  const Value factors = builder.plain_f32(lowering.value(gate.factor), lowering.node(gate.factor).name);

  Value dst{shape, channels_last_desc(shape, dst_dtype), from.where, dst_map};
  if (lowering.may_overwrite(gate.image, from)) {
    builder.forget_conversions(from.where);
  } else {
    dst = builder.allocate(shape, dst.desc, dst_map);
  }
  const IntegerPlanes planes{shape[0], shape[2] * shape[3], shape[1], *from.map};
  const int threads = builder.threads();
  const auto function = [&]<class Src>(Src) {
    return dst_dtype == DType::u8 ? gate_function<Src, std::uint8_t>(planes, *dst_map, threads)
                                  : gate_function<Src, std::int8_t>(planes, *dst_map, threads);
  };
  builder.emit_native(lowering.label(group), Algorithm::threaded_loops,
                      src_dtype == DType::u8 ? function(std::uint8_t{}) : function(std::int8_t{}),
                      {{DNNL_ARG_SRC_0, from.desc, from.where},
                       {DNNL_ARG_SRC_1, factors.desc, factors.where},
                       {DNNL_ARG_DST, dst.desc, dst.where}},
                      0, threads);
  lowering.finish(group.dst, dst);
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Binary& binary) {
  const StepTypes types = lowering.types_of(group);
  if (types.integer_loops)
    return lower_gate(lowering, group, *channel_gate(lowering.model(), lowering.shapes(), group.primary));
  ProgramBuilder& builder = lowering.builder();
  const Shape& dst_shape = lowering.shape(group.dst);
  const Shape dims = onednn_dims(dst_shape);
  const std::optional<BinaryOrder> order =
      binary_order(lowering.node(group.primary), dst_shape, !group.absorbed.empty(), lowering.shapes());
  if (!order) return lower_in_threaded_loops_after_all(lowering, group);
  const dnnl::algorithm algorithm = binary_algorithm(binary.function);
  const NodeId first = order->first;
  const NodeId second = order->second;
  const bool on_integers = types.dst.map.has_value();

  const DType dtype = lowering.compute_dtype(group.primary);
  const auto shape_taken = [&](NodeId id) { return detail::with_leading_ones(lowering.shape(id), dims.size()); };
  if (!on_integers) {
    const Desc whole = plain_desc(dims, dtype);
    const auto pd = binary_forward(algorithm, whole, plain_desc(shape_taken(second), dtype), whole);
    if (is_reference(pd.impl_info_str())) return lower_in_threaded_loops_after_all(lowering, group);
  }
  const auto taken = [&](NodeId id) {
    const Value value = on_integers ? lowering.value(id) : lowering.real_value(id, dtype);
    return builder.with_dims(value, shape_taken(id), lowering.node(id).name);
  };
  const Value a = taken(first);
  // Kernels take both sources in one layout, to which the second goes as it lies.
  const Value& second_value = lowering.value(second);
  const DType second_dtype = on_integers ? dtype_of_desc(second_value.desc) : dtype;
  const bool is_whole = shape_taken(second) == dims;
  const std::optional<Desc> like_a = is_whole ? with_dtype(a.desc, second_dtype) : std::nullopt;
  const Value b = like_a ? builder.convert(builder.with_dims(second_value, dims, lowering.node(second).name), *like_a,
                                           on_integers ? second_value.map : std::nullopt, lowering.node(second).name)
                         : taken(second);

  Epilogue epilogue;
  epilogue.eltwise = tail_of(lowering.model(), group).eltwise;
  if (order->negated) epilogue.eltwise = {{dnnl::algorithm::eltwise_linear, -1.0F}};
  if (on_integers) epilogue.dst = types.dst.map;
  const Configured configured =
      configure_binary(a.map.value_or(AffineMap{}).scale, b.map.value_or(AffineMap{}).scale, epilogue);
  const DType dst_dtype = on_integers ? types.dst.dtype : dtype;
  const std::optional<Desc> dst_desc = with_dtype(a.desc, dst_dtype);
  const bool in_place = lowering.may_overwrite(first, a) && dst_desc;
  Value dst{dst_shape, dst_desc.value_or(plain_desc(dims, dst_dtype)), a.where, epilogue.dst};
  const auto pd = binary_forward(algorithm, a.desc, b.desc, dst.desc, configured.attributes);
  if (is_reference(pd.impl_info_str())) return lower_in_threaded_loops_after_all(lowering, group);
  if (in_place) {
    builder.forget_conversions(a.where);
  } else {
    dst = builder.allocate(dst_shape, dst.desc, epilogue.dst);
  }
  builder.emit(
      lowering.label(group), pd, dnnl::binary(pd),
      {{DNNL_ARG_SRC_0, a.desc, a.where}, {DNNL_ARG_SRC_1, b.desc, b.where}, {DNNL_ARG_DST, dst.desc, dst.where}},
      configured);
  lowering.finish(group.dst, dst);
}

}  // namespace fulcrum::detail::onednn
