#pragma once
/// \file
/// If, Loop and Scan: where what they depend on is known while importing, the branch taken and the repeated body are
/// imported in their place.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

/// Of all rounds of one Loop or Scan, and of what stands in a model before another round of any: a few bytes of a file
/// with loops in loops must not take all memory.
inline constexpr std::int64_t max_unrolled_nodes = 1 << 18;

/// A body of a node, ready to be imported as often as wanted. Its names start with the node's.
class Body {
public:
  Body(ImportContext& context, const GraphNode& node, const char* attribute)
      : proto_(graph_of(node, attribute)), graph_(proto_, context.graph(), node, prefix_of(node, attribute)) {
    context.prepare(graph_, context.reader);
  }

  [[nodiscard]] std::size_t input_count() const { return static_cast<std::size_t>(proto_.input_size()); }
  [[nodiscard]] std::size_t output_count() const { return graph_.outputs.size(); }
  [[nodiscard]] std::size_t node_count() const { return graph_.nodes.size(); }

  /// Imports the nodes and gives what the outputs are.
  /// \param inputs  what the body's first inputs are
  /// \throws Error when the model has become too large by what came before
  [[nodiscard]] std::vector<ImportContext::Named> import(ImportContext& context,
                                                         std::vector<ImportContext::Named> inputs) {
    if (context.built.size() > static_cast<std::size_t>(max_unrolled_nodes)) {
      throw Error("", "makes the model larger than " + std::to_string(max_unrolled_nodes) + " layers",
                  "export the model with a layer in its place, or run it step by step");
    }
    std::vector<ImportContext::Named> outputs;
    context.in_body(graph_, [&] {
      for (std::size_t i = 0; i < inputs.size(); ++i)
        context.define_named(graph_.local(proto_.input(static_cast<int>(i)).name()), std::move(inputs[i]));
      context.import_nodes(context, graph_);
      for (const std::string& output : graph_.outputs) outputs.push_back(context.named(output));
    });
    return outputs;
  }

  /// The one number that an output of the last import is known to be at every batch size; nothing when it is not.
  [[nodiscard]] std::optional<double> known_output(ImportContext& context, std::size_t i) {
    std::optional<double> number;
    context.in_body(graph_, [&] { number = context.known_scalar(graph_.outputs[i]); });
    return number;
  }

private:
  static const ::onnx::GraphProto& graph_of(const GraphNode& node, const char* attribute) {
    const auto* found = find_attribute(node, attribute, ::onnx::AttributeProto::GRAPH);
    if (found == nullptr)
      throw Error(std::string("attribute '") + attribute + "'", "is missing", "the file is damaged; export it again");
    return found->g();
  }
  /// Names of values are unique in a file, those of nodes need not be.
  static std::string prefix_of(const GraphNode& node, const char* attribute) {
    const auto first = std::find_if(node.outputs.begin(), node.outputs.end(), [](const auto& o) { return !o.empty(); });
    return (node.name.empty() ? *first : node.name) + "/" + (std::string(attribute) == "body" ? "" : attribute) +
           (std::string(attribute) == "body" ? "" : "/");
  }

  const ::onnx::GraphProto& proto_;
  Graph graph_;
};

/// A node that takes its inputs by name, into its body.
inline void asks_for_all_inputs(const GraphNode& node) {
  for (std::size_t i = 0; i < node.inputs.size(); ++i) node.asked_inputs->insert(i);
}

inline void expect_count(const char* what, std::size_t given, std::size_t wanted) {
  if (given == wanted) return;
  throw Error(std::string("its body's ") + what,
              "are " + std::to_string(given) + " where the node has " + std::to_string(wanted),
              "the file is damaged; export it again");
}

inline void import_if(ImportContext& context, const GraphNode& node) {
  if (!context.has_input(node, 0)) throw Error("its condition", "is missing", "the file is damaged");
  const std::optional<double> condition = context.known_scalar(node.inputs[0]);
  if (!condition) {
    throw Error(
        "its condition '" + node.inputs[0] + "'", "is computed at run time, or depends on the batch",
        "bind the inputs that it depends on with --set NAME=VALUE (OnnxImportOptions::bound_inputs) or --dim, or "
        "export the model with the branch chosen");
  }
  Body branch(context, node, *condition != 0.0 ? "then_branch" : "else_branch");
  expect_count("outputs", branch.output_count(), node.outputs.size());
  std::vector<ImportContext::Named> outputs = branch.import(context, {});
  for (std::size_t i = 0; i < outputs.size(); ++i) context.define_named(node.outputs[i], std::move(outputs[i]));
}

/// The values of all rounds side by side along a new axis.
inline NodeId stacked(ImportContext& context, const std::string& name, const std::vector<NodeId>& rounds,
                      std::int64_t axis, bool backwards) {
  if (rounds.empty()) {
    throw Error("its scan output '" + name + "'", "has no round to take a shape from", "export the model without it");
  }
  std::vector<NodeId> rows;
  for (const NodeId id : rounds) {
    const TracedShape shape = context.shape(id);
    const std::size_t at = normalized_axis(axis, shape.rank() + 1);
    rows.push_back(append_reshape(context, name + "/row", id, with_axis(shape, at)));
  }
  if (backwards) std::reverse(rows.begin(), rows.end());
  const std::int64_t at = static_cast<std::int64_t>(normalized_axis(axis, context.shape(rows[0]).rank()));
  return context.append(name, Concat{at}, std::move(rows));
}

/// What a body gave, as a tensor.
inline NodeId tensor_of(ImportContext& context, const ImportContext::Named& named, const std::string& name) {
  if (const auto* id = std::get_if<NodeId>(&named)) return *id;
  if (const auto* constant = std::get_if<ConstantPtr>(&named)) return context.materialize(*constant);
  throw Error("value '" + name + "'", "is a sequence, where a tensor is wanted", "export the model without sequences");
}

/// \throws Error when there would be too many nodes
inline void expect_unrollable(std::int64_t rounds, const Body& body) {
  if (rounds * static_cast<std::int64_t>(std::max<std::size_t>(body.node_count(), 1)) <= max_unrolled_nodes) return;
  throw Error("", "repeats " + std::to_string(body.node_count()) + " nodes " + std::to_string(rounds) + " times",
              "export the model with a layer in its place, or run it step by step");
}

/// (trip count, condition, carried values…) → the carried values, then what each round gave beside them. The body takes
/// (number of the round, condition, carried values…) and gives (condition, carried values…, values of the round…).
inline void import_loop(ImportContext& context, const GraphNode& node) {
  asks_for_all_inputs(node);
  const bool counted = context.has_input(node, 0);
  const bool conditional = context.has_input(node, 1);
  std::int64_t rounds = max_unrolled_nodes;
  if (counted) {
    const std::optional<double> count = context.known_scalar(node.inputs[0]);
    if (!count) {
      throw Error("its trip count '" + node.inputs[0] + "'", "is computed at run time, or depends on the batch",
                  "bind what it depends on with --set NAME=VALUE or --dim, or export the model without the loop");
    }
    rounds = std::max<std::int64_t>(to_integer(*count), 0);
  }
  const auto expect_known = [&](const std::optional<double>& condition) {
    if (condition) return *condition != 0.0;
    throw Error("its condition", "is computed at run time, or depends on the batch",
                "bind what it depends on with --set NAME=VALUE or --dim, or export the model without the loop");
  };
  bool goes_on = !conditional || expect_known(context.known_scalar(node.inputs[1]));
  Body body(context, node, "body");
  const std::size_t carried = std::max<std::size_t>(node.inputs.size(), 2) - 2;
  if (node.outputs.size() < carried) throw Error("", "has fewer results than carried values", "the file is damaged");
  expect_count("inputs", body.input_count(), carried + 2);
  expect_count("outputs", body.output_count(), node.outputs.size() + 1);
  if (counted) expect_unrollable(rounds, body);

  std::vector<ImportContext::Named> state;
  for (std::size_t i = 0; i < carried; ++i) state.push_back(context.named(node.inputs[i + 2]));
  std::vector<std::vector<NodeId>> kept(node.outputs.size() - carried);
  for (std::int64_t round = 0; goes_on && round < rounds; ++round) {
    expect_unrollable(round, body);
    std::vector<ImportContext::Named> inputs;
    const auto number = [&](const char* name, double value, ElementType element) {
      const Tensor<double> scalar({}, {value});
      inputs.push_back(context.append_known(node.name + name, {scalar, scalar, element}));
    };
    number("/round", static_cast<double>(round), ElementType::s64);
    number("/condition", 1.0, ElementType::boolean);
    inputs.insert(inputs.end(), state.begin(), state.end());
    std::vector<ImportContext::Named> outputs = body.import(context, std::move(inputs));
    for (std::size_t i = 0; i < carried; ++i) state[i] = std::move(outputs[i + 1]);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (context.wants(node, carried + i))
        kept[i].push_back(tensor_of(context, outputs[carried + i + 1], node.outputs[carried + i]));
    }
    if (conditional && round + 1 < rounds) goes_on = expect_known(body.known_output(context, 0));
  }
  for (std::size_t i = 0; i < carried; ++i) context.define_named(node.outputs[i], std::move(state[i]));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const std::size_t output = carried + i;
    if (context.wants(node, output))
      context.define(node, output, stacked(context, node.outputs[output], kept[i], 0, false));
  }
}

/// A setting of a Scan that has one value for each of some inputs or outputs, or is absent: all 0.
inline std::vector<std::int64_t> scan_setting(const GraphNode& node, const char* name, std::size_t count) {
  std::vector<std::int64_t> values = integers_attribute(node, name);
  if (values.empty()) values.assign(count, 0);
  if (values.size() != count) throw Error(std::string("attribute '") + name + "'", "has not one value for each");
  return values;
}

/// (states…, values to go through…) → (last states…, what each round gave…).
inline void import_scan(ImportContext& context, const GraphNode& node) {
  asks_for_all_inputs(node);
  const std::int64_t given = required_integer(node, "num_scan_inputs");
  if (given < 1 || given > static_cast<std::int64_t>(node.inputs.size()))
    throw Error("attribute 'num_scan_inputs'", "is " + std::to_string(given), "the file is damaged; export it again");
  const auto scanned = static_cast<std::size_t>(given);
  const std::size_t states = node.inputs.size() - scanned;
  if (node.outputs.size() < states) throw Error("", "has fewer results than states", "the file is damaged");
  const std::size_t kept_count = node.outputs.size() - states;
  const std::vector<std::int64_t> axes = scan_setting(node, "scan_input_axes", scanned);
  const std::vector<std::int64_t> directions = scan_setting(node, "scan_input_directions", scanned);
  const std::vector<std::int64_t> dst_axes = scan_setting(node, "scan_output_axes", kept_count);
  const std::vector<std::int64_t> dst_directions = scan_setting(node, "scan_output_directions", kept_count);

  std::optional<std::int64_t> rounds;
  std::vector<NodeId> src;
  for (std::size_t i = 0; i < scanned; ++i) {
    src.push_back(context.src(node, states + i));
    const TracedShape& shape = context.shape(src.back());
    const std::size_t axis = normalized_axis(axes[i], shape.rank());
    if (shape.depends_on_batch(axis))
      throw Error("", "goes through the samples of the batch", "bind the batch size with --dim");
    if (rounds.value_or(shape.first[axis]) != shape.first[axis])
      throw Error("", "goes through values of different lengths", "the file is damaged; export it again");
    rounds = shape.first[axis];
  }
  Body body(context, node, "body");
  expect_count("inputs", body.input_count(), node.inputs.size());
  expect_count("outputs", body.output_count(), node.outputs.size());
  expect_unrollable(*rounds, body);

  std::vector<ImportContext::Named> state;
  for (std::size_t i = 0; i < states; ++i) state.push_back(context.named(node.inputs[i]));
  std::vector<std::vector<NodeId>> kept(kept_count);
  for (std::int64_t round = 0; round < *rounds; ++round) {
    std::vector<ImportContext::Named> inputs = state;
    for (std::size_t i = 0; i < scanned; ++i) {
      const TracedShape shape = context.shape(src[i]);
      const std::size_t axis = normalized_axis(axes[i], shape.rank());
      const std::int64_t at = directions[i] == 0 ? round : *rounds - 1 - round;
      const std::string name = node.name + "/src" + std::to_string(i);
      const NodeId row =
          context.append(name + "/row", Slice{{static_cast<std::int64_t>(axis)}, {at}, {at + 1}, {}}, {src[i]});
      inputs.push_back(append_reshape(context, name, row, without_axis(context.shape(row), axis)));
    }
    std::vector<ImportContext::Named> outputs = body.import(context, std::move(inputs));
    for (std::size_t i = 0; i < states; ++i) state[i] = std::move(outputs[i]);
    for (std::size_t i = 0; i < kept_count; ++i) {
      if (context.wants(node, states + i))
        kept[i].push_back(tensor_of(context, outputs[states + i], node.outputs[states + i]));
    }
  }
  for (std::size_t i = 0; i < states; ++i) context.define_named(node.outputs[i], std::move(state[i]));
  for (std::size_t i = 0; i < kept_count; ++i) {
    const std::size_t output = states + i;
    if (!context.wants(node, output)) continue;
    context.define(node, output, stacked(context, node.outputs[output], kept[i], dst_axes[i], dst_directions[i] != 0));
  }
}

inline constexpr Operator control_flow_operators[] = {
    {"If", 1, import_if, nullptr, "then_branch else_branch"},
    {"Loop", 1, import_loop},
    {"Scan", 9, import_scan},
};

}  // namespace fulcrum::detail::onnx_io
