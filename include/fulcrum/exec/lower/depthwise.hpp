#pragma once
/// \file
/// Depthwise convolutions between sparse products, in planes as those.

#include <optional>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/depthwise_planes.hpp>
#include <fulcrum/exec/lower/sparse.hpp>

namespace fulcrum::detail::onednn {

/// Whether the group is planned to run so (schedule/plane_chains.hpp).
FULCRUM_DECLARE [[nodiscard]] bool may_run_in_planes(const Lowering& lowering, const FusionGroup& group) {
  const fulcrum::Step step = lowering.step_of(group).step;
  return step.kernel == KernelClass::depthwise_convolution && step.algorithm == Algorithm::threaded_loops;
}

/// Emits the group as one step from planes to planes.
FULCRUM_DECLARE [[nodiscard]] Value emit_depthwise(Lowering& lowering, const FusionGroup& group,
                                                   const Conv<float>& layer) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& from = lowering.shape(src);
  const Shape& to = lowering.shape(group.dst);
  const Value source = builder.convert(lowering.real_value_in_shape(src, DType::f32), planes_desc(from), std::nullopt,
                                       lowering.node(src).name);
  SparseTail after = sparse_tail_of(lowering, group, tail_of(lowering.model(), group));
  DepthwiseConv conv;
  conv.images = from[0];
  conv.channels = from[1];
  set_window(conv, from, to, layer.window);
  conv.least = after.range.least;
  conv.largest = after.range.largest;
  const int threads = builder.threads();
  const DepthwiseCut cut = plan_depthwise_cut(conv, threads);
  const std::int64_t scratch_bytes = DepthwiseFunction::scratch_bytes(conv, cut, threads);

  const SharedTensor<float> weights = lowering.elements(layer.weights);
  const std::vector<float> bias = sparse_bias(lowering, layer.bias, conv.channels);
  const Desc weights_desc = plain_desc({conv.channels, conv.taps()}, DType::f32);
  const Desc bias_desc = plain_desc({conv.channels}, DType::f32);
  const Desc scratch_desc = plain_desc({scratch_bytes}, DType::u8);
  const Value dst = builder.allocate(to, planes_desc(to), std::nullopt);
  const Value scratch = builder.allocate({scratch_bytes}, scratch_desc);
  builder.emit_native(
      lowering.label(group), Algorithm::threaded_loops,
      DepthwiseFunction(conv, std::move(after.functions), cut, threads),
      {{DNNL_ARG_SRC, source.desc, source.where},
       {DNNL_ARG_WEIGHTS, weights_desc,
        builder.pack(shape_of(weights_desc), std::span<const float>(weights->flat()), weights_desc)},
       {DNNL_ARG_BIAS, bias_desc, builder.pack(shape_of(bias_desc), std::span<const float>(bias), bias_desc)},
       {DNNL_ARG_SCRATCHPAD, scratch.desc, scratch.where},
       {DNNL_ARG_DST, dst.desc, dst.where}},
      0, threads, {}, "fulcrum:depthwise_planes");
  return dst;
}

}  // namespace fulcrum::detail::onednn
