#pragma once
/// \file
/// Activations, and sums, products and other functions of two values, roundings and Resize, in Fulcrum's own loops on
/// all threads.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/cast.hpp>
#include <fulcrum/exec/kernels/elementwise_loops.hpp>
#include <fulcrum/exec/lower/native.hpp>
#include <fulcrum/exec/lower/resize.hpp>

namespace fulcrum::detail::onednn {

/// Where an element-wise step writes: over its source when nobody reads that afterwards, else to a new buffer.
FULCRUM_DECLARE [[nodiscard]] Value elementwise_dst(Lowering& lowering, NodeId src, const Value& from, NodeId dst) {
  Value result{lowering.shape(dst), from.desc, from.where, from.map};
  if (lowering.may_overwrite(src, from)) {
    lowering.builder().forget_conversions(from.where);
    return result;
  }
  return lowering.builder().allocate(result.shape, from.desc, from.map);
}

/// Whether loops over a layout's memory see nothing but its elements, and padding that they can keep 0.
FULCRUM_DECLARE [[nodiscard]] bool has_loops(const Desc& desc) { return is_dense(desc) && channel_padding(desc); }

/// The value in f32 in the layout that it has, or row-major where loops cannot run over that.
FULCRUM_DECLARE [[nodiscard]] Value loop_source(Lowering& lowering, NodeId id, const Shape& dims) {
  ProgramBuilder& builder = lowering.builder();
  const std::string& name = lowering.node(id).name;
  const Value value = builder.with_dims(lowering.real_value(id, DType::f32), dims, name);
  return has_loops(value.desc) ? value : builder.plain_f32(value, name);
}

FULCRUM_DECLARE void lower_activation_in_loops(Lowering& lowering, const FusionGroup& group,
                                               const Activation& activation) {
  const NodeId src = lowering.node(group.primary).src[0];
  const Value from = loop_source(lowering, src, shape_of(lowering.value(src).desc));
  const Value to = elementwise_dst(lowering, src, from, group.dst);
  const auto count = static_cast<std::int64_t>(from.desc.get_size() / sizeof(float));
  const int threads = lowering.builder().threads();
  lowering.builder().emit_native(lowering.label(group), Algorithm::threaded_loops,
                                 activation_function({activation}, count, *channel_padding(from.desc), threads),
                                 {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, to.desc, to.where}}, 0,
                                 threads);
  lowering.finish(group.dst, to);
}

/// The sources of a step of two under the dims of its result, in layouts that its loops read, and the result's layout:
/// that of a source of its shape.
struct BroadcastSources {
  Value a, b;
  Desc dst;
  BroadcastLoops loops;
  std::optional<NodeId> whole;  ///< the source that has dst's layout
};

FULCRUM_DECLARE [[nodiscard]] BroadcastSources broadcast_sources(Lowering& lowering, const FusionGroup& group) {
  ProgramBuilder& builder = lowering.builder();
  const std::vector<NodeId>& src = lowering.node(group.primary).src;
  const Shape dims = onednn_dims(lowering.shape(group.dst));
  const auto shape_taken = [&](NodeId id) { return with_leading_ones(lowering.shape(id), dims.size()); };
  const auto is_whole = [&](NodeId id) { return shape_taken(id) == dims; };
  const std::size_t first = is_whole(src[0]) || !is_whole(src[1]) ? 0 : 1;
  const auto arranged = [&](const Value& x, const Value& y, const Desc& dst,
                            const BroadcastLoops& loops) -> BroadcastSources {
    const std::optional<NodeId> whole = is_whole(src[first]) ? std::optional(src[first]) : std::nullopt;
    return first == 0 ? BroadcastSources{x, y, dst, loops, whole} : BroadcastSources{y, x, dst, loops, whole};
  };
  const auto loops_of = [&](const Desc& dst, const Desc& x, const Desc& y) {
    return first == 0 ? broadcast_loops(dst, x, y) : broadcast_loops(dst, y, x);
  };
  const NodeId second = src[1 - first];
  const std::string& name = lowering.node(second).name;
  if (is_whole(src[first])) {
    const Value x = loop_source(lowering, src[first], dims);
    Value y = builder.with_dims(lowering.real_value(second, DType::f32), shape_taken(second), name);
    if (const auto loops = loops_of(x.desc, x.desc, y.desc)) return arranged(x, y, x.desc, *loops);
    const std::int64_t block = channel_block_of(x.desc);
    const bool in_blocks = block != 0 && shape_taken(second)[1] != 1;
    y = builder.convert(y,
                        is_whole(second) ? x.desc
                        : in_blocks      ? blocked_channels_desc(shape_taken(second), DType::f32, block)
                                         : plain_desc(shape_taken(second), DType::f32),
                        std::nullopt, name);
    if (const auto loops = loops_of(x.desc, x.desc, y.desc)) return arranged(x, y, x.desc, *loops);
  }
  const auto plain = [&](NodeId id) {
    const Value value = builder.plain_f32(lowering.value(id), lowering.node(id).name);
    return builder.with_dims(value, shape_taken(id), lowering.node(id).name);
  };
  const Value x = plain(src[first]);
  const Value y = plain(second);
  const Desc dst = plain_desc(dims, DType::f32);
  return arranged(x, y, dst, *loops_of(dst, x.desc, y.desc));
}

FULCRUM_DECLARE void lower_binary_in_loops(Lowering& lowering, const FusionGroup& group, BinaryKind function) {
  std::vector<Activation> functions;
  for (const NodeId id : group.absorbed) functions.push_back(std::get<Activation>(lowering.node(id).layer));
  if (!std::all_of(functions.begin(), functions.end(),
                   [](const Activation& activation) { return runs_in_vectors(activation.function); }))
    return lower_apart(lowering, group);
  ProgramBuilder& builder = lowering.builder();
  const BroadcastSources sources = broadcast_sources(lowering, group);
  const Value& like = sources.whole == lowering.node(group.primary).src[0] ? sources.a : sources.b;
  const Value dst = sources.whole ? elementwise_dst(lowering, *sources.whole, like, group.dst)
                                  : builder.allocate(lowering.shape(group.dst), sources.dst);
  const int threads = builder.threads();
  builder.emit_native(
      lowering.label(group), Algorithm::threaded_loops,
      binary_function(function, sources.loops, std::move(functions), *channel_padding(sources.dst), threads),
      {{DNNL_ARG_SRC_0, sources.a.desc, sources.a.where},
       {DNNL_ARG_SRC_1, sources.b.desc, sources.b.where},
       {DNNL_ARG_DST, dst.desc, dst.where}},
      0, threads);
  lowering.finish(group.dst, dst);
}

/// A rounding to floats of 16 bits, in the layout that the value has.
FULCRUM_DECLARE void lower_cast_in_loops(Lowering& lowering, const FusionGroup& group, const Cast& cast) {
  const NodeId src = lowering.node(group.primary).src[0];
  const Value from = loop_source(lowering, src, shape_of(lowering.value(src).desc));
  const Value to = elementwise_dst(lowering, src, from, group.dst);
  const auto count = static_cast<std::int64_t>(from.desc.get_size() / sizeof(float));
  const int threads = lowering.builder().threads();
  lowering.builder().emit_native(
      lowering.label(group), Algorithm::threaded_loops, cast_function(cast.to, count, threads),
      {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, to.desc, to.where}}, 0, threads);
  lowering.finish(group.dst, to);
}

/// Precondition: runs_in_threaded_loops() of the group's primary.
FULCRUM_DECLARE void lower_in_threaded_loops(Lowering& lowering, const FusionGroup& group) {
  const Layer<float>& layer = lowering.node(group.primary).layer;
  if (const auto* resize = std::get_if<Resize>(&layer)) return lower_resize_in_loops(lowering, group, *resize);
  if (const auto* cast = std::get_if<Cast>(&layer)) return lower_cast_in_loops(lowering, group, *cast);
  if (const auto* activation = std::get_if<Activation>(&layer))
    return lower_activation_in_loops(lowering, group, *activation);
  lower_binary_in_loops(lowering, group, std::get<Binary>(layer).function);
}

/// The same for what oneDNN turned out to have no good kernel for.
FULCRUM_DECLARE void lower_in_threaded_loops_after_all(Lowering& lowering, const FusionGroup& group) {
  lowering.builder().amend(lowering.node(group.primary).name, "runs in Fulcrum's own loops in f32",
                           "oneDNN has no good kernel for it");
  lower_in_threaded_loops(lowering, group);
}

}  // namespace fulcrum::detail::onednn
