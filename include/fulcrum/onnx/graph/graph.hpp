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

/// A node of the file, or one that stands for a recognised pattern of several.
struct GraphNode {
  std::shared_ptr<const ::onnx::NodeProto> proto;  ///< holds the attributes
  std::string name;                                ///< its own, or its first output's
  std::string type;                                ///< "Conv"
  std::string domain;                              ///< "" for ONNX's own operators
  std::int64_t opset = 0;                          ///< version of the domain's operators; 0: not said
  std::vector<std::string> inputs;                 ///< "": an optional one that is absent
  std::vector<std::string> outputs;
  bool used = true;         ///< an output of the graph depends on it
  bool removed = false;     ///< folded into a constant or a pattern
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
  explicit Graph(const ::onnx::ModelProto& model) {
    read_constants(model);
    for (const auto& input : model.graph().input()) {
      if (constants_.count(input.name()) != 0) continue;  // an initializer that is listed as an input, as IR 3 wants
      define(input.name(), no_node, "the graph's inputs");
      inputs.push_back(&input);
    }
    read_nodes(model);
    sort_nodes();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const std::string& output : nodes[i].outputs) {
        if (!output.empty()) producer_[output] = i;
      }
    }
    for (const auto& output : model.graph().output()) {
      if (producer_.count(output.name()) == 0 && constants_.count(output.name()) == 0) {
        throw Error("output '" + output.name() + "'", "is computed by nothing in the graph",
                    "the file is damaged; export it again");
      }
      outputs.push_back(output.name());
    }
    if (outputs.empty()) throw Error("", "the graph has no output", "export the model with its outputs");
    bypass_copies();
    find_used();
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

  /// Notes that a value exists; each may be defined once.
  void define(const std::string& name, std::size_t node, const std::string& by) {
    if (name.empty()) throw Error(by, "defines a value without a name", "the file is damaged; export it again");
    if (constants_.count(name) != 0 || !producer_.emplace(name, node).second) {
      throw Error(by, "defines the value '" + name + "' a second time", "the file is damaged; export it again");
    }
  }

  void read_constants(const ::onnx::ModelProto& model) {
    if (model.graph().sparse_initializer_size() != 0) {
      throw Error("", "the graph has sparse initializers", "export dense ones");
    }
    for (const Proto& initializer : model.graph().initializer()) {
      if (initializer.name().empty() || constants_.count(initializer.name()) != 0) {
        throw Error("initializer '" + initializer.name() + "'", "has no name of its own",
                    "the file is damaged; export it again");
      }
      constants_.emplace(initializer.name(), make_constant(initializer.name(), initializer));
    }
  }

  void read_nodes(const ::onnx::ModelProto& model) {
    for (InlinedNode& inlined : FunctionInliner(model).nodes(model.graph())) {
      const ::onnx::NodeProto& proto = *inlined.proto;
      GraphNode node;
      node.proto = inlined.proto;
      node.type = proto.op_type();
      node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
      const auto opset = inlined.opsets->find(node.domain);
      node.opset = opset == inlined.opsets->end() ? 0 : opset->second;
      node.inputs.assign(proto.input().begin(), proto.input().end());
      node.outputs.assign(proto.output().begin(), proto.output().end());
      const auto first = std::find_if(node.outputs.begin(), node.outputs.end(),
                                      [](const std::string& output) { return !output.empty(); });
      node.name = !proto.name().empty() ? proto.name() : first == node.outputs.end() ? node.type : *first;
      for (const std::string& output : node.outputs) {
        if (!output.empty()) define(output, nodes.size(), node.label());
      }
      if (first == node.outputs.end()) {
        throw Error(node.label(), "has no output", "the file is damaged; export it again");
      }
      nodes.push_back(std::move(node));
    }
  }

  /// Orders the nodes so that each stands after those it takes values from, and otherwise as in the file.
  void sort_nodes() {
    std::vector<std::size_t> waiting(nodes.size(), 0);
    std::vector<std::vector<std::size_t>> followers(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const std::string& input : nodes[i].inputs) {
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
      for (const std::string& input : node.inputs) {
        if (!input.empty()) consumers_[input].push_back(i);
      }
    }
  }

  std::unordered_map<std::string, ConstantPtr> constants_;
  std::unordered_map<std::string, std::size_t> producer_;  // node index, or no_node for a graph input
  std::unordered_map<std::string, std::vector<std::size_t>> consumers_;
  std::unordered_set<std::string> is_output_;
};

}  // namespace fulcrum::detail::onnx_io
