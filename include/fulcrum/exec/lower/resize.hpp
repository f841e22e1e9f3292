#pragma once
/// \file
/// Resize in Fulcrum's own loops on all threads.

#include <cstdint>
#include <numeric>
#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/resize.hpp>
#include <fulcrum/exec/lower/lowering.hpp>

namespace fulcrum::detail::onednn {

/// In the layout that the source has, where that is one of those the loops know.
FULCRUM_DECLARE void lower_resize_in_loops(Lowering& lowering, const FusionGroup& group, const Resize& layer) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const std::string& name = lowering.node(src).name;
  const Shape& from_shape = lowering.shape(src);
  const Shape& to_shape = lowering.shape(group.dst);
  const std::size_t rank = from_shape.size();
  Value from = builder.with_dims(lowering.real_value(src, DType::f32), from_shape, name);
  const std::int64_t block = channel_block_of(from.desc);
  const bool keeps_channels =
      has_channels_last(rank) && from_shape[1] == to_shape[1] &&
      fulcrum::kernels::is_kept(layer, fulcrum::kernels::resize_axis(layer, from_shape, to_shape, 1));
  const bool in_blocks = block != 0 && keeps_channels && (layer.extrapolation == 0.0F || from_shape[1] % block == 0) &&
                         same_layout(from.desc, blocked_channels_desc(from_shape, DType::f32, block));
  const bool last = !in_blocks && has_channels_last(rank) && !is_plain(from.desc);
  AxisOrder order{std::vector<std::size_t>(rank)};
  std::iota(order.axes.begin(), order.axes.end(), std::size_t{0});
  Desc to_desc = plain_desc(to_shape, DType::f32);
  if (in_blocks) {
    order.block = block;
    to_desc = blocked_channels_desc(to_shape, DType::f32, block);
  } else if (last) {
    order.axes.erase(order.axes.begin() + 1);
    order.axes.push_back(1);
    from = builder.convert(from, channels_last_desc(from_shape, DType::f32), std::nullopt, name);
    to_desc = channels_last_desc(to_shape, DType::f32);
  } else {
    from = builder.convert(from, plain_desc(from_shape, DType::f32), std::nullopt, name);
  }
  ResizePlan plan = resize_plan(layer, from_shape, to_shape, order);
  std::vector<Argument> arguments{{DNNL_ARG_SRC, from.desc, from.where}};
  for (const std::int64_t elements : plan.buffers()) {
    const Desc desc = plain_desc({std::max<std::int64_t>(elements, 1)}, DType::f32);
    arguments.push_back({DNNL_ARG_SCRATCHPAD, desc, builder.allocate(shape_of(desc), desc).where});
  }
  const Value to = builder.allocate(to_shape, to_desc);
  arguments.push_back({DNNL_ARG_DST, to.desc, to.where});
  builder.emit_native(lowering.label(group), Algorithm::threaded_loops,
                      resize_function(std::move(plan), builder.threads()), std::move(arguments), 0, builder.threads());
  lowering.finish(group.dst, to);
}

}  // namespace fulcrum::detail::onednn
