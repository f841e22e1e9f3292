#pragma once
/// \file
/// Which dimension of a model's inputs is the batch, and whether a model that was exported for one batch size may run
/// at any.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <fulcrum/onnx/import/context.hpp>

namespace fulcrum::detail::onnx_io {

/// The plan to try first. An input whose first extent is not said takes the batch. So do inputs that all have the same
/// first extent (exporters write down the batch of their example) if the graph turns out to work for other batches;
/// but Fulcrum's own files mean what they say.
inline BatchPlan plan_batch(const std::vector<Shape>& inputs, bool means_what_it_says) {
  constexpr std::int64_t unlikely_extent = 1009;  // that no weights and no window happens to have
  BatchPlan plan;
  const bool any_free = std::any_of(inputs.begin(), inputs.end(),
                                    [](const Shape& s) { return std::find(s.begin(), s.end(), batch_dim) != s.end(); });
  if (any_free) {
    plan.other = unlikely_extent;
    return plan;
  }
  const bool alike = !inputs.empty() && std::all_of(inputs.begin(), inputs.end(), [&](const Shape& shape) {
    return shape.size() >= 2 && shape[0] == inputs[0][0];
  });
  plan.free = plan.given = alike && !means_what_it_says;
  if (alike) plan.extent = inputs[0][0];
  plan.other = plan.free ? (plan.extent == unlikely_extent ? 2 : unlikely_extent) : plan.extent;
  return plan;
}

/// Whether a Gather takes a sample's result from other samples: from rows of a value that has a row per sample, or to
/// another axis than the first.
inline bool mixes_samples(const Gather& layer, const BuiltNode& node, const std::vector<BuiltNode>& built) {
  const BuiltNode& table = built[node.node.src[0]];
  const std::size_t axis = normalized_axis(layer.axis, table.shape.rank());
  if (!table.from_input) return axis != 0;
  return axis == 0 || built[node.node.src[1]].from_input;
}

/// Whether a product of matrices has no row per sample: the first source of a rank 2 has one, others have a matrix.
inline bool mixes_samples(const MatMul& layer, const BuiltNode& node, const std::vector<BuiltNode>& built) {
  const BuiltNode& src = built[node.node.src[0]];
  const BuiltNode& weights = built[node.node.src[1]];
  const std::size_t rank = node.shape.rank();
  if (rank == 2) return layer.transpose_src || weights.from_input;
  return (src.from_input && src.shape.rank() != rank) || (weights.from_input && weights.shape.rank() != rank);
}

/// Whether the layer computes a sample's result from other samples as well, for values of (batch, …), or cannot be
/// shown not to.
inline bool mixes_samples(const BuiltNode& node, const std::vector<BuiltNode>& built) {
  const Shape& dst = node.shape.first;
  const Shape& src = node.node.src.empty() ? dst : built[node.node.src[0]].shape.first;
  const auto is_first = [&](std::int64_t axis) { return normalized_axis(axis, src.size()) == 0; };
  const auto any_first = [&](const std::vector<std::int64_t>& axes) {
    return std::any_of(axes.begin(), axes.end(), is_first);
  };
  return visit_layer(
      Overloads{[&](const Concat& l) { return is_first(l.axis); },
                [&](const Softmax& l) { return is_first(l.axis); },
                [&](const LayerNormalization<float>& l) { return is_first(l.axis); },
                [&](const Reduce& l) { return l.axes.empty() || any_first(l.axes); },
                [&](const ArgReduce& l) { return is_first(l.axis); },
                [](const MaxPoolIndices&) { return true; },
                [](const Recurrent<float>&) { return true; },
                [&](const Transpose& l) { return l.permutation(src.size())[0] != 0; },
                [&](const Slice& l) { return any_first(l.axes); },
                [&](const Tile& l) { return l.repeats[0] != 1; },
                [](const Pad& l) { return l.before[0] != 0 || l.after[0] != 0; },
                [](const Resize& l) {
                  return !l.roi.empty() || (!l.scales.empty() && l.scales[0] != 1.0F) ||
                         (!l.sizes.empty() && l.sizes[0] != -1);
                },
                [&](const Gather& l) { return mixes_samples(l, node, built); },
                [&](const GatherElements& l) { return is_first(l.axis); },
                [&](const GatherND& l) { return l.batch_dims == 0 && built[node.node.src[0]].from_input; },
                [&](const ScatterElements& l) { return is_first(l.axis); },
                [](const ScatterND&) { return true; },
                [&](const TopK& l) { return is_first(l.axis); },
                [&](const CumSum& l) { return is_first(l.axis); },
                [](const NonMaxSuppression&) { return true; },
                [](const GridSample&) { return false; },
                [](const RoiAlign&) { return true; },
                [](const Custom&) { return true; },
                [&](const MatMul& l) { return mixes_samples(l, node, built); },
                [](const QuantizeLinear& l) { return l.quantization.axis == 0; },
                [](const DequantizeLinear& l) { return l.quantization.axis == 0; },
                [](const DynamicQuantize&) { return true; },
                [](const Input&) { return false; },
                [](const fulcrum::Constant<float>&) { return false; },
                [](const Conv<float>&) { return false; },
                [](const ConvTranspose<float>&) { return false; },
                [](const Dense<float>&) { return false; },
                [](const MatMulNBits&) { return false; },
                [](const BatchNormalization<float>&) { return false; },
                [](const InstanceNormalization<float>&) { return false; },
                [](const LocalResponseNormalization&) { return false; },
                [](const Pool&) { return false; },
                [](const GlobalPool&) { return false; },
                [](const Activation&) { return false; },
                [](const Binary&) { return false; },
                [](const Where&) { return false; },
                [](const Cast&) { return false; },
                [](const Expand&) { return false; },
                [](const Reshape&) { return false; },
                [](const Flatten&) { return false; }},
      node.node.layer);
}

/// Whether a model that was exported for one batch size may run at any: every value that depends on the inputs is one
/// row per sample at both batch sizes, and no layer mixes the rows.
inline bool is_per_sample(const std::vector<BuiltNode>& built, const BatchPlan& plan) {
  return std::all_of(built.begin(), built.end(), [&](const BuiltNode& node) {
    if (!node.from_input) return true;
    const TracedShape& shape = node.shape;
    if (shape.rank() == 0 || shape.first[0] != plan.extent || shape.second[0] != plan.other) return false;
    for (std::size_t axis = 1; axis < shape.rank(); ++axis) {
      if (shape.depends_on_batch(axis)) return false;
    }
    const Layer<float>& layer = node.node.layer;
    const bool broadcasts = std::holds_alternative<Binary>(layer) || std::holds_alternative<Where>(layer);
    if (std::holds_alternative<Gather>(layer) && built[node.node.src[0]].from_input &&
        built[node.node.src[1]].from_input) {
      return false;  // indices of one sample may name another's slices
    }
    for (const NodeId src : node.node.src) {  // aligned at the last axis, a batch would meet another extent
      if (broadcasts && built[src].from_input && built[src].shape.rank() != shape.rank()) {
        return false;
      }
    }
    const std::optional<Quantization>& q = node.node.dst_quantization;
    return !mixes_samples(node, built) && !(q && q->axis == 0);
  });
}

}  // namespace fulcrum::detail::onnx_io
