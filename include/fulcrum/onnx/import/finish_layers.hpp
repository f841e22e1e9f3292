#pragma once
/// \file
/// What is done to the layers of an import once all are there: values that do not depend on the inputs become
/// constants, and what nothing uses goes.

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/onnx/import/context.hpp>

namespace fulcrum::detail::onnx_io {

/// Turns every value that is known and that a layer at run time, or the user, takes into a Constant.
/// \throws Error when such a value varies with the batch and no layer computes it
inline void fold_known_values(ImportContext& context, const std::vector<NodeId>& outputs) {
  std::vector<bool> taken(context.built.size(), false);
  for (const NodeId id : outputs) taken[id] = true;
  for (NodeId id = context.built.size(); id-- > 0;) {
    if (!context.built[id].from_input && !taken[id]) continue;
    if (!context.built[id].from_input) {
      BuiltNode& node = context.built[id];
      if (node.is_traced) {
        throw Error("value '" + node.node.name + "'", "varies with the batch size and is computed with",
                    "bind the batch size with --dim, or export for a fixed one");
      }
      if (std::holds_alternative<fulcrum::Constant<float>>(node.node.layer)) continue;
      if (const auto known = context.evaluate(id); known && known->same()) {
        context.built[id].node.layer = ImportContext::constant_layer(known->first, context.built[id].element);
        context.built[id].node.src.clear();
        continue;
      }
    }
    for (const NodeId src : context.built[id].node.src) taken[src] = true;
  }
}

/// Removes the layers that no output depends on. Inputs stay, but for those whose values became constants.
inline void remove_unused(std::vector<BuiltNode>& built, std::vector<NodeId>& outputs) {
  std::vector<bool> used(built.size(), false);
  for (const NodeId id : outputs) used[id] = true;
  for (NodeId id = built.size(); id-- > 0;) {
    const bool is_input = std::holds_alternative<Input>(built[id].node.layer) && !built[id].is_traced;
    used[id] = used[id] || (is_input && !built[id].used_as_constant);
    if (!used[id]) continue;
    for (const NodeId src : built[id].node.src) used[src] = true;
  }
  std::vector<NodeId> moved(built.size(), 0);
  NodeId next = 0;
  for (NodeId id = 0; id < built.size(); ++id) {
    if (!used[id]) continue;
    for (NodeId& src : built[id].node.src) src = moved[src];
    moved[id] = next;
    if (next != id) built[next] = std::move(built[id]);
    ++next;
  }
  built.resize(next);
  for (NodeId& id : outputs) id = moved[id];
}

}  // namespace fulcrum::detail::onnx_io
