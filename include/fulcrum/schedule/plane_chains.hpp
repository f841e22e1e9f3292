#pragma once
/// \file
/// Where a depthwise convolution runs in planes between two sparse products, so that neither of the three turns what
/// lies between them: a decision about all three.

#include <algorithm>
#include <functional>
#include <variant>
#include <vector>

#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/schedule/schedule.hpp>
#include <fulcrum/schedule/sparse.hpp>

namespace fulcrum {

/// Whether a group in f32 may run as a depthwise convolution in planes: one of images, with one result a channel, and
/// clamps or functions in vectors behind it.
template <class T>
[[nodiscard]] bool has_planes_form(const Model<T>& model, const FusionGroup& group) {
  const auto* conv = std::get_if<Conv<T>>(&model.node(group.primary).layer);
  if (conv == nullptr || conv->weights.value->dims().size() != 4) return false;
  if (conv->groups == 1 || conv->weights.value->dim(0) != conv->groups || conv->weights.value->dim(1) != 1)
    return false;
  const bool sums = std::any_of(group.absorbed.begin(), group.absorbed.end(),
                                [&](NodeId id) { return !std::holds_alternative<Activation>(model.node(id).layer); });
  return !sums && detail::sparse_takes_tail(model, group);
}

/// What a depthwise convolution takes [µs].
struct DepthwiseTimes {
  double innermost = 0.0;  ///< by the engine, with the channels of a pixel side by side
  double in_planes = 0.0;
};
FULCRUM_DECLARE [[nodiscard]] DepthwiseTimes depthwise_times(const StepGeometry& g, int threads);

/// The primary nodes of all groups that run in planes around a depthwise convolution, and of that: where the three take
/// less than sparse_gain of the time that they take as they are planned, or, with UseAlgorithm::always, wherever all
/// three have the form.
/// \param schedule    planned layer by layer, and neither that keeps NaN nor that forbids sparse products
/// \param density_of  share of the weights of a node that are not 0
FULCRUM_DECLARE [[nodiscard]] std::vector<NodeId> plane_chains(const Schedule& schedule,
                                                               const std::function<double(NodeId)>& density_of);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace fulcrum {

// From a Xeon of 2023 with AVX-512: thousands of vectors, in µs each.
FULCRUM_DEFINE DepthwiseTimes depthwise_times(const StepGeometry& g, int threads) {
  const double team = std::max(threads, 1);
  const auto thousands = [&](std::int64_t per_channel) {
    return 1e-3 * static_cast<double>(g.n * g.oc * per_channel) / team;
  };
  const double taps = static_cast<double>(g.kh * g.kw);
  const double src = thousands(g.ih * g.iw) / 16.0, dst = thousands(g.oh * g.ow) / 16.0;
  const double of_rows = thousands(g.oh * ((g.ow + 15) / 16));  // in planes no vector has parts of two rows
  const bool nine = g.kh == 3 && g.kw == 3 && g.dilation == 1 && g.stride <= 2;  // they are read where they lie
  const double call = threads > 1 ? 8.0 : 1.0;
  const double ratio = (src + dst) / 25.0;  // 1.6 MB: what a core's own cache holds
  const double far = (src + dst) * (1.0 - 1.0 / (1.0 + std::pow(ratio, 6.0)));
  return {call + far + dst * (0.8 + 0.3 * taps) + 1.9 * src,
          call + far + (nine ? of_rows * (1.2 + 0.3 * taps) + 1.4 * src : of_rows * (2.0 + 1.1 * taps) + 4.0 * src)};
}

FULCRUM_DEFINE std::vector<NodeId> plane_chains(const Schedule& schedule,
                                                const std::function<double(NodeId)>& density_of) {
  constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();
  const Model<float>& model = schedule.model;
  const AlgorithmPolicy& policy = schedule.of_slice.algorithms;
  const bool always = policy.sparse == UseAlgorithm::always;
  // By node id: the step that makes a value, how many take it and which one does.
  std::vector<std::size_t> maker(schedule.shapes.size(), nobody), taker(maker), takers(schedule.shapes.size(), 0);
  for (const NodeId id : schedule.outputs) takers[id] = 2;
  for (std::size_t i = 0; i < schedule.steps.size(); ++i) {
    maker[schedule.steps[i].dst] = i;
    for (const NodeId id : schedule.steps[i].src) {
      taker[id] = i;
      ++takers[id];
    }
  }
  const auto in_f32 = [](const ScheduledStep& entry) {
    return entry.group && entry.step.arithmetic == Precision::f32 && entry.step.algorithm != Algorithm::loops;
  };
  const auto may_be_sparse = [&](const ScheduledStep& entry) {
    return in_f32(entry) && std::holds_alternative<Conv<float>>(model.node(entry.group->primary).layer) &&
           has_sparse_form(model, *entry.group, entry.step.geometry);
  };
  std::vector<NodeId> result;
  for (const ScheduledStep& middle : schedule.steps) {
    if (!in_f32(middle) || !has_planes_form(model, *middle.group)) continue;
    const NodeId src = model.node(middle.group->primary).src[0];
    if (maker[src] == nobody || takers[src] != 1 || takers[middle.dst] != 1) continue;
    const ScheduledStep& before = schedule.steps[maker[src]];
    const ScheduledStep& behind = schedule.steps[taker[middle.dst]];
    if (!may_be_sparse(before) || !may_be_sparse(behind)) continue;
    if (model.node(behind.group->primary).src[0] != middle.dst) continue;  // seen through a view, or a sum
    bool pays = always;
    if (!always) {
      const auto times = [&](const ScheduledStep& entry) {
        return sparse_times(entry.step.geometry, density_of(entry.group->primary), entry.step.threads,
                            policy.sparse_costs);
      };
      const auto planned = [](const ScheduledStep& entry, const SparseTimes& t) {
        return entry.step.algorithm == Algorithm::sparse ? t.sparse : t.dense;
      };
      const SparseTimes first = times(before), last = times(behind);
      const DepthwiseTimes own = depthwise_times(middle.step.geometry, middle.step.threads);
      // An input of the model lies in planes; an engine's product has it brought into another order.
      constexpr double reordered = 5.5e-3 / 16.0;  // [µs] an element
      const NodeId given = before.src.front();
      const bool is_input = std::find(schedule.inputs.begin(), schedule.inputs.end(), given) != schedule.inputs.end();
      const double reorder = is_input && before.step.algorithm != Algorithm::sparse
                                 ? reordered * static_cast<double>(element_count(schedule.shapes[given]))
                                 : 0.0;
      pays = first.sparse - first.given + own.in_planes + last.sparse - last.taken <
             sparse_gain * (reorder + planned(before, first) + own.innermost + planned(behind, last));
    }
    if (!pays) continue;
    for (const ScheduledStep* entry : {&before, &middle, &behind}) result.push_back(entry->group->primary);
  }
  return result;
}

}  // namespace fulcrum

#endif
