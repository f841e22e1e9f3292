#pragma once
/// \file
/// Convolution and dense layers on the tape.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/train/detail/tape.hpp>

namespace fulcrum::detail::training {

/// The weights in the layout that backward-data wants: those that forward packed when it is the same.
[[nodiscard]] inline memory weights_in(Tape& tape, const memory& packed, const memory& plain, const Desc& layout) {
  return packed.get_desc() == layout ? packed : tape.backward.in_layout(plain, layout);
}

/// ∂src = weightsᵀ ⋆ ∂dst, ∂weights = src ⋆ ∂dst, ∂bias = Σ ∂dst: oneDNN's backward-data and backward-weights.
FULCRUM_DECLARE void record(Tape& tape, NodeId id, const Conv<float>& conv);

/// ∂src = ∂dst · weights, ∂weights = ∂dstᵀ · src, ∂bias = Σ ∂dst, with all axes of src but the last as rows.
FULCRUM_DECLARE void record(Tape& tape, NodeId id, const Dense<float>& dense);

}  // namespace fulcrum::detail::training

#if FULCRUM_DEFINES(train)

namespace fulcrum::detail::training {

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const Conv<float>& conv) {
  const NodeId src = tape.src(id);
  const Shape& from = tape.shape(src);
  const Shape& to = tape.shape(id);
  const auto geometry = onednn::geometry_of(conv.window, {from[2], from[3]}, {to[2], to[3]});
  Shape kernel = conv.weights.value->dims();  // (oc, ic/g, kh, kw), or (g, oc/g, ic/g, kh, kw)
  if (conv.groups > 1) {
    kernel[0] /= conv.groups;
    kernel.insert(kernel.begin(), conv.groups);
  }
  const Tape::ParameterMemory weights = tape.train(id, "weights", conv.weights, kernel);
  const bool has_bias = !conv.bias.empty();
  const Tape::ParameterMemory bias = has_bias ? tape.train(id, "bias", conv.bias, {to[1]}) : Tape::ParameterMemory{};
  const Desc bias_desc = has_bias ? bias.value.get_desc() : Desc();

  const Desc any_src = onednn::any_desc(from, DType::f32);
  const Desc any_weights = onednn::any_desc(kernel, DType::f32);
  const Desc any_dst = onednn::any_desc(to, DType::f32);
  const auto forward =
      onednn::conv_forward(dnnl::prop_kind::forward_training, any_src, any_weights, bias_desc, any_dst, geometry);
  const memory src_value = tape.forward.in_layout(tape.value(src), forward.src_desc());
  const memory packed = tape.forward.in_layout(weights.value, forward.weights_desc());
  const memory dst = allocate(forward.dst_desc());
  Arguments arguments{{DNNL_ARG_SRC, src_value}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, dst}};
  if (has_bias) arguments.emplace(DNNL_ARG_BIAS, bias.value);
  tape.forward.add(dnnl::convolution_forward(forward), std::move(arguments));
  tape.set_value(id, dst);

  tape.on_backward(id, [=, &tape] {
    const auto by_weights = onednn::conv_backward_weights(any_src, any_weights, bias_desc, any_dst, geometry, forward);
    const memory diff_dst = tape.gradient_in(id, by_weights.diff_dst_desc());
    const memory diff_weights = by_weights.diff_weights_desc() == weights.gradient.get_desc()
                                    ? weights.gradient
                                    : allocate(by_weights.diff_weights_desc());
    Arguments to_weights{{DNNL_ARG_SRC, tape.backward.in_layout(src_value, by_weights.src_desc())},
                         {DNNL_ARG_DIFF_DST, diff_dst},
                         {DNNL_ARG_DIFF_WEIGHTS, diff_weights}};
    if (has_bias) to_weights.emplace(DNNL_ARG_DIFF_BIAS, bias.gradient);
    tape.backward.add(dnnl::convolution_backward_weights(by_weights), std::move(to_weights));
    if (diff_weights != weights.gradient) tape.backward.copy(diff_weights, weights.gradient);

    if (!tape.needs_gradient(src)) return;
    const auto by_data = onednn::conv_backward_data(any_src, any_weights, any_dst, geometry, forward);
    const memory diff_src = allocate(by_data.diff_src_desc());
    tape.backward.add(dnnl::convolution_backward_data(by_data),
                      {{DNNL_ARG_DIFF_DST, tape.backward.in_layout(diff_dst, by_data.diff_dst_desc())},
                       {DNNL_ARG_WEIGHTS, weights_in(tape, packed, weights.value, by_data.weights_desc())},
                       {DNNL_ARG_DIFF_SRC, diff_src}});
    tape.contribute(src, diff_src);
  });
}

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const Dense<float>& dense) {
  const NodeId src = tape.src(id);
  const std::int64_t oc = dense.weights.value->dim(0);
  const std::int64_t ic = dense.weights.value->dim(1);
  const Shape from{element_count(tape.shape(src)) / ic, ic};
  const Shape to{from[0], oc};
  const Tape::ParameterMemory weights = tape.train(id, "weights", dense.weights, {oc, ic});
  const bool has_bias = !dense.bias.empty();
  const Tape::ParameterMemory bias = has_bias ? tape.train(id, "bias", dense.bias, {oc}) : Tape::ParameterMemory{};
  const Desc bias_desc = has_bias ? bias.value.get_desc() : Desc();

  const Desc src_desc = onednn::plain_desc(from, DType::f32);
  const Desc dst_desc = onednn::plain_desc(to, DType::f32);
  const Desc any_weights = onednn::any_desc({oc, ic}, DType::f32);
  const auto forward =
      onednn::inner_product_forward(dnnl::prop_kind::forward_training, src_desc, any_weights, bias_desc, dst_desc);
  const memory src_value = reshaped(tape.plain_value(src), from);
  const memory packed = tape.forward.in_layout(weights.value, forward.weights_desc());
  const memory dst = allocate(dst_desc);
  Arguments arguments{{DNNL_ARG_SRC, src_value}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, dst}};
  if (has_bias) arguments.emplace(DNNL_ARG_BIAS, bias.value);
  tape.forward.add(dnnl::inner_product_forward(forward), std::move(arguments));
  tape.set_value(id, reshaped(dst, tape.shape(id)));

  tape.on_backward(id, [=, &tape] {
    const memory diff_dst = reshaped(tape.plain_gradient(id), to);
    const auto by_weights = onednn::inner_product_backward_weights(src_desc, any_weights, bias_desc, dst_desc, forward);
    const memory diff_weights = by_weights.diff_weights_desc() == weights.gradient.get_desc()
                                    ? weights.gradient
                                    : allocate(by_weights.diff_weights_desc());
    Arguments to_weights{
        {DNNL_ARG_SRC, src_value}, {DNNL_ARG_DIFF_DST, diff_dst}, {DNNL_ARG_DIFF_WEIGHTS, diff_weights}};
    if (has_bias) to_weights.emplace(DNNL_ARG_DIFF_BIAS, bias.gradient);
    tape.backward.add(dnnl::inner_product_backward_weights(by_weights), std::move(to_weights));
    if (diff_weights != weights.gradient) tape.backward.copy(diff_weights, weights.gradient);

    if (!tape.needs_gradient(src)) return;
    const auto by_data = onednn::inner_product_backward_data(src_desc, any_weights, dst_desc, forward);
    const memory diff_src = allocate(src_desc);
    tape.backward.add(dnnl::inner_product_backward_data(by_data),
                      {{DNNL_ARG_DIFF_DST, diff_dst},
                       {DNNL_ARG_WEIGHTS, weights_in(tape, packed, weights.value, by_data.weights_desc())},
                       {DNNL_ARG_DIFF_SRC, diff_src}});
    tape.contribute(src, reshaped(diff_src, tape.shape(src)));
  });
}

}  // namespace fulcrum::detail::training

#endif
