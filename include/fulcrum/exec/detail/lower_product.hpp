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

#include <fulcrum/exec/detail/border.hpp>
#include <fulcrum/exec/detail/int8_saturation.hpp>
#include <fulcrum/exec/detail/lower_native.hpp>
#include <fulcrum/exec/precision_support.hpp>

namespace fulcrum::detail::onednn {

/// A convolution or dense layer in oneDNN's terms, for sources and weights of any type.
struct Product {
  NodeId src = 0;
  const Parameter<float>* weights = nullptr;
  const Parameter<float>* bias = nullptr;
  Shape weights_dims;  ///< (oc, …), or (g, oc/g, …) when grouped
  bool grouped = false;
  bool f32_only = false;
  const RowLayout* columns =
      nullptr;                  ///< dense: where the weights' columns go in the rows of a source that is not plain
  std::optional<Shape> rows{};  ///< (n, oc): dst is that matrix, which the primitive sees under other dims
};

/// The weights as s8; empty when they are not quantized in the form that oneDNN's int8 kernels take.
[[nodiscard]] inline std::vector<std::int8_t> int8_weights(const Parameter<float>& weights) {
  const Quantization& q = *weights.quantization;
  const bool zero_at_zero =
      std::all_of(q.zero_point.begin(), q.zero_point.end(), [](std::int32_t z) { return z == 0; });
  if (q.dtype != DType::s8 || q.axis > 0 || !zero_at_zero) return {};
  std::vector<std::int8_t> result(weights.value->flat().size());
  for_each_channel_element(weights.value->dims(), q.axis, [&](std::size_t i, std::size_t c) {
    result[i] = static_cast<std::int8_t>(quantize(weights.value->flat()[i], q.scale[c], 0, DType::s8));
  });
  return result;
}

/// Weights with the columns of each output channel moved to where the source has them.
template <class T>
[[nodiscard]] std::vector<T> with_columns(std::span<const T> weights, const RowLayout& row) {
  const std::size_t columns = row.offsets.size();
  const auto width = static_cast<std::size_t>(row.width);
  std::vector<T> result(weights.size() / columns * width, T{});
  for (std::size_t i = 0; i < weights.size(); ++i) {
    result[i / columns * width + static_cast<std::size_t>(row.offsets[i % columns])] = weights[i];
  }
  return result;
}

/// A product on its way: how its source, weights and result are stored in one attempt to run it.
struct ProductAttempt {
  bool int8 = false;
  std::span<const std::int8_t> int8_weights;
  DType compute = DType::f32;  ///< of source and weights in floating point
  DType dst = DType::f32;
  std::optional<AffineMap> dst_map;
};

/// Emits the group as one primitive. `describe(attributes, weights dtype, bias desc, dst dtype)` makes its descriptor
/// and `source(wanted desc)` gives the source in the layout that the descriptor asks for.
/// \return the result; nothing when oneDNN refuses the attempt, or has no optimized form of it in int8
template <class Describe, class Source>
std::optional<Value> emit_product(Lowering& lowering, const FusionGroup& group, const Product& product,
                                  const ProductAttempt& attempt, const Describe& describe, const Source& source) {
  ProgramBuilder& builder = lowering.builder();
  const Tail tail = tail_of(lowering.model(), group);
  const auto oc = static_cast<std::size_t>(product.weights->value->dim(0));
  const Value src = lowering.value(product.src);

  std::vector<float> bias(oc, 0.0F);
  if (!product.bias->empty()) {
    const SharedTensor<float> given = lowering.elements(*product.bias);
    std::copy(given->flat().begin(), given->flat().end(), bias.begin());
  }
  bool has_bias = !product.bias->empty();

  std::optional<Int8Product> int8;
  if (attempt.int8) {
    const Quantization& q = *product.weights->quantization;
    int8 = Int8Product{src.map->scale, q.scale, product.grouped};
    if (int8->weights_scales.size() != oc) int8->weights_scales.assign(oc, q.scale.front());
    if (src.map->zero_point != 0) {
      // Σ w·(q − z) = Σ w·q − z·Σ w: the second term is a constant of the channel.
      const std::size_t row = attempt.int8_weights.size() / oc;
      for (std::size_t c = 0; c < oc; ++c) {
        std::int64_t sum = 0;
        for (std::size_t i = c * row; i < (c + 1) * row; ++i) sum += attempt.int8_weights[i];
        bias[c] -= src.map->scale * int8->weights_scales[c] * static_cast<float>(src.map->zero_point) *
                   static_cast<float>(sum);
      }
      has_bias = true;
    }
  }

  Epilogue epilogue{std::nullopt, dnnl::memory::data_type::undef, tail.eltwise, tail.sum_at, attempt.dst_map};
  std::optional<Value> addend;
  if (tail.addend) {
    addend = lowering.value(*tail.addend);
    epilogue.sum_scale = 1.0F;
    if (attempt.dst_map) {
      if (!addend->map) return std::nullopt;
      epilogue.sum_scale = addend->map->scale;
      if (data_type_of(addend->desc) != data_type_of(attempt.dst)) epilogue.sum_type = data_type_of(addend->desc);
      if (addend->map->zero_point != 0 && tail.sum_at > 0) return std::nullopt;  // a bias comes before the functions
      for (float& b : bias) b -= addend->map->scale * static_cast<float>(addend->map->zero_point);
      has_bias = has_bias || addend->map->zero_point != 0;
    }
  }

  const Desc bias_desc = has_bias ? plain_desc({static_cast<std::int64_t>(oc)}, DType::f32) : Desc{};
  Configured configured;
  using PrimitiveDesc = decltype(describe(configured.attributes, DType::f32, bias_desc, DType::f32));
  std::optional<PrimitiveDesc> pd;
  dnnl::primitive primitive;
  try {
    configured = configure_product(epilogue, int8);
    pd = describe(configured.attributes, attempt.int8 ? DType::s8 : attempt.compute, bias_desc, attempt.dst);
    primitive = dnnl::primitive(pd->get());  // 2.6 finds out only here that it lacks some bf16 kernels
  } catch (const dnnl::error& error) {
    if (!is_refusal(error)) throw;
    return std::nullopt;
  }
  if ((attempt.int8 || !group.absorbed.empty()) && is_reference(pd->impl_info_str())) return std::nullopt;

  const Value from = source(pd->src_desc());
  std::vector<Argument> arguments{{DNNL_ARG_SRC, pd->src_desc(), from.where}};
  const auto pack = [&]<class T>(std::span<const T> weights) {
    const std::vector<T> moved = product.columns ? with_columns(weights, *product.columns) : std::vector<T>();
    return builder.pack(product.weights_dims, product.columns ? std::span<const T>(moved) : weights,
                        pd->weights_desc());
  };
  const SharedTensor<float> real = lowering.elements(*product.weights);
  const Location weights = attempt.int8 ? pack(attempt.int8_weights) : pack(real->flat());
  arguments.push_back({DNNL_ARG_WEIGHTS, pd->weights_desc(), weights});
  if (has_bias) {
    const std::vector<float> scaled = int8 ? product_bias(bias, *int8) : bias;
    arguments.push_back({DNNL_ARG_BIAS, bias_desc,
                         builder.pack({static_cast<std::int64_t>(oc)}, std::span<const float>(scaled), bias_desc)});
  }

  const Desc dst_desc = product.rows ? plain_desc(*product.rows, attempt.dst) : pd->dst_desc();
  Value dst;
  if (!addend) {
    dst = builder.allocate(lowering.shape(group.dst), dst_desc, attempt.dst_map);
  } else {
    // The sum is made in place: dst's bytes hold the addend when the primitive starts.
    const std::string& name = lowering.node(*tail.addend).name;
    const Value given = builder.with_dims(*addend, shape_of(dst_desc), name);
    const bool as_integers = attempt.dst_map.has_value();
    const std::optional<Desc> wanted = with_dtype(dst_desc, as_integers ? dtype_of_desc(given.desc) : attempt.dst);
    if (!wanted) return std::nullopt;
    const std::optional<AffineMap> map = as_integers ? given.map : std::nullopt;
    const std::optional<Value> ready = builder.find(given, *wanted, map);
    if (ready && lowering.may_overwrite(*tail.addend, *ready)) {
      builder.forget_conversions(ready->where);
      dst = {lowering.shape(group.dst), dst_desc, ready->where, attempt.dst_map};
    } else {
      dst = builder.allocate(lowering.shape(group.dst), dst_desc, attempt.dst_map);
      Value copy = dst;
      copy.desc = *wanted;
      copy.map = map;
      builder.reorder(ready.value_or(given), copy, name);
    }
  }
  arguments.push_back({DNNL_ARG_DST, pd->dst_desc(), dst.where});
  builder.emit(lowering.label(group), *pd, std::move(primitive), std::move(arguments), configured);
  return dst;
}

/// Tries the product with an integer result, with integers in and real numbers out, in floating point as the precision
/// says and in f32, in that order as far as the model's quantization allows; at last in Fulcrum's own loops.
template <class Run>
void lower_product(Lowering& lowering, const FusionGroup& group, const Product& product, const Run& run) {
  const Node<float>& node = lowering.node(group.primary);
  const Value& src = lowering.value(product.src);
  const Precision precision = lowering.precision_of(group.primary);
  bool int8 = precision == Precision::int8 && product.weights->quantization && src.map;
  if (product.f32_only && precision != Precision::f32) {
    lowering.builder().note("layer '" + node.name + "' runs in f32: some of its windows hold nothing but padding");
    int8 = false;
  }
  std::vector<std::int8_t> weights;
  if (int8) {
    weights = int8_weights(*product.weights);
    if (weights.empty()) {
      lowering.builder().note("layer '" + node.name +
                              "' runs in f32: its weights are not quantized to s8 with zero point 0");
      int8 = false;
    } else if (!cpu_sums_int8_exactly() &&
               (dtype_of_desc(src.desc) != DType::u8 ||
                !never_saturates(weights, static_cast<std::size_t>(product.weights->value->dim(0))))) {
      lowering.builder().note("layer '" + node.name +
                              "' runs in f32: this CPU has no VNNI and its weights could saturate 16-bit sums");
      int8 = false;
    }
  }
  const DType compute = lowering.compute_dtype(group.primary);
  std::vector<ProductAttempt> attempts;
  if (int8 && lowering.dst_map(group.dst)) {
    attempts.push_back({true, weights, DType::f32, lowering.dst_dtype(group.dst), lowering.dst_map(group.dst)});
  }
  if (int8) attempts.push_back({true, weights, DType::f32, DType::f32, std::nullopt});
  if (!product.f32_only) {
    const DType dst = compute == DType::f32 ? DType::f32 : lowering.activation_dtype(group.dst);
    attempts.push_back({false, {}, compute, dst, std::nullopt});
  }
  if (product.f32_only || precision == Precision::bf16) {
    attempts.push_back({false, {}, DType::f32, DType::f32, std::nullopt});
  }
  for (const ProductAttempt& attempt : attempts) {
    if (const std::optional<Value> result = run(attempt)) {
      if (int8 && !attempt.int8) {
        lowering.builder().note("layer '" + node.name + "' runs in f32: oneDNN has no int8 kernel for it");
      } else if (!product.f32_only && attempt.compute != compute) {
        lowering.builder().note("layer '" + node.name + "' runs in f32: oneDNN has no bf16 kernel for it");
      }
      lowering.finish(group.dst, *result);
      return;
    }
  }
  lower_natively(lowering, group);
}

/// The value in integers with a border of its zero point, channels last, as a step of its own: oneDNN pads with 0,
/// which stands for another number.
[[nodiscard]] inline Value with_border(Lowering& lowering, NodeId id, const Value& value, const Geometry& geometry) {
  ProgramBuilder& builder = lowering.builder();
  const Shape shape = shape_of(value.desc);
  const Shape wider = bordered(shape, geometry);
  const DType dtype = dtype_of_desc(value.desc);
  const std::string& name = lowering.node(id).name;
  const Value from = builder.convert(value, channels_last_desc(shape, dtype), value.map, name);
  const Value to = builder.allocate(wider, channels_last_desc(wider, dtype), value.map);
  builder.emit_native({name, "Pad"},
                      border_function(border_of(shape, geometry), value.map->zero_point, builder.threads()),
                      {{DNNL_ARG_SRC, from.desc, from.where}, {DNNL_ARG_DST, to.desc, to.where}}, 0, builder.threads());
  return to;
}

inline void lower(Lowering& lowering, const FusionGroup& group, const Conv<float>& conv) {
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
  lower_product(lowering, group, product, [&](const ProductAttempt& attempt) {
    const Value value = lowering.builder().with_dims(lowering.value(src), from, lowering.node(src).name);
    const DType src_dtype = attempt.int8 ? dtype_of_desc(value.desc) : attempt.compute;
    const bool needs_border = attempt.int8 && pads && value.map->zero_point != 0;
    return emit_product(
        lowering, group, product, attempt,
        [&](const Attributes& attributes, DType weights, const Desc& bias, DType dst) {
          return conv_forward(dnnl::prop_kind::forward_inference,
                              any_desc(needs_border ? bordered(from, geometry) : from, src_dtype),
                              any_desc(product.weights_dims, weights), bias, any_desc(to, dst),
                              needs_border ? unpadded : geometry, attributes);
        },
        [&](const Desc& wanted) {
          const Value source = needs_border ? with_border(lowering, src, value, geometry) : value;
          return lowering.builder().convert(source, wanted, attempt.int8 ? value.map : std::nullopt,
                                            lowering.node(src).name);
        });
  });
}

/// Whether a dense layer is better off as a convolution with 1×1 windows over a row of pixels, which is the same sums:
/// where the inner product is a plain matrix product that packs its weights anew in every run, and the convolution has
/// a kernel of its own, for packed weights. (Up to twice as fast with AVX2 and a few rows, about as fast with one.)
template <class InnerProduct, class Convolution>
[[nodiscard]] bool runs_better_as_convolution(const InnerProduct& inner_product, const Convolution& convolution,
                                              DType weights, DType dst) {
  const auto is_gemm = [](const char* implementation) {
    return std::string_view(implementation).find("gemm") != std::string_view::npos;
  };
  try {
    if (!is_gemm(inner_product(Attributes(), weights, Desc(), dst).impl_info_str())) return false;
    const auto pd = convolution(Attributes(), weights, Desc(), dst);
    return !is_gemm(pd.impl_info_str()) && !is_reference(pd.impl_info_str());
  } catch (const dnnl::error& error) {
    if (!is_refusal(error)) throw;
    return false;
  }
}

/// (rows, channels) as the pixels (1, channels, 1, rows) of an image with its channels last.
[[nodiscard]] inline Desc pixels_desc(std::int64_t rows, std::int64_t channels, DType dtype) {
  return channels_last_desc({1, channels, 1, rows}, dtype);
}

inline void lower(Lowering& lowering, const FusionGroup& group, const Dense<float>& dense) {
  const NodeId src = lowering.node(group.primary).src[0];
  const std::int64_t oc = dense.weights.value->dim(0);
  const std::int64_t ic = dense.weights.value->dim(1);
  const std::int64_t rows = element_count(lowering.shape(src)) / ic;
  const Product matrix{src, &dense.weights, &dense.bias, {oc, ic}};
  lower_product(lowering, group, matrix, [&](const ProductAttempt& attempt) {
    ProgramBuilder& builder = lowering.builder();
    const std::string& name = lowering.node(src).name;
    Value value = attempt.int8 ? lowering.value(src) : lowering.real_value(src, attempt.compute);
    // The rows of a flattened convolution lie in the convolution's own layout. The weights' columns are brought into
    // that order once, here, so that nothing is moved when the model runs.
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
    if (attempt.compute != DType::bf16 && is_split &&
        runs_better_as_convolution(inner_product, convolution, weights, attempt.dst)) {
      Product pixels = product;
      pixels.weights_dims = {oc, width, 1, 1};
      pixels.rows = Shape{rows, oc};
      if (auto result = emit_product(lowering, group, pixels, attempt, convolution, source)) return result;
    }
    return emit_product(lowering, group, product, attempt, inner_product, source);
  });
}

/// Weights (ic, oc / groups, …) as they lie, under the dims (oc, ic, …), or (g, oc / g, ic / g, …) when grouped.
[[nodiscard]] inline Desc transposed_weights_desc(const Shape& weights, std::int64_t groups) {
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

inline void lower(Lowering& lowering, const FusionGroup& group, const ConvTranspose<float>& layer) {
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
    const bool usual =
        geometry.padding_l[axis] < span && geometry.padding_r[axis] >= 0 && geometry.padding_r[axis] < span;
    if (!usual) return lower_natively(lowering, group);
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
