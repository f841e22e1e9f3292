#pragma once
/// \file
/// Changes of layout and type between steps: an executor adds them where a step wants its source otherwise than the
/// step before left it. Whether it does depends on the kernels that a machine has, so that a profile remembers what
/// was seen.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/schedule/layout_change.hpp>
#include <fulcrum/schedule/schedule.hpp>
#include <fulcrum/schedule/step_geometry.hpp>
#include <fulcrum/schedule/step_threads.hpp>

namespace fulcrum {

/// A value on its way from where it is made to where it is taken.
struct ValueEdge {
  NodeId value = 0;
  std::size_t before = 0;  ///< index of the step that takes it; the number of steps for an output of the model
  LayoutChange place;      ///< `share` is not set
  DType src = DType::f32;
  DType dst = DType::f32;
  bool turns = false;  ///< a sum between planes and another layout (ScheduledStep::in_planes)
};

namespace detail {
/// How many channels decide about layouts: see LayoutChange::channels.
FULCRUM_DECLARE [[nodiscard]] std::int64_t channel_class(const Shape& shape);
}  // namespace detail

/// The place of a step that joins values; nothing for any other step.
FULCRUM_DECLARE [[nodiscard]] std::optional<LayoutChange> joining_place(const Schedule& schedule,
                                                                        const ScheduledStep& entry);

/// All ways that values of a model take, in the order of the steps that take them.
FULCRUM_DECLARE [[nodiscard]] std::vector<ValueEdge> value_edges(const Schedule& schedule);

/// The step that changes a value's layout or type.
/// \param threads  of the step that it is done for
FULCRUM_DECLARE [[nodiscard]] Step movement_step(const Schedule& schedule, NodeId value, DType src, DType dst,
                                                 Movement movement, int threads);

/// A movement as an entry of a schedule.
FULCRUM_DECLARE [[nodiscard]] ScheduledStep movement_entry(NodeId value, Step step);

/// Everything that runs, in order: the steps and the movements to expect. A value that is kept in another type than it
/// is made in is converted behind its maker. On the way to a step it is moved when that was seen, or, where nothing
/// was seen, when its type changes or a sum needs a copy of it; once for all steps that want it the same way.
/// \param seen  of the machine (Machine::layout_changes)
FULCRUM_DECLARE [[nodiscard]] std::vector<ScheduledStep> expected_steps(const Schedule& schedule,
                                                                        const std::vector<LayoutChange>& seen);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum::detail {

FULCRUM_DEFINE std::int64_t channel_class(const Shape& shape) {
  if (shape.size() < 3 || element_count(shape) == shape[0] * shape[1]) return 0;
  return shape[1] == 1 ? 1 : shape[1] <= 4 ? 3 : 16;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::optional<LayoutChange> joining_place(const Schedule& schedule, const ScheduledStep& entry) {
  if (entry.step.kind != "Concat") return std::nullopt;
  const Shape& shape = schedule.shapes[entry.dst];
  const bool one = shape.empty() || shape[0] == 1;
  return LayoutChange{schedule.precision(),         "sources", one ? "joined_sample" : "joined_samples", false,
                      detail::channel_class(shape), 0.0};
}

FULCRUM_DEFINE std::vector<ValueEdge> value_edges(const Schedule& schedule) {
  std::vector<std::string> maker(schedule.shapes.size());
  std::vector<bool> in_planes(schedule.shapes.size());
  for (const NodeId id : schedule.inputs) maker[id] = "input";
  for (const ScheduledStep& entry : schedule.steps) {
    maker[entry.dst] = std::string(name_of(kernel_of_layout(entry.step.kernel)));
    in_planes[entry.dst] = entry.in_planes;
  }

  std::vector<ValueEdge> edges;
  const auto add = [&](NodeId value, std::size_t before, std::string to, DType dst, bool turns = false) {
    if (maker[value].empty()) return;  // a constant: prepared when the model is compiled
    const DType src = schedule.dtypes[value];
    edges.push_back({value,
                     before,
                     {schedule.precision(), maker[value], std::move(to), src != dst,
                      detail::channel_class(schedule.shapes[value]), 0.0},
                     src,
                     dst,
                     turns});
  };
  for (std::size_t i = 0; i < schedule.steps.size(); ++i) {
    const ScheduledStep& entry = schedule.steps[i];
    for (std::size_t s = 0; s < entry.src.size(); ++s) {
      const bool in_place = entry.may_overwrite_sum || entry.step.algorithm == Algorithm::integer_product;
      const char* sum = in_place ? "sum" : "copied_sum";
      add(entry.src[s], i, s < entry.own_src ? std::string(name_of(kernel_of_layout(entry.step.kernel))) : sum,
          entry.src_dtypes[s], s >= entry.own_src && in_planes[entry.src[s]] != entry.in_planes);
    }
  }
  for (const NodeId value : schedule.outputs) add(value, schedule.steps.size(), "output", DType::f32);
  return edges;
}

FULCRUM_DEFINE Step movement_step(const Schedule& schedule, NodeId value, DType src, DType dst, Movement movement,
                                  int threads) {
  Step step;
  step.name = schedule.model.node(value).name;
  step.kind = "Reorder";
  step.kernel = KernelClass::movement;
  step.movement = movement;
  step.threads = threads;
  step.team = schedule.of_slice.threads;
  step.src = src;
  step.dst = dst;
  step.geometry = detail::plain_geometry(schedule.shapes[value]);
  const auto count = static_cast<double>(element_count(schedule.shapes[value]));
  step.src_bytes = count * static_cast<double>(size_of(src));
  step.dst_bytes = count * static_cast<double>(size_of(dst));
  step.reuse_bytes = schedule.reuse_bytes;
  step.reuse_weight_bytes = schedule.weight_bytes;
  const std::size_t least = std::min(size_of(src), size_of(dst));
  step.arithmetic = least == 1 ? Precision::int8 : least == 2 ? Precision::bf16 : Precision::f32;
  return step;
}

FULCRUM_DEFINE ScheduledStep movement_entry(NodeId value, Step step) {
  ScheduledStep entry;
  entry.src = {value};
  entry.src_dtypes = {step.src};
  entry.own_src = 1;
  entry.dst = value;
  entry.step = std::move(step);
  return entry;
}

FULCRUM_DEFINE std::vector<ScheduledStep> expected_steps(const Schedule& schedule,
                                                         const std::vector<LayoutChange>& seen) {
  if (schedule.realized) return schedule.steps;
  std::vector<ScheduledStep> result;
  const auto move = [&](NodeId value, DType src, DType dst, Movement movement, int threads) {
    result.push_back(movement_entry(value, movement_step(schedule, value, src, dst, movement, threads)));
  };
  const auto known_share = [&](const LayoutChange& place) -> std::optional<double> {
    const auto known =
        std::find_if(seen.begin(), seen.end(), [&](const LayoutChange& c) { return c.same_place(place); });
    return known == seen.end() ? std::nullopt : std::optional(known->share);
  };
  for (const NodeId id : schedule.inputs) {
    if (schedule.dtypes[id] == DType::f32) continue;
    move(id, DType::f32, schedule.dtypes[id], Movement::input,
         movement_threads(element_count(schedule.shapes[id]), schedule.of_slice.threads));
  }
  const std::vector<ValueEdge> edges = value_edges(schedule);
  std::vector<std::pair<NodeId, std::string>> moved;  // and how
  std::size_t at = 0;
  for (std::size_t i = 0; i <= schedule.steps.size(); ++i) {
    for (; at < edges.size() && edges[at].before == i; ++at) {
      const ValueEdge& edge = edges[at];
      const bool copies = edge.place.to == "copied_sum";
      const std::pair key(edge.value, copies ? edge.place.to : std::string(name_of(edge.dst)));
      const std::optional<double> share = known_share(edge.place);
      const bool moves = edge.turns || (share ? *share > 0.5 : edge.place.converts || copies);
      if (!moves || std::find(moved.begin(), moved.end(), key) != moved.end()) continue;
      moved.push_back(key);
      const Movement movement = edge.place.to == "output" ? Movement::output
                                : edge.place.from == "input" && schedule.dtypes[edge.value] == DType::f32
                                    ? Movement::input
                                    : Movement::inner;
      const int threads =
          schedule.steps.empty() ? 1 : schedule.steps[std::min(i, schedule.steps.size() - 1)].step.threads;
      move(edge.value, edge.src, edge.dst, movement, threads);
    }
    if (i == schedule.steps.size()) break;
    const ScheduledStep& entry = schedule.steps[i];
    if (const auto place = joining_place(schedule, entry); place && known_share(*place).value_or(1.0) <= 0.5) continue;
    result.push_back(entry);
    const DType kept = schedule.dtypes[entry.dst];
    if (entry.step.dst != kept) move(entry.dst, entry.step.dst, kept, Movement::inner, entry.step.threads);
  }
  return result;
}

}  // namespace fulcrum

#endif
