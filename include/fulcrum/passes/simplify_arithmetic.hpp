#pragma once
/// \file
/// Arithmetic with constants made part of what stands around it.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// The model with arithmetic that stands for one layer as that layer, and with sums and products by constants where
/// they cost nothing:
///
/// - c·min(max(a·x + b, 0), h) with c·h = 1 is a HardSigmoid, and x times that of a = 1/6, b = ½ a HardSwish, in
///   whatever order the factors come (Paddle writes x · Clip(x + 3, 0, 6) / 6);
/// - a sum with, a product with or a quotient by a constant, one for all channels or one for each, behind a
/// convolution,
///   transposed convolution or dense layer is a BatchNormalization, which fold_batch_normalization() makes part of the
///   weights;
/// - one with a single number behind functions that run on a convolution's or dense layer's result is a linear function
///   (Activation) more.
///
/// Results are those of the model to f32 rounding. Values that a quantization pass rounds, or that the model returns,
/// stay; constants that nobody takes any more go.
FULCRUM_DECLARE [[nodiscard]] Model<float> simplify_arithmetic(const Model<float>& model);

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/model/rewrite.hpp>

namespace fulcrum::detail {

/// factor · x + shift, each one number for all channels or one for every channel.
struct Affine {
  NodeId src = 0;
  std::vector<double> factor{1.0}, shift{0.0};

  [[nodiscard]] bool is_scalar() const noexcept { return factor.size() == 1 && shift.size() == 1; }
};

/// Rewrites a model's nodes in their order; ids stay. A template, so that a source that rewrites none does not compile
/// it.
template <std::floating_point T>
class ArithmeticRewriter {
public:
  explicit ArithmeticRewriter(const Model<T>& model)
      : model_(model),
        nodes_(model.nodes()),
        consumers_(model.consumers()),
        elements_(infer_elements(model)),
        shapes_(shapes_of(model)) {}

  /// HardSigmoid and HardSwish written as arithmetic.
  void find_functions() {
    for (NodeId id = 0; id < nodes_.size(); ++id) find_function(id);
  }
  /// Arithmetic behind products.
  void join_products() {
    for (NodeId id = 0; id < nodes_.size(); ++id) join_product(id);
  }

  [[nodiscard]] Model<T> finish() && {
    if (!changed_) return model_;
    Model<T> result(model_.name());
    for (Node<T>& node : nodes_) result.add(std::move(node));
    result.set_outputs(model_.outputs(), model_.output_names());
    return extract_outputs(result, result.outputs()).model;
  }

private:
  static std::vector<Shape> shapes_of(const Model<T>& model) {
    try {
      return infer_shapes(model, 2);  // what holds the batch differs from what is broadcast along it
    } catch (const Error&) {
      return infer_shapes(model, 1);
    }
  }

  void replace(NodeId id, Layer<T> layer, NodeId src) {
    nodes_[id].layer = std::move(layer);
    nodes_[id].src = {src};
    changed_ = true;
  }

  /// Whether nobody but other layers takes the value, and as it is.
  [[nodiscard]] bool is_inner(NodeId id) const { return !nodes_[id].dst_quantization && !model_.is_output(id); }
  [[nodiscard]] bool is_for_one(NodeId id) const { return is_inner(id) && consumers_[id].size() == 1; }

  [[nodiscard]] const Activation* activation(NodeId id, ActivationKind function) const {
    const auto* own = std::get_if<Activation>(&nodes_[id].layer);
    return own != nullptr && own->function == function ? own : nullptr;
  }

  /// The elements of a constant as numbers of the channels (axis 1) of `shape`, or as the one number that they are.
  [[nodiscard]] std::optional<std::vector<double>> channel_numbers(NodeId id, const Shape& shape) const {
    const auto* constant = std::get_if<Constant<T>>(&nodes_[id].layer);
    if (constant == nullptr || constant->value.quantization || nodes_[id].dst_quantization) return std::nullopt;
    const Tensor<T>& value = *constant->value.value;
    const Shape& dims = value.dims();
    std::vector<double> numbers(value.flat().begin(), value.flat().end());
    if (numbers.empty() || dims.size() > shape.size()) return std::nullopt;
    if (!std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); })) return std::nullopt;
    if (numbers.size() == 1) return numbers;
    const std::size_t in_front = shape.size() - dims.size();
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      if (dims[axis] != (axis + in_front == 1 ? shape[1] : 1)) return std::nullopt;
    }
    return numbers;
  }

  /// The arithmetic with a constant, on floats, that a node is.
  [[nodiscard]] std::optional<Affine> affine_at(NodeId id) const {
    const Node<T>& node = nodes_[id];
    if (const auto* own = activation(id, ActivationKind::linear)) return Affine{node.src[0], {own->alpha}, {own->beta}};
    const auto* binary = std::get_if<Binary>(&node.layer);
    if (binary == nullptr || !is_floating(elements_[id])) return std::nullopt;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const NodeId src = node.src[side];
      if (std::holds_alternative<Constant<T>>(nodes_[src].layer) || shapes_[src] != shapes_[id]) continue;
      if (std::optional<std::vector<double>> numbers = channel_numbers(node.src[1 - side], shapes_[id]))
        return affine_of(binary->function, src, std::move(*numbers), side == 0);
    }
    return std::nullopt;
  }
  /// \param in_front  the value stands before the constant
  [[nodiscard]] static std::optional<Affine> affine_of(BinaryKind function, NodeId src, std::vector<double> numbers,
                                                       bool in_front) {
    switch (function) {
      case BinaryKind::mul: return Affine{src, std::move(numbers), {0.0}};
      case BinaryKind::add: return Affine{src, {1.0}, std::move(numbers)};
      case BinaryKind::sub:
        if (!in_front) return Affine{src, {-1.0}, std::move(numbers)};
        for (double& x : numbers) x = -x;
        return Affine{src, {1.0}, std::move(numbers)};
      case BinaryKind::div:
        if (!in_front || std::find(numbers.begin(), numbers.end(), 0.0) != numbers.end()) return std::nullopt;
        for (double& x : numbers) x = 1.0 / x;
        return Affine{src, std::move(numbers), {0.0}};
      default: return std::nullopt;
    }
  }

  // --- Functions ----------------------------------------------------------------------------------------------------

  static bool near(double value, double wanted) { return std::abs(value - wanted) <= 1e-5 * std::abs(wanted); }

  /// min(max(factor · x + shift, 0), most)
  struct Ramp {
    NodeId src = 0;
    double factor = 1.0, shift = 0.0, most = 1.0;
  };
  /// The ramps that a node is: of the value it takes, or of those before arithmetic on it.
  [[nodiscard]] std::vector<Ramp> ramps_at(NodeId id) const {
    if (!is_inner(id)) return {};
    if (const auto* own = activation(id, ActivationKind::hard_sigmoid))
      return {{nodes_[id].src[0], own->alpha, own->beta, 1.0}};
    const auto* clip = activation(id, ActivationKind::clip);
    if (clip == nullptr || clip->alpha != 0.0F || !(clip->beta > 0.0F) || !std::isfinite(clip->beta)) return {};
    std::vector<Ramp> ramps{{nodes_[id].src[0], 1.0, 0.0, clip->beta}};
    while (ramps.size() < 3) {  // a sum and a product, in whichever order
      Ramp ramp = ramps.back();
      const std::optional<Affine> before = affine_at(ramp.src);
      if (!before || !before->is_scalar() || !is_inner(ramp.src)) break;
      ramp.shift += ramp.factor * before->shift[0];
      ramp.factor *= before->factor[0];
      ramp.src = before->src;
      ramps.push_back(ramp);
    }
    return ramps;
  }

  /// factor · HardSwish(x)
  struct ScaledSwish {
    NodeId src = 0;
    double factor = 1.0;
  };
  [[nodiscard]] std::optional<ScaledSwish> swish_at(NodeId id) const {
    const auto* product = std::get_if<Binary>(&nodes_[id].layer);
    if (product == nullptr || product->function != BinaryKind::mul) return std::nullopt;
    const std::vector<NodeId>& src = nodes_[id].src;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      // most · min(max(x/6 + ½, 0), 1)
      for (const Ramp& ramp : ramps_at(src[side])) {
        if (ramp.src == src[1 - side] && near(ramp.factor * 6.0, ramp.most) && near(ramp.shift * 2.0, ramp.most))
          return ScaledSwish{ramp.src, ramp.most};
      }
    }
    return std::nullopt;
  }

  void find_function(NodeId id) {
    const Activation hard_swish{ActivationKind::hard_swish};
    if (const auto swish = swish_at(id); swish && near(swish->factor, 1.0)) return replace(id, hard_swish, swish->src);
    const std::optional<Affine> scaled = affine_at(id);
    if (!scaled || !scaled->is_scalar() || scaled->shift[0] != 0.0 || !is_inner(scaled->src)) return;
    const double factor = scaled->factor[0];
    if (const auto swish = swish_at(scaled->src); swish && near(swish->factor * factor, 1.0))
      return replace(id, hard_swish, swish->src);
    if (activation(scaled->src, ActivationKind::clip) == nullptr) return;
    const std::vector<Ramp> ramps = ramps_at(scaled->src);
    if (ramps.empty() || !near(ramps.back().most * factor, 1.0)) return;
    replace(id,
            Activation{ActivationKind::hard_sigmoid, static_cast<float>(ramps.back().factor * factor),
                       static_cast<float>(ramps.back().shift * factor)},
            ramps.back().src);
  }

  // --- Products -----------------------------------------------------------------------------------------------------

  /// The layer whose weights take up what is done with every channel of the value; nothing when none does.
  [[nodiscard]] const Layer<T>* product_of(NodeId id) const {
    while (std::holds_alternative<BatchNormalization<T>>(nodes_[id].layer) && is_for_one(id)) id = nodes_[id].src[0];
    if (!is_for_one(id)) return nullptr;
    const Layer<T>& layer = nodes_[id].layer;
    const auto* conv = std::get_if<Conv<T>>(&layer);
    const auto* transposed = std::get_if<ConvTranspose<T>>(&layer);
    const auto* dense = std::get_if<Dense<T>>(&layer);
    const bool takes_it = (conv != nullptr && !conv->weights.quantization) ||
                          (transposed != nullptr && !transposed->weights.quantization) ||
                          (dense != nullptr && !dense->weights.quantization && shapes_[id].size() == 2);
    return takes_it ? &layer : nullptr;
  }

  /// Whether a linear function on the value runs on the result of a product: behind functions that do so and are not
  /// linear. (Kernels of oneDNN's 2.x line run a second function of a kind with the first one's arguments.)
  [[nodiscard]] bool takes_linear(NodeId id) const {
    for (; is_for_one(id); id = nodes_[id].src[0]) {
      const Layer<T>& layer = nodes_[id].layer;
      const LayerFacts facts = facts_of(layer);
      if (facts.is_product) return facts.takes_post_operations;
      if (std::holds_alternative<BatchNormalization<T>>(layer)) {
        const Layer<T>* product = product_of(id);
        return product != nullptr && facts_of(*product).takes_post_operations;
      }
      const auto* own = std::get_if<Activation>(&layer);
      if (own == nullptr || !runs_as_post_operation(own->function) || own->function == ActivationKind::linear ||
          own->function == ActivationKind::hard_sigmoid)
        return false;
    }
    return false;
  }

  void join_product(NodeId id) {
    if (activation(id, ActivationKind::linear) != nullptr) return;
    const std::optional<Affine> affine = affine_at(id);
    if (!affine || !is_for_one(affine->src)) return;
    if (product_of(affine->src) != nullptr) return replace(id, normalization(*affine, shapes_[id][1]), affine->src);
    if (!affine->is_scalar()) return;
    const auto linear = [](double factor, double shift) {
      // −0 keeps the sign of zeros right.
      return Activation{ActivationKind::linear, static_cast<float>(factor),
                        shift == 0.0 ? -0.0F : static_cast<float>(shift)};
    };
    if (takes_linear(affine->src)) return replace(id, linear(affine->factor[0], affine->shift[0]), affine->src);
    // A sum after a product is one linear function with it; a product after a sum would lose what is left of a
    // difference.
    const auto* before = activation(affine->src, ActivationKind::linear);
    if (before == nullptr || !(affine->factor[0] == 1.0 || before->beta == 0.0F)) return;
    replace(id, linear(affine->factor[0] * before->alpha, affine->factor[0] * before->beta + affine->shift[0]),
            nodes_[affine->src].src[0]);
  }

  [[nodiscard]] static BatchNormalization<T> normalization(const Affine& affine, std::int64_t channels) {
    const auto of_channels = [&](const std::vector<double>& numbers) {
      Tensor<T> tensor(Shape{channels});
      for (std::size_t c = 0; c < tensor.flat().size(); ++c)
        tensor.flat()[c] = static_cast<T>(numbers[numbers.size() == 1 ? 0 : c]);
      return Parameter<T>(std::move(tensor));
    };
    BatchNormalization<T> norm;
    norm.scale = of_channels(affine.factor);
    norm.shift = of_channels(affine.shift);
    norm.mean = of_channels({0.0});
    norm.variance = of_channels({1.0});
    norm.epsilon = 0.0;
    return norm;
  }

  const Model<T>& model_;
  std::vector<Node<T>> nodes_;
  bool changed_ = false;
  std::vector<std::vector<NodeId>> consumers_;  // of the model as it was: an id that has only one has no more here
  std::vector<ElementType> elements_;
  std::vector<Shape> shapes_;
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Model<float> simplify_arithmetic(const Model<float>& model) {
  detail::ArithmeticRewriter<float> functions(model);
  functions.find_functions();
  const Model<float> with_functions = std::move(functions).finish();
  detail::ArithmeticRewriter<float> products(with_functions);
  products.join_products();
  return std::move(products).finish();
}

}  // namespace fulcrum

#endif
