#pragma once
/// \file
/// LSTM, GRU and RNN as ONNX nodes.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/export/context.hpp>

namespace fulcrum::detail::onnx_io {

/// A row behind the hidden states of all steps, as the importer takes it: by itself, and without its axis of extent 1.
struct StateRowUse {
  std::optional<NodeId> row;
  std::optional<NodeId> state;
};

/// The layers that take a recurrent layer's value with rows of states behind its steps apart again, as the importer
/// writes them.
struct StateUses {
  std::optional<NodeId> hidden;  ///< the hidden states of all steps
  StateRowUse last_hidden, last_cell;
  bool others = false;  ///< the whole value, or a row, has another use
};

/// Rows [start, end) of the first axis, where that is all that a layer takes of its source.
inline bool takes_rows(const Node<float>& node, std::int64_t start, std::int64_t end) {
  const auto* slice = std::get_if<Slice>(&node.layer);
  return slice != nullptr && slice->axes == std::vector<std::int64_t>{0} && slice->steps.empty() &&
         slice->starts[0] == start && slice->ends[0] == end && !node.dst_quantization;
}

inline StateUses state_uses(const ExportContext& context, NodeId id) {
  constexpr std::int64_t end = std::numeric_limits<std::int64_t>::max();
  const Model<float>& model = context.model;
  const auto& layer = std::get<Recurrent<float>>(model.node(id).layer);
  const std::int64_t cells = layer.with_cell_state ? 1 : 0;
  const std::int64_t behind = cells + (layer.with_hidden_state ? 1 : 0);
  StateUses uses;
  uses.others = model.is_output(id) || model.node(id).dst_quantization.has_value();
  for (const NodeId consumer : context.consumers(id)) {
    const Node<float>& node = model.node(consumer);
    const auto is_first = [&](const std::optional<NodeId>& use, std::int64_t first, std::int64_t last) {
      return !use && takes_rows(node, first, last);
    };
    if (is_first(uses.hidden, 0, -behind)) {
      uses.hidden = consumer;
    } else if (layer.with_cell_state && is_first(uses.last_cell.row, -1, end)) {
      uses.last_cell.row = consumer;
    } else if (layer.with_hidden_state && is_first(uses.last_hidden.row, -behind, cells > 0 ? -1 : end)) {
      uses.last_hidden.row = consumer;
    } else {
      uses.others = true;
    }
  }
  for (StateRowUse* use : {&uses.last_hidden, &uses.last_cell}) {
    if (!use->row) continue;
    const std::vector<NodeId>& of_row = context.consumers(*use->row);
    const auto* reshape = of_row.size() == 1 ? std::get_if<Reshape>(&model.node(of_row[0]).layer) : nullptr;
    if (reshape != nullptr && reshape->dims.size() == 3 && !model.is_output(*use->row) &&
        !model.node(of_row[0]).dst_quantization) {
      use->state = of_row[0];
    } else {
      use->row.reset();
      uses.others = true;
    }
  }
  return uses;
}

/// Whether the layer is one of those, whose value is an output of the recurrent layer's node.
inline bool is_part_of_recurrent(const ExportContext& context, NodeId id) {
  const auto with_states = [&](NodeId node) {
    const auto* recurrent = std::get_if<Recurrent<float>>(&context.model.node(node).layer);
    return recurrent != nullptr && (recurrent->with_cell_state || recurrent->with_hidden_state);
  };
  const Node<float>& node = context.model.node(id);
  if (node.src.size() != 1) return false;
  if (with_states(node.src[0])) {
    const StateUses uses = state_uses(context, node.src[0]);
    return uses.hidden == id || uses.last_hidden.row == id || uses.last_cell.row == id;
  }
  const Node<float>& before = context.model.node(node.src[0]);
  if (before.src.size() != 1 || !with_states(before.src[0])) return false;
  const StateUses uses = state_uses(context, before.src[0]);
  return uses.last_hidden.state == id || uses.last_cell.state == id;
}

/// \throws Error for a function that the operators do not have
inline std::string recurrent_function_name(const Activation& function) {
  switch (function.function) {
    case ActivationKind::relu: return "Relu";
    case ActivationKind::tanh: return "Tanh";
    case ActivationKind::sigmoid: return "Sigmoid";
    case ActivationKind::leaky_relu: return "LeakyRelu";
    case ActivationKind::thresholded_relu: return "ThresholdedRelu";
    case ActivationKind::hard_sigmoid: return "HardSigmoid";
    case ActivationKind::elu: return "Elu";
    case ActivationKind::softsign: return "Softsign";
    case ActivationKind::softplus: return "Softplus";
    default: break;
  }
  throw Error("its function", "is " + std::string(name_of(function.function)) + ", which ONNX does not have there");
}

inline void recurrent_attributes(::onnx::NodeProto& node, const Recurrent<float>& layer) {
  GraphWriter::attribute(node, "hidden_size", layer.hidden());
  switch (layer.direction) {
    case RecurrentDirection::forward: break;
    case RecurrentDirection::reverse: GraphWriter::attribute(node, "direction", std::string("reverse")); break;
    case RecurrentDirection::bidirectional:
      GraphWriter::attribute(node, "direction", std::string("bidirectional"));
      break;
  }
  std::vector<std::string> names;
  std::vector<float> alphas;
  std::vector<float> betas;
  for (const Activation& function : layer.functions) {
    names.push_back(recurrent_function_name(function));
    switch (function.function) {
      case ActivationKind::hard_sigmoid: betas.push_back(function.beta); [[fallthrough]];
      case ActivationKind::leaky_relu:
      case ActivationKind::thresholded_relu:
      case ActivationKind::elu: alphas.push_back(function.alpha); break;
      default: break;
    }
  }
  GraphWriter::attribute(node, "activations", names);
  if (!alphas.empty()) GraphWriter::attribute(node, "activation_alpha", alphas);
  if (!betas.empty()) GraphWriter::attribute(node, "activation_beta", betas);
  if (layer.clip > 0.0F) GraphWriter::attribute(node, "clip", layer.clip);
  if (layer.linear_before_reset) GraphWriter::attribute(node, "linear_before_reset", std::int64_t{1});
  if (layer.couple_input_forget) GraphWriter::attribute(node, "input_forget", std::int64_t{1});
}

/// Hidden states and the last states are outputs of their own; they are joined where the layer's value is used as one.
inline void export_layer(ExportContext& context, const Recurrent<float>& layer) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  std::vector<std::string> inputs{context.src(0), write_parameter(writer, name + ".weights", layer.weights)};
  inputs.push_back(write_parameter(writer, name + ".recurrent_weights", layer.recurrent_weights));
  inputs.push_back(layer.bias.empty() ? "" : write_parameter(writer, name + ".bias", layer.bias));
  // Without lengths, every sequence has all steps.
  inputs.push_back(layer.with_lengths ? context.src(context.count() - 1, ElementType::s32) : "");
  for (std::size_t i = 1; i <= layer.states(context.count()); ++i) inputs.push_back(context.src(i));
  if (!layer.peepholes.empty()) {
    inputs.resize(7);
    inputs.push_back(write_parameter(writer, name + ".peepholes", layer.peepholes));
  }
  while (inputs.back().empty()) inputs.pop_back();
  const char* type = name_of(layer.cell).data();
  context.define();
  if (!layer.with_cell_state && !layer.with_hidden_state) {
    recurrent_attributes(writer.node(type, name, inputs), layer);
    return;
  }
  const StateUses uses = state_uses(context, context.id());
  const auto output = [&](const std::optional<NodeId>& use, const char* suffix) {
    const std::string wanted = name + suffix;
    const bool is_own = use && context.model.node(*use).name == wanted;
    std::string written = is_own ? wanted : writer.reserve(wanted);
    if (use) context.define_later(*use, written);
    return written;
  };
  const std::string hidden = output(uses.hidden, "/hidden");
  std::vector<std::string> outputs{hidden, ""};
  if (layer.with_hidden_state) outputs[1] = output(uses.last_hidden.state, "/last_hidden/state");
  if (layer.with_cell_state) outputs.push_back(output(uses.last_cell.state, "/last_cell/state"));
  recurrent_attributes(writer.node_of(type, name, inputs, outputs), layer);
  if (!uses.others) return;
  const Shape row = context.dst_shape();  // (1, directions, n, hidden), whatever n
  const auto as_row = [&](const std::string& stem, const std::string& state) {
    const std::string dims = writer.integers(stem + "/shape", {1, row[1], -1, row[3]});
    return writer.step("Reshape", stem, {state, dims});
  };
  std::vector<std::string> parts{hidden};
  if (layer.with_hidden_state) parts.push_back(as_row(name + "/hidden_row", outputs[1]));
  if (layer.with_cell_state) parts.push_back(as_row(name + "/cell_row", outputs[2]));
  const std::string joined = writer.reserve(name + "/joined");
  GraphWriter::attribute(writer.node("Concat", joined, parts), "axis", std::int64_t{0});
  context.define(joined);
}

}  // namespace fulcrum::detail::onnx_io
