#pragma once
/// \file
/// Graph surgery for passes: takes nodes out of a model and leads their consumers elsewhere, the order kept.

#include <map>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// Stands where a node has no counterpart.
inline constexpr NodeId no_node = static_cast<NodeId>(-1);

/// A model after surgery, and where its nodes went.
template <class T>
struct Rewritten {
  Model<T> model;
  /// For each node of the old model, the node of the new one that gives its value: itself, or what replaced it;
  /// no_node when nothing does any more.
  std::vector<NodeId> new_id;
};

/// The model without the nodes that are keys of `replacements`. Whoever took the value of one, the model's outputs
/// included, takes the value of the node it maps to; that node may be removed as well, its own replacement then counts.
/// What stays keeps its order, name, layer and quantization.
/// \throws Error when a node is none of the model's, or a replacement does not stand before what it replaces
template <class T>
[[nodiscard]] Rewritten<T> remove_nodes(const Model<T>& model, const std::map<NodeId, NodeId>& replacements);

/// The same layers returning other values; nodes that no output depends on are dropped, Inputs excepted. A value that
/// was an output keeps its name as one.
/// \throws Error when an output is none of the model's nodes
template <class T>
[[nodiscard]] Rewritten<T> extract_outputs(const Model<T>& model, const std::vector<NodeId>& outputs);

}  // namespace fulcrum

#if FULCRUM_DEFINES(model)

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace fulcrum {

template <class T>
Rewritten<T> remove_nodes(const Model<T>& model, const std::map<NodeId, NodeId>& replacements) {
  for (const auto& entry : replacements) {
    if (entry.first >= model.size()) {
      throw Error("model '" + model.name() + "'", "has no node " + std::to_string(entry.first) + " to remove");
    }
    if (entry.second >= entry.first) {
      throw Error("layer '" + model.node(entry.first).name + "'",
                  "can be replaced only by a layer that stands before it");
    }
  }
  Rewritten<T> result{Model<T>(model.name()), {}};
  result.new_id.reserve(model.size());
  for (NodeId id = 0; id < model.size(); ++id) {
    if (const auto at = replacements.find(id); at != replacements.end()) {
      result.new_id.push_back(result.new_id[at->second]);
      continue;
    }
    Node<T> node = model.node(id);
    for (NodeId& src : node.src) src = result.new_id[src];
    result.new_id.push_back(result.model.add(std::move(node)));
  }
  std::vector<NodeId> outputs = model.outputs();
  for (NodeId& id : outputs) id = result.new_id[id];
  result.model.set_outputs(std::move(outputs), model.output_names());
  return result;
}

template <class T>
Rewritten<T> extract_outputs(const Model<T>& model, const std::vector<NodeId>& outputs) {
  std::vector<bool> needed(model.size(), false);
  for (const NodeId id : outputs) {
    if (id >= model.size()) {
      throw Error("model '" + model.name() + "'", "has no node " + std::to_string(id) + " to return");
    }
    needed[id] = true;
  }
  for (NodeId id = model.size(); id-- > 0;) {
    if (std::holds_alternative<Input>(model.node(id).layer)) needed[id] = true;
    if (!needed[id]) continue;
    for (const NodeId src : model.node(id).src) needed[src] = true;
  }
  Rewritten<T> result{Model<T>(model.name()), std::vector<NodeId>(model.size(), no_node)};
  for (NodeId id = 0; id < model.size(); ++id) {
    if (!needed[id]) continue;
    Node<T> node = model.node(id);
    for (NodeId& src : node.src) src = result.new_id[src];
    result.new_id[id] = result.model.add(std::move(node));
  }
  std::vector<NodeId> mapped;
  std::vector<std::string> names;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const NodeId id = outputs[k];
    mapped.push_back(result.new_id[id]);
    // An output keeps what it was called: in its old place, where several are the same value.
    const std::vector<NodeId>& old = model.outputs();
    auto at = k < old.size() && old[k] == id ? old.begin() + static_cast<std::ptrdiff_t>(k)
                                             : std::find(old.begin(), old.end(), id);
    names.push_back(at == old.end() ? model.node(id).name
                                    : model.output_names()[static_cast<std::size_t>(at - old.begin())]);
  }
  result.model.set_outputs(std::move(mapped), std::move(names));
  return result;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(model)
namespace fulcrum {
template Rewritten<float> remove_nodes(const Model<float>& model, const std::map<NodeId, NodeId>& replacements);
template Rewritten<double> remove_nodes(const Model<double>& model, const std::map<NodeId, NodeId>& replacements);
template Rewritten<float> extract_outputs(const Model<float>& model, const std::vector<NodeId>& outputs);
template Rewritten<double> extract_outputs(const Model<double>& model, const std::vector<NodeId>& outputs);
}  // namespace fulcrum
#endif

#endif
