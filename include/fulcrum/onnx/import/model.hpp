#pragma once
/// \file
/// From an ONNX message to a Model: constants are folded, patterns recognised, unknown operators listed, and the nodes
/// imported one by one.

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/model/model.hpp>
#include <fulcrum/onnx/graph/pruned_names.hpp>
#include <fulcrum/onnx/import/finish_layers.hpp>
#include <fulcrum/onnx/import/graph_inputs.hpp>
#include <fulcrum/onnx/import/operators.hpp>
#include <fulcrum/onnx/import/patterns.hpp>
#include <fulcrum/onnx/import/plan_batch.hpp>
#include <fulcrum/onnx/import/replacements.hpp>

namespace fulcrum::detail::onnx_io {

/// \throws Error when the message is no model, or of a version that is not supported
inline void check_versions(const ::onnx::ModelProto& model) {
  if (!model.has_graph() || model.opset_import_size() == 0) {
    throw Error("", "holds no ONNX model, or only a part of one", "give a complete .onnx file");
  }
  bool says_opset = false;
  for (const auto& opset : model.opset_import()) {
    if (!opset.domain().empty() && opset.domain() != "ai.onnx") continue;
    says_opset = true;
    if (opset.version() < 1 || opset.version() > max_opset) {
      throw Error("", "is of opset " + std::to_string(opset.version()),
                  "export it with opset " + std::to_string(max_opset) + " or an earlier one");
    }
  }
  if (!says_opset) throw Error("", "does not say its opset", "the file is damaged; export it again");
}

/// Whether a constant goes to one layer alone, as its weights.
inline bool is_taken_as_weights(Graph& graph, const std::string& name) {
  const GraphNode* const node = graph.sole_consumer(name);
  return node != nullptr && node->inputs.size() > 1 && node->inputs[1] == name &&
         (node->type == "Conv" || node->type == "MatMul" || node->type == "Gemm");
}

/// Computes the nodes that depend on constants alone.
/// \param repeats  the graph's nodes are imported many times over: the body of a loop
inline void fold_constants(Graph& graph, ConstantReader& reader, bool repeats) {
  for (GraphNode& node : graph.nodes) {
    const Operator* op = find_operator(node);
    if (!node.used || op == nullptr || op->fold == nullptr) continue;
    std::vector<ConstantPtr> inputs;
    bool known = true;
    for (const std::string& input : node.inputs) {
      inputs.push_back(input.empty() ? nullptr : graph.constant(input));
      known = known && (input.empty() || inputs.back());
    }
    if (!known || (node.type != "Constant" && (inputs.empty() || !inputs[0]))) continue;
    const ConstantPtr value =
        at_node(node, [&] { return op->fold(reader, node, std::span<const ConstantPtr>(inputs)); });
    if (!value) continue;
    if (value->make && (repeats || !is_taken_as_weights(graph, node.outputs[0]))) keep_elements(*value, reader);
    at_node(node, [&] { expect_all_attributes_asked(*op, node); });
    graph.set_constant(node.outputs[0], value);
    node.removed = true;
  }
}

/// \throws Error naming every node whose operator is not supported, or one whose operator is too old
inline void expect_known_operators(const Graph& graph) {
  struct Unknown {
    std::string names;  // of its nodes
    std::string_view instead;
  };
  std::map<std::string, Unknown> unknown;  // by operator
  for (const GraphNode& node : graph.nodes) {
    const Operator* op = find_operator(node);
    if (node.removed) continue;
    if (op != nullptr && (op->import != nullptr || !node.used)) {
      if (node.is_standard() && node.opset < op->since) {
        throw Error(node.label(), "is of opset " + std::to_string(node.opset) + ", which meant something else by it",
                    "export the model with opset " + std::to_string(op->since) + " or a later one");
      }
      continue;
    }
    Unknown& entry = unknown[node.domain.empty() ? node.type : node.domain + "." + node.type];
    entry.names.append(entry.names.empty() ? "'" : ", '").append(node.name).append("'");
    entry.instead = replacement_for(node);
  }
  if (unknown.empty()) return;
  std::string list;
  for (const auto& [type, entry] : unknown) {
    if (!list.empty()) list += "; ";
    list.append(type).append(" at ").append(entry.names);
    if (!entry.instead.empty()) list.append(" (use ").append(entry.instead).append(")");
  }
  throw Error("", "has operators that are not supported here: " + list,
              "export the model without them or with constant folding, or end it before them (--outputs)");
}

/// Makes a graph ready for its nodes to be imported.
/// \throws Error as expect_known_operators()
inline void prepare_graph(Graph& graph, ConstantReader& reader, bool repeats) {
  fold_constants(graph, reader, repeats);
  Patterns(graph, reader).recognise();
  expect_known_operators(graph);
}
inline void prepare_body(Graph& graph, ConstantReader& reader) { prepare_graph(graph, reader, true); }

inline void import_nodes(ImportContext& context, const Graph& graph) {
  for (const GraphNode& node : graph.nodes) {
    if (node.removed || !node.used) continue;
    at_node(node, [&] {
      const Operator& op = *find_operator(node);
      op.import(context, node);
      expect_all_attributes_asked(op, node);
      expect_all_inputs_asked(node);
    });
  }
}

/// Names for the nodes: their own where it is free, else with a number.
inline void make_names_unique(std::vector<BuiltNode>& built) {
  std::unordered_set<std::string> taken;
  std::vector<bool> keeps(built.size(), false);
  for (NodeId id = 0; id < built.size(); ++id) {
    keeps[id] = !built[id].node.name.empty() && taken.insert(built[id].node.name).second;
  }
  std::unordered_map<std::string, std::size_t> next;  // number to try for a stem
  for (NodeId id = 0; id < built.size(); ++id) {
    if (keeps[id]) continue;
    const std::string stem = built[id].node.name.empty() ? "layer" : built[id].node.name;
    std::size_t& number = next.try_emplace(stem, 2).first->second;
    std::string name;
    do {
      name = stem;
      name.append("_").append(std::to_string(number++));
    } while (!taken.insert(name).second);
    built[id].node.name = std::move(name);
  }
}

/// Layers, and which of them are the graph's outputs.
struct Assembly {
  std::vector<BuiltNode> built;
  std::vector<NodeId> outputs;
};

/// The nodes of the graph as layers under a plan for the batch.
inline Assembly assemble(Graph& graph, const ConstantReader& reader, const std::vector<GraphInput>& inputs,
                         const BatchPlan& plan) {
  ImportContext context(graph, reader, plan);
  context.prepare = prepare_body;
  context.import_nodes = import_nodes;
  for (const GraphInput& input : inputs) {
    Shape shape = input.shape;
    if (!shape.empty() && plan.given) shape[0] = batch_dim;
    if (!plan.free) shape = with_batch(std::move(shape), plan.extent);
    if (input.bound) {
      context.define_input(input.name, context.append_known(input.name, {*input.known, *input.known, input.element}));
      continue;
    }
    const NodeId id = context.append(input.name, Input{std::move(shape), input.element}, {});
    context.built[id].from_input = true;
    if (input.known != nullptr) {
      context.built[id].computed = false;
      context.built[id].known =
          std::make_shared<const TracedTensor>(TracedTensor{*input.known, *input.known, input.element});
    }
    context.define_input(input.name, id);
  }
  import_nodes(context, graph);
  Assembly assembly;
  for (const std::string& output : graph.outputs) {
    try {
      assembly.outputs.push_back(context.value(output));
    } catch (const Error& error) {
      throw Error("output '" + output + "':", phrase(error), error.remedy());
    }
  }
  fold_known_values(context, assembly.outputs);
  assembly.built = std::move(context.built);
  remove_unused(assembly.built, assembly.outputs);
  merge_rounding(assembly.built, assembly.outputs);
  return assembly;
}

/// Leaves out the nodes that no output depends on.
inline void drop_unused_nodes(::onnx::GraphProto& graph) {
  std::unordered_map<std::string, int> producer;
  for (int i = 0; i < graph.node_size(); ++i) {
    for (const std::string& output : graph.node(i).output()) producer.emplace(output, i);
  }
  std::vector<bool> used(static_cast<std::size_t>(graph.node_size()), false);
  std::vector<std::string> wanted;
  for (const auto& output : graph.output()) wanted.push_back(output.name());
  while (!wanted.empty()) {
    const auto at = producer.find(wanted.back());
    wanted.pop_back();
    if (at == producer.end() || used[static_cast<std::size_t>(at->second)]) continue;
    used[static_cast<std::size_t>(at->second)] = true;
    const ::onnx::NodeProto& node = graph.node(at->second);
    wanted.insert(wanted.end(), node.input().begin(), node.input().end());
    for (const auto& attribute : node.attribute()) {
      if (!attribute.has_g()) continue;
      const std::set<std::string> captured = free_names(attribute.g());
      wanted.insert(wanted.end(), captured.begin(), captured.end());
    }
  }
  int kept = 0;
  for (int i = 0; i < graph.node_size(); ++i) {
    if (used[static_cast<std::size_t>(i)]) graph.mutable_node()->SwapElements(kept++, i);
  }
  graph.mutable_node()->DeleteSubrange(kept, graph.node_size() - kept);
}

/// Has the graph give other values than the file says, and end there.
/// \throws Error when it computes none of that name, or one is named twice
inline void end_graph_at(::onnx::GraphProto& graph, const std::vector<std::string>& outputs) {
  std::unordered_set<std::string> computed;
  for (const auto& input : graph.input()) computed.insert(input.name());
  for (const auto& node : graph.node()) computed.insert(node.output().begin(), node.output().end());
  std::unordered_set<std::string> given;
  graph.clear_output();
  for (const std::string& name : outputs) {
    if (name.empty() || computed.count(name) == 0) {
      throw Error("", "computes no value '" + name + "' that could be an output",
                  "name results of nodes as the file has them");
    }
    if (!given.insert(name).second) throw Error("", "is to give '" + name + "' twice", "name it once");
    graph.add_output()->set_name(name);
  }
  drop_unused_nodes(graph);
}

/// Says what a user of the boxes has to know.
inline void note_suppressions(const std::vector<BuiltNode>& built, const OnnxImportOptions& options) {
  if (!options.note) return;
  for (const BuiltNode& node : built) {
    if (!std::holds_alternative<NonMaxSuppression>(node.node.layer)) continue;
    options.note("the NonMaxSuppression '" + node.node.name + "' gives as many rows as it can keep, " +
                 std::to_string(node.shape.first[0]) + " for a batch of " +
                 std::to_string(built[node.node.src[0]].shape.first[0]) +
                 ": those that it does not need are -1, and what is taken at them is 0");
  }
}

/// \param file_bytes  size of what was read, which bounds the memory that the import may take
/// \param name        for a graph without one
inline Model<float> import_model(const ::onnx::ModelProto& proto, TensorFiles files, std::size_t file_bytes,
                                 const std::string& name, const OnnxImportOptions& options) {
  check_versions(proto);
  Graph graph(proto);
  for (const std::string& pruned : pruned_names(proto)) {
    if (const ConstantPtr constant = graph.constant(pruned)) constant->pruned = true;
  }
  ConstantReader reader{std::move(files), Budget(file_bytes, options.max_fill_bytes)};
  prepare_graph(graph, reader, false);

  const std::vector<GraphInput> inputs = InputBinder(graph, options).bound();
  std::vector<Shape> shapes;
  bool means_what_it_says = proto.producer_name() == own_producer_name;
  for (const GraphInput& input : inputs) {
    if (input.bound) continue;
    shapes.push_back(input.shape);
    means_what_it_says = means_what_it_says || input.known != nullptr || input.says_batch;
  }
  BatchPlan plan = plan_batch(shapes, means_what_it_says);
  std::optional<Assembly> assembly;
  if (plan.free) {
    try {
      assembly = assemble(graph, reader, inputs, plan);
      if (plan.given && !is_per_sample(assembly->built, plan)) assembly.reset();
    } catch (const Error&) {
      assembly.reset();  // perhaps it only works for one batch size; if not, that attempt says what is wrong
    }
    if (!assembly) {
      if (!plan.given && options.note) {
        options.note("the batch, which the file leaves open, is fixed at " + std::to_string(plan.extent) +
                     ": the model computes with its size in a way that is no layer; bind another with --dim "
                     "NAME=EXTENT (OnnxImportOptions::dims)");
      }
      plan = {false, false, plan.extent, plan.extent};
    }
  }
  if (!assembly) assembly = assemble(graph, reader, inputs, plan);

  make_names_unique(assembly->built);
  note_suppressions(assembly->built, options);
  Model<float> model(proto.graph().name().empty() ? name : proto.graph().name());
  for (BuiltNode& node : assembly->built) model.add(std::move(node.node));
  std::vector<std::string> names;  // the file's: inside, an output may be called as what it is a copy of
  for (const auto& output : proto.graph().output()) names.push_back(output.name());
  model.set_outputs(std::move(assembly->outputs), std::move(names));
  return model;
}

}  // namespace fulcrum::detail::onnx_io
