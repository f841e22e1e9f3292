#pragma once
/// \file
/// Groups of nodes that are one layer: Swish, HardSwish, GELU in both forms, layer normalization, MatMul with a bias,
/// and products of integers that DynamicQuantizeLinear gives.
///
/// Each recogniser looks at one node, asks whether it ends (or holds) its pattern, and if so turns that node into one
/// that stands for all, marked GraphNode::is_pattern. Values between the nodes must have no other use.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/graph/attributes.hpp>

namespace fulcrum::detail::onnx_io {

class Patterns {
public:
  Patterns(Graph& graph, ConstantReader& reader) : graph_(graph), reader_(reader) {}

  void recognise() {
    for (GraphNode& node : graph_.nodes) {
      if (node.removed || !node.used) continue;
      if (node.domain == "com.microsoft" && node.type == "MatMulIntegerToFloat") at_node(node, [&] { to_float(node); });
      if (!node.is_standard()) continue;
      at_node(node, [&] {
        if (node.type == "Mul") return swish(node);
        if (node.type == "Erf") return gelu(node);
        if (node.type == "Tanh") return gelu_tanh(node);
        if (node.type == "Div") return layer_normalization(node);
        if (node.type == "DequantizeLinear") return dynamic_quantize(node);
        if (node.type == "ConvInteger" || node.type == "MatMulInteger") return dynamic_product(node);
        return node.type == "MatMul" && dense(node);
      });
    }
  }

private:
  /// Constants are compared so that ones rounded to float16 match.
  static bool near(std::optional<double> value, double wanted) {
    return value && std::abs(*value - wanted) <= 5e-4 * std::abs(wanted);
  }

  [[nodiscard]] std::optional<double> scalar(const std::string& name) {
    const ConstantPtr constant = graph_.constant(name);
    if (!constant || !is_floating(constant->type) || element_count(constant->dims) != 1) return std::nullopt;
    return static_cast<double>(reader_.floats(*constant)->flat()[0]);
  }

  /// A value times a constant, in either order.
  struct Scaled {
    std::string value;
    double factor = 0.0;
  };
  [[nodiscard]] std::optional<Scaled> scaled(const GraphNode* node) {
    if (node == nullptr || !node->is_standard() || node->inputs.size() != 2) return std::nullopt;
    const auto left = scalar(node->inputs[0]);
    const auto right = scalar(node->inputs[1]);
    if (node->type == "Mul" && right && !left) return Scaled{node->inputs[0], *right};
    if (node->type == "Mul" && left && !right) return Scaled{node->inputs[1], *left};
    if (node->type == "Div" && right && !left && *right != 0.0) return Scaled{node->inputs[0], 1.0 / *right};
    return std::nullopt;
  }

  /// The node that computes a value, if it is of this type of ONNX's own operators and the value has no other use.
  [[nodiscard]] GraphNode* only_from(const std::string& value, const char* type) {
    GraphNode* node = graph_.producer(value);
    const bool fits = node != nullptr && node->is_standard() && node->type == type && node->outputs[0] == value &&
                      graph_.sole_consumer(value) != nullptr;
    return fits ? node : nullptr;
  }
  [[nodiscard]] GraphNode* only_use(const GraphNode& node, const char* type) {
    GraphNode* use = graph_.sole_consumer(node.outputs[0]);
    return use != nullptr && use->is_standard() && use->type == type ? use : nullptr;
  }

  /// Makes `last` the node that stands for the pattern.
  static void replace(GraphNode& last, const char* type, std::vector<std::string> inputs,
                      const std::vector<GraphNode*>& rest, const char* text_name = nullptr, const char* text = "",
                      float alpha = 1.0F) {
    auto proto = std::make_shared<::onnx::NodeProto>();
    auto* number = proto->add_attribute();
    number->set_name("alpha");
    number->set_type(::onnx::AttributeProto::FLOAT);
    number->set_f(alpha);
    if (text_name != nullptr) {
      auto* attribute = proto->add_attribute();
      attribute->set_name(text_name);
      attribute->set_type(::onnx::AttributeProto::STRING);
      attribute->set_s(text);
    }
    for (GraphNode* node : rest) node->removed = true;
    last.proto = std::move(proto);
    last.type = type;
    last.is_pattern = true;
    last.inputs = std::move(inputs);
  }

  /// Mul(x, Sigmoid(x)), Mul(x, Sigmoid(Mul(x, α))) and Mul(x, HardSigmoid(x; 1/6, 1/2)).
  bool swish(GraphNode& last) {
    if (last.inputs.size() != 2) return false;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const std::string x = last.inputs[1 - side];
      if (GraphNode* sigmoid = only_from(last.inputs[side], "Sigmoid"); sigmoid && sigmoid->inputs.size() == 1) {
        if (sigmoid->inputs[0] == x) {
          replace(last, "Swish", {x}, {sigmoid});
          return true;
        }
        GraphNode* product = only_from(sigmoid->inputs[0], "Mul");
        if (const auto argument = scaled(product); argument && argument->value == x) {
          replace(last, "Swish", {x}, {sigmoid, product}, nullptr, "", static_cast<float>(argument->factor));
          return true;
        }
      }
      GraphNode* hard = only_from(last.inputs[side], "HardSigmoid");
      if (hard && hard->inputs.size() == 1 && hard->inputs[0] == x &&
          near(number_attribute(*hard, "alpha", 0.2F), 1.0 / 6.0) && near(number_attribute(*hard, "beta", 0.5F), 0.5)) {
        replace(last, "HardSwish", {x}, {hard});
        return true;
      }
    }
    return false;
  }

  /// Follows s = 1 + f(…) through the products with x and ½, in any order, that make ½·x·s. Null when they do not.
  GraphNode* half_product(GraphNode* sum, const std::string& x, std::vector<GraphNode*>& rest) {
    bool needs_x = true;
    bool needs_half = true;
    GraphNode* at = sum;
    while (needs_x || needs_half) {
      GraphNode* product = only_use(*at, "Mul");
      if (product == nullptr || product->inputs.size() != 2) return nullptr;
      const std::string& other = product->inputs[product->inputs[0] == at->outputs[0] ? 1 : 0];
      GraphNode* factor = only_from(other, "Mul");
      const auto halved = scaled(factor);
      if (needs_half && near(scalar(other), 0.5)) {
        needs_half = false;
      } else if (needs_x && other == x) {
        needs_x = false;
      } else if (needs_x && needs_half && halved && halved->value == x && near(halved->factor, 0.5)) {
        needs_x = needs_half = false;
        rest.push_back(factor);
      } else {
        return nullptr;
      }
      rest.push_back(at);
      at = product;
    }
    return at;
  }

  /// f(…) + 1
  GraphNode* plus_one(const GraphNode& function) {
    GraphNode* sum = only_use(function, "Add");
    if (sum == nullptr || sum->inputs.size() != 2) return nullptr;
    return near(scalar(sum->inputs[sum->inputs[0] == function.outputs[0] ? 1 : 0]), 1.0) ? sum : nullptr;
  }

  /// ½·x·(1 + Erf(x/√2))
  bool gelu(GraphNode& erf) {
    GraphNode* argument = erf.inputs.size() == 1 ? graph_.producer(erf.inputs[0]) : nullptr;
    const auto x = scaled(argument);
    if (!x || !near(x->factor, 1.0 / std::sqrt(2.0)) || graph_.sole_consumer(erf.inputs[0]) == nullptr) return false;
    GraphNode* sum = plus_one(erf);
    std::vector<GraphNode*> rest{argument, &erf};
    GraphNode* last = sum == nullptr ? nullptr : half_product(sum, x->value, rest);
    if (last == nullptr) return false;
    replace(*last, "Gelu", {x->value}, rest);
    return true;
  }

  /// ½·x·(1 + Tanh(√(2/π)·(x + 0.044715·x³)))
  bool gelu_tanh(GraphNode& tanh) {
    if (tanh.inputs.size() != 1) return false;
    GraphNode* argument = only_from(tanh.inputs[0], "Mul");
    const auto polynomial = scaled(argument);
    if (!polynomial || !near(polynomial->factor, std::sqrt(2.0 / 3.14159265358979323846))) return false;
    GraphNode* addition = only_from(polynomial->value, "Add");
    if (addition == nullptr || addition->inputs.size() != 2) return false;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const std::string x = addition->inputs[1 - side];
      GraphNode* term = only_from(addition->inputs[side], "Mul");
      const auto cubic = scaled(term);
      if (!cubic || !near(cubic->factor, 0.044715)) continue;
      std::vector<GraphNode*> rest{argument, addition, term, &tanh};
      if (!cube(cubic->value, x, rest)) continue;
      GraphNode* sum = plus_one(tanh);
      GraphNode* last = sum == nullptr ? nullptr : half_product(sum, x, rest);
      if (last == nullptr) return false;
      replace(*last, "Gelu", {x}, rest, "approximate", "tanh");
      return true;
    }
    return false;
  }

  /// x³ as Pow(x, 3) or as a product of three.
  bool cube(const std::string& value, const std::string& x, std::vector<GraphNode*>& rest) {
    if (GraphNode* power = only_from(value, "Pow")) {
      if (power->inputs.size() != 2 || power->inputs[0] != x || !near(scalar(power->inputs[1]), 3.0)) return false;
      rest.push_back(power);
      return true;
    }
    GraphNode* product = only_from(value, "Mul");
    if (product == nullptr || product->inputs.size() != 2) return false;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      GraphNode* square = only_from(product->inputs[side], "Mul");
      if (square != nullptr && product->inputs[1 - side] == x && square->inputs == std::vector<std::string>{x, x}) {
        rest.push_back(product);
        rest.push_back(square);
        return true;
      }
    }
    return false;
  }

  /// How many of the last axes a ReduceMean with keepdims averages; nothing when it does otherwise.
  [[nodiscard]] std::optional<std::int64_t> averaged_axes(const GraphNode& mean) {
    if (integer_attribute(mean, "keepdims", 1) != 1) return std::nullopt;
    std::vector<std::int64_t> axes = integers_attribute(mean, "axes");
    if (mean.inputs.size() > 1) {
      const ConstantPtr given = graph_.constant(mean.inputs[1]);
      if (!given || is_floating(given->type)) return std::nullopt;
      axes = reader_.integers(*given);
    }
    std::sort(axes.begin(), axes.end());
    const auto count = static_cast<std::int64_t>(axes.size());
    for (std::int64_t i = 0; i < count; ++i) {
      if (axes[static_cast<std::size_t>(i)] != i - count) return std::nullopt;
    }
    return count > 0 ? std::optional(count) : std::nullopt;
  }

  /// d/√(mean(d²) + ε)·scale + shift with d = x − mean(x) and constant scale and shift.
  bool layer_normalization(GraphNode& quotient) {
    if (quotient.inputs.size() != 2) return false;
    const std::string d = quotient.inputs[0];
    GraphNode* difference = graph_.producer(d);
    GraphNode* root = only_from(quotient.inputs[1], "Sqrt");
    GraphNode* sum = root == nullptr ? nullptr : only_from(root->inputs[0], "Add");
    if (difference == nullptr || !difference->is_standard() || difference->type != "Sub" || sum == nullptr)
      return false;
    const std::size_t side = scalar(sum->inputs[0]) ? 1 : 0;
    const std::optional<double> epsilon = scalar(sum->inputs[1 - side]);
    GraphNode* variance = only_from(sum->inputs[side], "ReduceMean");
    if (!epsilon || variance == nullptr) return false;
    GraphNode* square = only_from(variance->inputs[0], "Pow");
    if (square != nullptr && (square->inputs[0] != d || !near(scalar(square->inputs[1]), 2.0))) return false;
    if (square == nullptr) square = only_from(variance->inputs[0], "Mul");
    if (square == nullptr || square->inputs[0] != d || (square->type == "Mul" && square->inputs[1] != d)) return false;
    if (graph_.uses(d) != (square->type == "Mul" ? 3 : 2)) return false;
    GraphNode* mean = only_from(difference->inputs[1], "ReduceMean");
    const std::string x = difference->inputs[0];
    const auto axes = averaged_axes(*variance);
    if (mean == nullptr || mean->inputs[0] != x || !axes || averaged_axes(*mean) != axes) return false;

    GraphNode* scaled = only_use(quotient, "Mul");
    const std::string scale = scaled == nullptr ? "" : scaled->inputs[scaled->inputs[0] == quotient.outputs[0] ? 1 : 0];
    const ConstantPtr scale_value = graph_.constant(scale);
    if (!scale_value || static_cast<std::int64_t>(scale_value->dims.size()) != *axes) return false;
    std::vector<std::string> inputs{x, scale};
    std::vector<GraphNode*> rest{difference, mean, square, variance, sum, root, &quotient};
    GraphNode* last = scaled;
    if (GraphNode* shifted = only_use(*scaled, "Add")) {
      const std::string& shift = shifted->inputs[shifted->inputs[0] == scaled->outputs[0] ? 1 : 0];
      const ConstantPtr shift_value = graph_.constant(shift);
      if (shift_value && shift_value->dims == scale_value->dims) {
        inputs.push_back(shift);
        rest.push_back(scaled);
        last = shifted;
      }
    }
    replace(*last, "LayerNormalization", std::move(inputs), rest);
    auto proto = std::make_shared<::onnx::NodeProto>();
    auto* axis = proto->add_attribute();
    axis->set_name("axis");
    axis->set_type(::onnx::AttributeProto::INT);
    axis->set_i(-*axes);
    auto* number = proto->add_attribute();
    number->set_name("epsilon");
    number->set_type(::onnx::AttributeProto::FLOAT);
    number->set_f(static_cast<float>(*epsilon));
    last->proto = std::move(proto);
    return true;
  }

  /// Add(MatMul(x, W), b) with a constant vector b of W's columns.
  bool dense(GraphNode& product) {
    GraphNode* sum = only_use(product, "Add");
    if (sum == nullptr || sum->inputs.size() != 2 || product.inputs.size() != 2) return false;
    const std::string& bias_name = sum->inputs[sum->inputs[0] == product.outputs[0] ? 1 : 0];
    const ConstantPtr weights = graph_.constant(product.inputs[1]);
    const ConstantPtr bias = graph_.constant(bias_name);
    if (!weights || !bias || weights->dims.size() != 2) return false;
    if (bias->dims != Shape{weights->dims[1]} && bias->dims != Shape{1, weights->dims[1]}) return false;
    replace(*sum, "MatMul", {product.inputs[0], product.inputs[1], bias_name}, {&product});
    return true;
  }

  /// The DynamicQuantizeLinear whose integers and zero point these are.
  [[nodiscard]] GraphNode* dynamic_rounding(const std::string& integers, const std::string& zero_point) {
    GraphNode* rounding = graph_.producer(integers);
    const bool fits = rounding != nullptr && rounding->is_standard() && rounding->type == "DynamicQuantizeLinear" &&
                      rounding->inputs.size() == 1 && rounding->outputs.size() == 3 &&
                      rounding->outputs[0] == integers && rounding->outputs[2] == zero_point;
    return fits ? rounding : nullptr;
  }
  [[nodiscard]] static std::string input_of(const GraphNode& node, std::size_t i) {
    return i < node.inputs.size() ? node.inputs[i] : std::string();
  }
  /// Weights, their scales and their zero points (absent: empty) that are known.
  [[nodiscard]] bool are_known(const std::vector<std::string>& names) const {
    return std::all_of(names.begin(), names.end(),
                       [&](const std::string& name) { return name.empty() || graph_.constant(name) != nullptr; });
  }

  /// The scales of the weights in a product's factor: `scale` · weights_scale.
  [[nodiscard]] std::optional<std::string> weights_scale(const std::string& factor, const std::string& scale) {
    const GraphNode* product = graph_.producer(factor);
    if (product == nullptr || !product->is_standard() || product->type != "Mul" || product->inputs.size() != 2)
      return std::nullopt;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const std::string& other = product->inputs[1 - side];
      if (product->inputs[side] == scale && graph_.constant(other) != nullptr) return other;
    }
    return std::nullopt;
  }

  /// What the sum of products is multiplied by, as (value, scales of the weights).
  struct Dequantized {
    GraphNode* last = nullptr;
    std::string weights_scale;
    std::vector<GraphNode*> rest;
  };
  /// real · (scale · weights_scale), or one factor after the other.
  [[nodiscard]] std::optional<Dequantized> dequantized(GraphNode& real, const std::string& scale) {
    GraphNode* product = only_use(real, "Mul");
    if (product == nullptr || product->inputs.size() != 2) return std::nullopt;
    const std::string& factor = product->inputs[product->inputs[0] == real.outputs[0] ? 1 : 0];
    if (const auto other = weights_scale(factor, scale)) return Dequantized{product, *other, {}};
    GraphNode* second = only_use(*product, "Mul");
    if (second == nullptr || second->inputs.size() != 2) return std::nullopt;
    const std::string& next = second->inputs[second->inputs[0] == product->outputs[0] ? 1 : 0];
    if (factor == scale && graph_.constant(next)) return Dequantized{second, next, {product}};
    if (next == scale && graph_.constant(factor)) return Dequantized{second, factor, {product}};
    return std::nullopt;
  }

  /// The one-dimensional numbers of output channels that a constant holds: of a matrix product along the last axis, of
  /// a convolution along axis 1 of a value of its rank.
  [[nodiscard]] bool is_bias(const std::string& name, std::int64_t channels, std::size_t rank, bool conv) {
    const ConstantPtr constant = graph_.constant(name);
    if (!constant || !is_floating(constant->type) || element_count(constant->dims) != channels) return false;
    const Shape& dims = constant->dims;
    const std::size_t behind = conv ? rank - 2 : 0;  // axes after the channels'
    if (dims.size() < behind + 1 || (conv && dims.size() > rank)) return false;
    return dims[dims.size() - 1 - behind] == channels;
  }

  /// ConvInteger or MatMulInteger of what DynamicQuantizeLinear gives and constant weights, as reals: Cast, the
  /// product of the scales, and a bias where there is one. It becomes (x, weights, their zero points, their scales,
  /// bias) with x as it is before it is rounded.
  bool dynamic_product(GraphNode& product) {
    const std::string weights = input_of(product, 1), zero_points = input_of(product, 3);
    GraphNode* rounding = dynamic_rounding(input_of(product, 0), input_of(product, 2));
    if (rounding == nullptr || weights.empty() || !are_known({weights, zero_points})) return false;
    GraphNode* real = only_use(product, "Cast");
    if (real == nullptr || integer_attribute(*real, "to", 0) != Proto::FLOAT) return false;
    std::optional<Dequantized> scaled = dequantized(*real, rounding->outputs[1]);
    if (!scaled) return false;
    const Shape& dims = graph_.constant(weights)->dims;
    const bool conv = product.type == "ConvInteger";
    const std::int64_t scales = element_count(graph_.constant(scaled->weights_scale)->dims);
    const std::int64_t channels = dims.size() < 2 ? 1 : conv ? dims.front() : dims.back();
    if (dims.size() < 2 || (!conv && dims.size() != 2) ||
        (scales != 1 && !is_bias(scaled->weights_scale, channels, dims.size(), conv)))
      return false;
    std::vector<GraphNode*> rest = scaled->rest;
    rest.push_back(&product);
    rest.push_back(real);
    GraphNode* last = scaled->last;
    std::string bias;
    if (GraphNode* sum = only_use(*last, "Add"); sum != nullptr && sum->inputs.size() == 2) {
      const std::string& addend = sum->inputs[sum->inputs[0] == last->outputs[0] ? 1 : 0];
      if (is_bias(addend, channels, dims.size(), conv)) {
        rest.push_back(last);
        bias = addend;
        last = sum;
      }
    }
    become_dynamic(*last, product, {rounding->inputs[0], weights, zero_points, scaled->weights_scale, bias}, *rounding);
    for (GraphNode* node : rest) node->removed = true;
    return true;
  }

  /// MatMulIntegerToFloat (A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias), likewise.
  void to_float(GraphNode& node) {
    GraphNode* rounding = dynamic_rounding(input_of(node, 0), input_of(node, 4));
    const std::string weights = input_of(node, 1), scales = input_of(node, 3), zero_points = input_of(node, 5);
    const std::string bias = input_of(node, 6);
    if (rounding == nullptr || input_of(node, 2) != rounding->outputs[1] || weights.empty() || scales.empty() ||
        !are_known({weights, scales, zero_points, bias}))
      return;
    const Shape& dims = graph_.constant(weights)->dims;
    if (dims.size() != 2 || (!bias.empty() && !is_bias(bias, dims.back(), 2, false))) return;
    become_dynamic(node, node, {rounding->inputs[0], weights, zero_points, scales, bias}, *rounding);
    node.type = "MatMulInteger";
    node.domain.clear();
  }

  /// The reals of what DynamicQuantizeLinear gives.
  bool dynamic_quantize(GraphNode& node) {
    const GraphNode* rounding = dynamic_rounding(input_of(node, 0), input_of(node, 2));
    if (rounding == nullptr || input_of(node, 1) != rounding->outputs[1]) return false;
    replace(node, "DynamicQuantize", {rounding->inputs[0], rounding->name}, {});
    return true;
  }

  void become_dynamic(GraphNode& last, const GraphNode& product, std::vector<std::string> inputs,
                      const GraphNode& rounding) {
    last.proto = product.proto;
    last.type = product.type;
    last.opset = max_opset;
    last.is_pattern = true;
    last.inputs = std::move(inputs);
    last.inputs.push_back(rounding.name);
  }

  Graph& graph_;
  ConstantReader& reader_;
};

}  // namespace fulcrum::detail::onnx_io
