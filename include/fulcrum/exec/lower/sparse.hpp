#pragma once
/// \file
/// Convolutions and dense layers by the weights that are not 0 alone.

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/sparse_plan.hpp>
#include <fulcrum/exec/kernels/sparse_product.hpp>
#include <fulcrum/exec/kernels/sparse_rows.hpp>
#include <fulcrum/exec/lower/emit_product.hpp>
#include <fulcrum/schedule/sparse.hpp>

namespace fulcrum::detail::onednn {

/// Whether the group is planned to run so.
FULCRUM_DECLARE [[nodiscard]] bool may_run_sparse(const Lowering& lowering, const FusionGroup& group) {
  return lowering.step_of(group).step.algorithm == Algorithm::sparse;
}

/// Nothing where an image's elements lie otherwise than the loops read and write them.
FULCRUM_DECLARE [[nodiscard]] std::optional<SparseStrides> sparse_strides_of(const Desc& desc) {
  const Blocking b = blocking_of(desc);
  if (b.dims.size() != 4 || dtype_of_desc(desc) != DType::f32) return std::nullopt;
  SparseStrides s;
  s.image = b.strides[0];
  s.row = b.strides[2];
  s.column = b.strides[3];
  const std::int64_t block = channel_block_of(desc);
  if (block > 0) {
    s.channels = block;
    s.block = b.strides[1];
    s.whole_blocks = true;
  } else if (!b.inner_blocks.empty()) {
    return std::nullopt;
  } else if (b.strides[1] == 1) {
    s.channels = b.dims[1];
  } else {
    s.block = b.strides[1];
  }
  if (b.dims[3] == 1) s.column = b.dims[2] == 1 ? (s.channels > 1 ? s.channels : 1) : s.row;
  if (b.dims[2] == 1) s.row = s.column * b.dims[3];
  return s.row == s.column * b.dims[3] ? std::optional(s) : std::nullopt;
}

/// Images whose planes begin at whole units of pixels.
FULCRUM_DECLARE [[nodiscard]] Desc planes_desc(const Shape& shape) {
  const std::int64_t plane = SparseConv::rows_of(shape[2] * shape[3]);
  return {Dims(shape.begin(), shape.end()), data_type_of(DType::f32), Dims{shape[1] * plane, plane, shape[3], 1}};
}

/// What a sparse product runs after its sums.
struct SparseTail {
  bool adds = false;
  ResultRange range;
  std::vector<Activation> functions;
};
FULCRUM_DECLARE [[nodiscard]] SparseTail sparse_tail_of(const Lowering& lowering, const FusionGroup& group,
                                                        const Tail& tail) {
  SparseTail result{tail.addend.has_value(), {}, {}};
  if (const auto range = range_after_sum(lowering.model(), group)) {
    result.range = *range;
    return result;
  }
  for (const NodeId id : group.absorbed) result.functions.push_back(std::get<Activation>(lowering.node(id).layer));
  return result;
}

/// The biases, or zeros.
FULCRUM_DECLARE [[nodiscard]] std::vector<float> sparse_bias(const Lowering& lowering, const Parameter<float>& bias,
                                                             std::int64_t oc) {
  std::vector<float> result(static_cast<std::size_t>(oc), 0.0F);
  if (!bias.empty()) {
    const SharedTensor<float> given = lowering.elements(bias);
    std::copy(given->flat().begin(), given->flat().end(), result.begin());
  }
  return result;
}

/// The step of a sparse product: its source, packed weights, biases, scratch memory and result.
FULCRUM_DECLARE void emit_sparse_step(Lowering& lowering, const FusionGroup& group, NativeFunction function,
                                      const Value& src, const Location& weights, std::int64_t weight_bytes,
                                      std::span<const float> bias, std::int64_t scratch_bytes, const Value& dst) {
  ProgramBuilder& builder = lowering.builder();
  const auto bytes_desc = [](std::int64_t bytes) { return plain_desc({bytes}, DType::u8); };
  const Desc bias_desc = plain_desc({static_cast<std::int64_t>(bias.size())}, DType::f32);
  const Value scratch = builder.allocate({scratch_bytes}, bytes_desc(scratch_bytes));
  builder.emit_native(lowering.label(group), Algorithm::sparse, std::move(function),
                      {{DNNL_ARG_SRC, src.desc, src.where},
                       {DNNL_ARG_WEIGHTS, bytes_desc(weight_bytes), weights},
                       {DNNL_ARG_BIAS, bias_desc, builder.pack(shape_of(bias_desc), bias, bias_desc)},
                       {DNNL_ARG_SCRATCHPAD, scratch.desc, scratch.where},
                       {DNNL_ARG_DST, dst.desc, dst.where}},
                      0, builder.threads(), {}, "fulcrum:sparse");
}

/// A convolution whose geometry, strides and tail are set, of weights (oc, ic · taps).
FULCRUM_DECLARE void emit_sparse_conv(Lowering& lowering, const FusionGroup& group, SparseConv conv,
                                      std::vector<Activation> functions, std::span<const float> weights,
                                      std::span<const float> bias, const Value& src, const Value& dst) {
  ProgramBuilder& builder = lowering.builder();
  const int threads = builder.threads();
  conv.has_functions = !functions.empty();
  const SparseCutPlan plan = plan_sparse_cut(conv, threads);
  const SparseCut cut{conv.oc, conv.ic, conv.taps(), conv.block,
                      sparse_parts(weights, conv.oc, plan.parts, sparse_unit)};
  SparseLayout layout = sparse_layout(cut, weights);
  const std::int64_t bytes = std::max<std::int64_t>(layout.bytes(), 1);
  // The packed bytes depend on how tiles and blocks are cut.
  const Desc given = plain_desc(
      {conv.oc, conv.ic, conv.taps(), conv.block, conv.plane(), conv.positions(), conv.pitch() + 1, plan.parts},
      DType::u8);
  const Location packed = builder.pack_bytes(given, weights, plain_desc({bytes}, DType::u8), [&](std::byte* to) {
    pack_sparse_weights(
        cut, layout, weights, [&](std::int64_t channel, std::int64_t tap) { return conv.offset_of(channel, tap); }, to);
  });
  const std::int64_t scratch = SparseFunction::scratch_bytes(conv, layout, threads);
  emit_sparse_step(lowering, group,
                   SparseFunction(conv, std::move(layout), std::move(functions), plan.units_at_a_time, threads), src,
                   packed, bytes, bias, scratch, dst);
}

/// Fills in where a convolution in planes, sparse or depthwise, slides over its source.
/// \param from  (n, channels, rows, columns) of the source
/// \param to    the same of the result
template <class PlanesConv>
void set_window(PlanesConv& conv, const Shape& from, const Shape& to, const Window& window) {
  conv.src_height = from[2];
  conv.src_width = from[3];
  conv.dst_height = to[2];
  conv.dst_width = to[3];
  conv.kernel = window.kernel;
  conv.stride = window.stride;
  conv.dilation = window.dilation;
  conv.padding = {window.padding.top, window.padding.left};
}

/// Emits the group as one step, which takes its source as it lies and leaves the result in planes, where the schedule
/// says so, or as the dense convolution would.
/// \return the result; nothing where the loops do not read or write the layouts
FULCRUM_DECLARE [[nodiscard]] std::optional<Value> emit_sparse(Lowering& lowering, const FusionGroup& group,
                                                               const Conv<float>& layer,
                                                               const ProductAttempt& attempt) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& from = lowering.shape(src);
  const Shape& to = lowering.shape(group.dst);
  const Shape weights_shape = layer.weights.value->dims();
  const Geometry geometry = geometry_of(layer.window, window_extents(from), window_extents(to));
  const auto direct = conv_forward(dnnl::prop_kind::forward_inference, any_desc(from, DType::f32),
                                   any_desc(weights_shape, DType::f32), Desc{}, any_desc(to, DType::f32), geometry);
  Value source = lowering.real_value_in_shape(src, DType::f32);
  std::optional<SparseStrides> src_strides = sparse_strides_of(source.desc);
  if (!src_strides) {
    source = builder.convert(source, direct.src_desc(), std::nullopt, lowering.node(src).name);
    src_strides = sparse_strides_of(source.desc);
  }
  const Desc dst_desc = lowering.in_planes(group.dst) ? planes_desc(to) : direct.dst_desc();
  const std::optional<SparseStrides> dst_strides = sparse_strides_of(dst_desc);
  if (!src_strides || !dst_strides) return std::nullopt;

  const Tail tail = tail_of(lowering.model(), group);
  SparseTail after = sparse_tail_of(lowering, group, tail);
  SparseConv conv;
  conv.images = from[0];
  conv.ic = weights_shape[1];
  conv.oc = weights_shape[0];
  set_window(conv, from, to, layer.window);
  conv.src = *src_strides;
  conv.dst = *dst_strides;
  conv.adds = after.adds;
  conv.least = after.range.least;
  conv.largest = after.range.largest;
  const std::optional<Value> dst = destination_of(lowering, group, tail, dst_desc, attempt);
  if (!dst) return std::nullopt;
  const SharedTensor<float> weights = lowering.elements(layer.weights);
  emit_sparse_conv(lowering, group, conv, std::move(after.functions), weights->flat(),
                   sparse_bias(lowering, layer.bias, conv.oc), source, *dst);
  return dst;
}

/// The same of a dense layer on rows that lie as `value` says.
FULCRUM_DECLARE [[nodiscard]] std::optional<Value> emit_sparse(Lowering& lowering, const FusionGroup& group,
                                                               const Dense<float>& layer, const Product& product,
                                                               const Value& value, const ProductAttempt& attempt) {
  ProgramBuilder& builder = lowering.builder();
  const std::int64_t oc = product.weights_dims[0], ic = product.weights_dims[1];
  const std::int64_t rows = element_count(lowering.shape(group.dst)) / std::max<std::int64_t>(oc, 1);
  const Tail tail = tail_of(lowering.model(), group);
  SparseTail after = sparse_tail_of(lowering, group, tail);
  const std::optional<Value> dst = destination_of(lowering, group, tail, plain_desc({rows, oc}, DType::f32), attempt);
  if (!dst) return std::nullopt;
  const SharedTensor<float> real = lowering.elements(layer.weights);
  std::vector<float> moved;
  if (product.columns != nullptr) moved = with_columns(std::span<const float>(real->flat()), *product.columns);
  const std::span<const float> weights = product.columns != nullptr ? std::span<const float>(moved) : real->flat();
  const std::vector<float> bias = sparse_bias(lowering, layer.bias, oc);

  if (rows > sparse_gathered_rows) {
    SparseConv conv;
    conv.ic = ic;
    conv.oc = oc;
    conv.src_width = conv.dst_width = rows;
    conv.src = {rows * ic, ic, 0, rows * ic, ic, false};
    conv.dst = {rows * oc, oc, 0, rows * oc, oc, false};
    conv.adds = after.adds;
    conv.least = after.range.least;
    conv.largest = after.range.largest;
    emit_sparse_conv(lowering, group, conv, std::move(after.functions), weights, bias, value, *dst);
    return dst;
  }
  const int threads = builder.threads();
  GatherLayout layout = gather_layout(weights, oc, std::min<std::int64_t>(threads, oc));
  const std::int64_t bytes = std::max<std::int64_t>(layout.bytes(), 1);
  const auto parts = static_cast<std::int64_t>(layout.first_channel.size()) - 1;
  const Location packed =
      builder.pack_bytes(plain_desc({oc, ic, parts}, DType::u8), weights, plain_desc({bytes}, DType::u8),
                         [&](std::byte* to) { pack_gathered_weights(layout, weights, to); });
  GatherTail gather{after.adds, after.range.least, after.range.largest, {}};
  for (Activation& activation : after.functions) {
    const ActivationRun run = run_on_sums(activation.function);
    gather.functions.emplace_back(std::move(activation), run);
  }
  emit_sparse_step(lowering, group, GatherFunction(rows, std::move(layout), std::move(gather), threads), value, packed,
                   bytes, bias, GatherFunction::scratch_bytes(rows, ic, threads), *dst);
  return dst;
}

}  // namespace fulcrum::detail::onednn
