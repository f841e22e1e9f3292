#pragma once
/// \file
/// Dense layers whose weights stay packed in a few bits.

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/packed_product.hpp>
#include <fulcrum/exec/lower/emit_product.hpp>
#include <fulcrum/exec/lower/native.hpp>

namespace fulcrum::detail::onednn {

/// What runs on the results, in order.
FULCRUM_DECLARE [[nodiscard]] std::vector<PackedOperation> packed_tail(const Lowering& lowering,
                                                                       const FusionGroup& group) {
  std::vector<PackedOperation> tail;
  for (const NodeId id : group.absorbed) {
    const auto* activation = std::get_if<Activation>(&lowering.node(id).layer);
    tail.push_back(activation == nullptr ? PackedOperation{}
                                         : PackedOperation{*activation, run_on_sums(activation->function)});
  }
  return tail;
}

/// The weights as the loops read them. What they are made of is looked up by the contents of all its parts.
FULCRUM_DECLARE [[nodiscard]] Location packed_weights(ProgramBuilder& builder, const MatMulNBits& layer,
                                                      const PackedPanels& panels, const Desc& wanted) {
  const Desc given = plain_desc({layer.bits, layer.block, layer.ic, layer.oc()}, DType::u8);
  std::vector<std::uint64_t> parts;
  const auto add = [&](const auto& tensor) {
    if (tensor.empty()) return;
    const ConstantKey key = constant_key(tensor->flat().data(), tensor->flat().size_bytes(), given, wanted);
    parts.insert(parts.end(), {key.low, key.high});
  };
  add(layer.packed);
  add(layer.scales);
  add(layer.zero_points);
  return builder.pack_bytes(given, std::span<const std::uint64_t>(parts), wanted,
                            [&](std::byte* to) { pack_weights(panels, layer, to); });
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const MatMulNBits& layer) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const std::int64_t rows = element_count(lowering.shape(group.dst)) / layer.oc();
  const Value value = builder.with_dims(builder.plain_f32(lowering.value(src), lowering.node(src).name),
                                        {rows, layer.ic}, lowering.node(src).name);
  const Tail tail = tail_of(lowering.model(), group);
  const std::optional<Value> dst =
      destination_of(lowering, group, tail, plain_desc({rows, layer.oc()}, DType::f32), {});
  if (!dst) return lower_natively(lowering, group);

  const PackedPanels panels = packed_panels(layer);
  const auto bytes_desc = [](std::int64_t bytes) { return plain_desc({bytes}, DType::u8); };
  const Desc weights_desc = bytes_desc(panels.bytes());
  std::vector<float> bias(static_cast<std::size_t>(layer.oc()), 0.0F);
  if (!layer.bias.empty()) bias.assign(layer.bias->flat().begin(), layer.bias->flat().end());
  const Desc bias_desc = plain_desc({layer.oc()}, DType::f32);
  const std::int64_t scratch_bytes = PackedFunction::scratch_bytes(rows, panels, builder.threads());
  const Value scratch = builder.allocate({scratch_bytes}, bytes_desc(scratch_bytes));
  builder.emit_native(lowering.label(group), Algorithm::packed,
                      PackedFunction(rows, panels, packed_tail(lowering, group), builder.threads(),
                                     packed_kernels(panels.bits), fixed_kernels(panels.bits)),
                      {{DNNL_ARG_SRC, value.desc, value.where},
                       {DNNL_ARG_WEIGHTS, weights_desc, packed_weights(builder, layer, panels, weights_desc)},
                       {DNNL_ARG_BIAS, bias_desc, builder.pack({layer.oc()}, std::span<const float>(bias), bias_desc)},
                       {DNNL_ARG_SCRATCHPAD, scratch.desc, scratch.where},
                       {DNNL_ARG_DST, dst->desc, dst->where}},
                      0, builder.threads(), {}, "fulcrum:packed");
  lowering.finish(group.dst, *dst);
}

}  // namespace fulcrum::detail::onednn
