#pragma once
/// \file
/// Joins of joins, as in DenseNet, made joins of what is joined in the end.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// The model with every Concat whose value only one BatchNormalization takes, and further such Concats along the same
/// axis, read by those through to its sources. Then only the batch norm takes it, and a step for both never makes the
/// joined value: a block of DenseNet would otherwise copy its channels once a layer. Values stay the same. A Concat
/// that is an output, or rounded by a quantization pass, stays as it is.
FULCRUM_DECLARE [[nodiscard]] Model<float> read_through_concat(const Model<float>& model);

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <cstddef>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

FULCRUM_DEFINE Model<float> read_through_concat(const Model<float>& model) {
  constexpr std::size_t most_sources = 64;  // that engines join
  const std::vector<std::vector<NodeId>> consumers = model.consumers();
  const auto concat = [&](NodeId id) { return std::get_if<Concat>(&model.node(id).layer); };
  std::vector<bool> read_through(model.size(), false);
  for (NodeId id = model.size(); id-- > 0;) {
    if (concat(id) == nullptr || model.is_output(id) || model.node(id).dst_quantization) continue;
    std::size_t norms = 0;
    bool others = false;
    for (const NodeId c : consumers[id]) {
      if (std::holds_alternative<BatchNormalization<float>>(model.node(c).layer))
        ++norms;
      else
        others = others || concat(c) == nullptr || !read_through[c] || concat(c)->axis != concat(id)->axis;
    }
    read_through[id] = norms == 1 && !others;
  }
  Model<float> result(model.name());
  bool changed = false;
  for (NodeId id = 0; id < model.size(); ++id) {
    Node<float> node = model.node(id);
    if (read_through[id]) {
      std::vector<NodeId> src;
      for (const NodeId s : node.src) {
        if (read_through[s])
          src.insert(src.end(), result.node(s).src.begin(), result.node(s).src.end());
        else
          src.push_back(s);
      }
      if (src.size() <= most_sources) {
        changed = changed || src.size() != node.src.size();
        node.src = std::move(src);
      }
    }
    result.add(std::move(node));
  }
  result.set_outputs(model.outputs());
  return changed ? result : model;
}

}  // namespace fulcrum

#endif
