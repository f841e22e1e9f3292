#pragma once
/// \file
/// A rounding over the range that a value turns out to have.

#include <optional>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/dynamic_quantize.hpp>
#include <fulcrum/exec/lower/elementwise_loops.hpp>

namespace fulcrum::detail::onednn {

/// To integers beside their map, or to reals, in the layout that the value has.
FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const DynamicQuantize& /*layer*/) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const std::string& name = lowering.node(src).name;
  Value from = loop_source(lowering, src, shape_of(lowering.value(src).desc));
  const int threads = builder.threads();
  if (lowering.types_of(group).dst.dtype != DType::u8) {
    const Value to = elementwise_dst(lowering, src, from, group.dst);
    const auto count = static_cast<std::int64_t>(from.desc.get_size() / sizeof(float));
    builder.emit_native(lowering.label(group), Algorithm::threaded_loops, dynamic_rounding_function(count, threads),
                        {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, to.desc, to.where}}, 0, threads);
    return lowering.finish(group.dst, to);
  }
  if (!with_dtype(from.desc, DType::u8)) {  // blocks of channels: products of integers take them last
    const Shape dims = shape_of(from.desc);
    from = builder.convert(
        from, has_channels_last(dims.size()) ? channels_last_desc(dims, DType::f32) : plain_desc(dims, DType::f32),
        std::nullopt, name);
  }
  Value to = builder.allocate(lowering.shape(group.dst), *with_dtype(from.desc, DType::u8));
  to.run_time_map = builder.allocate_run_time_map();
  const auto count = static_cast<std::int64_t>(to.desc.get_size());
  builder.emit_native(lowering.label(group), Algorithm::threaded_loops, dynamic_quantize_function(count, threads),
                      {{DNNL_ARG_SRC, from.desc, from.where},
                       {DNNL_ARG_SCRATCHPAD, ProgramBuilder::run_time_map_desc(), *to.run_time_map},
                       {DNNL_ARG_DST, to.desc, to.where}},
                      0, threads);
  lowering.finish(group.dst, to);
}

}  // namespace fulcrum::detail::onednn
