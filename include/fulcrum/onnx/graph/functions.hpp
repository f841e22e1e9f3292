#pragma once
/// \file
/// Functions that a model brings with it (FunctionProto): each node that calls one becomes the function's nodes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fulcrum/onnx/graph/proto.hpp>

namespace fulcrum::detail::onnx_io {

/// Versions of operators by domain; ONNX's own has the name "".
using Opsets = std::map<std::string, std::int64_t>;

template <class Message>
[[nodiscard]] Opsets opsets_of(const Message& message) {
  Opsets opsets;
  for (const auto& opset : message.opset_import()) {
    opsets[opset.domain() == "ai.onnx" ? "" : opset.domain()] = opset.version();
  }
  return opsets;
}

/// A node of a graph, or of a function that was put in its place.
struct InlinedNode {
  std::shared_ptr<const ::onnx::NodeProto> proto;
  std::shared_ptr<const Opsets> opsets;  ///< what its operator's version follows from
};

/// A function's attributes that have a default. ONNX before 1.14 does not know the field, and keeps its bytes.
template <class Function>
[[nodiscard]] std::vector<::onnx::AttributeProto> default_attributes(const Function& function) {
  std::vector<::onnx::AttributeProto> defaults;
  if constexpr (requires { function.attribute_proto(); }) {
    defaults.assign(function.attribute_proto().begin(), function.attribute_proto().end());
  } else {
    constexpr int field_number = 11;
    const auto& fields = function.GetReflection()->GetUnknownFields(function);
    for (int i = 0; i < fields.field_count(); ++i) {
      const auto& field = fields.field(i);
      if (field.number() != field_number || field.type() != field.TYPE_LENGTH_DELIMITED) continue;
      if (!defaults.emplace_back().ParseFromString(field.length_delimited())) {
        throw Error("function '" + function.name() + "'", "has a damaged attribute", "export the model again");
      }
    }
  }
  return defaults;
}

/// What tells functions of one name apart (ONNX from 1.16 on).
template <class Message>
[[nodiscard]] std::string overload_of(const Message& message) {
  if constexpr (requires { message.overload(); }) return message.overload();
  return {};
}

class FunctionInliner {
public:
  /// \param model  must outlive the inliner and the nodes
  explicit FunctionInliner(const ::onnx::ModelProto& model)
      : opsets_(std::make_shared<const Opsets>(opsets_of(model))) {
    for (const auto& function : model.functions()) {
      Function& known = functions_[key(function.domain(), function.name(), overload_of(function))];
      known.proto = &function;
      auto opsets = std::make_shared<Opsets>(*opsets_);
      for (const auto& [domain, version] : opsets_of(function)) (*opsets)[domain] = version;
      if (const auto own = opsets->find(""); own != opsets->end() && (own->second < 1 || own->second > max_opset)) {
        throw Error("function '" + function.name() + "'", "is of opset " + std::to_string(own->second),
                    "export it with opset " + std::to_string(max_opset) + " or an earlier one");
      }
      known.opsets = std::move(opsets);
      bytes_left_ += 32 * function.ByteSizeLong();
    }
    if (!functions_.empty()) take_names(model.graph());
  }

  /// The graph's nodes in its order.
  /// \throws Error when a function calls itself
  [[nodiscard]] std::vector<InlinedNode> nodes(const ::onnx::GraphProto& graph) {
    std::vector<InlinedNode> result;
    for (const auto& node : graph.node()) {
      if (functions_.empty()) {
        result.push_back({in_model(node), opsets_});
        continue;
      }
      const bool has_graphs = std::any_of(node.attribute().begin(), node.attribute().end(), [](const auto& attribute) {
        return attribute.has_g() || attribute.graphs_size() != 0;
      });
      if (!has_graphs) {
        expand({in_model(node), opsets_}, 0, result);
        continue;
      }
      auto copy = std::make_shared<::onnx::NodeProto>(node);
      inline_subgraphs(*copy, 0);
      expand({std::move(copy), opsets_}, 0, result);
    }
    return result;
  }

private:
  static constexpr int max_depth = 64;
  static constexpr std::size_t max_calls = std::size_t{1} << 17U;

  struct Function {
    const ::onnx::FunctionProto* proto = nullptr;
    std::shared_ptr<const Opsets> opsets;
  };
  using Names = std::unordered_map<std::string, std::string>;
  using Attributes = std::map<std::string, ::onnx::AttributeProto>;

  /// A node that the model owns.
  static std::shared_ptr<const ::onnx::NodeProto> in_model(const ::onnx::NodeProto& node) {
    return {std::shared_ptr<void>(), &node};
  }

  static std::string key(const std::string& domain, const std::string& name, const std::string& overload) {
    return (domain == "ai.onnx" ? std::string() : domain) + ":" + name + ":" + overload;
  }

  void take_names(const ::onnx::GraphProto& graph) {
    for (const auto& input : graph.input()) taken_.insert(input.name());
    for (const auto& initializer : graph.initializer()) taken_.insert(initializer.name());
    for (const auto& node : graph.node()) {
      for (const std::string& output : node.output()) taken_.insert(output);
    }
  }

  /// A name that no value has; when it is taken already, one that starts so.
  std::string fresh(const std::string& wanted) {
    std::string name = wanted;
    std::size_t& number = next_.try_emplace(wanted, 2).first->second;
    while (!taken_.insert(name).second) name = wanted + "_" + std::to_string(number++);
    return name;
  }

  /// Bounds what a small file can be made into: one call more, of a function of this size.
  void charge(std::size_t bytes) {
    if (++calls_ > max_calls || bytes > bytes_left_) {
      throw Error("the model's functions", "make far more nodes than the file holds", "check how it was exported");
    }
    bytes_left_ -= bytes;
  }

  /// Appends the node, or what the function that it calls makes of it.
  void expand(InlinedNode node, int depth, std::vector<InlinedNode>& result) {
    const auto at = functions_.find(key(node.proto->domain(), node.proto->op_type(), overload_of(*node.proto)));
    if (at == functions_.end()) {
      result.push_back(std::move(node));
      return;
    }
    const ::onnx::FunctionProto& function = *at->second.proto;
    const std::string where = "function '" + function.name() + "'";
    if (depth >= max_depth) throw Error(where, "calls itself", "the file is damaged; export it again");
    charge(function.ByteSizeLong());
    const ::onnx::NodeProto& call = *node.proto;
    if (call.input_size() > function.input_size() || call.output_size() > function.output_size()) {
      throw Error(where, "is called with more inputs or outputs than it has", "the file is damaged; export it again");
    }
    std::string prefix =
        call.name().empty() ? (call.output_size() > 0 ? call.output(0) : function.name()) : call.name();
    prefix += "/";
    Names names;
    for (int i = 0; i < function.input_size(); ++i)
      names[function.input(i)] = i < call.input_size() ? call.input(i) : "";
    std::vector<std::pair<std::string, std::string>> passed_on;  // inputs that are results too
    for (int i = 0; i < function.output_size() && i < call.output_size(); ++i) {
      if (call.output(i).empty()) continue;
      if (const auto input = names.find(function.output(i)); input != names.end())
        passed_on.emplace_back(input->second, call.output(i));
      else
        names[function.output(i)] = call.output(i);
    }
    Attributes attributes;
    for (const auto& attribute : default_attributes(function)) attributes[attribute.name()] = attribute;
    for (const auto& attribute : call.attribute()) attributes[attribute.name()] = attribute;
    for (const auto& body : function.node()) {
      for (const std::string& output : body.output()) {
        if (!output.empty() && names.count(output) == 0) names[output] = fresh(prefix + output);
      }
    }
    for (const auto& body : function.node()) {
      auto copy = std::make_shared<::onnx::NodeProto>(body);
      rewrite(*copy, names, attributes, prefix);
      inline_subgraphs(*copy, depth + 1);
      expand({std::move(copy), at->second.opsets}, depth + 1, result);
    }
    for (const auto& [from, to] : passed_on) {
      auto copy = std::make_shared<::onnx::NodeProto>();
      copy->set_op_type("Identity");
      copy->add_input(from);
      copy->add_output(to);
      expand({std::move(copy), at->second.opsets}, depth + 1, result);
    }
  }

  /// A node of a function as one of the graph: names by the call, attributes that refer to the call's as those.
  void rewrite(::onnx::NodeProto& node, const Names& names, const Attributes& attributes, const std::string& prefix) {
    const auto rename = [&](std::string& name) {
      if (const auto at = names.find(name); at != names.end()) name = at->second;
    };
    if (!node.name().empty()) node.set_name(prefix + node.name());
    for (std::string& input : *node.mutable_input()) rename(input);
    for (std::string& output : *node.mutable_output()) rename(output);
    ::google::protobuf::RepeatedPtrField<::onnx::AttributeProto> kept;
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.ref_attr_name().empty()) {
        *kept.Add() = std::move(attribute);
      } else if (const auto at = attributes.find(attribute.ref_attr_name()); at != attributes.end()) {
        ::onnx::AttributeProto& given = *kept.Add();
        given = at->second;
        given.set_name(attribute.name());
      }  // one that the call does not give is left out
    }
    node.mutable_attribute()->Swap(&kept);
    for_each_subgraph(node, [&](::onnx::GraphProto& graph) { rewrite(graph, names, attributes, prefix); });
  }

  /// The same for a graph inside a node, whose own names are made new ones.
  void rewrite(::onnx::GraphProto& graph, Names names, const Attributes& attributes, const std::string& prefix) {
    const auto own = [&](std::string* name) {
      if (name->empty()) return;
      std::string& renamed = names[*name];
      renamed = fresh(prefix + *name);
      *name = renamed;
    };
    for (auto& input : *graph.mutable_input()) own(input.mutable_name());
    for (auto& initializer : *graph.mutable_initializer()) own(initializer.mutable_name());
    for (const auto& node : graph.node()) {
      for (const std::string& output : node.output()) {
        if (!output.empty()) names[output] = fresh(prefix + output);
      }
    }
    for (auto& node : *graph.mutable_node()) rewrite(node, names, attributes, prefix);
    for (auto& output : *graph.mutable_output()) {
      if (const auto at = names.find(output.name()); at != names.end()) output.set_name(at->second);
    }
  }

  /// Calls inside the graphs that a node holds (of an If or a Loop).
  void inline_subgraphs(::onnx::NodeProto& node, int depth) {
    for_each_subgraph(node, [&](::onnx::GraphProto& graph) {
      std::vector<InlinedNode> nodes;
      for (auto& inner : *graph.mutable_node()) {
        auto copy = std::make_shared<::onnx::NodeProto>(inner);
        inline_subgraphs(*copy, depth);
        expand({std::move(copy), opsets_}, depth, nodes);
      }
      graph.clear_node();
      for (const InlinedNode& inner : nodes) *graph.add_node() = *inner.proto;
    });
  }

  template <class F>
  static void for_each_subgraph(::onnx::NodeProto& node, F&& f) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) f(*attribute.mutable_g());
      for (auto& graph : *attribute.mutable_graphs()) f(graph);
    }
  }

  std::shared_ptr<const Opsets> opsets_;
  std::unordered_map<std::string, Function> functions_;
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, std::size_t> next_;  // number to try for a name
  std::size_t calls_ = 0;
  std::size_t bytes_left_ = std::size_t{64} << 20U;  // of functions that are put in place of their calls
};

}  // namespace fulcrum::detail::onnx_io
