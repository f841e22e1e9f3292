#pragma once
/// \file
/// An ONNX graph as the importer works on it: names checked, nodes in an order in which they can run.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fulcrum/onnx/graph/constant.hpp>
#include <fulcrum/onnx/graph/functions.hpp>

namespace fulcrum::detail::onnx_io {

/// A value that the bodies of a node (the branches of an If, what a Loop repeats) take from around it.
struct Captured {
  std::string name;   ///< as the bodies have it
  std::string value;  ///< here
};

/// The names that a graph takes and does not define.
inline std::set<std::string> free_names(const ::onnx::GraphProto& graph) {
  std::set<std::string> defined;
  std::set<std::string> taken;
  for (const Proto& initializer : graph.initializer()) defined.insert(initializer.name());
  for (const auto& input : graph.input()) defined.insert(input.name());
  for (const auto& node : graph.node()) {
    taken.insert(node.input().begin(), node.input().end());
    defined.insert(node.output().begin(), node.output().end());
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) taken.merge(free_names(attribute.g()));
    }
  }
  for (const auto& output : graph.output()) taken.insert(output.name());
  for (const std::string& name : defined) taken.erase(name);
  taken.erase("");
  return taken;
}

/// A node of the file, or one that stands for a recognised pattern of several.
struct GraphNode {
  std::shared_ptr<const ::onnx::NodeProto> proto;  ///< holds the attributes
  std::string name;                                ///< its own, or its first output's
  std::string type;                                ///< "Conv"
  std::string domain;                              ///< "" for ONNX's own operators
  std::int64_t opset = 0;                          ///< version of the domain's operators; 0: not said
  std::vector<std::string> inputs;                 ///< "": an optional one that is absent
  std::vector<std::string> outputs;
  std::vector<Captured> captured;        ///< what its bodies take from around it
  std::shared_ptr<const Opsets> opsets;  ///< of its place: the model's, or a function's
  bool used = true;                      ///< an output of the graph depends on it
  bool removed = false;                  ///< folded into a constant or a pattern
  bool is_pattern = false;  ///< stands for several nodes of the file; `type` is then one of pattern_operators
  /// What its import asked for: what it did not ask for is not understood. Copies of the node share it.
  std::shared_ptr<std::set<std::string>> asked_attributes = std::make_shared<std::set<std::string>>();
  std::shared_ptr<std::set<std::size_t>> asked_inputs = std::make_shared<std::set<std::size_t>>();

  /// Whether it is one of ONNX's own operators, as the file has it.
  [[nodiscard]] bool is_standard() const noexcept { return domain.empty() && !is_pattern; }

  /// "node 'conv1' (Conv)"
  [[nodiscard]] std::string label() const {
    std::string text = "node '";
    text.append(name).append("' (");
    if (!domain.empty()) text.append(domain).append(".");
    return text.append(type).append(")");
  }
};

/// Calls f(), and says which node an Error came from.
template <class F>
auto at_node(const GraphNode& node, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    std::string what = node.label();
    what.append(error.where().empty() ? " " : ": ").append(phrase(error));
    throw Error("", what, error.remedy());
  }
}

/// Nodes, constants and the names that join them.
class Graph {
public:
  /// \param model  must outlive the graph
  /// \throws Error when names dangle, clash or form a cycle
  explicit Graph(const ::onnx::ModelProto& model) { read(model.graph(), FunctionInliner(model).nodes(model.graph())); }

  /// The body of a node of another graph. Names are told apart by a prefix; what it takes from around it keeps its name
  /// there, and is known where it is known there.
  /// \param body  must outlive the graph
  Graph(const ::onnx::GraphProto& body, const Graph& around, const GraphNode& node, std::string prefix)
      : prefix_(std::move(prefix)) {
    const std::set<std::string> taken = free_names(body);
    for (const Captured& captured : node.captured) {
      if (taken.count(captured.name) == 0 || !captured_.emplace(captured.name, captured.value).second) continue;
      if (ConstantPtr constant = around.constant(captured.value)) {
        constants_.emplace(captured.value, std::move(constant));
      } else {
        producer_.emplace(captured.value, no_node);
      }
    }
    std::vector<InlinedNode> inlined;  // calls of functions were put in their place with the node's own
    for (const auto& inner : body.node()) inlined.push_back({{node.proto, &inner}, node.opsets});
    read(body, std::move(inlined));
  }

  /// The name here of what the file calls so.
  [[nodiscard]] std::string local(const std::string& name) const {
    if (name.empty() || prefix_.empty()) return name;
    const auto at = captured_.find(name);
    return at != captured_.end() ? at->second : prefix_ + name;
  }

  std::vector<GraphNode> nodes;                       ///< in an order in which they can run
  std::vector<const ::onnx::ValueInfoProto*> inputs;  ///< those that are no initializers
  std::vector<std::string> outputs;

  /// The constant of this name, or null when the value is computed at run time.
  [[nodiscard]] ConstantPtr constant(const std::string& name) const {
    const auto at = constants_.find(name);
    return at == constants_.end() ? nullptr : at->second;
  }
  void set_constant(const std::string& name, ConstantPtr value) { constants_[name] = std::move(value); }
  void drop_constant(const std::string& name) { constants_.erase(name); }

  /// The node that computes a value, or null for inputs, constants and removed nodes.
  [[nodiscard]] GraphNode* producer(const std::string& name) {
    const auto at = producer_.find(name);
    if (at == producer_.end() || at->second == no_node || nodes[at->second].removed) return nullptr;
    return &nodes[at->second];
  }

  /// The one node that takes a value, when there is exactly one and the value is no output of the graph.
  [[nodiscard]] GraphNode* sole_consumer(const std::string& name) {
    const auto at = consumers_.find(name);
    if (at == consumers_.end() || at->second.size() != 1 || is_output_.count(name) != 0) return nullptr;
    GraphNode& node = nodes[at->second.front()];
    return node.removed ? nullptr : &node;
  }

  /// How often the nodes of the file take a value; one time more when it is an output of the graph.
  [[nodiscard]] std::size_t uses(const std::string& name) const {
    const auto at = consumers_.find(name);
    return (at == consumers_.end() ? 0 : at->second.size()) + is_output_.count(name);
  }

private:
  static constexpr std::size_t no_node = ~std::size_t{0};

  void read(const ::onnx::GraphProto& graph, std::vector<InlinedNode> inlined) {
    read_constants(graph);
    for (const auto& input : graph.input()) {
      if (constants_.count(local(input.name())) != 0) continue;  // an initializer listed as an input, as IR 3 wants
      define(local(input.name()), no_node, "the graph's inputs");
      inputs.push_back(&input);
    }
    read_nodes(std::move(inlined));
    sort_nodes();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const std::string& output : nodes[i].outputs) {
        if (!output.empty()) producer_[output] = i;
      }
    }
    for (const auto& output : graph.output()) {
      const std::string name = local(output.name());
      if (producer_.count(name) == 0 && constants_.count(name) == 0) {
        throw Error("output '" + output.name() + "'", "is computed by nothing in the graph",
                    "the file is damaged; export it again");
      }
      outputs.push_back(name);
    }
    if (outputs.empty()) throw Error("", "the graph has no output", "export the model with its outputs");
    bypass_copies();
    find_used();
  }

  /// Notes that a value exists; each may be defined once.
  void define(const std::string& name, std::size_t node, const std::string& by) {
    if (name.empty()) throw Error(by, "defines a value without a name", "the file is damaged; export it again");
    if (constants_.count(name) != 0 || !producer_.emplace(name, node).second) {
      throw Error(by, "defines the value '" + name + "' a second time", "the file is damaged; export it again");
    }
  }

  void read_constants(const ::onnx::GraphProto& graph) {
    if (graph.sparse_initializer_size() != 0) {
      throw Error("", "the graph has sparse initializers", "export dense ones");
    }
    for (const Proto& initializer : graph.initializer()) {
      const std::string name = local(initializer.name());
      if (name.empty() || constants_.count(name) != 0) {
        throw Error("initializer '" + initializer.name() + "'", "has no name of its own",
                    "the file is damaged; export it again");
      }
      constants_.emplace(name, make_constant(name, initializer));
    }
  }

  void read_nodes(std::vector<InlinedNode> inlined_nodes) {
    for (InlinedNode& inlined : inlined_nodes) {
      const ::onnx::NodeProto& proto = *inlined.proto;
      GraphNode node;
      node.proto = inlined.proto;
      node.type = proto.op_type();
      node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
      const auto opset = inlined.opsets->find(node.domain);
      node.opset = opset == inlined.opsets->end() ? 0 : opset->second;
      node.opsets = std::move(inlined.opsets);
      for (const std::string& input : proto.input()) node.inputs.push_back(local(input));
      for (const std::string& output : proto.output()) node.outputs.push_back(local(output));
      std::set<std::string> captured;
      for (const auto& attribute : proto.attribute()) {
        if (attribute.has_g()) captured.merge(free_names(attribute.g()));
      }
      for (const std::string& name : captured) node.captured.push_back({name, local(name)});
      const auto first = std::find_if(node.outputs.begin(), node.outputs.end(),
                                      [](const std::string& output) { return !output.empty(); });
      node.name = !proto.name().empty() ? prefix_ + proto.name() : first == node.outputs.end() ? node.type : *first;
      for (const std::string& output : node.outputs) {
        if (!output.empty()) define(output, nodes.size(), node.label());
      }
      if (first == node.outputs.end()) {
        throw Error(node.label(), "has no output", "the file is damaged; export it again");
      }
      nodes.push_back(std::move(node));
    }
  }

  /// What a node takes itself, and through its bodies.
  [[nodiscard]] static std::vector<std::string> taken_by(const GraphNode& node) {
    std::vector<std::string> names = node.inputs;
    for (const Captured& captured : node.captured) names.push_back(captured.value);
    return names;
  }

  /// Orders the nodes so that each stands after those it takes values from, and otherwise as in the file.
  void sort_nodes() {
    std::vector<std::size_t> waiting(nodes.size(), 0);
    std::vector<std::vector<std::size_t>> followers(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const std::string& input : taken_by(nodes[i])) {
        if (input.empty() || constants_.count(input) != 0) continue;
        const auto at = producer_.find(input);
        if (at == producer_.end()) {
          throw Error(nodes[i].label(), "takes '" + input + "', which nothing computes",
                      "the file is damaged; export it again");
        }
        if (at->second == no_node) continue;
        ++waiting[i];
        followers[at->second].push_back(i);
      }
    }
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (waiting[i] == 0) ready.push(i);
    }
    std::vector<GraphNode> sorted;
    sorted.reserve(nodes.size());
    while (!ready.empty()) {
      const std::size_t i = ready.top();
      ready.pop();
      sorted.push_back(std::move(nodes[i]));
      for (const std::size_t follower : followers[i]) {
        if (--waiting[follower] == 0) ready.push(follower);
      }
    }
    if (sorted.size() != nodes.size()) {
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (waiting[i] != 0) {
          throw Error(nodes[i].label(), "needs its own result: the graph has a cycle",
                      "the file is damaged; export it again");
        }
      }
    }
    nodes = std::move(sorted);
  }

  /// Whether a node's one result is its one input: an Identity, or a Dropout in inference.
  [[nodiscard]] static bool is_copy(const GraphNode& node) {
    if (!node.is_standard() || node.inputs.size() != 1 || node.inputs[0].empty() || node.outputs.size() != 1) {
      return false;
    }
    return node.type == "Identity" || (node.type == "Dropout" && node.opset >= 7);
  }

  /// Whoever takes a copy takes what it was copied from, so that copies do not hide the pattern around them.
  void bypass_copies() {
    std::unordered_map<std::string, std::string> origins;
    const auto resolve = [&](std::string& name) {
      if (const auto at = origins.find(name); at != origins.end()) name = at->second;
    };
    for (GraphNode& node : nodes) {
      for (std::string& input : node.inputs) resolve(input);
      for (Captured& captured : node.captured) resolve(captured.value);
      if (is_copy(node)) origins.emplace(node.outputs[0], node.inputs[0]);
    }
    for (std::string& output : outputs) resolve(output);
  }

  /// Finds the nodes that outputs depend on, and who takes each value: what nothing depends on is no use of it.
  void find_used() {
    is_output_.insert(outputs.begin(), outputs.end());
    for (std::size_t i = nodes.size(); i-- > 0;) {
      GraphNode& node = nodes[i];
      node.used = std::any_of(node.outputs.begin(), node.outputs.end(), [&](const std::string& output) {
        return !output.empty() && (is_output_.count(output) != 0 || consumers_.count(output) != 0);
      });
      if (!node.used) continue;
      for (const std::string& input : taken_by(node)) {
        if (!input.empty()) consumers_[input].push_back(i);
      }
    }
  }

  std::string prefix_;                                     // of the names in a body; "" in the model's graph
  std::unordered_map<std::string, std::string> captured_;  // name in the body → name around it
  std::unordered_map<std::string, ConstantPtr> constants_;
  std::unordered_map<std::string, std::size_t> producer_;  // node index, or no_node for a graph input
  std::unordered_map<std::string, std::vector<std::size_t>> consumers_;
  std::unordered_set<std::string> is_output_;
};

}  // namespace fulcrum::detail::onnx_io
