#pragma once
/// \file
/// Convolutions and dense layers of integers whose map is found at run time: oneDNN's product in s32, and a loop that
/// makes reals of the sums.

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/dynamic_quantize.hpp>
#include <fulcrum/exec/kernels/int8_saturation.hpp>
#include <fulcrum/exec/lower/emit_product.hpp>
#include <fulcrum/onednn/precision_support.hpp>

namespace fulcrum::detail::onednn {

/// Weights of 8 bits as s8 integers and what those stand for: w − zero.
struct IntegerWeights {
  std::vector<std::int8_t> integers;
  std::vector<std::int32_t> zeros;  ///< of output channels; empty: all 0
  std::vector<float> scales;        ///< of output channels
};

/// Precondition: are_integer_weights().
FULCRUM_DECLARE [[nodiscard]] IntegerWeights integer_weights(const Parameter<float>& weights) {
  const Quantization& q = *weights.quantization;
  const std::int32_t shift = q.dtype == DType::u8 ? 128 : 0;
  const auto oc = static_cast<std::size_t>(weights.value->dim(0));
  IntegerWeights result;
  result.integers.resize(weights.value->flat().size());
  const std::span<const float> elements = weights.value->flat();
  for_each_channel_row(weights.value->dims(), q.axis, [&](std::size_t first, std::size_t count, std::size_t c) {
    // Integers of u8 less 128 are those of s8 around another zero.
    quantize_elements(elements.subspan(first, count), q.scale[c], q.zero_point[c] - shift,
                      result.integers.data() + first);
  });
  bool any_zero = false;
  for (std::size_t c = 0; c < oc; ++c) {
    const std::size_t at = q.scale.size() == 1 ? 0 : c;
    result.scales.push_back(q.scale[at]);
    result.zeros.push_back(q.zero_point[at] - shift);
    any_zero = any_zero || result.zeros.back() != 0;
  }
  if (!any_zero) result.zeros.clear();
  return result;
}

/// The group's step: describe(weights type) gives the descriptor of the product.
/// \param plan  its axes, groups and channels
/// \return whether oneDNN has a kernel for it
template <class Describe>
bool emit_integer_product(Lowering& lowering, const FusionGroup& group, const Product& product, const Value& src,
                          IntegerProductPlan plan, const IntegerWeights& weights, const Desc& dst_desc,
                          const Describe& describe) {
  ProgramBuilder& builder = lowering.builder();
  Configured configured;
  configured.attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  using PrimitiveDesc = decltype(describe(configured.attributes));
  std::optional<PrimitiveDesc> pd;
  dnnl::primitive primitive;
  try {
    pd = describe(configured.attributes);
    primitive = dnnl::primitive(pd->get());
  } catch (const dnnl::error& error) {
    if (!is_refusal(error)) throw;
    return false;
  }
  if (is_reference(pd->impl_info_str())) return false;
  const std::string implementation = pd->impl_info_str();

  plan.weights_scales = weights.scales;
  plan.weights_zeros = weights.zeros;
  plan.bias.assign(static_cast<std::size_t>(plan.oc), 0.0F);
  if (!product.bias->empty()) {
    const SharedTensor<float> given = lowering.elements(*product.bias);
    std::copy(given->flat().begin(), given->flat().end(), plan.bias.begin());
  }
  set_window_sums(plan, weights.integers);
  std::optional<Value> addend;
  NodeId before = group.primary;
  for (const NodeId id : group.absorbed) {
    const Node<float>& node = lowering.node(id);
    if (const auto* activation = std::get_if<Activation>(&node.layer)) {
      (addend ? plan.after : plan.before).push_back(*activation);
    } else {
      const NodeId other = node.src[0] == before ? node.src[1] : node.src[0];
      const std::string& name = lowering.node(other).name;
      const Value given = builder.with_dims(lowering.real_value(other, DType::f32), shape_of(dst_desc), name);
      addend = builder.convert(given, dst_desc, std::nullopt, name);
    }
    before = id;
  }
  plan.has_addend = addend.has_value();

  const auto threads = builder.threads();
  std::vector<Argument> arguments{
      {DNNL_ARG_SRC, pd->src_desc(), src.where},
      {DNNL_ARG_SRC_1, ProgramBuilder::run_time_map_desc(), *src.run_time_map},
      {DNNL_ARG_WEIGHTS, pd->weights_desc(),
       builder.pack(product.weights_dims, std::span<const std::int8_t>(weights.integers), pd->weights_desc())}};
  if (addend) arguments.push_back({DNNL_ARG_SRC_2, addend->desc, addend->where});
  const auto allocate = [&](std::int64_t bytes) {
    const Desc desc = plain_desc({std::max<std::int64_t>(bytes, 1)}, DType::u8);
    const Value buffer = builder.allocate(shape_of(desc), desc);
    arguments.push_back({DNNL_ARG_SCRATCHPAD, desc, buffer.where});
  };
  allocate(static_cast<std::int64_t>(pd->scratchpad_desc().get_size()));
  allocate(plan.scratch_elements() * static_cast<std::int64_t>(sizeof(std::int32_t)));
  const Value dst = builder.allocate(lowering.shape(group.dst), dst_desc);
  arguments.push_back({DNNL_ARG_DST, dst.desc, dst.where});
  PointedProduct pointed(std::move(primitive),
                         {pd->src_desc(), pd->weights_desc(), Desc{}, pd->dst_desc(), pd->scratchpad_desc()}, {});
  builder.emit_native(
      lowering.label(group), Algorithm::integer_product,
      IntegerProductFunction(std::make_shared<const IntegerProductPlan>(std::move(plan)), std::move(pointed), threads),
      std::move(arguments), 0, threads, lowering.step_of(group).step.bytes(), "integer_product:" + implementation);
  lowering.finish(group.dst, dst);
  return true;
}

/// Integers u8 · s8 that this CPU adds up without loss.
FULCRUM_DECLARE [[nodiscard]] bool sums_exactly(const IntegerWeights& weights, std::int64_t oc) {
  return cpu_sums_int8_exactly() || never_saturates(weights.integers, static_cast<std::size_t>(oc));
}

FULCRUM_DECLARE bool emit_integer_conv(Lowering& lowering, const FusionGroup& group, const Product& product,
                                       std::int64_t groups, const Geometry& geometry) {
  ProgramBuilder& builder = lowering.builder();
  const Shape& from = lowering.shape(product.src);
  const Shape& to = lowering.shape(group.dst);
  const IntegerWeights weights = integer_weights(*product.weights);
  if (!sums_exactly(weights, to[1])) return false;
  const std::string& name = lowering.node(product.src).name;
  IntegerProductPlan plan;
  plan.images = from[0];
  plan.groups = groups;
  plan.ic = from[1];
  plan.oc = to[1];
  const std::size_t count = geometry.kernel.size();
  for (std::size_t a = 0; a < count; ++a) {
    plan.axes[a + 3 - count] = {
        from[a + 2],          to[a + 2], geometry.kernel[a], geometry.strides[a], geometry.dilations[a] + 1,
        geometry.padding_l[a]};
  }
  const Desc src_desc = channels_last_desc(from, DType::u8);
  const auto describe = [&](const Attributes& attributes) {
    return conv_forward(dnnl::prop_kind::forward_inference, src_desc, any_desc(product.weights_dims, DType::s8), Desc{},
                        channels_last_desc(to, DType::s32), geometry, attributes);
  };
  const Value src =
      builder.convert(builder.with_dims(lowering.value(product.src), from, name), src_desc, std::nullopt, name);
  return emit_integer_product(lowering, group, product, src, std::move(plan), weights,
                              channels_last_desc(to, DType::f32), describe);
}

FULCRUM_DECLARE bool emit_integer_dense(Lowering& lowering, const FusionGroup& group, const Product& product) {
  ProgramBuilder& builder = lowering.builder();
  const std::int64_t oc = product.weights->value->dim(0), ic = product.weights->value->dim(1);
  const std::int64_t rows = element_count(lowering.shape(product.src)) / ic;
  const IntegerWeights weights = integer_weights(*product.weights);
  if (!sums_exactly(weights, oc)) return false;
  IntegerProductPlan plan;
  plan.ic = ic;
  plan.oc = oc;
  plan.images = rows;  // of one pixel each: threads share them out
  const auto inner_product = [&](const Attributes& attributes, DType w, const Desc& bias, DType dst) {
    return inner_product_forward(dnnl::prop_kind::forward_inference, plain_desc({rows, ic}, DType::u8),
                                 any_desc({oc, ic}, w), bias, plain_desc({rows, oc}, dst), attributes);
  };
  const auto convolution = [&](const Attributes& attributes, DType w, const Desc& bias, DType dst) {
    return conv_forward(dnnl::prop_kind::forward_inference, pixels_desc(rows, ic, DType::u8),
                        any_desc({oc, ic, 1, 1}, w), bias, pixels_desc(rows, oc, dst),
                        {{1, 1}, {1, 1}, {0, 0}, {0, 0}, {0, 0}}, attributes);
  };
  const Value src = builder.with_dims(lowering.value(product.src), {rows, ic}, lowering.node(product.src).name);
  const Value plain =
      builder.convert(src, plain_desc({rows, ic}, DType::u8), std::nullopt, lowering.node(product.src).name);
  const Desc dst_desc = plain_desc({rows, oc}, DType::f32);
  if (runs_better_as_convolution(inner_product, convolution, DType::s8, DType::s32)) {
    Product pixels = product;
    pixels.weights_dims = {oc, ic, 1, 1};
    if (emit_integer_product(
            lowering, group, pixels, plain, plan, weights, dst_desc,
            [&](const Attributes& attributes) { return convolution(attributes, DType::s8, Desc{}, DType::s32); }))
      return true;
  }
  return emit_integer_product(
      lowering, group, product, plain, std::move(plan), weights, dst_desc,
      [&](const Attributes& attributes) { return inner_product(attributes, DType::s8, Desc{}, DType::s32); });
}

}  // namespace fulcrum::detail::onednn
