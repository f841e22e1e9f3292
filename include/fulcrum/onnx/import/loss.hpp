#pragma once
/// \file
/// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, as the layers of their definitions.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <fulcrum/onnx/import/steps.hpp>

namespace fulcrum::detail::onnx_io {

/// −weight(target) · log_probabilities(target), reduced. Targets of `ignore_index` have the weight 0; the mean is over
/// the weights.
/// \param log_probabilities  (n, c, …); the targets are (n, …)
inline void append_likelihood_loss(ImportContext& context, const GraphNode& node, NodeId log_probabilities) {
  Steps steps(context, node);
  const TracedShape shape = context.shape(log_probabilities);
  NodeId target = context.src(node, 1);
  if (shape.rank() < 2 || context.shape(target).rank() + 1 != shape.rank()) {
    throw Error("its targets", "do not fit scores " + to_string(shape.first), "give one class for each");
  }
  const ElementType element = context.element(target);
  std::optional<NodeId> ignored;
  if (has_attribute(node, "ignore_index")) {
    const auto index = static_cast<float>(integer_attribute(node, "ignore_index", 0));
    ignored = steps.binary(BinaryKind::equal, target, steps.number(index, element));
    target = steps.where(*ignored, steps.number(0.0F, element), target);
  }
  const TracedShape targets = context.shape(target);
  const NodeId column = steps.reshape(target, with_axis(targets, 1));
  const NodeId picked = steps.layer("picked", GatherElements{1}, {log_probabilities, column});
  NodeId loss = steps.function(ActivationKind::neg, steps.reshape(picked, targets));
  std::optional<NodeId> weight;
  if (context.has_input(node, 2)) weight = steps.layer("weights", Gather{0}, {context.src(node, 2), target});
  if (ignored) {
    weight = steps.where(*ignored, steps.number(0.0F), weight ? *weight : steps.number(1.0F));
  }
  if (weight) loss = steps.mul(loss, *weight);
  const std::string reduction = text_attribute(node, "reduction", "mean");
  if (reduction == "none") {
    context.define(node, 0, loss);
  } else if (reduction == "sum" || (reduction == "mean" && weight)) {
    const NodeId sum = steps.reduce(ReduceKind::sum, loss, {}, false);
    const bool is_sum = reduction == "sum";
    context.define(node, 0, is_sum ? sum : steps.div(sum, steps.reduce(ReduceKind::sum, *weight, {}, false)));
  } else if (reduction == "mean") {
    context.define(node, 0, steps.reduce(ReduceKind::mean, loss, {}, false));
  } else {
    throw Error("attribute 'reduction'", "is '" + reduction + "'", "use none, sum or mean");
  }
}

inline void import_likelihood_loss(ImportContext& context, const GraphNode& node) {
  append_likelihood_loss(context, node, context.src(node, 0));
}

/// Output 1: the logarithms of the probabilities.
inline void import_cross_entropy_loss(ImportContext& context, const GraphNode& node) {
  const NodeId scores = context.src(node, 0);
  const NodeId log_probabilities = Steps(context, node).layer("log_softmax", Softmax{1, true}, {scores});
  context.define(node, 1, log_probabilities);
  append_likelihood_loss(context, node, log_probabilities);
}

inline constexpr Operator loss_operators[] = {
    {"NegativeLogLikelihoodLoss", 12, import_likelihood_loss},
    {"SoftmaxCrossEntropyLoss", 12, import_cross_entropy_loss},
};

}  // namespace fulcrum::detail::onnx_io
