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

#include <fulcrum/io/detail/onnx/import_context.hpp>

namespace fulcrum::detail::onnx_io {

/// Extents of a graph input; batch_dim stands for one that is not said, or below 1.
inline Shape declared_shape(const ::onnx::ValueInfoProto& input) {
  const std::string where = "input '" + input.name() + "'";
  if (!input.type().has_tensor_type() || !input.type().tensor_type().has_shape()) {
    throw Error(where, "has no tensor shape", "export the model with the shapes of its inputs");
  }
  const auto& type = input.type().tensor_type();
  if (!is_floating(type.elem_type())) {
    throw Error(where, "is of type " + element_type_name(type.elem_type()), "only floating inputs are supported");
  }
  if (type.shape().dim_size() > static_cast<int>(max_rank)) throw Error(where, "has too high a rank");
  Shape shape;
  for (const auto& dim : type.shape().dim()) {
    shape.push_back(dim.has_dim_value() && dim.dim_value() > 0 ? dim.dim_value() : batch_dim);
    if (shape.size() > 1 && shape.back() == batch_dim) {
      std::string what = "has no fixed extent at dimension ";
      what.append(std::to_string(shape.size() - 1));
      if (!dim.dim_param().empty()) what.append(" ('").append(dim.dim_param()).append("')");
      throw Error(where, what, "only the first dimension, the batch, may vary; export with fixed sizes");
    }
  }
  expect_sane(with_batch(shape, 1));
  return shape;
}

/// The plan to try first. An input whose first extent is not said takes the batch. So do inputs that all have the same
/// first extent (exporters write down the batch of their example) if the graph turns out to work for other batches;
/// but Fulcrum's own files mean what they say.
inline BatchPlan plan_batch(const std::vector<Shape>& inputs, bool means_what_it_says) {
  constexpr std::int64_t unlikely_extent = 1009;  // that no weights and no window happens to have
  BatchPlan plan;
  const bool any_free =
      std::any_of(inputs.begin(), inputs.end(), [](const Shape& s) { return !s.empty() && s[0] == batch_dim; });
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

/// Whether the layer computes a sample's result from other samples as well, for values of (batch, …).
inline bool mixes_samples(const Layer<float>& layer, const Shape& dst) {
  return std::visit(Overloads{[&](const Concat& l) { return normalized_axis(l.axis, dst.size()) == 0; },
                              [&](const Softmax& l) { return normalized_axis(l.axis, dst.size()) == 0; },
                              [](const Input&) { return false; }, [](const fulcrum::Constant<float>&) { return false; },
                              [](const Conv<float>&) { return false; }, [](const Dense<float>&) { return false; },
                              [](const BatchNormalization<float>&) { return false; }, [](const Pool&) { return false; },
                              [](const GlobalPool&) { return false; }, [](const Activation&) { return false; },
                              [](const Binary&) { return false; }, [](const Reshape&) { return false; },
                              [](const Flatten&) { return false; }},
                    layer);
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
    for (const NodeId src : node.node.src) {  // aligned at the last axis, a batch would meet another extent
      if (std::holds_alternative<Binary>(node.node.layer) && built[src].from_input &&
          built[src].shape.rank() != shape.rank()) {
        return false;
      }
    }
    const std::optional<Quantization>& q = node.node.dst_quantization;
    return !mixes_samples(node.node.layer, shape.first) && !(q && q->axis == 0);
  });
}

}  // namespace fulcrum::detail::onnx_io
