#pragma once
/// \file
/// Memory that a model will take when it runs, from how it is planned to run: arithmetic alone.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/memory_use.hpp>
#include <fulcrum/schedule/machine.hpp>
#include <fulcrum/schedule/memory_plan.hpp>
#include <fulcrum/schedule/movement.hpp>
#include <fulcrum/schedule/recurrent.hpp>
#include <fulcrum/schedule/schedule.hpp>
#include <fulcrum/schedule/winograd.hpp>

namespace fulcrum {

/// What MemoryUse of the compiled model will be: weights as they are packed, the arena of all lanes as plan_memory()
/// lays it out for the values that the steps hand on, and scratch. Layouts that pad channels to whole vectors are
/// expected where kernels of the machine's instruction sets ask for them; weights that several steps share count for
/// each.
/// \param schedule  a plan: an executor that made one knows what it takes
FULCRUM_DECLARE [[nodiscard]] MemoryUse predicted_memory(const Schedule& schedule, const Machine& machine);

/// \param steps  of the schedule on that machine
FULCRUM_DECLARE [[nodiscard]] MemoryUse predicted_memory(const Schedule& schedule, const ExpectedSteps& steps,
                                                         const Machine& machine);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum::detail {

FULCRUM_DECLARE std::size_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return static_cast<std::size_t>((value + multiple - 1) / multiple * multiple);
}

/// Lifetimes of what the steps of a schedule hand on.
class ArenaPlanner {
public:
  FULCRUM_DECLARE ArenaPlanner(const Schedule& schedule, const std::vector<const ScheduledStep*>& steps,
                               const Machine& machine);

  /// [B] of one lane's arena.
  FULCRUM_DECLARE [[nodiscard]] std::size_t bytes();

private:
  /// A value in one of the forms it is needed in. Nothing as its buffer: it is the user's.
  struct Form {
    DType dtype = DType::f32;
    std::optional<std::size_t> buffer;
  };

  FULCRUM_DECLARE void find_joined();
  FULCRUM_DECLARE void find_last_uses();
  FULCRUM_DECLARE [[nodiscard]] std::size_t bytes_of(NodeId value, DType dtype, bool blocked) const;
  FULCRUM_DECLARE [[nodiscard]] bool is_blocked(const ScheduledStep& entry) const;
  FULCRUM_DECLARE [[nodiscard]] NodeId whole_of(NodeId value) const;
  FULCRUM_DECLARE [[nodiscard]] Form& form_of(NodeId value, DType dtype);
  FULCRUM_DECLARE [[nodiscard]] std::size_t allocate(std::size_t bytes);
  void touch(const std::optional<std::size_t>& buffer, std::size_t step) {
    if (!buffer) return;
    BufferLifetime& life = buffers_[*buffer];
    if (life.bytes == 0) return;
    life.first_step = std::min(life.first_step, step);
    life.last_step = std::max(life.last_step, step);
  }
  FULCRUM_DECLARE void run(std::size_t at);
  FULCRUM_DECLARE void scratch_of(const ScheduledStep& entry, std::size_t at);
  FULCRUM_DECLARE [[nodiscard]] std::optional<std::size_t> overwritten_by(const ScheduledStep& entry, std::size_t at);

  const Schedule& schedule_;
  std::int64_t vector_;  // channels that blocked layouts hold side by side; 1: none are
  const std::vector<const ScheduledStep*>& steps_;
  // By node id.
  std::vector<NodeId> joined_;  // the result of the Concat that a value is computed inside of; otherwise itself
  std::vector<std::optional<std::size_t>> whole_buffers_;  // of those results
  std::vector<bool> blocked_;                              // whether channels come in whole vectors
  std::vector<std::size_t> last_use_;                      // SIZE_MAX: none
  std::vector<std::vector<Form>> forms_;
  std::vector<BufferLifetime> buffers_;
};

FULCRUM_DEFINE ArenaPlanner::ArenaPlanner(const Schedule& schedule, const std::vector<const ScheduledStep*>& steps,
                                          const Machine& machine)
    : schedule_(schedule),
      vector_(machine.has("avx512") ? 16
              : machine.has("avx2") ? 8
                                    : 1),
      steps_(steps),
      joined_(schedule.shapes.size()),
      whole_buffers_(joined_.size()),
      blocked_(joined_.size()),
      last_use_(joined_.size(), SIZE_MAX),
      forms_(joined_.size()) {
  find_joined();
  find_last_uses();
}

FULCRUM_DEFINE void ArenaPlanner::find_joined() {
  std::iota(joined_.begin(), joined_.end(), NodeId{0});
  std::vector<bool> runs(joined_.size());  // a Concat, by its result
  for (const ScheduledStep* entry : steps_) {
    if (entry->step.kind == "Concat") runs[entry->dst] = true;
  }
  for (const ScheduledStep& entry : schedule_.steps) {
    if (entry.step.kind != "Concat" || runs[entry.dst]) continue;
    for (const NodeId part : entry.src) {
      if (joined_[part] == part) joined_[part] = entry.dst;
    }
  }
}

FULCRUM_DEFINE NodeId ArenaPlanner::whole_of(NodeId value) const {
  while (joined_[value] != value) value = joined_[value];
  return value;
}

FULCRUM_DEFINE void ArenaPlanner::find_last_uses() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    for (const NodeId id : steps_[i]->src) last_use_[id] = i;
  }
  for (const NodeId id : schedule_.outputs) last_use_[id] = steps_.size();
}

FULCRUM_DEFINE std::size_t ArenaPlanner::bytes_of(NodeId value, DType dtype, bool blocked) const {
  const Shape& shape = schedule_.shapes[value];
  std::int64_t count = element_count(shape);
  if (blocked && dtype == DType::f32)
    count = count / shape[1] * static_cast<std::int64_t>(rounded_up(shape[1], vector_));
  return static_cast<std::size_t>(count) * size_of(dtype);
}

FULCRUM_DEFINE bool ArenaPlanner::is_blocked(const ScheduledStep& entry) const {
  const Shape& shape = schedule_.shapes[entry.dst];
  if (shape.size() < 4 || shape[1] <= 4) return false;
  switch (entry.step.kernel) {
    case KernelClass::convolution:
    case KernelClass::grouped_convolution:
    case KernelClass::depthwise_convolution:
    case KernelClass::winograd_convolution:
    case KernelClass::sparse_convolution:
    case KernelClass::pooling: return true;
    default: break;
  }
  // What only moves or changes elements leaves them in the layout that they have.
  return kernel_of_layout(entry.step.kernel) != KernelClass::dense && entry.step.kernel != KernelClass::matmul &&
         std::any_of(entry.src.begin(), entry.src.end(), [&](NodeId id) { return blocked_[id]; });
}

FULCRUM_DEFINE std::size_t ArenaPlanner::allocate(std::size_t bytes) {
  buffers_.push_back({bytes, SIZE_MAX, 0});
  return buffers_.size() - 1;
}

FULCRUM_DEFINE ArenaPlanner::Form& ArenaPlanner::form_of(NodeId value, DType dtype) {
  std::vector<Form>& forms = forms_[value];
  const auto same = std::find_if(forms.rbegin(), forms.rend(), [&](const Form& f) { return f.dtype == dtype; });
  if (same != forms.rend()) return *same;
  if (!forms.empty()) return forms.back();
  // An input, which is the user's; a constant, which is no one's; or a joined value, which lies where its parts do.
  Form form{dtype, std::nullopt};
  if (const auto& whole = whole_buffers_[whole_of(value)]) form.buffer = whole;
  forms.push_back(form);
  return forms.back();
}

FULCRUM_DEFINE std::optional<std::size_t> ArenaPlanner::overwritten_by(const ScheduledStep& entry, std::size_t at) {
  const auto reusable = [&](NodeId id, DType dtype) -> std::optional<std::size_t> {
    return joined_[id] != id ? std::nullopt : form_of(id, dtype).buffer;
  };
  if (entry.src.size() > entry.own_src && !entry.src_dtypes.empty()) {
    // A product adds to what its result's bytes hold: the residual itself, or the copy of it that was just made.
    return reusable(entry.src.back(), entry.src_dtypes.back());
  }
  if (entry.step.kernel != KernelClass::elementwise) return std::nullopt;
  for (std::size_t i = 0; i < entry.src.size(); ++i) {
    const NodeId id = entry.src[i];
    const bool once = std::count(entry.src.begin(), entry.src.end(), id) == 1;
    if (last_use_[id] != at || !once) continue;
    if (element_count(schedule_.shapes[id]) == element_count(schedule_.shapes[entry.dst]) &&
        entry.src_dtypes[i] == entry.step.dst)
      return reusable(id, entry.src_dtypes[i]);
  }
  return std::nullopt;
}

FULCRUM_DEFINE void ArenaPlanner::scratch_of(const ScheduledStep& entry, std::size_t at) {
  const StepGeometry& g = entry.step.geometry;
  const auto take = [&](std::int64_t floats) {
    if (floats > 0) touch(allocate(static_cast<std::size_t>(floats) * sizeof(float)), at);
  };
  if (entry.step.algorithm == Algorithm::winograd) {
    const std::int64_t tiles = winograd_pass_tiles(g);
    take(winograd_products * g.ic * tiles);
    take(winograd_products * g.oc * tiles);
  }
  if (entry.step.algorithm == Algorithm::recurrent && entry.group) {
    const Layer<float>& layer = schedule_.model.node(entry.group->primary).layer;
    if (const auto* recurrent = std::get_if<Recurrent<float>>(&layer))
      take(recurrent_scratch_floats(*recurrent, schedule_.shapes[entry.src.front()]));
  }
}

FULCRUM_DEFINE void ArenaPlanner::run(std::size_t at) {
  const ScheduledStep& entry = *steps_[at];
  for (std::size_t i = 0; i < entry.src.size(); ++i)
    touch(form_of(entry.src[i], i < entry.src_dtypes.size() ? entry.src_dtypes[i] : entry.step.src).buffer, at);
  scratch_of(entry, at);
  if (entry.step.movement == Movement::output && entry.step.kind == "Reorder") return;  // to the user
  const bool blocked = is_blocked(entry);
  if (blocked) blocked_[entry.dst] = true;
  std::optional<std::size_t> buffer;
  if (const NodeId whole = whole_of(entry.dst); whole != entry.dst || whole_buffers_[whole]) {
    if (!whole_buffers_[whole]) whole_buffers_[whole] = allocate(bytes_of(whole, entry.step.dst, blocked));
    buffer = whole_buffers_[whole];
  } else if (entry.step.kind != "Reorder") {
    buffer = overwritten_by(entry, at);
  }
  // A result in f32 that nobody moves becomes the user's buffer.
  const bool delivered = std::count(schedule_.outputs.begin(), schedule_.outputs.end(), entry.dst) > 0 &&
                         entry.step.dst == DType::f32 && !buffer &&
                         std::none_of(steps_.begin(), steps_.end(), [&](const ScheduledStep* other) {
                           return other->dst == entry.dst && other->step.movement == Movement::output;
                         });
  if (!buffer && !delivered) buffer = allocate(bytes_of(entry.dst, entry.step.dst, blocked));
  touch(buffer, at);
  forms_[entry.dst].push_back({entry.step.dst, buffer});
}

FULCRUM_DEFINE std::size_t ArenaPlanner::bytes() {
  for (std::size_t i = 0; i < steps_.size(); ++i) run(i);
  std::erase_if(buffers_, [](const BufferLifetime& life) { return life.first_step == SIZE_MAX; });
  return buffers_.empty() ? 0 : plan_memory(buffers_).total;
}

/// Whether oneDNN multiplies tiles in this step: matrices of 16 rows of 64 bytes.
FULCRUM_DECLARE bool multiplies_tiles(const Step& step, const Machine& machine) {
  const bool is_product = step.kernel == KernelClass::convolution || step.kernel == KernelClass::dense;
  const char* tiles = step.arithmetic == Precision::int8 ? "amx_int8" : "amx_bf16";
  return step.arithmetic != Precision::f32 && machine.has(tiles) && is_product && step.geometry.groups == 1 &&
         step.weight_bytes > 0.0;
}

/// Source channels as tiles take them: in rows of 64 bytes, or of 4 where one row holds them all.
FULCRUM_DECLARE std::int64_t tiled_channels(const Step& step) {
  const auto size = static_cast<std::int64_t>(size_of(step.arithmetic));
  const std::int64_t row = (step.geometry.ic * size > 64 ? 64 : 4) / size;
  return static_cast<std::int64_t>(rounded_up(step.geometry.ic, row));
}

/// [B] of a step's weights as oneDNN 2.6 packs them: output channels in blocks of 48 or 64 for tiles, and of a
/// vector otherwise; biases in f32.
FULCRUM_DECLARE double packed_weight_bytes(const Step& step, const Machine& machine) {
  const StepGeometry& g = step.geometry;
  if (!multiplies_tiles(step, machine)) {
    const std::int64_t vector = machine.has("avx512") ? 16 : machine.has("avx2") ? 8 : 1;
    const bool blocked = step.kernel == KernelClass::convolution && g.groups == 1 && g.oc > 0;
    return blocked ? step.weight_bytes * static_cast<double>(rounded_up(g.oc, vector)) / static_cast<double>(g.oc)
                   : step.weight_bytes;
  }
  const std::size_t oc = g.oc <= 48 ? rounded_up(g.oc, 16) : std::min(rounded_up(g.oc, 48), rounded_up(g.oc, 64));
  const auto size = static_cast<double>(size_of(step.arithmetic));
  const double taps = std::max(
      1.0, std::round((step.weight_bytes / size - static_cast<double>(g.oc)) / static_cast<double>(g.ic * g.oc)));
  return taps * static_cast<double>(tiled_channels(step)) * static_cast<double>(oc) * size +
         sizeof(float) * static_cast<double>(g.oc);
}

/// [B] that oneDNN's kernel of a step asks for beside its arguments, as version 2.6 was seen to: tiles are
/// multiplied in buffers of each thread, sources whose channels fill no whole rows of tiles are copied to where they
/// do, and so are rows of a source under windows.
FULCRUM_DECLARE double scratch_bytes(const Step& step, const Machine& machine) {
  const StepGeometry& g = step.geometry;
  const bool is_product = step.kernel == KernelClass::convolution || step.kernel == KernelClass::dense;
  if (!is_product && step.kernel != KernelClass::depthwise_convolution) return 0.0;
  const auto threads = static_cast<double>(step.threads);
  if (!multiplies_tiles(step, machine)) return machine.has("avx512") ? 4096.0 * (1.0 + threads) : 0.0;
  const auto size = static_cast<double>(size_of(step.arithmetic));
  constexpr double tiles = 20480.0;
  const bool in_own_kernel = step.kernel == KernelClass::dense && step.arithmetic == Precision::bf16;
  if (in_own_kernel) return 8448.0 * threads;
  if (g.kh * g.kw > 1) {
    constexpr double rows = 131072.0;  // of the source, unless few output channels share them
    const double src = static_cast<double>((g.ih + g.kh - 1) * (g.iw + g.kw - 1) * g.ic * g.kd) * size;
    constexpr double windows = 16384.0;
    return threads * (tiles + windows + (g.oc <= 32 ? src : std::min(src, rows)));
  }
  const bool fills_rows = g.stride == 1 && tiled_channels(step) == g.ic;
  const double pixels = static_cast<double>(step.kernel == KernelClass::dense ? g.n : g.oh * g.ow);
  return threads * (tiles + (fills_rows ? 0.0 : 8256.0 + pixels * static_cast<double>(tiled_channels(step)) * size));
}

/// Weights of the steps, and constants that steps read as values, in the types in which they are read.
FULCRUM_DECLARE std::size_t predicted_weights(const Schedule& schedule, const Machine& machine) {
  double bytes = 0.0;
  std::set<std::pair<NodeId, DType>> constants;
  for (const ScheduledStep& entry : schedule.steps) {
    bytes += packed_weight_bytes(entry.step, machine);
    for (std::size_t i = 0; i < entry.src.size(); ++i) {
      const DType dtype = i < entry.src_dtypes.size() ? entry.src_dtypes[i] : entry.step.src;
      if (std::holds_alternative<Constant<float>>(schedule.model.node(entry.src[i]).layer))
        constants.emplace(entry.src[i], dtype);
    }
  }
  for (const auto& [id, dtype] : constants)
    bytes += static_cast<double>(element_count(schedule.shapes[id])) * static_cast<double>(size_of(dtype));
  return static_cast<std::size_t>(bytes);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE MemoryUse predicted_memory(const Schedule& schedule, const Machine& machine) {
  return predicted_memory(schedule, ExpectedSteps(schedule, machine.layout_changes), machine);
}

FULCRUM_DEFINE MemoryUse predicted_memory(const Schedule& schedule, const ExpectedSteps& steps,
                                          const Machine& machine) {
  MemoryUse memory;
  const auto lanes = static_cast<std::size_t>(schedule.slices.lanes);
  memory.weights = detail::predicted_weights(schedule, machine);
  memory.activations = lanes * detail::ArenaPlanner(schedule, steps.in_order(), machine).bytes();
  double scratch = 0.0;
  for (const ScheduledStep& entry : schedule.steps)
    scratch = std::max(scratch, detail::scratch_bytes(entry.step, machine));
  memory.scratchpad = lanes * static_cast<std::size_t>(scratch);
  return memory;
}

}  // namespace fulcrum

#endif
