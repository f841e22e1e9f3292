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

/// The layers that take an LSTM's value with its cell state apart again, as the importer writes them: the hidden states
/// without the last row; the last row, and that without its axis of extent 1.
struct CellStateUses {
  std::optional<NodeId> hidden;
  std::optional<NodeId> row;
  std::optional<NodeId> state;
  bool others = false;  ///< the whole value, or the row, has another use
};

inline CellStateUses cell_state_uses(const ExportContext& context, NodeId recurrent) {
  const Model<float>& model = context.model;
  CellStateUses uses;
  uses.others = model.is_output(recurrent) || model.node(recurrent).dst_quantization.has_value();
  for (const NodeId id : context.consumers(recurrent)) {
    const auto* slice = std::get_if<Slice>(&model.node(id).layer);
    const bool plain = slice != nullptr && slice->axes == std::vector<std::int64_t>{0} && slice->steps.empty() &&
                       !model.node(id).dst_quantization;
    if (plain && !uses.hidden && slice->starts[0] == 0 && slice->ends[0] == -1) {
      uses.hidden = id;
    } else if (plain && !uses.row && slice->starts[0] == -1 &&
               slice->ends[0] == std::numeric_limits<std::int64_t>::max()) {
      uses.row = id;
    } else {
      uses.others = true;
    }
  }
  if (!uses.row) return uses;
  const std::vector<NodeId>& of_row = context.consumers(*uses.row);
  const auto* reshape = of_row.size() == 1 ? std::get_if<Reshape>(&model.node(of_row[0]).layer) : nullptr;
  if (reshape != nullptr && reshape->dims.size() == 3 && !model.is_output(*uses.row) &&
      !model.node(of_row[0]).dst_quantization) {
    uses.state = of_row[0];
  } else {
    uses.row.reset();
    uses.others = true;
  }
  return uses;
}

/// Whether the layer is one of those, whose value is an output of the LSTM's node.
inline bool is_part_of_lstm(const ExportContext& context, NodeId id) {
  const auto with_cell = [&](NodeId node) {
    const auto* recurrent = std::get_if<Recurrent<float>>(&context.model.node(node).layer);
    return recurrent != nullptr && recurrent->with_cell_state;
  };
  const Node<float>& node = context.model.node(id);
  if (node.src.size() != 1) return false;
  if (with_cell(node.src[0])) {
    const CellStateUses uses = cell_state_uses(context, node.src[0]);
    return uses.hidden == id || uses.row == id;
  }
  const Node<float>& before = context.model.node(node.src[0]);
  if (before.src.size() != 1 || !with_cell(before.src[0])) return false;
  return cell_state_uses(context, before.src[0]).state == id;
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

/// Hidden states and the last cell state are outputs of their own; they are joined where the layer's value is used as
/// one.
inline void export_layer(ExportContext& context, const Recurrent<float>& layer) {
  GraphWriter& writer = context.writer;
  const std::string name = context.name;
  std::vector<std::string> inputs{context.src(0), write_parameter(writer, name + ".weights", layer.weights)};
  inputs.push_back(write_parameter(writer, name + ".recurrent_weights", layer.recurrent_weights));
  inputs.push_back(layer.bias.empty() ? "" : write_parameter(writer, name + ".bias", layer.bias));
  inputs.emplace_back();  // every sequence has all steps
  for (std::size_t i = 1; i < context.count(); ++i) inputs.push_back(context.src(i));
  if (!layer.peepholes.empty()) {
    inputs.resize(7);
    inputs.push_back(write_parameter(writer, name + ".peepholes", layer.peepholes));
  }
  while (inputs.back().empty()) inputs.pop_back();
  const char* type = name_of(layer.cell).data();
  context.define();
  if (!layer.with_cell_state) {
    recurrent_attributes(writer.node(type, name, inputs), layer);
    return;
  }
  const CellStateUses uses = cell_state_uses(context, context.id());
  const auto output = [&](const std::optional<NodeId>& use, const char* suffix) {
    const std::string wanted = name + suffix;
    const bool is_own = use && context.model.node(*use).name == wanted;
    std::string written = is_own ? wanted : writer.reserve(wanted);
    if (use) context.define_later(*use, written);
    return written;
  };
  const std::string hidden = output(uses.hidden, "/hidden");
  const std::string cell = output(uses.state, "/last_cell/state");
  recurrent_attributes(writer.node_of(type, name, inputs, {hidden, "", cell}), layer);
  if (!uses.others) return;
  Shape row = context.dst_shape();  // (1, directions, n, hidden), whatever n
  const std::string stem = name + "/cell_row";
  const std::string dims = writer.integers(stem + "/shape", {1, row[1], -1, row[3]});
  const std::string cell_row = writer.step("Reshape", stem, {cell, dims});
  const std::string joined = writer.reserve(name + "/joined");
  GraphWriter::attribute(writer.node("Concat", joined, {hidden, cell_row}), "axis", std::int64_t{0});
  context.define(joined);
}

}  // namespace fulcrum::detail::onnx_io
