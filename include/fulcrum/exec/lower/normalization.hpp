#pragma once
/// \file
/// Batch norms that no convolution took, in Fulcrum's own loops, with the join that they alone read.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/channel_affine.hpp>
#include <fulcrum/exec/lower/elementwise_loops.hpp>
#include <fulcrum/exec/lower/shape.hpp>

namespace fulcrum::detail::onednn {

/// Precondition: the group's primary is a BatchNormalization, or a Concat of channels and the first after it is one.
FULCRUM_DECLARE void lower_normalization_in_loops(Lowering& lowering, const FusionGroup& group) {
  ProgramBuilder& builder = lowering.builder();
  const bool joins = std::holds_alternative<Concat>(lowering.node(group.primary).layer);
  const NodeId id = joins ? group.absorbed.front() : group.primary;
  const Shape& shape = lowering.shape(id);
  std::vector<NodeId> src;
  for (const NodeId s : lowering.node(group.primary).src) {
    if (element_count(lowering.shape(s)) != 0) src.push_back(s);
  }
  const DType dtype = lowering.types_of(group).src;
  std::vector<Value> from;
  for (const NodeId s : src) from.push_back(lowering.real_value_in_shape(s, dtype));
  const JoinedLayout layout = joined_layout(from, 1);
  ChannelAffine affine;
  affine.images = shape[0];
  affine.pixels = shape[2] * shape[3];
  affine.block = layout.plain ? 1 : layout.block;
  const auto padded = [&](std::int64_t channels) {
    const std::int64_t block = std::max<std::int64_t>(affine.block, 1);
    return (channels + block - 1) / block * block;
  };
  for (std::size_t i = 0; i < src.size(); ++i) {
    const Desc wanted = layout.desc(lowering.shape(src[i]), dtype);
    from[i] = builder.convert(from[i], wanted, std::nullopt, lowering.node(src[i]).name);
    affine.channels.push_back(padded(lowering.shape(src[i])[1]));
  }

  const auto& layer = std::get<BatchNormalization<float>>(lowering.node(id).layer);
  const auto scale = lowering.elements(layer.scale), offset = lowering.elements(layer.shift);
  const auto mean = lowering.elements(layer.mean), variance = lowering.elements(layer.variance);
  affine.factor.resize(static_cast<std::size_t>(padded(shape[1])));
  affine.shift.resize(affine.factor.size());
  for (std::size_t c = 0; c < static_cast<std::size_t>(shape[1]); ++c) {
    const double factor = scale->flat()[c] / std::sqrt(static_cast<double>(variance->flat()[c]) + layer.epsilon);
    affine.factor[c] = static_cast<float>(factor);
    affine.shift[c] = static_cast<float>(offset->flat()[c] - factor * mean->flat()[c]);
  }
  for (std::size_t i = joins ? 1 : 0; i < group.absorbed.size(); ++i)
    affine.functions.push_back(std::get<Activation>(lowering.node(group.absorbed[i]).layer));

  const Value dst = joins ? builder.allocate(lowering.shape(group.dst), layout.desc(shape, dtype))
                          : elementwise_dst(lowering, src.front(), from.front(), group.dst);
  std::vector<Argument> arguments;
  for (std::size_t i = 0; i < from.size(); ++i)
    arguments.push_back({DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), from[i].desc, from[i].where});
  arguments.push_back({DNNL_ARG_DST, dst.desc, dst.where});
  const int threads = builder.threads();
  const std::size_t weights = 2 * affine.factor.size() * sizeof(float);
  builder.emit_native(lowering.label(group), Algorithm::threaded_loops,
                      channel_affine_function(std::move(affine), dtype, *channel_padding(dst.desc), threads),
                      std::move(arguments), weights, threads);
  lowering.finish(group.dst, dst);
}

}  // namespace fulcrum::detail::onednn
