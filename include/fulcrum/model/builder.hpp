#pragma once
/// \file
/// A fluent way to write a model down.

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder_options.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// What weights are drawn from; both have the variance 2 / fan-in (He et al. 2015).
enum class WeightInit : std::uint8_t {
  he_normal,
  he_uniform,  ///< within ±√(6 / fan-in): drawn many times faster, for networks of many millions of weights
};

/// Builds a Model<T> layer by layer. Each call takes the value of the layer before it; last() remembers a value and
/// from() goes back to one, which is how branches are made:
///
///     auto b = ModelBuilder<float>("residual", 7).input({8, 14, 14});
///     const auto shortcut = b.last();
///     b.conv(8, 3, {.padding = 1}).relu().conv(8, 3, {.padding = 1}).add(shortcut).relu();
///     Model<float> model = std::move(b).build();
///
/// Weights come from the seed (see WeightInit); biases are 0. A model of several inputs calls input() for each. Layers
/// are named after their kind and number ("conv1", "relu1"); named() gives the last one another name.
template <class T>
class ModelBuilder {
public:
  explicit ModelBuilder(std::string name, std::uint64_t seed = 0, WeightInit init = WeightInit::he_normal)
      : model_(std::move(name)), random_(seed), init_(init) {}

  /// A model input; `sample` is its shape without the batch dimension. Indices are of type ElementType::s64.
  ModelBuilder& input(const Shape& sample, std::string name = "input", ElementType element = ElementType::f32);

  /// A value that is part of the model.
  ModelBuilder& constant(Tensor<T> value, ElementType element = ElementType::f32) {
    return append(Constant<T>{std::move(value), element}, {});
  }
  /// A learned value of these extents and deviation: a class token, position embeddings.
  ModelBuilder& parameter(const Shape& dims, double deviation = 0.02) { return constant(small(dims, deviation)); }
  /// The row of a learned table (rows, width) for each index that the last value (…) holds → (…, width).
  ModelBuilder& embedding(std::int64_t rows, std::int64_t width, double deviation = 0.02);

  /// Convolution with a square kernel, or one of the given rows and columns; its extent along depth is an option.
  ModelBuilder& conv(std::int64_t oc, std::int64_t kernel, const ConvOptions& options = {}) {
    return conv(oc, Extent2{kernel, kernel}, options);
  }
  ModelBuilder& conv(std::int64_t oc, Extent2 kernel, const ConvOptions& options = {});

  /// One filter per channel.
  ModelBuilder& depthwise_conv(std::int64_t kernel, ConvOptions options = {}) {
    options.groups = channel_count("depthwise_conv");
    return conv(options.groups, kernel, options);
  }

  /// Transposed convolution with a square kernel.
  ModelBuilder& conv_transpose(std::int64_t oc, std::int64_t kernel, const ConvOptions& options = {});

  ModelBuilder& dense(std::int64_t oc, bool bias = true);

  /// The product with another value, over the last two axes: (…, m, k) · (…, k, n) → (…, m, n).
  ModelBuilder& matmul(NodeId other, const MatMulOptions& options = {}) {
    return append(MatMul{options.transpose_src, options.transpose_weights, options.scale}, {last_, other});
  }

  /// Steps a cell along a sequence: (steps, n, input) → (steps, directions, n, hidden); as Recurrent has it with
  /// states.
  ModelBuilder& lstm(std::int64_t hidden, const RecurrentOptions& options = {}) {
    return recurrent(RecurrentKind::lstm, hidden, options);
  }
  ModelBuilder& gru(std::int64_t hidden, const RecurrentOptions& options = {}) {
    return recurrent(RecurrentKind::gru, hidden, options);
  }

  ModelBuilder& batch_normalization(double epsilon = 1e-5);

  /// Over all axes from `axis` on.
  ModelBuilder& layer_normalization(double epsilon = 1e-5, std::int64_t axis = -1);

  ModelBuilder& max_pool(std::int64_t kernel, const PoolOptions& options = {}) {
    return max_pool(Extent2{kernel, kernel}, options);
  }
  ModelBuilder& max_pool(Extent2 kernel, const PoolOptions& options = {}) {
    return pool(PoolKind::max, kernel, options);
  }
  ModelBuilder& average_pool(std::int64_t kernel, const PoolOptions& options = {}) {
    return pool(PoolKind::average, {kernel, kernel}, options);
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

  /// Channels weighted by what their means say (Hu et al. 2018): x · gate(conv(inner(conv(global mean of x)))), with
  /// `squeezed` channels between the two convolutions of 1×1.
  ModelBuilder& squeeze_excitation(std::int64_t squeezed, ActivationKind inner = ActivationKind::relu,
                                   ActivationKind gate = ActivationKind::sigmoid);

  /// Element-wise with another value, broadcast.
  ModelBuilder& add(NodeId other) { return append(Binary{BinaryKind::add}, {last_, other}); }
  ModelBuilder& mul(NodeId other) { return append(Binary{BinaryKind::mul}, {last_, other}); }
  ModelBuilder& sub(NodeId other) { return append(Binary{BinaryKind::sub}, {last_, other}); }
  ModelBuilder& div(NodeId other) { return append(Binary{BinaryKind::div}, {last_, other}); }

  /// The last value and others, joined along an axis (1: channels).
  ModelBuilder& concat(const std::vector<NodeId>& others, std::int64_t axis = 1);

  ModelBuilder& flatten(std::int64_t axis = 1) { return append(Flatten{axis}, {last_}); }
  ModelBuilder& reshape(Shape dims) { return append(Reshape{std::move(dims)}, {last_}); }
  ModelBuilder& softmax(std::int64_t axis = -1) { return append(Softmax{axis}, {last_}); }
  /// Axis k of the result is axis perm[k] of the last value.
  ModelBuilder& transpose(std::vector<std::int64_t> perm) { return append(Transpose{std::move(perm)}, {last_}); }
  /// Positions from `start` up to, and without, `end` along an axis; negative ones count from its end.
  ModelBuilder& slice(std::int64_t axis, std::int64_t start, std::int64_t end) {
    return append(Slice{{axis}, {start}, {end}, {}}, {last_});
  }
  /// Broadcast against `dims`, where batch_dim is the batch of the run.
  ModelBuilder& expand(Shape dims) { return append(Expand{std::move(dims)}, {last_}); }
  ModelBuilder& reduce(ReduceKind function, std::vector<std::int64_t> axes, bool keep_dims = true) {
    return append(Reduce{function, std::move(axes), keep_dims}, {last_});
  }
  ModelBuilder& mean(std::vector<std::int64_t> axes, bool keep_dims = true) {
    return reduce(ReduceKind::mean, std::move(axes), keep_dims);
  }

  /// Any layer at all.
  ModelBuilder& layer(Layer<T> layer, std::vector<NodeId> src) { return append(std::move(layer), std::move(src)); }

  /// Renames the last layer.
  ModelBuilder& named(const std::string& name);

  /// The value of the last layer, to come back to.
  [[nodiscard]] NodeId last() const noexcept { return last_; }
  /// Goes on from an earlier value.
  ModelBuilder& from(NodeId value);
  /// Shape of the last value for a batch of one.
  [[nodiscard]] const Shape& shape() const {
    if (shapes_.empty()) throw Error("model '" + model_.name() + "'", "has no input yet", "start with input()");
    return shapes_[last_];
  }

  /// The model, with the last value as its output.
  [[nodiscard]] Model<T> build() &&;
  [[nodiscard]] Model<T> build() const& { return ModelBuilder(*this).build(); }

private:
  static void expect_positive(const char* layer, const char* noun, std::int64_t count) {
    if (count < 1) throw Error(layer, "has " + std::to_string(count) + " " + noun, "give a number of 1 or more");
  }

  std::int64_t channel_count(const char* layer) const {
    if (shape().size() < 2) throw Error(layer, "takes a source with channels but was given " + to_string(shape()));
    return shape()[1];
  }

  ModelBuilder& append(Layer<T> layer, std::vector<NodeId> src, std::string name = {});

  ModelBuilder& pool(PoolKind kind, Extent2 kernel, const PoolOptions& options);

  ModelBuilder& recurrent(RecurrentKind cell, std::int64_t hidden, const RecurrentOptions& options);

  Tensor<T> he(const Shape& dims, std::int64_t fan_in);
  /// Of this deviation, drawn as the weights are.
  Tensor<T> small(const Shape& dims, double deviation) {
    return init_ == WeightInit::he_uniform ? uniform(dims, std::sqrt(3.0) * deviation) : normal(dims, deviation);
  }
  Tensor<T> normal(const Shape& dims, double deviation);
  Tensor<T> uniform(const Shape& dims, double bound);

  Model<T> model_;
  Random random_;
  WeightInit init_;
  std::vector<Shape> shapes_;  // of every value, for a batch of one
  std::map<std::string, int> counts_;
  NodeId last_ = 0;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(model)

#include <algorithm>
#include <cctype>

namespace fulcrum {

template <class T>
ModelBuilder<T>& ModelBuilder<T>::input(const Shape& sample, std::string name, ElementType element) {
  Shape shape{batch_dim};
  shape.insert(shape.end(), sample.begin(), sample.end());
  return append(Input{std::move(shape), element}, {}, std::move(name));
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::embedding(std::int64_t rows, std::int64_t width, double deviation) {
  expect_positive("embedding", "rows", rows);
  expect_positive("embedding", "columns", width);
  static_cast<void>(shape());
  const NodeId indices = last_;
  const NodeId table = parameter({rows, width}, deviation).last();
  return append(Gather{0}, {table, indices});
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::conv(std::int64_t oc, Extent2 kernel, const ConvOptions& options) {
  const Shape src = shape();
  if (src.size() != 5) detail::expect_rank(src, 4, "conv");
  expect_positive("conv", "output channels", oc);
  expect_positive("conv", "kernel rows", kernel[0]);
  expect_positive("conv", "kernel columns", kernel[1]);
  expect_positive("conv", "kernel planes", options.depth.kernel);
  if (options.groups < 1 || src[1] % options.groups != 0) {
    throw Error("conv",
                "has " + std::to_string(options.groups) + " groups for " + std::to_string(src[1]) + " channels");
  }
  const std::int64_t ic = src[1] / options.groups;
  Conv<T> layer;
  Shape dims{oc, ic, kernel[0], kernel[1]};
  if (src.size() == 5) dims.insert(dims.begin() + 2, options.depth.kernel);
  layer.weights = he(dims, ic * options.depth.kernel * kernel[0] * kernel[1]);
  if (options.bias) layer.bias = Tensor<T>(Shape{oc});
  layer.window = {kernel, options.stride, options.padding, options.dilation, false, options.depth};
  layer.groups = options.groups;
  return append(std::move(layer), {last_});
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::conv_transpose(std::int64_t oc, std::int64_t kernel, const ConvOptions& options) {
  const Shape src = shape();
  if (src.size() != 5) detail::expect_rank(src, 4, "conv_transpose");
  expect_positive("conv_transpose", "output channels", oc);
  expect_positive("conv_transpose", "kernel rows", kernel);
  expect_positive("conv_transpose", "kernel planes", options.depth.kernel);
  if (options.groups < 1 || oc % options.groups != 0) {
    throw Error("conv_transpose",
                "has " + std::to_string(options.groups) + " groups for " + std::to_string(oc) + " output channels");
  }
  ConvTranspose<T> layer;
  Shape dims{src[1], oc / options.groups, kernel, kernel};
  if (src.size() == 5) dims.insert(dims.begin() + 2, options.depth.kernel);
  const std::int64_t taps = options.depth.kernel * kernel * kernel;
  const std::int64_t apart = options.depth.stride * options.stride[0] * options.stride[1];
  layer.weights =
      he(dims, src[1] / options.groups * std::max<std::int64_t>(taps / std::max<std::int64_t>(apart, 1), 1));
  if (options.bias) layer.bias = Tensor<T>(Shape{oc});
  layer.window = {{kernel, kernel}, options.stride, options.padding, options.dilation, false, options.depth};
  layer.groups = options.groups;
  return append(std::move(layer), {last_});
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::dense(std::int64_t oc, bool bias) {
  if (shape().size() < 2) throw Error("dense", "takes a source with features but was given " + to_string(shape()));
  expect_positive("dense", "outputs", oc);
  const std::int64_t ic = shape().back();
  Dense<T> layer;
  layer.weights = he({oc, ic}, ic);
  if (bias) layer.bias = Tensor<T>(Shape{oc});
  return append(std::move(layer), {last_});
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::batch_normalization(double epsilon) {
  const Shape channels{channel_count("batch_normalization")};
  BatchNormalization<T> layer;
  layer.scale = Tensor<T>(channels, T{1});
  layer.shift = Tensor<T>(channels);
  layer.mean = Tensor<T>(channels);
  layer.variance = Tensor<T>(channels, T{1});
  layer.epsilon = epsilon;
  return append(std::move(layer), {last_});
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::layer_normalization(double epsilon, std::int64_t axis) {
  const Shape src = shape();
  const auto at = static_cast<std::ptrdiff_t>(normalized_axis(axis, src.size()));
  const Shape extents(src.begin() + at, src.end());
  LayerNormalization<T> layer;
  layer.axis = axis;
  layer.scale = Tensor<T>(extents, T{1});
  layer.shift = Tensor<T>(extents);
  layer.epsilon = epsilon;
  return append(std::move(layer), {last_});
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::squeeze_excitation(std::int64_t squeezed, ActivationKind inner, ActivationKind gate) {
  const NodeId x = last_;
  const std::int64_t channels = channel_count("squeeze_excitation");
  global_average_pool().conv(squeezed, 1).activation(inner, inner == ActivationKind::swish ? 1.0F : 0.0F);
  return conv(channels, 1).activation(gate).mul(x);
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::concat(const std::vector<NodeId>& others, std::int64_t axis) {
  std::vector<NodeId> src{last_};
  src.insert(src.end(), others.begin(), others.end());
  return append(Concat{axis}, std::move(src));
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::named(const std::string& name) {
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

template <class T>
ModelBuilder<T>& ModelBuilder<T>::from(NodeId value) {
  if (value >= model_.size()) throw Error("from(" + std::to_string(value) + ")", "is no layer of the model yet");
  last_ = value;
  return *this;
}

template <class T>
Model<T> ModelBuilder<T>::build() && {
  static_cast<void>(shape());
  model_.set_outputs({last_});
  return std::move(model_);
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::append(Layer<T> layer, std::vector<NodeId> src, std::string name) {
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

template <class T>
ModelBuilder<T>& ModelBuilder<T>::pool(PoolKind kind, Extent2 kernel, const PoolOptions& options) {
  Pool layer;
  layer.pool = kind;
  layer.window = {kernel, options.stride, options.padding, {1, 1}, options.ceil_mode};
  if (options.stride == Extent2{0, 0}) layer.window.stride = kernel;
  layer.count_include_pad = options.count_include_pad;
  return append(layer, {last_});
}

template <class T>
ModelBuilder<T>& ModelBuilder<T>::recurrent(RecurrentKind cell, std::int64_t hidden, const RecurrentOptions& options) {
  const Shape src = shape();
  detail::expect_rank(src, 3, "recurrent");
  expect_positive("recurrent", "hidden features", hidden);
  Recurrent<T> layer;
  layer.cell = cell;
  layer.direction = options.direction;
  layer.linear_before_reset = options.linear_before_reset;
  const std::int64_t directions = layer.directions();
  const std::int64_t rows = gates_of(cell) * hidden;
  const double bound = 1.0 / std::sqrt(static_cast<double>(hidden));
  layer.weights = uniform({directions, rows, src[2]}, bound);
  layer.recurrent_weights = uniform({directions, rows, hidden}, bound);
  if (options.bias) layer.bias = Tensor<T>(Shape{directions, 2 * rows});
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    layer.functions.push_back({ActivationKind::sigmoid});
    for (std::size_t i = 1; i < layer.functions_per_direction(); ++i) layer.functions.push_back({ActivationKind::tanh});
  }
  layer.with_hidden_state = options.with_last_states;
  layer.with_cell_state = options.with_last_states && cell == RecurrentKind::lstm;
  std::vector<NodeId> sources{last_};
  sources.insert(sources.end(), options.states.begin(), options.states.end());
  return append(std::move(layer), std::move(sources));
}

template <class T>
Tensor<T> ModelBuilder<T>::he(const Shape& dims, std::int64_t fan_in) {
  const auto inputs = static_cast<double>(fan_in);
  return init_ == WeightInit::he_uniform ? uniform(dims, std::sqrt(6.0 / inputs))
                                         : normal(dims, std::sqrt(2.0 / inputs));
}

template <class T>
Tensor<T> ModelBuilder<T>::normal(const Shape& dims, double deviation) {
  Tensor<T> weights(dims);
  for (T& w : weights.flat()) w = static_cast<T>(deviation * random_.normal());
  return weights;
}

template <class T>
Tensor<T> ModelBuilder<T>::uniform(const Shape& dims, double bound) {
  Tensor<T> weights(dims);
  for (T& w : weights.flat()) w = static_cast<T>(random_.uniform(-bound, bound));
  return weights;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(model)
namespace fulcrum {
template class ModelBuilder<float>;
template class ModelBuilder<double>;
}  // namespace fulcrum
#endif

#endif
