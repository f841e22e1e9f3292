#pragma once
/// \file
/// oneDNN 2.6 to 3.x behind one face: whatever differs between the two lines differs here and nowhere else.
///
/// The 2.x line describes an operation first and then its primitive; the 3.x line does both at once. describe<P>()
/// takes the arguments in the order both share. A descriptor that oneDNN cannot make throws dnnl::error.

#include <dnnl.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <fulcrum/layers/activation.hpp>
#include <fulcrum/onednn/terms.hpp>

namespace fulcrum::detail::onednn {

#if DNNL_VERSION_MAJOR >= 3
using PoolingForward = dnnl::pooling_forward;
using PoolingBackward = dnnl::pooling_backward;
using SoftmaxForward = dnnl::softmax_forward;
using SoftmaxBackward = dnnl::softmax_backward;
#else
using PoolingForward = dnnl::pooling_v2_forward;
using PoolingBackward = dnnl::pooling_v2_backward;
using SoftmaxForward = dnnl::softmax_v2_forward;
using SoftmaxBackward = dnnl::softmax_v2_backward;
#endif

// --- memory descriptors -------------------------------------------------------------------------------------------

/// How a descriptor's elements lie in memory: strides between blocks and the blocks themselves, outermost first.
struct Blocking {
  Dims dims;
  Dims padded_dims;
  Dims strides;
  Dims inner_blocks;
  Dims inner_axes;  ///< the axis that each inner block splits
};

[[nodiscard]] inline Blocking blocking_of(const Desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return {desc.get_dims(), desc.get_padded_dims(), desc.get_strides(), desc.get_inner_blks(), desc.get_inner_idxs()};
#else
  const auto& d = desc.data;
  const auto& b = d.format_desc.blocking;
  const auto take = [](const dnnl_dim_t* from, int count) { return Dims(from, from + count); };
  return {take(d.dims, d.ndims), take(d.padded_dims, d.ndims), take(b.strides, d.ndims),
          take(b.inner_blks, b.inner_nblks), take(b.inner_idxs, b.inner_nblks)};
#endif
}

[[nodiscard]] inline Dims dims_of(const Desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return desc.get_dims();
#else
  return desc.dims();
#endif
}

[[nodiscard]] inline dnnl::memory::data_type data_type_of(const Desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return desc.get_data_type();
#else
  return desc.data_type();
#endif
}

// --- primitive descriptors ----------------------------------------------------------------------------------------

#if DNNL_VERSION_MAJOR >= 3
template <class Primitive, class... Args>
[[nodiscard]] typename Primitive::primitive_desc describe(const Attributes& attributes, const Args&... args) {
  return typename Primitive::primitive_desc(cpu_engine(), args..., attributes);
}
template <class Primitive, class Hint, class... Args>
[[nodiscard]] typename Primitive::primitive_desc describe_backward(const Hint& hint, const Args&... args) {
  return typename Primitive::primitive_desc(cpu_engine(), args..., hint);
}
#else
template <class Primitive, class... Args>
[[nodiscard]] typename Primitive::primitive_desc describe(const Attributes& attributes, const Args&... args) {
  return typename Primitive::primitive_desc(typename Primitive::desc(args...), attributes, cpu_engine());
}
template <class Primitive, class Hint, class... Args>
[[nodiscard]] typename Primitive::primitive_desc describe_backward(const Hint& hint, const Args&... args) {
  return typename Primitive::primitive_desc(typename Primitive::desc(args...), cpu_engine(), hint);
}
#endif

/// Whether a convolution must run in f32. 2.6 crashes in AMX kernels where a window holds nothing but padding.
[[nodiscard]] inline bool needs_f32(const Shape& src, const Shape& dst, const Geometry& g) {
#if DNNL_VERSION_MAJOR < 3
  for (std::size_t axis = 0; axis < g.strides.size(); ++axis) {
    const std::int64_t span = (g.dilations[axis] + 1) * (g.kernel[axis] - 1) + 1;
    const std::int64_t last = (dst[axis] - 1) * g.strides[axis] - g.padding_l[axis];  // where the last window starts
    if (g.padding_l[axis] >= span || last >= src[axis]) return true;
  }
#else
  static_cast<void>(src);
  static_cast<void>(dst);
  static_cast<void>(g);
#endif
  return false;
}

/// Whether a kernel of oneDNN that pools is slow. Those of 2.6 for f32 and AVX2 move a register by an SSE instruction
/// in their loops; with that one instruction in its AVX form the same code took a seventh of the time (Zen 3). 3.x has
/// it. Those for integers are called once a pixel of the result, which takes longer than the pixel where windows are
/// small. The one for f32 and AVX-512 takes one and a half times as long as own loops, or longer.
[[nodiscard]] inline bool is_slow_pooling(const std::string& implementation) {
  return DNNL_VERSION_MAJOR < 3 &&
         (implementation == "jit:avx2" || implementation == "jit_int:avx2" || implementation == "jit:avx512_core");
}

/// Weights are (oc, ic, (kd,) kh, kw), or (g, oc/g, ic/g, (kd,) kh, kw) when grouped; `bias` may be Desc{} for none.
[[nodiscard]] inline auto conv_forward(dnnl::prop_kind kind, const Desc& src, const Desc& weights, const Desc& bias,
                                       const Desc& dst, const Geometry& g, const Attributes& attributes = {}) {
  auto pd = describe<dnnl::convolution_forward>(attributes, kind, dnnl::algorithm::convolution_direct, src, weights,
                                                bias, dst, g.strides, g.dilations, g.padding_l, g.padding_r);
#if DNNL_VERSION_MAJOR >= 3
  // Some kernels of 3.7 give wrong results where a single strided window leaves part of the source unread.
  bool unsafe = false;
  for (std::size_t axis = 0; axis < g.strides.size(); ++axis) {
    const std::int64_t span = (g.dilations[axis] + 1) * (g.kernel[axis] - 1) + 1;
    const std::int64_t room = dims_of(src)[axis + 2] + g.padding_l[axis] + g.padding_r[axis];
    unsafe = unsafe || (dims_of(dst)[axis + 2] == 1 && g.strides[axis] > 1 && room > span);
  }
  while (unsafe && std::string(pd.impl_info_str()).find("brg_conv_fwd") != std::string::npos) {
    if (!pd.next_impl()) throw dnnl::error(dnnl_unimplemented, "there is no kernel for this window");
  }
#endif
  return pd;
}
[[nodiscard]] inline auto conv_backward_data(const Desc& diff_src, const Desc& weights, const Desc& diff_dst,
                                             const Geometry& g, const dnnl::convolution_forward::primitive_desc& hint) {
  return describe_backward<dnnl::convolution_backward_data>(hint, dnnl::algorithm::convolution_direct, diff_src,
                                                            weights, diff_dst, g.strides, g.dilations, g.padding_l,
                                                            g.padding_r);
}
[[nodiscard]] inline auto conv_backward_weights(const Desc& src, const Desc& diff_weights, const Desc& diff_bias,
                                                const Desc& diff_dst, const Geometry& g,
                                                const dnnl::convolution_forward::primitive_desc& hint) {
  return describe_backward<dnnl::convolution_backward_weights>(hint, dnnl::algorithm::convolution_direct, src,
                                                               diff_weights, diff_bias, diff_dst, g.strides,
                                                               g.dilations, g.padding_l, g.padding_r);
}

/// Transposed convolution; weights are (oc, ic, (kd,) kh, kw), or (g, oc/g, ic/g, (kd,) kh, kw) when grouped; `bias`
/// may be Desc{} for none.
[[nodiscard]] inline auto deconv_forward(dnnl::prop_kind kind, const Desc& src, const Desc& weights, const Desc& bias,
                                         const Desc& dst, const Geometry& g, const Attributes& attributes = {}) {
  return describe<dnnl::deconvolution_forward>(attributes, kind, dnnl::algorithm::deconvolution_direct, src, weights,
                                               bias, dst, g.strides, g.dilations, g.padding_l, g.padding_r);
}

/// src (n, ic[, h, w]), weights (oc, ic[, h, w]), bias (oc) or Desc{}, dst (n, oc).
[[nodiscard]] inline auto inner_product_forward(dnnl::prop_kind kind, const Desc& src, const Desc& weights,
                                                const Desc& bias, const Desc& dst, const Attributes& attributes = {}) {
  return describe<dnnl::inner_product_forward>(attributes, kind, src, weights, bias, dst);
}
[[nodiscard]] inline auto inner_product_backward_data(const Desc& diff_src, const Desc& weights, const Desc& diff_dst,
                                                      const dnnl::inner_product_forward::primitive_desc& hint) {
  return describe_backward<dnnl::inner_product_backward_data>(hint, diff_src, weights, diff_dst);
}
[[nodiscard]] inline auto inner_product_backward_weights(const Desc& src, const Desc& diff_weights,
                                                         const Desc& diff_bias, const Desc& diff_dst,
                                                         const dnnl::inner_product_forward::primitive_desc& hint) {
  return describe_backward<dnnl::inner_product_backward_weights>(hint, src, diff_weights, diff_bias, diff_dst);
}

/// src (…, m, k) · weights (…, k, n) + bias (1, n) or Desc{} → dst (…, m, n).
[[nodiscard]] inline auto matmul_forward(const Desc& src, const Desc& weights, const Desc& bias, const Desc& dst,
                                         const Attributes& attributes = {}) {
  return describe<dnnl::matmul>(attributes, src, weights, bias, dst);
}

/// `algorithm`: pooling_max, pooling_avg_include_padding or pooling_avg_exclude_padding. Max pooling for training has a
/// workspace (DNNL_ARG_WORKSPACE, workspace_desc()) that its backward primitive reads.
[[nodiscard]] inline auto pooling_forward(dnnl::prop_kind kind, dnnl::algorithm algorithm, const Desc& src,
                                          const Desc& dst, const Geometry& g, const Attributes& attributes = {}) {
  return describe<PoolingForward>(attributes, kind, algorithm, src, dst, g.strides, g.kernel, g.dilations, g.padding_l,
                                  g.padding_r);
}
[[nodiscard]] inline auto pooling_backward(dnnl::algorithm algorithm, const Desc& diff_src, const Desc& diff_dst,
                                           const Geometry& g, const PoolingForward::primitive_desc& hint) {
  return describe_backward<PoolingBackward>(hint, algorithm, diff_src, diff_dst, g.strides, g.kernel, g.dilations,
                                            g.padding_l, g.padding_r);
}

/// With use_scale | use_shift the parameters go in as DNNL_ARG_SCALE and DNNL_ARG_SHIFT, each (c).
[[nodiscard]] inline auto batch_normalization_forward(dnnl::prop_kind kind, const Desc& src, const Desc& dst,
                                                      float epsilon, dnnl::normalization_flags flags,
                                                      const Attributes& attributes = {}) {
#if DNNL_VERSION_MAJOR >= 3
  return describe<dnnl::batch_normalization_forward>(attributes, kind, src, dst, epsilon, flags);
#else
  static_cast<void>(dst);
  return describe<dnnl::batch_normalization_forward>(attributes, kind, src, epsilon, flags);
#endif
}
/// The 2.x primitive wants DNNL_ARG_SHIFT among its arguments, the 3.x one refuses it.
inline constexpr bool batch_normalization_backward_takes_shift = DNNL_VERSION_MAJOR < 3;

/// prop_kind::backward also gives DNNL_ARG_DIFF_SCALE and DNNL_ARG_DIFF_SHIFT.
[[nodiscard]] inline auto batch_normalization_backward(dnnl::prop_kind kind, const Desc& diff_src, const Desc& diff_dst,
                                                       const Desc& src, float epsilon, dnnl::normalization_flags flags,
                                                       const dnnl::batch_normalization_forward::primitive_desc& hint) {
#if DNNL_VERSION_MAJOR >= 3
  return describe_backward<dnnl::batch_normalization_backward>(hint, kind, diff_src, diff_dst, src, epsilon, flags);
#else
  static_cast<void>(diff_src);
  return describe_backward<dnnl::batch_normalization_backward>(hint, kind, diff_dst, src, epsilon, flags);
#endif
}

[[nodiscard]] inline auto eltwise_forward(dnnl::prop_kind kind, dnnl::algorithm algorithm, const Desc& src,
                                          const Desc& dst, float alpha, float beta, const Attributes& attributes = {}) {
#if DNNL_VERSION_MAJOR >= 3
  return describe<dnnl::eltwise_forward>(attributes, kind, algorithm, src, dst, alpha, beta);
#else
  static_cast<void>(dst);
  return describe<dnnl::eltwise_forward>(attributes, kind, algorithm, src, alpha, beta);
#endif
}
/// `data` is the forward primitive's source.
[[nodiscard]] inline auto eltwise_backward(dnnl::algorithm algorithm, const Desc& diff_src, const Desc& diff_dst,
                                           const Desc& data, float alpha, float beta,
                                           const dnnl::eltwise_forward::primitive_desc& hint) {
#if DNNL_VERSION_MAJOR >= 3
  return describe_backward<dnnl::eltwise_backward>(hint, algorithm, diff_src, diff_dst, data, alpha, beta);
#else
  static_cast<void>(diff_src);
  return describe_backward<dnnl::eltwise_backward>(hint, algorithm, diff_dst, data, alpha, beta);
#endif
}

/// Over the last axis. With use_scale | use_shift the parameters go in as DNNL_ARG_SCALE and DNNL_ARG_SHIFT.
[[nodiscard]] inline auto layer_normalization_forward(dnnl::prop_kind kind, const Desc& src, const Desc& dst,
                                                      float epsilon, dnnl::normalization_flags flags,
                                                      const Attributes& attributes = {}) {
#if DNNL_VERSION_MAJOR >= 3
  return describe<dnnl::layer_normalization_forward>(attributes, kind, src, dst, epsilon, flags);
#else
  static_cast<void>(dst);
  return describe<dnnl::layer_normalization_forward>(attributes, kind, src, epsilon, flags);
#endif
}

/// `algorithm`: softmax_accurate or softmax_log.
[[nodiscard]] inline auto softmax_forward(dnnl::prop_kind kind, dnnl::algorithm algorithm, const Desc& src,
                                          const Desc& dst, int axis, const Attributes& attributes = {}) {
  return describe<SoftmaxForward>(attributes, kind, algorithm, src, dst, axis);
}
[[nodiscard]] inline auto softmax_forward(dnnl::prop_kind kind, const Desc& src, const Desc& dst, int axis,
                                          const Attributes& attributes = {}) {
  return softmax_forward(kind, dnnl::algorithm::softmax_accurate, src, dst, axis, attributes);
}
[[nodiscard]] inline auto softmax_backward(const Desc& diff_src, const Desc& diff_dst, const Desc& dst, int axis,
                                           const SoftmaxForward::primitive_desc& hint) {
  return describe_backward<SoftmaxBackward>(hint, dnnl::algorithm::softmax_accurate, diff_src, diff_dst, dst, axis);
}

/// `algorithm`: binary_add, binary_mul, … ; an extent of 1 in src1 is broadcast.
[[nodiscard]] inline auto binary_forward(dnnl::algorithm algorithm, const Desc& src0, const Desc& src1, const Desc& dst,
                                         const Attributes& attributes = {}) {
  return describe<dnnl::binary>(attributes, algorithm, src0, src1, dst);
}

/// `algorithm`: reduction_sum, … over the axes whose extent in dst is 1.
[[nodiscard]] inline auto reduction_forward(dnnl::algorithm algorithm, const Desc& src, const Desc& dst,
                                            const Attributes& attributes = {}) {
  return describe<dnnl::reduction>(attributes, algorithm, src, dst, 0.0F, 0.0F);
}

[[nodiscard]] inline dnnl::concat::primitive_desc concat_forward(const Desc& dst, int axis,
                                                                 const std::vector<Desc>& src,
                                                                 const Attributes& attributes = {}) {
#if DNNL_VERSION_MAJOR >= 3
  return {cpu_engine(), dst, axis, src, attributes};
#else
  return {dst, axis, src, cpu_engine(), attributes};
#endif
}

[[nodiscard]] inline dnnl::reorder::primitive_desc reorder_forward(const Desc& src, const Desc& dst,
                                                                   const Attributes& attributes = {}) {
  return {cpu_engine(), src, cpu_engine(), dst, attributes};
}

// --- element-wise functions ---------------------------------------------------------------------------------------

/// The functions that make up an activation, one after another; none where oneDNN has no form of it that is as exact.
[[nodiscard]] inline std::vector<Eltwise> eltwise_of(const Activation& activation) {
  using dnnl::algorithm;
  const float a = activation.alpha;
  const float b = activation.beta;
  switch (activation.function) {
    case ActivationKind::relu: return {{algorithm::eltwise_relu}};
    case ActivationKind::leaky_relu: return {{algorithm::eltwise_relu, a}};
    case ActivationKind::clip: return {{algorithm::eltwise_clip, a, b}};
    case ActivationKind::sigmoid: return {{algorithm::eltwise_logistic}};
    case ActivationKind::tanh: return {{algorithm::eltwise_tanh}};
    case ActivationKind::elu: return {{algorithm::eltwise_elu, a}};
    case ActivationKind::hard_sigmoid:
#if DNNL_VERSION_MAJOR >= 3
      return {{algorithm::eltwise_hardsigmoid, a, b}};
#else
      return {{algorithm::eltwise_linear, a, b}, {algorithm::eltwise_clip, 0.0F, 1.0F}};
#endif
    // The 2.x function takes no arguments and ignores these.
    case ActivationKind::hard_swish: return {{algorithm::eltwise_hardswish, 1.0F / 6.0F, 0.5F}};
    case ActivationKind::swish: return {{algorithm::eltwise_swish, a}};
    case ActivationKind::softplus: return {{algorithm::eltwise_soft_relu, 1.0F}};
    case ActivationKind::gelu: return {{algorithm::eltwise_gelu_erf}};
    case ActivationKind::gelu_tanh: return {{algorithm::eltwise_gelu_tanh}};
    case ActivationKind::selu: return {{algorithm::eltwise_elu, a}, {algorithm::eltwise_linear, b}};
    case ActivationKind::mish: return {{algorithm::eltwise_mish}};
    case ActivationKind::abs: return {{algorithm::eltwise_abs}};
    case ActivationKind::neg: return {{algorithm::eltwise_linear, -1.0F, -0.0F}};  // −0 keeps the sign of zeros right
    case ActivationKind::linear: return {{algorithm::eltwise_linear, a, b}};
    case ActivationKind::exp: return {{algorithm::eltwise_exp}};
    case ActivationKind::sqrt: return {{algorithm::eltwise_sqrt}};
    case ActivationKind::round: return {{algorithm::eltwise_round}};
    case ActivationKind::log:  // eltwise_log is 1e-6 off around 1, where the result is 0
    case ActivationKind::celu:
    case ActivationKind::softsign:
    case ActivationKind::thresholded_relu:
    case ActivationKind::shrink:
    case ActivationKind::reciprocal:
    case ActivationKind::erf:
    case ActivationKind::floor:
    case ActivationKind::ceil:
    case ActivationKind::sign:
    case ActivationKind::sin:
    case ActivationKind::cos:
    case ActivationKind::tan:
    case ActivationKind::asin:
    case ActivationKind::acos:
    case ActivationKind::atan:
    case ActivationKind::sinh:
    case ActivationKind::cosh:
    case ActivationKind::asinh:
    case ActivationKind::acosh:
    case ActivationKind::atanh:
    case ActivationKind::logical_not: break;
  }
  return {};
}

inline void append_eltwise(dnnl::post_ops& operations, const Eltwise& eltwise) {
#if DNNL_VERSION_MAJOR >= 3
  operations.append_eltwise(eltwise.algorithm, eltwise.alpha, eltwise.beta);
#else
  operations.append_eltwise(1.0F, eltwise.algorithm, eltwise.alpha, eltwise.beta);
#endif
}

// --- quantization -------------------------------------------------------------------------------------------------

/// A value that the 3.x line takes when it runs and the 2.x line when the primitive is made.
struct RuntimeArgument {
  int id = 0;
  std::variant<std::vector<float>, std::int32_t> value;  ///< scales, or a zero point
};

struct Configured {
  Attributes attributes;
  std::vector<RuntimeArgument> arguments;  ///< empty in the 2.x line
};

/// How the integers of a convolution's or inner product's sources map to real numbers. A zero point of the source is no
/// business of the primitive's: kernels of both lines go wrong on it where AMX meets padding.
struct Int8Product {
  float src_scale = 1.0F;
  std::vector<float> weights_scales;  ///< per output channel
  bool grouped = false;               ///< weights are (g, oc/g, …)
};

/// \throws dnnl::error (unimplemented) for functions that kernels of the 2.x line would get wrong: they run a second
/// one
///         of a kind with the first one's arguments
[[nodiscard]] inline dnnl::post_ops post_operations(const Epilogue& epilogue, const PostOperations& planned) {
  dnnl::post_ops operations;
  const std::vector<Eltwise>& functions = planned.mapped.functions;
#if DNNL_VERSION_MAJOR < 3
  for (const Eltwise& a : functions) {
    for (const Eltwise& b : functions) {
      if (a.algorithm == b.algorithm && (a.alpha != b.alpha || a.beta != b.beta)) {
        throw dnnl::error(dnnl_unimplemented, "two functions of a kind");
      }
    }
  }
#endif
  for (std::size_t i = 0; i <= functions.size(); ++i) {
    if (i == planned.sum_at && epilogue.sum_scale)
      operations.append_sum(*epilogue.sum_scale * planned.mapped.factor, 0, epilogue.sum_type);
    if (i < functions.size()) append_eltwise(operations, functions[i]);
  }
  return operations;
}

/// For a convolution or inner product; `int8` when its sources are integers.
[[nodiscard]] inline Configured configure_product(const Epilogue& epilogue, const std::optional<Int8Product>& int8) {
  Configured result;
  result.attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  AffineMap dst = epilogue.dst.value_or(AffineMap{});
#if DNNL_VERSION_MAJOR >= 3
  if (int8) {
    result.attributes.set_scales_mask(DNNL_ARG_SRC, 0);
    result.attributes.set_scales_mask(DNNL_ARG_WEIGHTS, int8->grouped ? 3 : 1);
    result.arguments.push_back({DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC, std::vector<float>{int8->src_scale}});
    result.arguments.push_back({DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, int8->weights_scales});
    if (epilogue.dst && dst.zero_point == 0) {
      result.attributes.set_scales_mask(DNNL_ARG_DST, 0);
      result.arguments.push_back({DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, std::vector<float>{dst.scale}});
      dst = {};
    }
  }
  const PostOperations operations = post_operations_of(epilogue, dst, false);
#else
  const PostOperations operations = post_operations_of(epilogue, dst, int8.has_value());
  if (int8) {
    std::vector<float> scales = int8->weights_scales;
    for (float& scale : scales) scale *= int8->src_scale * operations.mapped.factor;
    result.attributes.set_output_scales(1 << 1, scales);
  }
#endif
  result.attributes.set_post_ops(post_operations(epilogue, operations));
  return result;
}

/// The bias in the unit in which the primitive adds it: real numbers in 3.x, src · weights steps in 2.x.
[[nodiscard]] inline std::vector<float> product_bias(std::vector<float> bias, const Int8Product& int8) {
#if DNNL_VERSION_MAJOR >= 3
  static_cast<void>(int8);
#else
  for (std::size_t c = 0; c < bias.size(); ++c) bias[c] /= int8.src_scale * int8.weights_scales[c];
#endif
  return bias;
}

/// For a reorder between real numbers and integers, or between two maps.
[[nodiscard]] inline Configured configure_reorder(const std::optional<AffineMap>& src,
                                                  const std::optional<AffineMap>& dst) {
  Configured result;
  result.attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (src == dst) return result;
  const AffineMap from = src.value_or(AffineMap{});
  const AffineMap to = dst.value_or(AffineMap{});
#if DNNL_VERSION_MAJOR >= 3
  const auto set = [&](int id, const AffineMap& map) {
    if (map.scale != 1.0F) {
      result.attributes.set_scales_mask(id, 0);
      result.arguments.push_back({DNNL_ARG_ATTR_SCALES | id, std::vector<float>{map.scale}});
    }
    if (map.zero_point != 0) {
      result.attributes.set_zero_points_mask(id, 0);
      result.arguments.push_back({DNNL_ARG_ATTR_ZERO_POINTS | id, map.zero_point});
    }
  };
  set(DNNL_ARG_SRC, from);
  set(DNNL_ARG_DST, to);
#else
  if (from.scale != to.scale) result.attributes.set_output_scales(0, {from.scale / to.scale});
  if (from.zero_point != 0) result.attributes.set_zero_points(DNNL_ARG_FROM, 0, {from.zero_point});
  if (to.zero_point != 0) result.attributes.set_zero_points(DNNL_ARG_TO, 0, {to.zero_point});
#endif
  return result;
}

/// For a binary primitive on integers with zero points 0, or on real numbers with scales 1.
[[nodiscard]] inline Configured configure_binary(float src0_scale, float src1_scale, const Epilogue& epilogue) {
  Configured result;
  result.attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto set = [&](int id, float scale) {
    if (scale == 1.0F) return;
#if DNNL_VERSION_MAJOR >= 3
    result.attributes.set_scales_mask(id, 0);
    result.arguments.push_back({DNNL_ARG_ATTR_SCALES | id, std::vector<float>{scale}});
#else
    result.attributes.set_scales(id, 0, {scale});
#endif
  };
  set(DNNL_ARG_SRC_0, src0_scale);
  set(DNNL_ARG_SRC_1, src1_scale);
  const PostOperations operations = post_operations_of(epilogue, epilogue.dst.value_or(AffineMap{}), false);
  result.attributes.set_post_ops(post_operations(epilogue, operations));
  return result;
}

}  // namespace fulcrum::detail::onednn
