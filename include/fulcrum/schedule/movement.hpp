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

#include <fulcrum/schedule/model_steps.hpp>

namespace fulcrum {

/// How often a value was reordered on its way between two kinds of places.
struct LayoutChange {
  Precision precision = Precision::f32;  ///< of the run
  std::string from;                      ///< "input" or a kernel class; "sources" of a Concat
  /// "output", a kernel class, how a sum takes its residual ("sum" in its place, "copied_sum"), or what a Concat joins
  /// ("joined_sample" of a batch of one, "joined_samples"); where sources are computed in the result nothing is moved.
  std::string to;
  bool converts = false;      ///< the two ends differ in type
  std::int64_t channels = 0;  ///< 1, 3 (two to four) or 16 (more); 0: no extents, so that every layout is the same
  double share = 0.0;         ///< 0 … 1

  /// Whether it speaks of the same kind of place.
  [[nodiscard]] bool same_place(const LayoutChange& other) const {
    return precision == other.precision && from == other.from && to == other.to && converts == other.converts &&
           channels == other.channels;
  }
  friend bool operator==(const LayoutChange&, const LayoutChange&) = default;
};

/// A value on its way from where it is made to where it is taken.
struct ValueEdge {
  NodeId value = 0;
  std::size_t before = 0;  ///< index of the step that takes it; the number of steps for an output of the model
  LayoutChange place;      ///< `share` is not set
  DType src = DType::f32;
  DType dst = DType::f32;
};

namespace detail {
/// How many channels decide about layouts: see LayoutChange::channels.
[[nodiscard]] inline std::int64_t channel_class(const Shape& shape) {
  if (shape.size() < 3 || element_count(shape) == shape[0] * shape[1]) return 0;
  return shape[1] == 1 ? 1 : shape[1] <= 4 ? 3 : 16;
}
}  // namespace detail

/// The place of a step that joins values; nothing for any other step.
[[nodiscard]] inline std::optional<LayoutChange> joining_place(const ModelSteps& steps, const ModelStep& entry,
                                                               Precision precision) {
  if (entry.step.kind != "Concat") return std::nullopt;
  const Shape& shape = steps.shapes[entry.dst];
  const bool one = shape.empty() || shape[0] == 1;
  return LayoutChange{
      precision, "sources", one ? "joined_sample" : "joined_samples", false, detail::channel_class(shape), 0.0};
}

/// All ways that values of a model take, in the order of the steps that take them.
[[nodiscard]] inline std::vector<ValueEdge> value_edges(const ModelSteps& steps, Precision precision) {
  std::vector<std::string> maker(steps.shapes.size());
  for (const NodeId id : steps.inputs) maker[id] = "input";
  for (const ModelStep& entry : steps.steps) maker[entry.dst] = std::string(name_of(entry.step.kernel));

  std::vector<ValueEdge> edges;
  const auto add = [&](NodeId value, std::size_t before, std::string to, DType dst) {
    if (maker[value].empty()) return;  // a constant: prepared when the model is compiled
    const DType src = steps.dtypes[value];
    edges.push_back(
        {value,
         before,
         {precision, maker[value], std::move(to), src != dst, detail::channel_class(steps.shapes[value]), 0.0},
         src,
         dst});
  };
  for (std::size_t i = 0; i < steps.steps.size(); ++i) {
    const ModelStep& entry = steps.steps[i];
    for (std::size_t s = 0; s < entry.src.size(); ++s) {
      const char* sum = entry.may_overwrite_sum ? "sum" : "copied_sum";
      add(entry.src[s], i, s < entry.own_src ? std::string(name_of(entry.step.kernel)) : sum, entry.src_dtypes[s]);
    }
  }
  for (const NodeId value : steps.outputs) add(value, steps.steps.size(), "output", DType::f32);
  return edges;
}

/// The step that changes a value's layout or type.
/// \param threads  of the step that it is done for
[[nodiscard]] inline Step movement_step(const ModelSteps& steps, NodeId value, DType src, DType dst, Movement movement,
                                        int threads) {
  Step step;
  step.name = steps.names[value];
  step.kind = "Reorder";
  step.kernel = KernelClass::movement;
  step.movement = movement;
  step.threads = threads;
  step.src = src;
  step.dst = dst;
  step.geometry = detail::plain_geometry(steps.shapes[value]);
  const auto count = static_cast<double>(element_count(steps.shapes[value]));
  step.src_bytes = count * static_cast<double>(size_of(src));
  step.dst_bytes = count * static_cast<double>(size_of(dst));
  step.reuse_bytes = steps.reuse_bytes;
  const std::size_t least = std::min(size_of(src), size_of(dst));
  step.arithmetic = least == 1 ? Precision::int8 : least == 2 ? Precision::bf16 : Precision::f32;
  return step;
}

/// Everything that runs, in order: the steps and the movements to expect. A value that is kept in another type than it
/// is made in is converted behind its maker. On the way to a step it is moved when that was seen, or, where nothing
/// was seen, when its type changes or a sum needs a copy of it; once for all steps that want it the same way.
[[nodiscard]] inline std::vector<Step> with_movements(const ModelSteps& steps, Precision precision,
                                                      const std::vector<LayoutChange>& seen) {
  std::vector<Step> result;
  for (const NodeId id : steps.inputs) {
    if (steps.dtypes[id] == DType::f32) continue;
    result.push_back(movement_step(steps, id, DType::f32, steps.dtypes[id], Movement::input,
                                   movement_threads(element_count(steps.shapes[id]), steps.threads)));
  }
  const std::vector<ValueEdge> edges = value_edges(steps, precision);
  std::vector<std::pair<NodeId, std::string>> moved;  // and how
  std::size_t at = 0;
  for (std::size_t i = 0; i <= steps.steps.size(); ++i) {
    for (; at < edges.size() && edges[at].before == i; ++at) {
      const ValueEdge& edge = edges[at];
      const auto known =
          std::find_if(seen.begin(), seen.end(), [&](const LayoutChange& c) { return c.same_place(edge.place); });
      const bool copies = edge.place.to == "copied_sum";
      const std::pair key(edge.value, copies ? edge.place.to : std::string(name_of(edge.dst)));
      const bool moves = known != seen.end() ? known->share > 0.5 : edge.place.converts || copies;
      if (!moves || std::find(moved.begin(), moved.end(), key) != moved.end()) continue;
      moved.push_back(key);
      const Movement movement = edge.place.to == "output" ? Movement::output
                                : edge.place.from == "input" && steps.dtypes[edge.value] == DType::f32
                                    ? Movement::input
                                    : Movement::inner;
      const int threads = steps.steps.empty() ? 1 : steps.steps[std::min(i, steps.steps.size() - 1)].step.threads;
      result.push_back(movement_step(steps, edge.value, edge.src, edge.dst, movement, threads));
    }
    if (i == steps.steps.size()) break;
    const ModelStep& entry = steps.steps[i];
    if (const auto place = joining_place(steps, entry, precision)) {
      const auto known =
          std::find_if(seen.begin(), seen.end(), [&](const LayoutChange& c) { return c.same_place(*place); });
      if (known != seen.end() && known->share <= 0.5) continue;
    }
    result.push_back(entry.step);
    const DType kept = steps.dtypes[entry.dst];
    if (entry.step.dst != kept)
      result.push_back(movement_step(steps, entry.dst, entry.step.dst, kept, Movement::inner, entry.step.threads));
  }
  return result;
}

}  // namespace fulcrum
