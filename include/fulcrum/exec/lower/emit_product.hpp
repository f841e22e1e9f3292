#pragma once
/// \file
/// One product, a convolution or dense layer with what is fused into it, as a primitive.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/lower/lowering.hpp>
#include <fulcrum/tensor/quantize_elements.hpp>

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

/// The weights as s8. Precondition: are_int8_weights().
FULCRUM_DECLARE [[nodiscard]] std::vector<std::int8_t> int8_weights(const Parameter<float>& weights) {
  const Quantization& q = *weights.quantization;
  std::vector<std::int8_t> result(weights.value->flat().size());
  const std::span<const float> elements = weights.value->flat();
  for_each_channel_row(weights.value->dims(), q.axis, [&](std::size_t first, std::size_t count, std::size_t c) {
    quantize_elements(elements.subspan(first, count), q.scale[c], 0, result.data() + first);
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

/// Where the product's result goes. A sum is made in place: dst's bytes hold the addend when the step starts.
/// \return nothing where the addend has no form of the layout
FULCRUM_DECLARE [[nodiscard]] std::optional<Value> destination_of(Lowering& lowering, const FusionGroup& group,
                                                                  const Tail& tail, const Desc& dst_desc,
                                                                  const ProductAttempt& attempt) {
  ProgramBuilder& builder = lowering.builder();
  if (!tail.addend) return builder.allocate(lowering.shape(group.dst), dst_desc, attempt.dst_map);
  const std::string& name = lowering.node(*tail.addend).name;
  const Value given = builder.with_dims(lowering.value(*tail.addend), shape_of(dst_desc), name);
  const bool as_integers = attempt.dst_map.has_value();
  const std::optional<Desc> wanted = with_dtype(dst_desc, as_integers ? dtype_of_desc(given.desc) : attempt.dst);
  if (!wanted) return std::nullopt;
  const std::optional<AffineMap> map = as_integers ? given.map : std::nullopt;
  const std::optional<Value> ready = builder.find(given, *wanted, map);
  if (ready && lowering.may_overwrite(*tail.addend, *ready)) {
    builder.forget_conversions(ready->where);
    return Value{lowering.shape(group.dst), dst_desc, ready->where, attempt.dst_map};
  }
  const Value dst = builder.allocate(lowering.shape(group.dst), dst_desc, attempt.dst_map);
  Value copy = dst;
  copy.desc = *wanted;
  copy.map = map;
  builder.reorder(ready.value_or(given), copy, name);
  return dst;
}

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
  const Location weights =
      attempt.int8 ? pack(attempt.int8_weights) : pack(std::as_const(*lowering.elements(*product.weights)).flat());
  arguments.push_back({DNNL_ARG_WEIGHTS, pd->weights_desc(), weights});
  if (has_bias) {
    const std::vector<float> scaled = int8 ? product_bias(bias, *int8) : bias;
    arguments.push_back({DNNL_ARG_BIAS, bias_desc,
                         builder.pack({static_cast<std::int64_t>(oc)}, std::span<const float>(scaled), bias_desc)});
  }

  const Desc dst_desc = product.rows ? plain_desc(*product.rows, attempt.dst) : pd->dst_desc();
  const std::optional<Value> dst = destination_of(lowering, group, tail, dst_desc, attempt);
  if (!dst) return std::nullopt;
  arguments.push_back({DNNL_ARG_DST, pd->dst_desc(), dst->where});
  builder.emit(lowering.label(group), *pd, std::move(primitive), std::move(arguments), configured);
  return dst;
}

/// Whether oneDNN's implementations of a dense layer, as an inner product and as a convolution with 1×1 windows over a
/// row of pixels, which is the same sums, are of the kinds that are asked about; false where it has none.
template <class InnerProduct, class Convolution, class Kinds>
[[nodiscard]] bool implementations_are(const InnerProduct& inner_product, const Convolution& convolution, DType weights,
                                       DType dst, const Kinds& kinds) {
  try {
    const auto of_rows = inner_product(Attributes(), weights, Desc(), dst);
    const auto of_pixels = convolution(Attributes(), weights, Desc(), dst);
    return kinds(std::string_view(of_rows.impl_info_str()), std::string_view(of_pixels.impl_info_str()));
  } catch (const dnnl::error& error) {
    if (!is_refusal(error)) throw;
    return false;
  }
}

/// Whether a dense layer is better off as such a convolution: where the inner product is a plain matrix product that
/// packs its weights anew in every run, and the convolution has a kernel of its own, for packed weights. (Up to twice
/// as fast with AVX2 and a few rows, about as fast with one.)
template <class InnerProduct, class Convolution>
[[nodiscard]] bool runs_better_as_convolution(const InnerProduct& inner_product, const Convolution& convolution,
                                              DType weights, DType dst) {
  const auto is_gemm = [](std::string_view name) { return name.find("gemm") != std::string_view::npos; };
  return implementations_are(inner_product, convolution, weights, dst,
                             [&](std::string_view of_rows, std::string_view of_pixels) {
                               return is_gemm(of_rows) && !is_gemm(of_pixels) && !is_reference(of_pixels.data());
                             });
}

/// Whether oneDNN's inner product in bf16 cuts so many rows into pieces that leave tiles of 16 rows nearly empty. It
/// takes the largest divisor of their number up to 64 at a time, or 64 where that is less than a tile, and then what is
/// left; more than three tiles at a time are cut into equal pieces. Those are of one to three rows for 51, 53, 57, 58,
/// 59, 61 and 62, and of seven for 49, which costs a third of the time where all are so. (Seen in 2.6.)
[[nodiscard]] inline bool leaves_tiles_empty(std::int64_t rows) {
  const auto largest_divisor = [](std::int64_t of, std::int64_t most) {
    std::int64_t divisor = std::min(of, most);
    while (of % divisor != 0) --divisor;
    return divisor;
  };
  constexpr std::int64_t tile = 16, most_at_a_time = 64;
  const auto in_pieces_of = [&](std::int64_t count) {
    return count > 3 * tile ? largest_divisor(count, tile) : tile;  // one after another, else
  };
  std::int64_t at_a_time = largest_divisor(rows, most_at_a_time);
  if (at_a_time < tile && rows > most_at_a_time) at_a_time = most_at_a_time;
  return in_pieces_of(at_a_time) <= 7 || in_pieces_of(rows % at_a_time) <= 3;
}

/// Whether a dense layer in bf16 is better off as such a convolution, which takes rows 16 at a time whatever their
/// number: where the inner product computes in tiles and would leave them empty. (1.3 to 8 times as fast there, 0.7 to
/// 1.3 times elsewhere.)
template <class InnerProduct, class Convolution>
[[nodiscard]] bool fills_tiles_as_convolution(std::int64_t rows, const InnerProduct& inner_product,
                                              const Convolution& convolution, DType dst) {
  const auto in_tiles = [](std::string_view name) { return name.find("amx") != std::string_view::npos; };
  return leaves_tiles_empty(rows) && implementations_are(inner_product, convolution, DType::bf16, dst,
                                                         [&](std::string_view of_rows, std::string_view of_pixels) {
                                                           return in_tiles(of_rows) && in_tiles(of_pixels);
                                                         });
}

/// (rows, channels) as the pixels (1, channels, 1, rows) of an image with its channels last.
FULCRUM_DECLARE [[nodiscard]] Desc pixels_desc(std::int64_t rows, std::int64_t channels, DType dtype) {
  return channels_last_desc({1, channels, 1, rows}, dtype);
}

}  // namespace fulcrum::detail::onednn
