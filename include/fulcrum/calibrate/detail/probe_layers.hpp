#pragma once
/// \file
/// Probes of the layers that stand between convolutions and products: what moves, joins, reduces, normalizes and works
/// element by element.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <fulcrum/calibrate/detail/probe_model.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder.hpp>

namespace fulcrum::detail {

/// Draws networks of several such layers side by side, each with a source of the model's input. They come in turn, so
/// that after a few draws all have been seen.
class LayerProbes {
public:
  /// How many there are.
  static constexpr std::size_t count = 68;

  FULCRUM_DECLARE Probe next(Random& random);

private:
  static constexpr std::size_t of_a_probe = 6;
  std::size_t turn_ = 0;
};

/// Appends the layer with a number below LayerProbes::count to a source (n, c, h, w). Its last value is a result.
FULCRUM_DECLARE void add_probe_layer(ModelBuilder<float>& b, std::size_t which, Random& random);

/// Appends one of twenty-four functions that Fulcrum's own loops run, each at a speed of its own: a power takes a
/// hundred times as long as a minimum.
FULCRUM_DECLARE void add_probe_function(ModelBuilder<float>& b, std::size_t which);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(calibrate)

namespace fulcrum::detail {

FULCRUM_DEFINE Probe LayerProbes::next(Random& random) {
  const std::array<std::int64_t, 6> batches{1, 1, 1, 1, 4, 16};
  const std::array<std::int64_t, 6> channels{4, 16, 32, 64, 96, 256};
  const std::int64_t batch = batches[random.below(batches.size())];
  const std::int64_t c = channels[random.below(channels.size())];
  // From some dozens to half a million elements.
  const double elements = std::exp2(random.uniform(6.0, 19.0)) / static_cast<double>(batch * c);
  const auto extent = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::sqrt(elements)), 4, 128);
  ModelBuilder<float> b("probe", random());
  b.input({c, extent, random.below(4) == 0 ? std::max<std::int64_t>(extent / 2, 4) : extent});
  const NodeId source = b.last();
  std::vector<NodeId> results;
  for (std::size_t i = 0; i < of_a_probe; ++i) {
    b.from(source);
    add_probe_layer(b, turn_, random);
    results.push_back(b.last());
    turn_ = (turn_ + 1) % count;
  }
  Model<float> model = std::move(b).build();
  model.set_outputs(std::move(results));
  return {std::move(model), batch};
}

FULCRUM_DEFINE void add_probe_layer(ModelBuilder<float>& b, std::size_t which, Random& random) {
  const Shape shape = b.shape();
  const NodeId src = b.last();
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  const auto layer = [&](Layer<float> l) { b.layer(std::move(l), {src}); };
  const auto constant = [&](const Shape& dims, float value) {
    b.constant(Tensor<float>(dims, value));
    return b.last();
  };
  // Of a tenth to all of an axis.
  const auto part = [&](std::int64_t extent) { return pick(std::max<std::int64_t>(extent / 10, 1), extent); };
  const auto reduced = [&](ReduceKind function) {
    const std::array<std::vector<std::int64_t>, 4> axes{{{1}, {2, 3}, {-1}, {1, 2, 3}}};
    b.reduce(function, axes[random.below(axes.size())]);
  };
  const auto resized = [&](ResizeKind mode) {
    Resize resize;
    resize.mode = mode;
    const float scale = random.below(3) == 0 ? 0.5F : 2.0F;
    resize.scales = {1.0F, 1.0F, scale, scale};
    layer(std::move(resize));
  };
  switch (which) {
    case 0: b.slice(1, 0, part(shape[1])); break;
    case 1: b.slice(2, 0, part(shape[2])); break;
    case 2: b.slice(3, 0, part(shape[3])); break;
    case 3: {  // a table's rows: many, or one for each sample
      const std::int64_t width = pick(4, 256);
      const NodeId table = constant({pick(10, 2000), width}, 0.5F);
      b.from(src);
      if (random.below(2) == 0) b.slice(1, 0, 1).slice(2, 0, 1).slice(3, 0, 1);
      b.activation(ActivationKind::floor);
      b.layer(Gather{0}, {table, b.last()});
      break;
    }
    case 4: {
      const NodeId indices = constant({pick(1, shape[1])}, 1.0F);
      b.layer(Gather{1}, {src, indices});
      break;
    }
    case 5: b.reshape({0, shape[1], shape[2], shape[3], 1}).expand({batch_dim, shape[1], shape[2], shape[3], 2}); break;
    case 6: b.reshape({0, shape[1], 1, shape[2], shape[3]}).expand({batch_dim, shape[1], 2, shape[2], shape[3]}); break;
    case 7: layer(Tile{{1, 2, 1, 1}}); break;
    case 8: layer(Tile{{1, 1, 1, 2}}); break;
    case 9: layer(Pad{PadKind::constant, {0, 0, 1, 1}, {0, 0, 1, 1}, 0.0F}); break;
    case 10: layer(Pad{PadKind::reflect, {0, 0, 1, 1}, {0, 0, 1, 1}, 0.0F}); break;
    case 11: resized(ResizeKind::nearest); break;
    case 12: resized(ResizeKind::linear); break;
    case 13: resized(ResizeKind::cubic); break;
    case 14: b.transpose({0, 2, 3, 1}); break;
    case 15: b.transpose({0, 3, 1, 2}); break;
    case 16: b.transpose({0, 2, 1, 3}); break;
    case 17: b.reshape({0, shape[1], -1}).transpose({0, 2, 1}); break;
    case 18: b.reshape({0, 2, shape[1] / 2, shape[2], shape[3]}).transpose({0, 2, 1, 3, 4}); break;
    case 19: b.transpose({2, 0, 1, 3}); break;
    case 20: {
      b.layer(Cast{ElementType::boolean}, {src});
      const NodeId condition = b.last();
      const NodeId other = constant({1}, 0.5F);
      b.layer(Where{}, {condition, src, other});
      break;
    }
    case 21: layer(Cast{ElementType::s64}); break;
    case 22: reduced(ReduceKind::mean); break;
    case 23: reduced(ReduceKind::max); break;
    case 24: reduced(ReduceKind::l2); break;
    case 25: reduced(ReduceKind::sum); break;
    case 26: layer(ArgReduce{true, random.below(2) == 0 ? 1 : -1}); break;
    case 27: layer(TopK{std::min<std::int64_t>(pick(1, 16), shape[3]), -1}); break;
    case 28: layer(CumSum{random.below(2) == 0 ? 1 : 3}); break;
    case 29: layer(MaxPoolIndices{{{2, 2}, {2, 2}, 0, {1, 1}}}); break;
    case 30: b.layer_normalization(); break;
    case 31: {
      InstanceNormalization<float> normalization;
      normalization.scale = Tensor<float>({shape[1]}, 1.0F);
      normalization.shift = Tensor<float>(Shape{shape[1]});
      layer(std::move(normalization));
      break;
    }
    case 32: layer(LocalResponseNormalization{5}); break;
    case 33: b.softmax(random.below(2) == 0 ? 1 : -1); break;
    case 34: b.batch_normalization().relu(); break;
    case 35: b.add(constant({1, shape[1], 1, 1}, 0.5F)); break;
    case 36: {
      const NodeId other = constant({shape[3]}, 0.5F);
      b.from(src).sub(other);
      break;
    }
    case 37: {
      b.reduce(ReduceKind::mean, {2, 3});
      const NodeId scale = b.last();
      b.from(src).mul(scale);
      break;
    }
    case 38: {
      b.reduce(ReduceKind::mean, {1});
      const NodeId scale = b.last();
      b.from(src).div(scale);
      break;
    }
    case 39: {
      constexpr std::array functions{ActivationKind::sigmoid, ActivationKind::tanh,       ActivationKind::gelu,
                                     ActivationKind::swish,   ActivationKind::hard_swish, ActivationKind::exp,
                                     ActivationKind::sqrt,    ActivationKind::abs};
      b.activation(functions[random.below(functions.size())], 1.0F);
      break;
    }
    case 40: {
      constexpr std::array functions{ActivationKind::sin, ActivationKind::erf, ActivationKind::log,
                                     ActivationKind::floor, ActivationKind::sign};
      b.activation(functions[random.below(functions.size())]);
      break;
    }
    case 41: {
      QuantizeLinear quantize;
      quantize.quantization.scale = {0.05F};
      quantize.quantization.zero_point = {0};
      quantize.quantization.dtype = DType::s8;
      DequantizeLinear dequantize{quantize.quantization};
      layer(std::move(quantize));
      b.layer(std::move(dequantize), {b.last()});
      break;
    }
    case 42: {
      const NodeId indices = constant({1, shape[1], shape[2], 1}, 1.0F);
      b.from(indices).expand({batch_dim, shape[1], shape[2], 1});
      b.layer(GatherElements{-1}, {src, b.last()});
      break;
    }
    case 43: {
      b.slice(1, 0, 2).transpose({0, 2, 3, 1});
      GridSample sample;
      b.layer(sample, {src, b.last()});
      break;
    }
    default: add_probe_function(b, which - 44);
  }
}

FULCRUM_DEFINE void add_probe_function(ModelBuilder<float>& b, std::size_t which) {
  constexpr std::array of_one{ActivationKind::exp,      ActivationKind::log,        ActivationKind::erf,
                              ActivationKind::sin,      ActivationKind::cos,        ActivationKind::floor,
                              ActivationKind::ceil,     ActivationKind::sign,       ActivationKind::abs,
                              ActivationKind::neg,      ActivationKind::reciprocal, ActivationKind::softplus,
                              ActivationKind::softsign, ActivationKind::celu,       ActivationKind::clip};
  constexpr std::array of_two{BinaryKind::pow,   BinaryKind::pow,     BinaryKind::min,   BinaryKind::max,
                              BinaryKind::prelu, BinaryKind::greater, BinaryKind::equal, BinaryKind::remainder};
  static_assert(of_one.size() + of_two.size() + 1 == 24);
  if (which < of_one.size()) {
    b.activation(of_one[which], 1.0F, 2.0F);
    return;
  }
  const NodeId src = b.last();
  which -= of_one.size();
  if (which < of_two.size()) {
    b.constant(Tensor<float>(Shape{1}, 2.0F));
    b.layer(Binary{of_two[which]}, {src, b.last()});
    return;
  }
  // A sum that broadcasts: with a constant it would become part of what made the value.
  b.reduce(ReduceKind::mean, {2, 3});
  const NodeId mean = b.last();
  b.from(src).add(mean);
}

}  // namespace fulcrum::detail

#endif
