#pragma once
/// \file
/// Convolutions that run by Winograd's algorithm.

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/winograd.hpp>
#include <fulcrum/exec/lower/emit_product.hpp>

namespace fulcrum::detail::onednn {

#if defined(__x86_64__)

/// Whether the group is planned to run so.
FULCRUM_DECLARE [[nodiscard]] bool may_run_winograd(const Lowering& lowering, const FusionGroup& group) {
  return lowering.step_of(group).step.kernel == KernelClass::winograd_convolution;
}

/// Emits the group as one step, in the layouts that the direct convolution would read and write.
/// \return the result; nothing when oneDNN picks layouts or kernels that the algorithm has no loops for
FULCRUM_DECLARE [[nodiscard]] std::optional<Value> emit_winograd(Lowering& lowering, const FusionGroup& group,
                                                                 const Conv<float>& conv,
                                                                 const ProductAttempt& attempt) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const std::string& name = lowering.node(src).name;
  const Shape& from = lowering.shape(src);
  const Shape& to = lowering.shape(group.dst);
  const Shape weights_shape = conv.weights.value->dims();
  const std::int64_t oc = weights_shape[0], ic = weights_shape[1];

  const Geometry geometry = geometry_of(conv.window, window_extents(from), window_extents(to));
  const auto direct = conv_forward(dnnl::prop_kind::forward_inference, any_desc(from, DType::f32),
                                   any_desc(weights_shape, DType::f32), Desc{}, any_desc(to, DType::f32), geometry);
  const std::optional<ImageStrides> src_strides = image_strides_of(direct.src_desc());
  const std::optional<ImageStrides> dst_strides = image_strides_of(direct.dst_desc());
  if (!src_strides || !dst_strides) return std::nullopt;

  const Tail tail = tail_of(lowering.model(), group);
  WinogradConv winograd;
  winograd.images = from[0];
  winograd.ic = ic;
  winograd.oc = oc;
  winograd.src_height = from[2];
  winograd.src_width = from[3];
  winograd.dst_height = to[2];
  winograd.dst_width = to[3];
  winograd.top = conv.window.padding.top;
  winograd.left = conv.window.padding.left;
  winograd.src = *src_strides;
  winograd.dst = *dst_strides;
  winograd.adds = tail.addend.has_value();
  winograd.range = *range_after_sum(lowering.model(), group);
  winograd.pass_rows = winograd_pass_rows(winograd.rows(), winograd.columns(), ic, oc);

  const Desc src_tiles = winograd_tiles_desc(ic, winograd.pass_tiles());
  const Desc dst_tiles = winograd_tiles_desc(oc, winograd.pass_tiles());
  const Configured configured = configure_product({}, std::nullopt);
  const Geometry pixels{{1, 1}, {1, 1}, {0, 0}, {0, 0}, {0, 0}};
  const auto products = conv_forward(dnnl::prop_kind::forward_inference, src_tiles,
                                     any_desc({winograd_products, oc, ic, 1, 1}, DType::f32), Desc{}, dst_tiles, pixels,
                                     configured.attributes);
  const std::string implementation = products.impl_info_str();
  if (is_reference(implementation.c_str()) || products.scratchpad_desc().get_size() > 0) return std::nullopt;

  const Value source =
      builder.convert(builder.with_dims(lowering.value(src), from, name), direct.src_desc(), std::nullopt, name);
  const std::optional<Value> dst = destination_of(lowering, group, tail, direct.dst_desc(), attempt);
  if (!dst) return std::nullopt;
  const SharedTensor<float> weights = lowering.elements(conv.weights);
  const Location packed = builder.pack_made(plain_desc(weights_shape, DType::f32), weights->flat(),
                                            products.weights_desc(), [&] { return winograd_weights(weights->flat()); });
  std::vector<float> bias(static_cast<std::size_t>(oc), 0.0F);
  if (!conv.bias.empty()) {
    const SharedTensor<float> given = lowering.elements(conv.bias);
    std::copy(given->flat().begin(), given->flat().end(), bias.begin());
  }
  const Desc bias_desc = plain_desc({oc}, DType::f32);
  const Value src_scratch = builder.allocate(shape_of(src_tiles), src_tiles);
  const Value dst_scratch = builder.allocate(shape_of(dst_tiles), dst_tiles);
  builder.emit_native(
      lowering.label(group), Algorithm::winograd,
      WinogradFunction(winograd, dnnl::convolution_forward(products), products.weights_desc(), builder.threads()),
      {{DNNL_ARG_SRC, source.desc, source.where},
       {DNNL_ARG_WEIGHTS, products.weights_desc(), packed},
       {DNNL_ARG_BIAS, bias_desc, builder.pack({oc}, std::span<const float>(bias), bias_desc)},
       {DNNL_ARG_SCRATCHPAD, src_tiles, src_scratch.where},
       {DNNL_ARG_SCRATCHPAD, dst_tiles, dst_scratch.where},
       {DNNL_ARG_DST, dst->desc, dst->where}},
      0, builder.threads(), {}, "winograd:" + implementation);
  return dst;
}

#else

[[nodiscard]] constexpr bool may_run_winograd(const Lowering&, const FusionGroup&) { return false; }
FULCRUM_DECLARE [[nodiscard]] std::optional<Value> emit_winograd(Lowering&, const FusionGroup&, const Conv<float>&,
                                                                 const ProductAttempt&) {
  return std::nullopt;
}

#endif

}  // namespace fulcrum::detail::onednn
