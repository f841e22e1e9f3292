#pragma once
// Random networks for property tests: every layer, with settings that kernels tend to get wrong.
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/data.hpp>

namespace fulcrum::test {

/// The model with biases and batch norm statistics that matter: the builder leaves them 0 and 1.
inline Model<float> with_random_parameters(Model<float> model, std::uint64_t seed) {
  Random random(seed);
  for_each_model_parameter(model, [&](NodeId, const std::string& name, Parameter<float>& parameter) {
    if (name == "weights" || name == "value") return;
    const bool positive = name == "scale" || name == "variance";
    for (float& x : parameter.value.edit().flat()) {
      x = static_cast<float>(positive ? random.uniform(0.5, 1.5) : random.uniform(-0.3, 0.3));
    }
  });
  return model;
}

class RandomModel {
public:
  explicit RandomModel(std::uint64_t seed) : random_(seed), builder_("random" + std::to_string(seed), seed) {}

  /// A network of `blocks` blocks and a head; equal seeds give equal networks.
  Model<float> make(int blocks) {
    builder_.input({pick({1, 3, 4, 8, 16, 20}), between(6, 13), between(6, 13)});
    for (int i = 0; i < blocks; ++i) block();
    head();
    return with_random_parameters(std::move(builder_).build(), random_());
  }

private:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  std::int64_t pick(std::initializer_list<std::int64_t> values) { return values.begin()[random_.below(values.size())]; }
  bool chance(double probability) { return random_.uniform() < probability; }

  void activation() {
    switch (between(0, 21)) {
      case 0: builder_.leaky_relu(0.1F); break;
      case 1: builder_.activation(ActivationKind::clip, -0.5F, 0.75F); break;
      case 2: builder_.sigmoid(); break;
      case 3: builder_.tanh(); break;
      case 4: builder_.activation(ActivationKind::elu, 0.7F); break;
      case 5: builder_.activation(ActivationKind::hard_sigmoid, 0.2F, 0.5F); break;
      case 6: builder_.hard_swish(); break;
      case 7: builder_.activation(ActivationKind::swish, 1.3F); break;
      case 8: builder_.activation(ActivationKind::softplus); break;
      case 9: builder_.gelu(); break;
      case 10: builder_.activation(ActivationKind::gelu_tanh); break;
      case 11: builder_.relu6(); break;
      case 12: builder_.activation(ActivationKind::selu, 1.67F, 1.05F); break;
      case 13: builder_.activation(ActivationKind::celu, 0.8F); break;
      case 14: builder_.activation(ActivationKind::mish); break;
      case 15: builder_.activation(ActivationKind::softsign); break;
      case 16: builder_.activation(ActivationKind::abs); break;
      case 17: builder_.activation(ActivationKind::neg); break;
      case 18: builder_.activation(ActivationKind::sin); break;
      case 19: builder_.activation(ActivationKind::erf); break;
      default: builder_.relu();
    }
  }

  void finish_conv() {
    if (chance(0.3)) builder_.batch_normalization();
    if (chance(0.5))
      builder_.relu();
    else if (chance(0.6))
      activation();
  }

  void conv() {
    const Shape src = builder_.shape();
    ConvOptions options;
    options.bias = chance(0.7);
    const Extent2 kernel{pick({1, 2, 3, 5}), pick({1, 3, 3, 4})};
    options.dilation = {kernel[0] <= 3 ? pick({1, 1, 2}) : 1, kernel[1] <= 3 ? pick({1, 1, 2}) : 1};
    const std::int64_t span_h = options.dilation[0] * (kernel[0] - 1), span_w = options.dilation[1] * (kernel[1] - 1);
    options.padding = {between(span_h / 2, span_h), between(span_w / 2, span_w), between(0, span_h),
                       between(0, span_w)};
    // Enough padding that something is left of a small plane.
    options.padding.bottom = std::max(options.padding.bottom, span_h - options.padding.top);
    options.padding.right = std::max(options.padding.right, span_w - options.padding.left);
    if (src[2] > 5 && src[3] > 5) options.stride = {pick({1, 1, 2}), pick({1, 1, 2, 3})};
    std::int64_t oc = pick({3, 8, 16, 20, 32});
    if (chance(0.25)) {
      options.groups = src[1] % 4 == 0 ? pick({2, 4}) : src[1] % 3 == 0 ? 3 : 1;
      oc = options.groups * pick({1, 4, 8});
    }
    if (chance(0.2)) {
      builder_.depthwise_conv(3, {.stride = options.stride, .padding = 1, .bias = options.bias});
    } else {
      builder_.conv(oc, kernel, options);
    }
    finish_conv();
  }

  void residual() {
    const NodeId shortcut = builder_.last();
    const std::int64_t c = builder_.shape()[1];
    builder_.conv(c, 3, {.padding = 1});
    finish_conv();
    builder_.conv(c, 1);
    if (chance(0.4)) builder_.batch_normalization();
    builder_.add(shortcut);
    if (chance(0.7)) builder_.relu();
  }

  void pool() {
    const Shape src = builder_.shape();
    if (src[2] < 3 || src[3] < 3) return;
    const std::int64_t kernel = pick({2, 3});
    const PoolOptions options{{pick({1, 2}), pick({1, 2, 3})},
                              {between(0, 1), between(0, 1), between(0, 1), between(0, 1)},
                              chance(0.5),
                              chance(0.5)};
    if (chance(0.5))
      builder_.max_pool(kernel, options);
    else
      builder_.average_pool(kernel, options);
  }

  void gate() {
    const NodeId value = builder_.last();
    const std::int64_t c = builder_.shape()[1];
    builder_.global_average_pool().conv(4, 1).relu().conv(c, 1).sigmoid();
    const NodeId scale = builder_.last();
    if (chance(0.5))
      builder_.from(value).mul(scale);
    else
      builder_.mul(value);
  }

  void branches() {
    const NodeId start = builder_.last();
    builder_.conv(pick({4, 16}), 1).relu();
    const NodeId left = builder_.last();
    builder_.from(start).conv(pick({3, 16}), 3, {.padding = 1});
    if (chance(0.5)) builder_.relu();
    if (chance(0.3))
      builder_.concat({left, start});
    else
      builder_.concat({left});
  }

  void constant() {
    const Shape src = builder_.shape();
    const NodeId value = builder_.last();
    const Shape shape = chance(0.5) ? Shape{1, src[1], 1, 1} : Shape{src[1], 1, src[3]};
    builder_.layer(Constant<float>{random_tensor<float>(shape, random_())}, {});
    const NodeId other = builder_.last();
    builder_.from(value);
    if (chance(0.5))
      builder_.add(other);
    else
      builder_.mul(other);
    if (chance(0.5)) activation();
  }

  /// Another value of the shape, or one that is broadcast to it, on either side.
  void binary() {
    const Shape src = builder_.shape();
    const NodeId value = builder_.last();
    const BinaryKind kind =
        std::initializer_list<BinaryKind>{BinaryKind::sub, BinaryKind::min, BinaryKind::max, BinaryKind::div}
            .begin()[random_.below(4)];
    const Shape shape = chance(0.4) ? src : chance(0.5) ? Shape{1, src[1], 1, 1} : Shape{src[2], 1};
    builder_.layer(Constant<float>{random_tensor<float>(with_batch(shape, 1), random_(), 0.5, 1.5)}, {});
    const NodeId other = builder_.last();
    const bool first = kind == BinaryKind::div || chance(0.5);  // quotients stay bounded
    builder_.layer(Binary{kind}, {first ? value : other, first ? other : value});
    if (chance(0.4)) activation();
  }

  /// softmax(x · xᵀ) · x of every channel.
  void attention() {
    const NodeId value = builder_.last();
    builder_.layer(Transpose{{0, 1, 3, 2}}, {value});
    builder_.layer(MatMul{}, {value, builder_.last()}).softmax();
    builder_.layer(MatMul{}, {builder_.last(), value});
  }

  void transpose() {
    const Transpose orders[] = {{{0, 1, 3, 2}}, {{0, 2, 1, 3}}, {{0, 3, 1, 2}}};
    builder_.layer(orders[random_.below(3)], {builder_.last()});
  }

  void slice() {
    const Shape src = builder_.shape();
    if (src[2] < 4 || src[3] < 4) return;
    builder_.layer(Slice{{2, -1}, {between(0, 1), -1}, {src[2] - between(0, 1), -src[3] - 1}, {1, pick({-1, -2})}},
                   {builder_.last()});
  }

  void pad() {
    const PadKind modes[] = {PadKind::constant, PadKind::reflect, PadKind::edge, PadKind::wrap};
    const Shape src = builder_.shape();
    if (src[2] < 3 || src[3] < 3) return;
    const PadKind mode = modes[random_.below(4)];
    builder_.layer(Pad{mode,
                       {0, 0, between(-1, 1), between(0, 2)},
                       {0, 0, between(0, 1), between(0, 1)},
                       mode == PadKind::constant ? 0.5F : 0.0F},
                   {builder_.last()});
  }

  void layer_normalization() {
    const Shape extents{builder_.shape()[3]};
    LayerNormalization<float> layer;
    layer.scale = Tensor<float>(extents);
    if (chance(0.7)) layer.shift = Tensor<float>(extents);
    layer.epsilon = 0.1;  // rows of nearly equal elements do not blow up rounding errors
    builder_.layer(layer, {builder_.last()});
  }

  /// The value and the mean, or the largest, of some axes. (A difference might cancel out all but rounding errors.)
  void reduce() {
    const NodeId value = builder_.last();
    const ReduceKind kind = chance(0.7) ? ReduceKind::mean : ReduceKind::max;
    const std::vector<std::int64_t> axes[] = {{1}, {-1}, {2, 3}, {1, 2, 3}};
    builder_.layer(Reduce{kind, axes[random_.below(4)], true}, {value});
    builder_.layer(Binary{BinaryKind::add}, {value, builder_.last()});
  }

  void resize() {
    const Shape src = builder_.shape();
    if (src[2] > 8 || src[3] > 8) return;
    Resize layer;
    layer.mode = chance(0.5) ? ResizeKind::nearest : ResizeKind::linear;
    if (chance(0.5))
      layer.scales = {1.0F, 1.0F, 2.0F, 1.5F};
    else
      layer.sizes = {-1, -1, src[2] + between(0, 3), src[3] + between(0, 3)};
    builder_.layer(layer, {builder_.last()});
  }

  /// x > 0 ? x : x/2, so that a small difference in x makes none in the choice.
  void where() {
    const NodeId value = builder_.last();
    const NodeId zero = builder_.layer(Constant<float>{Tensor<float>(Shape{1}, 0.0F)}, {}).last();
    const NodeId condition = builder_.layer(Binary{BinaryKind::greater}, {value, zero}).last();
    const NodeId half = builder_.layer(Constant<float>{Tensor<float>(Shape{}, 0.5F)}, {}).last();
    const NodeId other = builder_.from(value).mul(half).last();
    builder_.layer(Where{}, {condition, value, other});
  }

  void block() {
    switch (between(0, 21)) {
      case 0: residual(); break;
      case 1: residual(); break;
      case 2: pool(); break;
      case 3: pool(); break;
      case 4: gate(); break;
      case 5: branches(); break;
      case 6: constant(); break;
      case 7: builder_.batch_normalization(); break;
      case 8: activation(); break;
      case 9: binary(); break;
      case 10: attention(); break;
      case 11: transpose(); break;
      case 12: slice(); break;
      case 13: pad(); break;
      case 14: layer_normalization(); break;
      case 15: reduce(); break;
      case 16: resize(); break;
      case 17: where(); break;
      default: conv();
    }
  }

  void head() {
    switch (between(0, 5)) {
      case 0: builder_.flatten().dense(17).relu().dense(10).softmax(); break;
      case 1: builder_.global_average_pool().flatten().dense(10, false); break;
      case 2: builder_.global_max_pool(); break;
      case 3: {
        const Shape src = builder_.shape();
        builder_.reshape({0, src[1], -1}).dense(6).relu();
        break;
      }
      case 4: builder_.softmax(1); break;
      default: builder_.conv(5, 1);
    }
  }

  Random random_;
  ModelBuilder<float> builder_;
};

/// A network of one to six blocks.
inline Model<float> random_model(std::uint64_t seed) { return RandomModel(seed).make(static_cast<int>(1 + seed % 6)); }

/// The quantized model with zero points that a pass of ours would not choose but an imported model may hold. Values
/// that pass through (MaxPool, Flatten) get a quantization of their own, which makes executors round them again.
inline Model<float> with_other_zero_points(Model<float> model, std::uint64_t seed) {
  Random random(seed);
  for (NodeId id = 0; id < model.size(); ++id) {
    std::optional<Quantization> q = model.node(id).dst_quantization;
    if (!q || random.uniform() < 0.2) continue;
    if (q->dtype == DType::s8 && random.uniform() < 0.7) {
      q->dtype = DType::u8;
      q->zero_point = {128 - static_cast<std::int32_t>(random.below(30))};
    } else {
      q->zero_point = {static_cast<std::int32_t>(random.below(12))};
      q->scale[0] *= static_cast<float>(random.uniform(1.0, 1.2));
    }
    model.set_dst_quantization(id, q);
  }
  return model;
}

}  // namespace fulcrum::test
