#pragma once
/// \file
/// LSTM, GRU and RNN: one layer gives the state after every step, and slices of it are the node's outputs.

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// An activation by the name that recurrent operators give it, with its default settings.
/// \throws Error when it is unknown
inline Activation recurrent_function(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  using Kind = ActivationKind;
  const std::pair<const char*, Activation> known[] = {
      {"relu", {Kind::relu}},
      {"tanh", {Kind::tanh}},
      {"sigmoid", {Kind::sigmoid}},
      {"leakyrelu", {Kind::leaky_relu, 0.01F}},
      {"thresholdedrelu", {Kind::thresholded_relu, 1.0F}},
      {"hardsigmoid", {Kind::hard_sigmoid, 0.2F, 0.5F}},
      {"elu", {Kind::elu, 1.0F}},
      {"softsign", {Kind::softsign}},
      {"softplus", {Kind::softplus}},
  };
  for (const auto& [text, function] : known) {
    if (name == text) return function;
  }
  throw Error("attribute 'activations'", "names '" + name + "'", "Affine and ScaledTanh are not supported");
}

/// The functions of each direction; attributes alpha and beta are handed out to those that have such a setting.
inline std::vector<Activation> recurrent_functions(const GraphNode& node, const Recurrent<float>& layer) {
  const auto count = layer.functions_per_direction() * static_cast<std::size_t>(layer.directions());
  std::vector<std::string> names = texts_attribute(node, "activations");
  if (names.empty()) {
    for (std::size_t i = 0; i < count; ++i) {
      const bool gate = layer.cell != RecurrentKind::rnn && i % layer.functions_per_direction() == 0;
      names.emplace_back(gate ? "Sigmoid" : "Tanh");
    }
  }
  if (names.size() < count) {
    throw Error("attribute 'activations'", "names " + std::to_string(names.size()) + " functions",
                "give " + std::to_string(count));
  }
  const std::vector<float> alphas = numbers_attribute(node, "activation_alpha");
  const std::vector<float> betas = numbers_attribute(node, "activation_beta");
  std::size_t next_alpha = 0;
  std::size_t next_beta = 0;
  std::vector<Activation> functions;
  for (std::size_t i = 0; i < count; ++i) {  // the default of an RNN names two, whatever its direction
    Activation function = recurrent_function(names[i]);
    const bool has_beta = function.function == ActivationKind::hard_sigmoid;
    const bool has_alpha = has_beta || function.alpha != 0.0F;
    if (has_alpha && next_alpha < alphas.size()) function.alpha = alphas[next_alpha++];
    if (has_beta && next_beta < betas.size()) function.beta = betas[next_beta++];
    functions.push_back(function);
  }
  return functions;
}

inline RecurrentDirection recurrent_direction(const GraphNode& node) {
  const std::string direction = text_attribute(node, "direction", "forward");
  if (direction == "forward") return RecurrentDirection::forward;
  if (direction == "reverse") return RecurrentDirection::reverse;
  if (direction == "bidirectional") return RecurrentDirection::bidirectional;
  throw Error("attribute 'direction'", "is '" + direction + "'", "use forward, reverse or bidirectional");
}

/// Whether lengths of sequences (input 4) are given that are not known to be all steps.
inline bool has_lengths(ImportContext& context, const GraphNode& node, const TracedShape& src) {
  if (!context.has_input(node, 4)) return false;
  const std::optional<TracedIntegers> lengths = context.traced_integers(node, 4);
  const auto is_full = [](const std::vector<std::int64_t>& given, std::int64_t steps) {
    return std::all_of(given.begin(), given.end(), [&](std::int64_t length) { return length == steps; });
  };
  return !lengths || !is_full(lengths->first, src.first[0]) || !is_full(lengths->second, src.second[0]);
}

/// The layer's weights and settings.
template <RecurrentKind cell>
Recurrent<float> recurrent_layer(ImportContext& context, const GraphNode& node) {
  Recurrent<float> layer;
  layer.cell = cell;
  layer.direction = recurrent_direction(node);
  layer.weights = context.weights(node, 1);
  layer.recurrent_weights = context.weights(node, 2);
  if (context.has_input(node, 3)) layer.bias = context.parameter(node, 3, "biases");
  if (cell == RecurrentKind::lstm && context.has_input(node, 7)) {
    layer.peepholes = context.parameter(node, 7, "peepholes");
  }
  layer.functions = recurrent_functions(node, layer);
  layer.clip = number_attribute(node, "clip", 0.0F);
  if (layer.clip < 0.0F) throw Error("attribute 'clip'", "is negative", "the file is damaged; export it again");
  layer.linear_before_reset = cell == RecurrentKind::gru && integer_attribute(node, "linear_before_reset", 0) != 0;
  layer.couple_input_forget = cell == RecurrentKind::lstm && integer_attribute(node, "input_forget", 0) != 0;
  layer.with_cell_state = cell == RecurrentKind::lstm && context.wants(node, 2);
  return layer;
}

/// First states (directions, n, hidden), where the node has them. A cell state alone needs a hidden state of zeros.
inline void append_first_states(ImportContext& context, const GraphNode& node, bool batch_first, bool has_cell,
                                std::vector<NodeId>& src) {
  std::vector<NodeId> states;
  const bool cell_given = has_cell && context.has_input(node, 6);
  for (const std::size_t i : {std::size_t{5}, std::size_t{6}}) {
    if (!context.has_input(node, i) || (i == 6 && !cell_given)) continue;
    NodeId state = context.src(node, i);
    if (batch_first) {
      state = context.append(node.name + (i == 5 ? "/first_hidden" : "/first_cell"), Transpose{{1, 0, 2}}, {state});
    }
    states.push_back(state);
  }
  if (cell_given && states.size() == 1) {
    const std::optional<Shape> dims = with_batch_dim(context, context.shape(states[0]));
    if (!dims) throw Error("its first cell state", "has an extent that is not simply the batch");
    const NodeId zero = append_number(context, node.name + "/zero", 0.0F);
    states.insert(states.begin(), context.append(node.name + "/first_hidden", Expand{*dims}, {zero}));
  }
  src.insert(src.end(), states.begin(), states.end());
}

/// Rows [start, end) of the first axis, counted from the end where negative.
inline NodeId append_rows(ImportContext& context, std::string name, NodeId src, std::int64_t start, std::int64_t end) {
  return context.append(std::move(name), Slice{{0}, {start}, {end}, {}}, {src});
}

/// A state (1, directions, n, hidden) as output k: (directions, n, hidden), or (n, directions, hidden).
inline void define_state(ImportContext& context, const GraphNode& node, std::size_t output, const std::string& name,
                         NodeId row, bool batch_first) {
  NodeId state = append_reshape(context, name + "/state", row, without_axis(context.shape(row), 0));
  if (batch_first) state = context.append(name + "/batch_first", Transpose{{1, 0, 2}}, {state});
  context.define(node, output, state);
}

/// The hidden state after the last step: the last row of a forward direction, the first of a reverse one.
inline NodeId append_last_hidden(ImportContext& context, const std::string& name, NodeId hidden,
                                 RecurrentDirection direction) {
  constexpr std::int64_t end = std::numeric_limits<std::int64_t>::max();
  if (direction == RecurrentDirection::forward) return append_rows(context, name, hidden, -1, end);
  if (direction == RecurrentDirection::reverse) return append_rows(context, name, hidden, 0, 1);
  const NodeId forward = context.append(name + "/forward", Slice{{0, 1}, {-1, 0}, {end, 1}, {}}, {hidden});
  const NodeId reverse = context.append(name + "/reverse", Slice{{0, 1}, {0, 1}, {1, 2}, {}}, {hidden});
  return context.append(name, Concat{1}, {forward, reverse});
}

/// Attribute `layout` 1 (opset 14) has the batch as the first axis of all but the weights.
template <RecurrentKind cell>
void import_recurrent(ImportContext& context, const GraphNode& node) {
  constexpr std::int64_t end = std::numeric_limits<std::int64_t>::max();
  NodeId src = context.src(node, 0);
  const bool batch_first = integer_attribute(node, "layout", 0) != 0;
  if (context.shape(src).rank() != 3) {
    throw Error("", "takes a source of shape " + to_string(context.shape(src).first), "give it (steps, batch, input)");
  }
  if (batch_first) src = context.append(node.name + "/steps_first", Transpose{{1, 0, 2}}, {src});
  Recurrent<float> layer = recurrent_layer<cell>(context, node);
  layer.with_lengths = has_lengths(context, node, context.shape(src));
  // Where lengths differ, the last hidden states are in no one row.
  layer.with_hidden_state = layer.with_lengths && context.wants(node, 1);
  const RecurrentDirection direction = layer.direction;
  const bool with_cell = layer.with_cell_state, with_hidden = layer.with_hidden_state;
  const bool with_lengths = layer.with_lengths;
  std::vector<NodeId> sources{src};
  append_first_states(context, node, batch_first, cell == RecurrentKind::lstm, sources);
  if (with_lengths) sources.push_back(context.src(node, 4));
  const NodeId value = context.append(node.name, std::move(layer), std::move(sources));
  const std::int64_t behind = (with_cell ? 1 : 0) + (with_hidden ? 1 : 0);
  const NodeId hidden = behind > 0 ? append_rows(context, node.name + "/hidden", value, 0, -behind) : value;
  if (context.wants(node, 0)) {
    NodeId steps = hidden;
    if (batch_first) steps = context.append(node.name + "/batch_first", Transpose{{2, 0, 1, 3}}, {hidden});
    context.define(node, 0, steps);
  }
  if (context.wants(node, 1)) {
    const std::string name = node.name + "/last_hidden";
    const NodeId last = with_hidden ? append_rows(context, name, value, -behind, with_cell ? -1 : end)
                                    : append_last_hidden(context, name, hidden, direction);
    define_state(context, node, 1, name, last, batch_first);
  }
  if (with_cell) {
    const std::string name = node.name + "/last_cell";
    define_state(context, node, 2, name, append_rows(context, name, value, -1, end), batch_first);
  }
}

inline constexpr Operator recurrent_operators[] = {
    {"LSTM", 7, import_recurrent<RecurrentKind::lstm>, nullptr, "hidden_size"},
    {"GRU", 7, import_recurrent<RecurrentKind::gru>, nullptr, "hidden_size"},
    {"RNN", 7, import_recurrent<RecurrentKind::rnn>, nullptr, "hidden_size"},
};

}  // namespace fulcrum::detail::onnx_io
