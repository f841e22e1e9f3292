#pragma once
/// \file
/// Model<T>: a graph of named layers, as a value.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/layer.hpp>

namespace fulcrum {

/// Index of a node in its model, and so of the one value it computes.
using NodeId = std::size_t;

/// A layer in its place: a name, where its sources come from, and how its result maps to integers.
template <class T>
struct Node {
  std::string name;  ///< unique in the model
  Layer<T> layer;
  std::vector<NodeId> src;                       ///< earlier nodes whose values it takes, in the layer's order
  std::optional<Quantization> dst_quantization;  ///< set by a quantization pass: the result is rounded through it

  friend bool operator==(const Node&, const Node&) = default;
};

/// A directed acyclic graph of layers in topological order: every source of a node stands before it.
///
/// Copies are cheap (weights are shared until edited). Every node computes one value. Shapes depend on the batch size
/// and are inferred for one by infer_shapes(). Passes return new models; nothing edits a model behind its owner's back.
template <class T>
class Model {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>,
                "a model's scalar is float or double: Model<float> runs in bf16 and int8 through RunConfig::precision");

public:
  using value_type = T;

  explicit Model(std::string name = "model");
  Model(const Model&);
  Model(Model&&) noexcept;
  Model& operator=(const Model&);
  Model& operator=(Model&&) noexcept;
  ~Model();

  /// Appends a node.
  /// \throws Error when the name is empty or taken, or a source is not an earlier node
  NodeId add(Node<T> node);

  /// Names the values that the model returns, in order.
  /// \param names  what users call them; empty: as their nodes
  /// \throws Error when one is not a node of the model, or there is not one name for each
  void set_outputs(std::vector<NodeId> outputs, std::vector<std::string> names = {});

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  [[nodiscard]] const std::vector<Node<T>>& nodes() const noexcept { return nodes_; }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  [[nodiscard]] const Node<T>& node(NodeId id) const { return nodes_.at(id); }
  [[nodiscard]] const std::vector<NodeId>& outputs() const noexcept { return outputs_; }
  /// What users call the outputs, in order: as an ONNX file does, or as their nodes are called.
  [[nodiscard]] const std::vector<std::string>& output_names() const noexcept { return output_names_; }

  /// The Input nodes, in order.
  [[nodiscard]] std::vector<NodeId> inputs() const;

  [[nodiscard]] std::optional<NodeId> find(const std::string& name) const {
    const auto at = index_.find(name);
    return at == index_.end() ? std::nullopt : std::optional(at->second);
  }

  /// The layer, for a pass to write to in its own copy of the model.
  [[nodiscard]] Layer<T>& edit_layer(NodeId id) { return nodes_.at(id).layer; }
  void set_dst_quantization(NodeId id, std::optional<Quantization> q) { nodes_.at(id).dst_quantization = std::move(q); }

  /// For each node, the nodes that take its value (each consumer once per use).
  [[nodiscard]] std::vector<std::vector<NodeId>> consumers() const;

  [[nodiscard]] bool is_output(NodeId id) const {
    return std::find(outputs_.begin(), outputs_.end(), id) != outputs_.end();
  }

  friend bool operator==(const Model& a, const Model& b) { return a.equals(b); }

private:
  [[nodiscard]] bool equals(const Model& other) const;

  std::string name_;
  std::vector<Node<T>> nodes_;
  std::vector<NodeId> outputs_;
  std::vector<std::string> output_names_;
  std::unordered_map<std::string, NodeId> index_;
};

/// Calls f(node id, parameter name, parameter) for every non-empty parameter of the model.
template <class M, class F>
void for_each_model_parameter(M& model, F&& f) {
  for (NodeId id = 0; id < model.size(); ++id) {
    const auto visit = [&](const char* name, auto& parameter) {
      if (!parameter.empty()) f(id, name, parameter);
    };
    if constexpr (std::is_const_v<M>)
      for_each_parameter(model.node(id).layer, visit);
    else
      for_each_parameter(model.edit_layer(id), visit);
  }
}

/// Number of weights and biases (constants and running statistics included).
template <class T>
[[nodiscard]] std::int64_t parameter_count(const Model<T>& model);

}  // namespace fulcrum

#if FULCRUM_DEFINES(model)

namespace fulcrum {

template <class T>
Model<T>::Model(std::string name) : name_(std::move(name)) {}
template <class T>
Model<T>::Model(const Model&) = default;
template <class T>
Model<T>::Model(Model&&) noexcept = default;
template <class T>
Model<T>& Model<T>::operator=(const Model&) = default;
template <class T>
Model<T>& Model<T>::operator=(Model&&) noexcept = default;
template <class T>
Model<T>::~Model() = default;

template <class T>
bool Model<T>::equals(const Model& other) const {
  return name_ == other.name_ && nodes_ == other.nodes_ && outputs_ == other.outputs_ &&
         output_names_ == other.output_names_;
}

template <class T>
NodeId Model<T>::add(Node<T> node) {
  if (node.name.empty()) throw Error("model '" + name_ + "'", "was given a layer without a name");
  if (!index_.emplace(node.name, nodes_.size()).second) {
    throw Error("model '" + name_ + "'", "already has a layer '" + node.name + "'", "give every layer its own name");
  }
  for (const NodeId id : node.src) {
    if (id >= nodes_.size()) {
      index_.erase(node.name);
      throw Error("layer '" + node.name + "'", "takes a source that does not stand before it");
    }
  }
  nodes_.push_back(std::move(node));
  return nodes_.size() - 1;
}

template <class T>
void Model<T>::set_outputs(std::vector<NodeId> outputs, std::vector<std::string> names) {
  for (const NodeId id : outputs) {
    if (id >= nodes_.size()) throw Error("model '" + name_ + "'", "was given an output that is none of its layers");
  }
  if (!names.empty() && names.size() != outputs.size()) {
    throw Error("model '" + name_ + "'", "was given " + std::to_string(names.size()) + " name(s) for " +
                                             std::to_string(outputs.size()) + " output(s)");
  }
  if (names.empty()) {
    for (const NodeId id : outputs) names.push_back(nodes_[id].name);
  }
  outputs_ = std::move(outputs);
  output_names_ = std::move(names);
}

template <class T>
std::vector<NodeId> Model<T>::inputs() const {
  std::vector<NodeId> ids;
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    if (std::holds_alternative<Input>(nodes_[id].layer)) ids.push_back(id);
  }
  return ids;
}

template <class T>
std::vector<std::vector<NodeId>> Model<T>::consumers() const {
  std::vector<std::vector<NodeId>> result(nodes_.size());
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    for (const NodeId src : nodes_[id].src) result[src].push_back(id);
  }
  return result;
}

template <class T>
std::int64_t parameter_count(const Model<T>& model) {
  std::int64_t count = 0;
  for_each_model_parameter(model, [&](NodeId, const char*, const Parameter<T>& p) { count += p.size(); });
  for (const Node<T>& node : model.nodes()) {
    if (const auto* product = std::get_if<MatMulNBits>(&node.layer))
      count += product->oc() * product->ic + (product->bias.empty() ? 0 : product->oc());
  }
  return count;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(model)
namespace fulcrum {
template std::int64_t parameter_count(const Model<float>& model);
template std::int64_t parameter_count(const Model<double>& model);
template class Model<float>;
template class Model<double>;
}  // namespace fulcrum
#endif

#endif
