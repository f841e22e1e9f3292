#pragma once
/// \file
/// Convolutions and dense layers with what is fused into them.

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/border.hpp>
#include <fulcrum/exec/kernels/int8_saturation.hpp>
#include <fulcrum/exec/lower/depthwise.hpp>
#include <fulcrum/exec/lower/emit_product.hpp>
#include <fulcrum/exec/lower/integer_product.hpp>
#include <fulcrum/exec/lower/native.hpp>
#include <fulcrum/exec/lower/packed.hpp>
#include <fulcrum/exec/lower/sparse.hpp>
#include <fulcrum/exec/lower/winograd.hpp>
#include <fulcrum/onednn/precision_support.hpp>

namespace fulcrum::detail::onednn {

/// Tries the product with an integer result, with integers in and real numbers out, in floating point as the precision
/// says and in f32, in that order as far as the model's quantization allows; at last in Fulcrum's own loops.
/// \param integers  emits it with a source whose range is found at run time, and says whether it could
template <class Run, class Integers>
void lower_product(Lowering& lowering, const FusionGroup& group, const Product& product, const Run& run,
                   const Integers& integers) {
  const Node<float>& node = lowering.node(group.primary);
  const Value& src = lowering.value(product.src);
  const StepTypes types = lowering.types_of(group);
  bool int8 = types.arithmetic == Precision::int8;
  const auto runs_in_f32 = [&](const std::string& reason) {
    lowering.builder().amend_aloud(node.name, "runs in f32", reason);
  };
  if (product.f32_only && types.arithmetic != Precision::f32) {
    runs_in_f32("some of its windows hold nothing but padding");
    int8 = false;
  }
  std::vector<std::int8_t> weights;
  if (int8 && !types.integer_product) {
    weights = int8_weights(*product.weights);
    if (!cpu_sums_int8_exactly() &&
        (dtype_of_desc(src.desc) != DType::u8 ||
         !never_saturates(weights, static_cast<std::size_t>(product.weights->value->dim(0))))) {
      runs_in_f32("this CPU has no VNNI and its weights could saturate 16-bit sums");
      int8 = false;
    }
  } else if (!int8 && lowering.precision_of(group.primary) == Precision::int8 && product.weights->quantization &&
             src.map && !are_int8_weights(*product.weights)) {
    lowering.builder().note("layer '" + node.name +
                            "' runs in f32: its weights are not quantized to s8 with zero point 0");
  }
  if (types.integer_product) {
    if (!product.f32_only && integers(product)) return;
    if (!product.f32_only) runs_in_f32("oneDNN has no int8 kernel for it");
    int8 = false;
  }
  const DType compute = lowering.compute_dtype(group.primary);
  std::vector<ProductAttempt> attempts;
  if (int8 && types.dst.map) attempts.push_back({true, weights, DType::f32, types.dst.dtype, types.dst.map});
  if (int8) attempts.push_back({true, weights, DType::f32, DType::f32, std::nullopt});
  if (!product.f32_only) {
    const DType dst = compute == DType::f32 ? DType::f32 : lowering.activation_dtype(group.dst);
    attempts.push_back({false, {}, compute, dst, std::nullopt});
  }
  if (product.f32_only || compute == DType::bf16) {
    attempts.push_back({false, {}, DType::f32, DType::f32, std::nullopt});
  }
  for (const ProductAttempt& attempt : attempts) {
    if (const std::optional<Value> result = run(attempt)) {
      if (int8 && !attempt.int8) {
        runs_in_f32("oneDNN has no int8 kernel for it");
      } else if (!product.f32_only && attempt.compute != compute) {
        runs_in_f32("oneDNN has no bf16 kernel for it");
      }
      lowering.finish(group.dst, *result);
      return;
    }
  }
  lower_natively(lowering, group);
}

/// The value in integers with a border of its zero point, channels last, as a step of its own: oneDNN pads with 0,
/// which stands for another number.
FULCRUM_DECLARE [[nodiscard]] Value with_border(Lowering& lowering, NodeId id, const Value& value,
                                                const Geometry& geometry) {
  ProgramBuilder& builder = lowering.builder();
  const Shape shape = shape_of(value.desc);
  const Shape wider = bordered(shape, geometry);
  const DType dtype = dtype_of_desc(value.desc);
  const std::string& name = lowering.node(id).name;
  const Value from = builder.convert(value, channels_last_desc(shape, dtype), value.map, name);
  const Value to = builder.allocate(wider, channels_last_desc(wider, dtype), value.map);
  builder.emit_native({name, "Pad"}, Algorithm::threaded_loops,
                      border_function(border_of(shape, geometry), value.map->zero_point, builder.threads()),
                      {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, to.desc, to.where}}, 0, builder.threads());
  return to;
}

/// Whether a grouped convolution may take its source with the channels last, as it lies, where the kernel would like
/// blocks of as many channels as a group has: the layers around it take no such blocks. Two changes of layout take
/// longer than what the kernel loses. (RegNetY-400MF on one thread with AVX-512: all 33 took 8 % of the time, the
/// kernels at most 2 % more without them.)
template <class PrimitiveDesc>
[[nodiscard]] bool takes_channels_last(const PrimitiveDesc& pd, const Value& value, const Shape& shape, DType dtype) {
  if (!has_channels_last(shape.size()) || is_reference(pd.impl_info_str())) return false;
  const Desc lies = channels_last_desc(shape, dtype);
  return dtype_of_desc(value.desc) == dtype && same_layout(value.desc, lies) && !same_layout(pd.src_desc(), lies);
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Conv<float>& conv) {
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& from = lowering.shape(src);
  const Shape& to = lowering.shape(group.dst);
  const Geometry geometry = geometry_of(conv.window, window_extents(from), window_extents(to));

  Product product{src, &conv.weights, &conv.bias, conv.weights.value->dims(), false};
  product.grouped = conv.groups > 1;
  product.f32_only = needs_f32(window_extents(from), window_extents(to), geometry);
  Geometry unpadded = geometry;
  unpadded.padding_l.assign(geometry.kernel.size(), 0);
  unpadded.padding_r = unpadded.padding_l;
  const bool pads = geometry.padding_l != unpadded.padding_l || geometry.padding_r != unpadded.padding_r;
  if (product.grouped) {
    Shape& dims = product.weights_dims;
    dims[0] /= conv.groups;
    dims.insert(dims.begin(), conv.groups);
  }
  lower_product(
      lowering, group, product,
      [&](const ProductAttempt& attempt) {
        if (!attempt.int8 && attempt.compute == DType::f32 && may_run_sparse(lowering, group)) {
          if (auto result = emit_sparse(lowering, group, conv, attempt)) return result;
        }
        if (!attempt.int8 && attempt.compute == DType::f32 && may_run_in_planes(lowering, group))
          return std::optional(emit_depthwise(lowering, group, conv));
        if (!attempt.int8 && attempt.compute == DType::f32 && may_run_winograd(lowering, group)) {
          if (auto result = emit_winograd(lowering, group, conv, attempt)) return result;
          lowering.builder().amend(lowering.node(group.primary).name, "runs by the direct algorithm",
                                   "oneDNN lays its values out otherwise than Winograd's loops read them");
        }
        const Value value = lowering.builder().with_dims(lowering.value(src), from, lowering.node(src).name);
        const DType src_dtype = attempt.int8 ? dtype_of_desc(value.desc) : attempt.compute;
        const bool needs_border = attempt.int8 && pads && value.map->zero_point != 0;
        return emit_product(
            lowering, group, product, attempt,
            [&](const Attributes& attributes, DType weights, const Desc& bias, DType dst) {
              const auto describe = [&](const Desc& src_desc, const Desc& dst_desc) {
                return conv_forward(dnnl::prop_kind::forward_inference, src_desc,
                                    any_desc(product.weights_dims, weights), bias, dst_desc,
                                    needs_border ? unpadded : geometry, attributes);
              };
              auto pd =
                  describe(any_desc(needs_border ? bordered(from, geometry) : from, src_dtype), any_desc(to, dst));
              if (product.grouped && !attempt.int8 && takes_channels_last(pd, value, from, src_dtype)) {
                const auto as_it_lies = describe(channels_last_desc(from, src_dtype), channels_last_desc(to, dst));
                if (std::string_view(as_it_lies.impl_info_str()) == pd.impl_info_str()) return as_it_lies;
              }
              return pd;
            },
            [&](const Desc& wanted) {
              const Value source = needs_border ? with_border(lowering, src, value, geometry) : value;
              return lowering.builder().convert(source, wanted, attempt.int8 ? value.map : std::nullopt,
                                                lowering.node(src).name);
            });
      },
      [&](const Product& own) { return emit_integer_conv(lowering, group, own, conv.groups, geometry); });
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Dense<float>& dense) {
  if (lowering.step_of(group).step.algorithm == Algorithm::packed) return lower(lowering, group, packed_layer(dense));
  const NodeId src = lowering.node(group.primary).src[0];
  const std::int64_t oc = dense.weights.value->dim(0);
  const std::int64_t ic = dense.weights.value->dim(1);
  const std::int64_t rows = element_count(lowering.shape(src)) / ic;
  const Product matrix{src, &dense.weights, &dense.bias, {oc, ic}};
  lower_product(
      lowering, group, matrix,
      [&](const ProductAttempt& attempt) {
        ProgramBuilder& builder = lowering.builder();
        const std::string& name = lowering.node(src).name;
        Value value = attempt.int8 ? lowering.value(src) : lowering.real_value(src, attempt.compute);
        // The rows of a flattened convolution lie in the convolution's own layout. The weights' columns are brought
        // into that order once, here, so that nothing is moved when the model runs.
        Product product = matrix;
        std::optional<RowLayout> row;
        if (!is_plain(value.desc) && dims_of(value.desc)[0] == rows) row = row_layout_of(value.desc);
        if (row) {
          product.columns = &*row;
          product.weights_dims[1] = row->width;
        } else {
          value = builder.with_dims(value, {rows, ic}, name);
        }
        const std::int64_t width = product.weights_dims[1];
        const DType dtype = dtype_of_desc(value.desc);
        if (!attempt.int8 && attempt.compute == DType::f32 && may_run_sparse(lowering, group)) {
          if (auto result = emit_sparse(lowering, group, dense, product, value, attempt)) return result;
        }
        const auto source = [&](const Desc& wanted) { return Value{value.shape, wanted, value.where, value.map}; };
        const auto inner_product = [&](const Attributes& attributes, DType weights, const Desc& bias, DType dst) {
          return inner_product_forward(dnnl::prop_kind::forward_inference, plain_desc({rows, width}, dtype),
                                       any_desc({oc, width}, weights), bias, plain_desc({rows, oc}, dst), attributes);
        };
        const auto convolution = [&](const Attributes& attributes, DType weights, const Desc& bias, DType dst) {
          return conv_forward(dnnl::prop_kind::forward_inference, pixels_desc(rows, width, dtype),
                              any_desc({oc, width, 1, 1}, weights), bias, pixels_desc(rows, oc, dst),
                              {{1, 1}, {1, 1}, {0, 0}, {0, 0}, {0, 0}}, attributes);
        };
        const DType weights = attempt.int8 ? DType::s8 : attempt.compute;
        // The convolution of floats splits pixels over threads: one row would run on one thread. (In int8 this was not
        // timed.)
        const bool is_split = rows > 1 || builder.threads() == 1 || attempt.int8;
        const bool as_convolution =
            attempt.compute == DType::bf16
                ? !attempt.int8 && fills_tiles_as_convolution(rows, inner_product, convolution, attempt.dst)
                : is_split && runs_better_as_convolution(inner_product, convolution, weights, attempt.dst);
        if (as_convolution) {
          Product pixels = product;
          pixels.weights_dims = {oc, width, 1, 1};
          pixels.rows = Shape{rows, oc};
          if (auto result = emit_product(lowering, group, pixels, attempt, convolution, source)) return result;
        }
        return emit_product(lowering, group, product, attempt, inner_product, source);
      },
      [&](const Product& own) { return emit_integer_dense(lowering, group, own); });
}

/// Weights (ic, oc / groups, …) as they lie, under the dims (oc, ic, …), or (g, oc / g, ic / g, …) when grouped.
FULCRUM_DECLARE [[nodiscard]] Desc transposed_weights_desc(const Shape& weights, std::int64_t groups) {
  const std::int64_t ic = weights[0] / groups, oc = weights[1];
  const Dims taps(weights.begin() + 2, weights.end());
  const Desc plain = plain_desc(weights, DType::f32);
  const Dims strides = blocking_of(plain).strides;
  Dims dims{oc, ic};
  Dims steps{strides[1], strides[0]};
  if (groups > 1) {
    dims.insert(dims.begin(), groups);
    steps.insert(steps.begin(), ic * strides[0]);
  }
  dims.insert(dims.end(), taps.begin(), taps.end());
  steps.insert(steps.end(), strides.begin() + 2, strides.end());
  return {dims, data_type_of(DType::f32), steps};
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const ConvTranspose<float>& layer) {
  ProgramBuilder& builder = lowering.builder();
  const NodeId src = lowering.node(group.primary).src[0];
  const Shape& from = lowering.shape(src);
  const Shape& to = lowering.shape(group.dst);
  Geometry geometry = geometry_of(layer.window, window_extents(from), window_extents(to));
  for (std::size_t axis = 0; axis < geometry.kernel.size(); ++axis) {
    // Rows that output_padding adds are padding that is not taken away.
    const std::int64_t span = (geometry.dilations[axis] + 1) * (geometry.kernel[axis] - 1) + 1;
    geometry.padding_r[axis] =
        (from[axis + 2] - 1) * geometry.strides[axis] + span - to[axis + 2] - geometry.padding_l[axis];
  }
  const Desc given = transposed_weights_desc(layer.weights.value->dims(), layer.groups);
  const Desc bias_desc = layer.bias.empty() ? Desc{} : plain_desc({to[1]}, DType::f32);
  const Configured configured = configure_product({}, std::nullopt);
  const auto pd = deconv_forward(dnnl::prop_kind::forward_inference, any_desc(from, DType::f32),
                                 any_desc(shape_of(given), DType::f32), bias_desc, any_desc(to, DType::f32), geometry,
                                 configured.attributes);
  if (is_reference(pd.impl_info_str())) return lower_natively(lowering, group);

  const Value value = builder.with_dims(lowering.value(src), from, lowering.node(src).name);
  const Value source = builder.convert(value, pd.src_desc(), std::nullopt, lowering.node(src).name);
  const SharedTensor<float> weights = lowering.elements(layer.weights);
  const Value dst = builder.allocate(to, pd.dst_desc());
  std::vector<Argument> arguments{
      {DNNL_ARG_SRC, source.desc, source.where},
      {DNNL_ARG_WEIGHTS, pd.weights_desc(),
       builder.pack_strided(given, std::span<const float>(weights->flat()), pd.weights_desc())},
      {DNNL_ARG_DST, dst.desc, dst.where}};
  if (!layer.bias.empty()) {
    const SharedTensor<float> bias = lowering.elements(layer.bias);
    arguments.push_back(
        {DNNL_ARG_BIAS, bias_desc, builder.pack({to[1]}, std::span<const float>(bias->flat()), bias_desc)});
  }
  builder.emit(lowering.label(group), pd, dnnl::deconvolution_forward(pd), std::move(arguments), configured);
  lowering.finish(group.dst, dst);
}

}  // namespace fulcrum::detail::onednn
