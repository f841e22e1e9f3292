#pragma once
/// \file
/// Changes of layout and type between steps: an executor adds them where a step wants its source otherwise than the
/// step before left it. Whether it does depends on the kernels that a machine has, so that a profile remembers what
/// was seen.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/schedule/layout_change.hpp>
#include <fulcrum/schedule/schedule.hpp>
#include <fulcrum/schedule/step_geometry.hpp>
#include <fulcrum/schedule/step_threads.hpp>

namespace fulcrum {

/// A value on its way from where it is made to where it is taken.
struct ValueEdge {
  NodeId value = 0;        ///< views looked through
  NodeId seen_as = 0;      ///< the view that it is taken through; otherwise itself
  std::size_t before = 0;  ///< index of the step that takes it; the number of steps for an output of the model
  LayoutChange place;      ///< `reorders` is not set
  DType src = DType::f32;
  DType dst = DType::f32;
  bool turns = false;  ///< a sum between planes and another layout (ScheduledStep::in_planes)
};

namespace detail {
/// How many channels decide about layouts: see LayoutChange::channels.
FULCRUM_DECLARE [[nodiscard]] std::int64_t channel_class(const Shape& shape);

/// How often a value is reordered at such a place, as far as anything like it was seen: the place itself; what a view
/// takes and gives, like what the user takes and gives; the same way with or without a change of type, which is one
/// more.
FULCRUM_DECLARE [[nodiscard]] std::optional<int> expected_reorders(const std::vector<LayoutChange>& seen,
                                                                   const LayoutChange& place);

/// expected_reorders() of the places of one model: it has few kinds of them, and each is looked up once.
class SeenPlaces {
public:
  explicit SeenPlaces(const std::vector<LayoutChange>& seen) : seen_(seen) {}

  FULCRUM_DECLARE [[nodiscard]] std::optional<int> reorders(const LayoutChange& place);

private:
  const std::vector<LayoutChange>& seen_;
  std::vector<std::pair<LayoutChange, std::optional<int>>> known_;
};
}  // namespace detail

/// The place of a step that joins values; nothing for any other step.
FULCRUM_DECLARE [[nodiscard]] std::optional<LayoutChange> joining_place(const Schedule& schedule,
                                                                        const ScheduledStep& entry);

/// All ways that values of a model take, in the order of the steps that take them.
FULCRUM_DECLARE [[nodiscard]] std::vector<ValueEdge> value_edges(const Schedule& schedule);

/// The kind of place that a step is: its kernel class, narrow groups and the ways to move elements told apart.
FULCRUM_DECLARE [[nodiscard]] std::string_view place_of(const Step& step) noexcept;

/// The step that changes a value's layout or type.
/// \param threads  of the step that it is done for
FULCRUM_DECLARE [[nodiscard]] Step movement_step(const Schedule& schedule, NodeId value, DType src, DType dst,
                                                 Movement movement, int threads);

/// A movement as an entry of a schedule.
FULCRUM_DECLARE [[nodiscard]] ScheduledStep movement_entry(NodeId value, Step step);

/// Everything that runs, in order: the steps and the movements to expect. A value that is kept in another type than it
/// is made in is converted behind its maker. On the way to a step it is moved as often as was seen, or, where nothing
/// like it was seen, when its type changes or a sum needs a copy of it; once for all steps that want it the same way.
class ExpectedSteps {
public:
  /// \param schedule  outlives this: its steps are not copied
  /// \param seen      of the machine (Machine::layout_changes)
  FULCRUM_DECLARE ExpectedSteps(const Schedule& schedule, const std::vector<LayoutChange>& seen);
  ExpectedSteps(const ExpectedSteps&) = delete;
  ExpectedSteps& operator=(const ExpectedSteps&) = delete;

  [[nodiscard]] const std::vector<const ScheduledStep*>& in_order() const noexcept { return in_order_; }

private:
  std::deque<ScheduledStep> movements_;  // stay where they are while others come
  std::vector<const ScheduledStep*> in_order_;
};

/// The same as a list of its own.
FULCRUM_DECLARE [[nodiscard]] std::vector<ScheduledStep> expected_steps(const Schedule& schedule,
                                                                        const std::vector<LayoutChange>& seen);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum::detail {

FULCRUM_DEFINE std::int64_t channel_class(const Shape& shape) {
  if (shape.size() < 3 || element_count(shape) == shape[0] * shape[1]) return 0;
  return shape[1] == 1 ? 1 : shape[1] <= 4 ? 3 : 16;
}

FULCRUM_DEFINE std::optional<int> expected_reorders(const std::vector<LayoutChange>& seen, const LayoutChange& place) {
  const auto known = [&](const LayoutChange& wanted) -> std::optional<int> {
    const auto same = std::find_if(seen.begin(), seen.end(), [&](const auto& c) { return c.same_place(wanted); });
    return same == seen.end() ? std::nullopt : std::optional(static_cast<int>(std::lround(same->reorders)));
  };
  const auto either = [&](LayoutChange wanted) {
    std::optional<int> count = known(wanted);
    if (count) return count;
    wanted.converts = !wanted.converts;
    if ((count = known(wanted))) *count = std::max(*count + (wanted.converts ? -1 : 1), 0);
    return count;
  };
  if (const std::optional<int> count = either(place)) return count;
  LayoutChange like = place;
  if (like.from == "view") like.from = "input";
  if (like.to == "view") like.to = "output";
  return like.same_place(place) ? std::nullopt : either(like);
}

FULCRUM_DEFINE std::optional<int> SeenPlaces::reorders(const LayoutChange& place) {
  for (const auto& [known, times] : known_) {
    if (known.same_place(place)) return times;
  }
  return known_.emplace_back(place, expected_reorders(seen_, place)).second;
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

FULCRUM_DEFINE std::string_view place_of(const Step& step) noexcept {
  if (step.kernel == KernelClass::movement) {
    return step.movement == Movement::joined ? "joined" : step.movement == Movement::permuted ? "permuted" : "taken";
  }
  const StepGeometry& g = step.geometry;
  // Kernels for groups that fill no vector are others, in other layouts.
  if (step.kernel == KernelClass::grouped_convolution && (g.oc / g.groups % 16 != 0 || g.ic / g.groups % 16 != 0))
    return "narrow_grouped_convolution";
  return name_of(kernel_of_layout(step.kernel));
}

FULCRUM_DEFINE std::vector<ValueEdge> value_edges(const Schedule& schedule) {
  std::vector<std::string_view> maker(schedule.shapes.size());
  std::vector<bool> in_planes(schedule.shapes.size());
  for (const NodeId id : schedule.inputs) maker[id] = "input";
  for (const ScheduledStep& entry : schedule.steps) {
    // What is joined lies as its parts did.
    const bool joins = entry.step.movement == Movement::joined && !entry.src.empty();
    maker[entry.dst] = joins ? maker[entry.src.front()] : place_of(entry.step);
    in_planes[entry.dst] = entry.in_planes;
  }

  std::vector<ValueEdge> edges;
  edges.reserve(2 * schedule.steps.size());
  const auto add = [&](NodeId value, NodeId seen_as, std::size_t before, std::string_view to, DType dst,
                       bool turns = false) {
    if (maker[value].empty()) return;  // a constant: prepared when the model is compiled
    const auto edge = [&](std::string_view from, std::string_view place, DType type) {
      edges.push_back({value,
                       seen_as,
                       before,
                       {schedule.precision(), std::string(from), std::string(place), type != dst,
                        detail::channel_class(schedule.shapes[from == "view" ? seen_as : value]), 0.0},
                       type,
                       dst,
                       turns});
    };
    const DType src = schedule.dtypes[value];
    if (seen_as == value || to == "output") return edge(maker[value], to, src);
    edge(maker[value], "view", src);
    edge("view", to, dst);
  };
  for (std::size_t i = 0; i < schedule.steps.size(); ++i) {
    const ScheduledStep& entry = schedule.steps[i];
    const std::vector<NodeId> seen_as =
        entry.group ? group_sources(schedule.model, *entry.group) : std::vector<NodeId>();
    for (std::size_t s = 0; s < entry.src.size(); ++s) {
      const bool in_place = entry.may_overwrite_sum || entry.step.algorithm == Algorithm::integer_product;
      const char* sum = in_place ? "sum" : "copied_sum";
      add(entry.src[s], s < seen_as.size() ? seen_as[s] : entry.src[s], i,
          s < entry.own_src ? place_of(entry.step) : sum, entry.src_dtypes[s],
          s >= entry.own_src && in_planes[entry.src[s]] != entry.in_planes);
    }
  }
  for (std::size_t i = 0; i < schedule.outputs.size(); ++i)
    add(schedule.outputs[i], schedule.model.outputs()[i], schedule.steps.size(), "output", DType::f32);
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
  // oneDNN's would make infinities of finite numbers.
  if (src == DType::f32 && dst == DType::bf16) step.algorithm = Algorithm::threaded_loops;
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

FULCRUM_DEFINE ExpectedSteps::ExpectedSteps(const Schedule& schedule, const std::vector<LayoutChange>& seen) {
  in_order_.reserve(schedule.steps.size() + schedule.steps.size() / 2);
  if (schedule.realized) {
    for (const ScheduledStep& entry : schedule.steps) in_order_.push_back(&entry);
    return;
  }
  const auto move = [&](NodeId value, NodeId shown, DType src, DType dst, Movement movement,
                        int threads) -> ScheduledStep& {
    movements_.push_back(movement_entry(value, movement_step(schedule, shown, src, dst, movement, threads)));
    in_order_.push_back(&movements_.back());
    return movements_.back();
  };
  for (const NodeId id : schedule.inputs) {
    if (schedule.dtypes[id] == DType::f32) continue;
    move(id, id, DType::f32, schedule.dtypes[id], Movement::input,
         movement_threads(element_count(schedule.shapes[id]), schedule.of_slice.threads));
  }
  detail::SeenPlaces places(seen);
  const std::vector<ValueEdge> edges = value_edges(schedule);
  std::vector<std::vector<std::string_view>> moved(schedule.shapes.size());  // how a value is there already
  std::size_t at = 0;
  for (std::size_t i = 0; i <= schedule.steps.size(); ++i) {
    for (; at < edges.size() && edges[at].before == i; ++at) {
      const ValueEdge& edge = edges[at];
      const LayoutChange& place = edge.place;
      const NodeId shown = place.from == "view" ? edge.seen_as : edge.value;
      const bool copies = place.to == "copied_sum";
      const int times = std::max(places.reorders(place).value_or(place.converts || copies ? 1 : 0), edge.turns ? 1 : 0);
      if (times == 0) continue;
      const std::string_view as = copies || place.to == "view" ? std::string_view(place.to) : name_of(edge.dst);
      if (std::find(moved[shown].begin(), moved[shown].end(), as) != moved[shown].end()) continue;
      moved[shown].push_back(as);
      const Movement movement = place.to == "output"                                                 ? Movement::output
                                : place.from == "input" && schedule.dtypes[edge.value] == DType::f32 ? Movement::input
                                                                                                     : Movement::inner;
      const int threads =
          schedule.steps.empty() ? 1 : schedule.steps[std::min(i, schedule.steps.size() - 1)].step.threads;
      const std::string& name = schedule.model.node(edge.seen_as).name;
      move(edge.value, shown, edge.src, edge.dst, movement, threads).step.name = name;
      if (times > 1) move(edge.value, shown, edge.dst, edge.dst, Movement::inner, threads).step.name = name;
    }
    if (i == schedule.steps.size()) break;
    const ScheduledStep& entry = schedule.steps[i];
    if (const auto place = joining_place(schedule, entry); place && places.reorders(*place) == 0) continue;
    in_order_.push_back(&entry);
    const DType kept = schedule.dtypes[entry.dst];
    if (entry.step.dst != kept) move(entry.dst, entry.dst, entry.step.dst, kept, Movement::inner, entry.step.threads);
  }
}

FULCRUM_DEFINE std::vector<ScheduledStep> expected_steps(const Schedule& schedule,
                                                         const std::vector<LayoutChange>& seen) {
  std::vector<ScheduledStep> result;
  const ExpectedSteps expected(schedule, seen);
  for (const ScheduledStep* entry : expected.in_order()) result.push_back(*entry);
  return result;
}

}  // namespace fulcrum

#endif
