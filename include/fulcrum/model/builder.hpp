#pragma once
/// \file
/// A fluent way to write a model down.

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// What a convolution may be told beside its channels and kernel.
struct ConvOptions {
  Extent2 stride{1, 1};
  Padding padding = 0;
  Extent2 dilation{1, 1};
  std::int64_t groups = 1;
  bool bias = true;
};

/// What pooling may be told beside its kernel.
struct PoolOptions {
  Extent2 stride{0, 0};  ///< 0: the kernel's extent
  Padding padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = false;
};

/// Builds a Model<T> layer by layer. Each call takes the value of the layer before it; last() remembers a value and
/// from() goes back to one, which is how branches are made:
///
///     auto b = ModelBuilder<float>("residual", 7).input({8, 14, 14});
///     const auto shortcut = b.last();
///     b.conv(8, 3, {.padding = 1}).relu().conv(8, 3, {.padding = 1}).add(shortcut).relu();
///     Model<float> model = std::move(b).build();
///
/// Weights come from the seed (He et al. 2015: normal, √(2 / fan-in)); biases are 0. Layers are named after their kind
/// and number ("conv1", "relu1"); named() gives the last one another name.
template <class T>
class ModelBuilder {
public:
  explicit ModelBuilder(std::string name, std::uint64_t seed = 0) : model_(std::move(name)), random_(seed) {}

  /// A model input; `sample` is its shape without the batch dimension.
  ModelBuilder& input(const Shape& sample, std::string name = "input") {
    Shape shape{batch_dim};
    shape.insert(shape.end(), sample.begin(), sample.end());
    return append(Input{std::move(shape)}, {}, std::move(name));
  }

  /// 2-D convolution with a square kernel, or one of the given extents.
  ModelBuilder& conv(std::int64_t oc, std::int64_t kernel, const ConvOptions& options = {}) {
    return conv(oc, Extent2{kernel, kernel}, options);
  }
  ModelBuilder& conv(std::int64_t oc, Extent2 kernel, const ConvOptions& options = {}) {
    const Shape src = shape();
    detail::expect_rank(src, 4, "conv");
    expect_positive("conv", "output channels", oc);
    expect_positive("conv", "kernel rows", kernel[0]);
    expect_positive("conv", "kernel columns", kernel[1]);
    if (options.groups < 1 || src[1] % options.groups != 0) {
      throw Error("conv",
                  "has " + std::to_string(options.groups) + " groups for " + std::to_string(src[1]) + " channels");
    }
    const std::int64_t ic = src[1] / options.groups;
    Conv<T> layer;
    layer.weights = he_normal({oc, ic, kernel[0], kernel[1]}, ic * kernel[0] * kernel[1]);
    if (options.bias) layer.bias = Tensor<T>(Shape{oc});
    layer.window = {kernel, options.stride, options.padding, options.dilation};
    layer.groups = options.groups;
    return append(std::move(layer), {last_});
  }

  /// One filter per channel.
  ModelBuilder& depthwise_conv(std::int64_t kernel, ConvOptions options = {}) {
    options.groups = channel_count("depthwise_conv");
    return conv(options.groups, kernel, options);
  }

  ModelBuilder& dense(std::int64_t oc, bool bias = true) {
    if (shape().size() < 2) throw Error("dense", "takes a source with features but was given " + to_string(shape()));
    expect_positive("dense", "outputs", oc);
    const std::int64_t ic = shape().back();
    Dense<T> layer;
    layer.weights = he_normal({oc, ic}, ic);
    if (bias) layer.bias = Tensor<T>(Shape{oc});
    return append(std::move(layer), {last_});
  }

  ModelBuilder& batch_normalization(double epsilon = 1e-5) {
    const Shape channels{channel_count("batch_normalization")};
    BatchNormalization<T> layer;
    layer.scale = Tensor<T>(channels, T{1});
    layer.shift = Tensor<T>(channels);
    layer.mean = Tensor<T>(channels);
    layer.variance = Tensor<T>(channels, T{1});
    layer.epsilon = epsilon;
    return append(std::move(layer), {last_});
  }

  ModelBuilder& max_pool(std::int64_t kernel, const PoolOptions& options = {}) {
    return pool(PoolKind::max, kernel, options);
  }
  ModelBuilder& average_pool(std::int64_t kernel, const PoolOptions& options = {}) {
    return pool(PoolKind::average, kernel, options);
  }
  ModelBuilder& global_max_pool() { return append(GlobalPool{PoolKind::max}, {last_}); }
  ModelBuilder& global_average_pool() { return append(GlobalPool{PoolKind::average}, {last_}); }

  ModelBuilder& activation(ActivationKind function, float alpha = 0.0F, float beta = 0.0F) {
    return append(Activation{function, alpha, beta}, {last_});
  }
  ModelBuilder& relu() { return activation(ActivationKind::relu); }
  ModelBuilder& relu6() { return activation(ActivationKind::clip, 0.0F, 6.0F); }
  ModelBuilder& leaky_relu(float alpha = 0.01F) { return activation(ActivationKind::leaky_relu, alpha); }
  ModelBuilder& sigmoid() { return activation(ActivationKind::sigmoid); }
  ModelBuilder& tanh() { return activation(ActivationKind::tanh); }
  ModelBuilder& hard_swish() { return activation(ActivationKind::hard_swish); }
  ModelBuilder& swish() { return activation(ActivationKind::swish, 1.0F); }
  ModelBuilder& gelu() { return activation(ActivationKind::gelu); }

  /// Element-wise with another value, broadcast.
  ModelBuilder& add(NodeId other) { return append(Binary{BinaryKind::add}, {last_, other}); }
  ModelBuilder& mul(NodeId other) { return append(Binary{BinaryKind::mul}, {last_, other}); }

  /// The last value and others, joined along an axis (1: channels).
  ModelBuilder& concat(const std::vector<NodeId>& others, std::int64_t axis = 1) {
    std::vector<NodeId> src{last_};
    src.insert(src.end(), others.begin(), others.end());
    return append(Concat{axis}, std::move(src));
  }

  ModelBuilder& flatten(std::int64_t axis = 1) { return append(Flatten{axis}, {last_}); }
  ModelBuilder& reshape(Shape dims) { return append(Reshape{std::move(dims)}, {last_}); }
  ModelBuilder& softmax(std::int64_t axis = -1) { return append(Softmax{axis}, {last_}); }

  /// Any layer at all.
  ModelBuilder& layer(Layer<T> layer, std::vector<NodeId> src) { return append(std::move(layer), std::move(src)); }

  /// Renames the last layer.
  ModelBuilder& named(const std::string& name) {
    if (model_.size() == 0) throw Error("named(\"" + name + "\")", "comes before any layer");
    Model<T> renamed(model_.name());
    for (NodeId id = 0; id < model_.size(); ++id) {
      Node<T> node = model_.node(id);
      if (id == last_) node.name = name;
      renamed.add(std::move(node));
    }
    model_ = std::move(renamed);
    return *this;
  }

  /// The value of the last layer, to come back to.
  [[nodiscard]] NodeId last() const noexcept { return last_; }
  /// Goes on from an earlier value.
  ModelBuilder& from(NodeId value) {
    if (value >= model_.size()) throw Error("from(" + std::to_string(value) + ")", "is no layer of the model yet");
    last_ = value;
    return *this;
  }
  /// Shape of the last value for a batch of one.
  [[nodiscard]] const Shape& shape() const {
    if (shapes_.empty()) throw Error("model '" + model_.name() + "'", "has no input yet", "start with input()");
    return shapes_[last_];
  }

  /// The model, with the last value as its output.
  [[nodiscard]] Model<T> build() && {
    static_cast<void>(shape());
    model_.set_outputs({last_});
    return std::move(model_);
  }
  [[nodiscard]] Model<T> build() const& { return ModelBuilder(*this).build(); }

private:
  static void expect_positive(const char* layer, const char* noun, std::int64_t count) {
    if (count < 1) throw Error(layer, "has " + std::to_string(count) + " " + noun, "give a number of 1 or more");
  }

  std::int64_t channel_count(const char* layer) const {
    if (shape().size() < 2) throw Error(layer, "takes a source with channels but was given " + to_string(shape()));
    return shape()[1];
  }

  ModelBuilder& append(Layer<T> layer, std::vector<NodeId> src, std::string name = {}) {
    if (name.empty()) {
      std::string stem = kind_of(layer);
      std::transform(stem.begin(), stem.end(), stem.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      do name = stem + std::to_string(++counts_[stem]);
      while (model_.find(name));
    }
    std::vector<Shape> from;
    for (const NodeId id : src) {
      if (id >= shapes_.size()) throw Error("layer '" + name + "'", "has no source to take", "start with input()");
      from.push_back(shapes_[id]);
    }
    Shape result;
    try {
      result = with_batch(dst_shape(layer, std::span<const Shape>(from)), 1);
    } catch (const Error& error) {
      throw Error("layer '" + name + "'", error.what());
    }
    last_ = model_.add({std::move(name), std::move(layer), std::move(src), {}});
    shapes_.push_back(std::move(result));  // after add(): a refused layer leaves the builder as it was
    return *this;
  }

  ModelBuilder& pool(PoolKind kind, std::int64_t kernel, const PoolOptions& options) {
    Pool layer;
    layer.pool = kind;
    layer.window = {{kernel, kernel}, options.stride, options.padding, {1, 1}, options.ceil_mode};
    if (options.stride == Extent2{0, 0}) layer.window.stride = {kernel, kernel};
    layer.count_include_pad = options.count_include_pad;
    return append(layer, {last_});
  }

  Tensor<T> he_normal(const Shape& shape, std::int64_t fan_in) {
    Tensor<T> weights(shape);
    const double deviation = std::sqrt(2.0 / static_cast<double>(fan_in));
    for (T& w : weights.flat()) w = static_cast<T>(deviation * random_.normal());
    return weights;
  }

  Model<T> model_;
  Random random_;
  std::vector<Shape> shapes_;  // of every value, for a batch of one
  std::map<std::string, int> counts_;
  NodeId last_ = 0;
};

}  // namespace fulcrum
