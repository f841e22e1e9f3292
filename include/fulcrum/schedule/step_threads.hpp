#pragma once
/// \file
/// On how many threads a step runs: on one where splitting its work takes longer than it saves.

#include <cstdint>
#include <vector>

#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

namespace detail {
// What one core does in the time from which on a second one saves more than waking it and waiting for it costs.
// Chains of equal steps on one and on two cores of a Zen 3 took as long as one another at about 2.5e5 FLOP of
// convolution and dense layer, 3.5e4 elements of sum and reorder, and below 2e4 FLOP of pooling.
inline constexpr double flops_of_product = 2.5e5;
inline constexpr double flops_of_recurrent_step = 1e5;
inline constexpr double flops_of_others = 2e4;
inline constexpr double elements_moved = 3.5e4;
}  // namespace detail

/// Threads that a group of layers runs on.
/// \param shapes   of every value, by node id
/// \param work     of every layer, by node id
/// \param threads  that there are
template <class T>
[[nodiscard]] int step_threads(const Model<T>& model, const FusionGroup& group, const std::vector<Shape>& shapes,
                               const std::vector<Work>& work, int threads) {
  const auto elements_of = [&](NodeId id) { return static_cast<double>(element_count(shapes[id])); };
  double elements = elements_of(group.dst);
  for (const NodeId id : group_sources(model, group)) elements += elements_of(id);
  const Layer<T>& layer = model.node(group.primary).layer;
  const bool multiplies = facts_of(layer).is_product || std::holds_alternative<ConvTranspose<T>>(layer);
  // Threads meet after every step of a sequence, which costs less than waking them, but each time.
  if (std::holds_alternative<Recurrent<T>>(layer)) {
    const auto steps = static_cast<double>(shapes[model.node(group.primary).src[0]][0]);
    return work[group.primary].flops < steps * detail::flops_of_recurrent_step ? 1 : threads;
  }
  const double share = multiplies ? detail::flops_of_product : detail::flops_of_others;
  return work[group.primary].flops / share + elements / detail::elements_moved < 1.0 ? 1 : threads;
}

/// Threads that a change of layout or type runs on by itself.
/// \param elements  of the value
[[nodiscard]] constexpr int movement_threads(std::int64_t elements, int threads) noexcept {
  return 2.0 * static_cast<double>(elements) < detail::elements_moved ? 1 : threads;
}

}  // namespace fulcrum
