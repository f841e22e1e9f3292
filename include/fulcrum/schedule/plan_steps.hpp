#pragma once
/// \file
/// The steps of a model in one piece: types, threads and algorithm of each.

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/schedule/machine.hpp>
#include <fulcrum/schedule/packed.hpp>
#include <fulcrum/schedule/plane_chains.hpp>
#include <fulcrum/schedule/recurrent.hpp>
#include <fulcrum/schedule/schedule.hpp>
#include <fulcrum/schedule/sparse.hpp>
#include <fulcrum/schedule/step_geometry.hpp>
#include <fulcrum/schedule/step_threads.hpp>
#include <fulcrum/schedule/value_types.hpp>
#include <fulcrum/schedule/winograd.hpp>

namespace fulcrum {

/// Makes steps of groups, one after the other. The executor asks it again for groups that it had to cut.
class StepPlanner {
public:
  /// \param model   as it runs (model_as_run()); outlives this
  /// \param config  of a batch in one piece, in a precision that the machine has
  /// \param keeps_nan  as Schedule has it
  /// \throws Error when shapes do not fit, or a layer of layer_precision is none of the model's
  FULCRUM_DECLARE StepPlanner(const Model<float>& model, const RunConfig& config, const Machine& machine,
                              bool keeps_nan = false);
  StepPlanner(const StepPlanner&) = delete;
  StepPlanner& operator=(const StepPlanner&) = delete;

  [[nodiscard]] const std::vector<Shape>& shapes() const noexcept { return shapes_; }
  [[nodiscard]] const std::vector<Work>& work() const noexcept { return work_; }
  [[nodiscard]] const std::vector<NodeId>& origin() const noexcept { return origin_; }
  [[nodiscard]] const ValueTypes& types() const noexcept { return types_; }
  /// The value came so; what comes later is planned by it.
  void keep(NodeId id, const ValueType& given) { types_.keep(id, given); }
  /// Groups of that primary run in planes, as sparse products or depthwise convolutions: see plane_chains().
  void run_in_planes(NodeId primary) { in_planes_.at(primary) = true; }

  /// Whether the group's primary runs in plain loops, which take nothing after it.
  FULCRUM_DECLARE [[nodiscard]] bool in_loops(const FusionGroup& group) const;
  /// Whether it runs in Fulcrum's own loops on all threads, which take functions that run in vectors.
  FULCRUM_DECLARE [[nodiscard]] bool in_threaded_loops(const FusionGroup& group) const;
  /// The types of the group's step, given how its sources are kept.
  FULCRUM_DECLARE [[nodiscard]] StepTypes types_of(const FusionGroup& group) const;

  /// The group's step. Precondition: it is no view.
  FULCRUM_DECLARE [[nodiscard]] ScheduledStep step_of(const FusionGroup& group) const;

  /// How a Recurrent layer keeps its recurrent weights.
  FULCRUM_DECLARE [[nodiscard]] RecurrentWeights recurrent_weights_of(NodeId id) const;

  /// Share of the weights of a product that are not 0.
  FULCRUM_DECLARE [[nodiscard]] double density_of(NodeId id) const;

  /// The group's parts that run one after the other where its primary does not take all that is after it.
  FULCRUM_DECLARE [[nodiscard]] std::vector<FusionGroup> parts_of(const FusionGroup& group) const;

  /// The group of a batch norm with the Concat before it, which nobody else takes, as its primary, where one step of
  /// floats reads what is joined and writes what is normalized; any other group as it is.
  FULCRUM_DECLARE [[nodiscard]] FusionGroup with_join(const FusionGroup& group) const;
  /// Whether the group is a Concat that becomes part of the step of the batch norm behind it.
  FULCRUM_DECLARE [[nodiscard]] bool joins_normalization(const FusionGroup& group) const;

  /// Whether the group gives numbers for NaN where it runs as it is.
  FULCRUM_DECLARE [[nodiscard]] bool loses_nan(const FusionGroup& group) const;

private:
  FULCRUM_DECLARE [[nodiscard]] bool loses_nan_alone(const FusionGroup& group) const;
  /// Whether the group's batch norm, with or without a Concat before it, reads and writes bf16.
  FULCRUM_DECLARE [[nodiscard]] bool normalizes_bf16(const FusionGroup& group, const StepTypes& types) const;
  /// Whether the batch norm and the Concat before it run in one step.
  FULCRUM_DECLARE [[nodiscard]] bool joins(NodeId concat, NodeId normalization) const;

  const Model<float>& model_;
  std::vector<std::vector<NodeId>> consumers_;
  bool keeps_nan_;
  RunConfig config_;
  bool winograd_;
  bool runs_sparse_;
  std::vector<Shape> shapes_;
  std::vector<Work> work_;
  std::vector<NodeId> origin_;
  std::vector<bool> in_planes_;
  ValueTypes types_;
  mutable std::map<NodeId, RecurrentWeights> recurrent_weights_;  // as far as somebody has asked: it looks at them all
  mutable std::map<NodeId, double> densities_;                    // likewise
};

namespace detail {

/// Which residuals are read for the last time, and what one inference touches.
FULCRUM_DECLARE void find_last_uses(Schedule& schedule);

/// Plans depthwise convolutions in planes where those and the sparse products around them gain by it.
FULCRUM_DECLARE void choose_chains(Schedule& schedule, StepPlanner& planner, const Machine& machine);

/// Leaves in planes what sparse convolutions, and depthwise ones in planes, make for none but such: neither side brings
/// it into another order then.
FULCRUM_DECLARE void choose_planes(Schedule& schedule);

/// What a sparse convolution turns of its source and of its result, by entry.in_planes.
FULCRUM_DECLARE void set_turned_bytes(ScheduledStep& entry, bool src_in_planes);

}  // namespace detail

/// Fills in the steps of a schedule whose model and of_slice are set, in one piece of of_slice.batch samples.
/// \throws Error as StepPlanner
FULCRUM_DECLARE void plan_steps(Schedule& schedule, const Machine& machine);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

FULCRUM_DEFINE StepPlanner::StepPlanner(const Model<float>& model, const RunConfig& config, const Machine& machine,
                                        bool keeps_nan)
    : model_(model),
      consumers_(model.consumers()),
      keeps_nan_(keeps_nan),
      config_(config),
      winograd_(isa_runs_winograd(machine.isa) && !keeps_nan),  // it spreads NaNs
      runs_sparse_(isa_runs_sparse(machine.isa)),
      shapes_(infer_shapes(model, config.batch)),
      work_(infer_work(model, shapes_)),
      in_planes_(model.size()),
      types_(model, shapes_, config) {
  for (NodeId id = 0; id < model.size(); ++id)
    origin_.push_back(is_view(model, id) ? origin_[model.node(id).src[0]] : id);
}

FULCRUM_DEFINE bool StepPlanner::in_loops(const FusionGroup& group) const {
  if (is_view(model_, group.primary)) return false;
  const Layer<float>& layer = model_.node(group.primary).layer;
  const bool has_threaded_loops = std::holds_alternative<Activation>(layer) || std::holds_alternative<Binary>(layer);
  return runs_in_loops(model_, group.primary, shapes_) ||
         (keeps_nan_ && !has_threaded_loops && kernel_loses_nan(layer));
}

FULCRUM_DEFINE bool StepPlanner::in_threaded_loops(const FusionGroup& group) const {
  if (in_loops(group)) return false;
  if (std::holds_alternative<Concat>(model_.node(group.primary).layer)) return !group.absorbed.empty();
  const StepTypes types = types_of(group);
  if (normalizes_bf16(group, types))
    return runs_in_threaded_loops(model_.node(group.primary), shapes_, shapes_[group.primary]);
  const bool in_f32 = types.arithmetic == Precision::f32 || (keeps_nan_ && loses_nan_alone(group));
  return in_f32 && !types.dst.map &&
         runs_in_threaded_loops(model_.node(group.primary), shapes_, shapes_[group.primary]);
}

FULCRUM_DEFINE StepTypes StepPlanner::types_of(const FusionGroup& group) const {
  return types_.types_of(group, in_loops(group));
}

FULCRUM_DEFINE ScheduledStep StepPlanner::step_of(const FusionGroup& group) const {
  const Node<float>& node = model_.node(group.primary);
  const bool loops = in_loops(group);
  const StepTypes types = types_.types_of(group, loops);
  ScheduledStep entry;
  Step& step = entry.step;
  step.name = node.name;
  step.kind = kind_of(model_, group);
  // A join that runs in the step of a batch norm is a part of that.
  const bool normalizes = std::holds_alternative<Concat>(node.layer) && !group.absorbed.empty();
  const Node<float>& main = normalizes ? model_.node(group.absorbed.front()) : node;
  const auto classified = detail::classify(main.layer, src_shapes(main, shapes_), shapes_[group.primary]);
  if (classified) std::tie(step.kernel, step.geometry) = *classified;
  if (step.kernel == KernelClass::movement) {
    step.movement = std::holds_alternative<Concat>(node.layer)      ? Movement::joined
                    : std::holds_alternative<Transpose>(node.layer) ? Movement::permuted
                                                                    : Movement::taken;
  }
  if (const auto* pool = std::get_if<Pool>(&node.layer)) step.average = pool->pool == PoolKind::average;
  if (const auto* pool = std::get_if<GlobalPool>(&node.layer)) step.average = pool->pool == PoolKind::average;
  if (std::holds_alternative<Reduce>(node.layer)) step.average = step.kernel == KernelClass::pooling;
  step.src = types.src;
  step.dst = types.dst.dtype;
  step.arithmetic = types.arithmetic;
  step.algorithm = loops                                             ? Algorithm::loops
                   : types.integer_product                           ? Algorithm::integer_product
                   : types.integer_loops || in_threaded_loops(group) ? Algorithm::threaded_loops
                                                                     : Algorithm::primitive;
  step.threads = loops ? 1 : step_threads(model_, group, shapes_, work_, config_.threads);
  step.team = config_.threads;
  entry.group = group;
  entry.own_src = node.src.size();
  entry.dst = group.dst;

  step.flops = work_[group.primary].flops;
  const auto elements = static_cast<double>(element_count(shapes_[group.dst]));
  const auto add_function = [&](const Activation& activation) {
    step.functions += detail::is_function(activation.function);
    step.function_flops += elements * detail::function_flops(activation.function);
  };
  if (const auto* own = std::get_if<Activation>(&node.layer)) add_function(*own);
  for (const NodeId id : group.absorbed) {
    step.flops += work_[id].flops;
    const Layer<float>& member = model_.node(id).layer;
    if (std::holds_alternative<Binary>(member)) ++step.geometry.extra_src;
    if (std::holds_alternative<BatchNormalization<float>>(member))
      step.weight_bytes += sizeof(float) * static_cast<double>(work_[id].weight_elements);
    if (const auto* activation = std::get_if<Activation>(&member)) add_function(*activation);
  }
  const auto bytes_of = [&](NodeId id, DType dtype) {
    return static_cast<double>(element_count(shapes_[id])) * static_cast<double>(size_of(dtype));
  };
  const std::vector<NodeId> sources = group_sources(model_, group);
  // What the primary reads of its sources, which need not be all of them (a Gather's table); residuals whole.
  step.src_bytes = static_cast<double>(work_[group.primary].src_elements) * static_cast<double>(size_of(step.src));
  for (std::size_t i = 0; i < sources.size(); ++i) {
    entry.src.push_back(origin_[sources[i]]);
    entry.src_dtypes.push_back(i < types.src_dtypes.size() ? types.src_dtypes[i] : step.src);
    if (i >= entry.own_src) step.src_bytes += bytes_of(sources[i], step.dst);
  }
  step.dst_bytes = bytes_of(group.dst, step.dst);
  // A range is found in a first pass over the source; sums of integers stand where reals are to be made of them.
  if (std::holds_alternative<DynamicQuantize>(node.layer)) step.src_bytes *= 2.0;
  if (types.integer_product && !loops) step.dst_bytes *= 3.0;
  step.weight_bytes +=
      static_cast<double>(work_[group.primary].weight_elements) * static_cast<double>(size_of(step.arithmetic));
  if (const auto* recurrent = std::get_if<Recurrent<float>>(&node.layer); recurrent != nullptr && !loops) {
    step.algorithm = Algorithm::recurrent;
    set_recurrent_traffic(step, *recurrent, shapes_[node.src[0]][0], step.arithmetic,
                          recurrent_weights_of(group.primary));
  }
  if (const auto* product = std::get_if<MatMulNBits>(&node.layer)) {
    step.weight_bytes = static_cast<double>(product->bytes());
    if (!loops) step.algorithm = Algorithm::packed;
  }
  if (winograd_ && !loops && step.arithmetic == Precision::f32 &&
      runs_winograd(model_, group, step.geometry, config_.algorithms.winograd)) {
    step.kernel = KernelClass::winograd_convolution;
    step.algorithm = Algorithm::winograd;
    step.weight_bytes = sizeof(float) * static_cast<double>(winograd_weight_elements(step.geometry) + step.geometry.oc);
  }
  if (!keeps_nan_ && !loops && step.arithmetic == Precision::f32 && config_.algorithms.sparse != UseAlgorithm::never &&
      has_sparse_form(model_, group, step.geometry)) {
    const double density = density_of(group.primary);
    const bool always = config_.algorithms.sparse == UseAlgorithm::always;
    if (always || in_planes_[group.primary] ||
        (runs_sparse_ &&
         density < 1.0 - break_even_sparsity(step.geometry, step.threads, config_.algorithms.sparse_costs))) {
      const bool dense = std::holds_alternative<Dense<float>>(node.layer);
      step.kernel = dense ? KernelClass::sparse_dense : KernelClass::sparse_convolution;
      step.algorithm = Algorithm::sparse;
      step.density = density;
      const auto weights =
          static_cast<double>(step.geometry.ic * step.geometry.oc * step.geometry.kh * step.geometry.kw);
      step.weight_bytes = density * weights * static_cast<double>(sparse_weight_bytes(step.geometry)) +
                          sizeof(float) * static_cast<double>(step.geometry.oc);
    }
  }
  if (in_planes_[group.primary]) {
    entry.in_chain = true;
    if (step.kernel == KernelClass::depthwise_convolution) step.algorithm = Algorithm::threaded_loops;
  }
  if (const auto* dense = std::get_if<Dense<float>>(&node.layer);
      dense != nullptr && step.algorithm == Algorithm::primitive && step.arithmetic == Precision::f32 &&
      runs_packed(*dense, step.geometry)) {
    step.kernel = KernelClass::packed_dense;
    step.algorithm = Algorithm::packed;
    step.weight_bytes = packed_bytes(*dense);
  }
  return entry;
}

FULCRUM_DEFINE double StepPlanner::density_of(NodeId id) const {
  const auto known = densities_.find(id);
  if (known != densities_.end()) return known->second;
  const Layer<float>& layer = model_.node(id).layer;
  const auto* conv = std::get_if<Conv<float>>(&layer);
  const SharedTensor<float>& weights = (conv != nullptr ? conv->weights : std::get<Dense<float>>(layer).weights).value;
  const std::span<const float> all = weights->flat();
  const double density =
      static_cast<double>(count_nonzeros(all)) / static_cast<double>(std::max<std::size_t>(all.size(), 1));
  return densities_.emplace(id, density).first->second;
}

FULCRUM_DEFINE RecurrentWeights StepPlanner::recurrent_weights_of(NodeId id) const {
  const auto known = recurrent_weights_.find(id);
  if (known != recurrent_weights_.end()) return known->second;
  const bool as_if_quantized =
      types_.assumed() && types_.has_int8_weights(id) && types_.precision_of(id) == Precision::int8;
  const RecurrentWeights weights =
      as_if_quantized ? RecurrentWeights::s8
                      : recurrent_weights(std::get<Recurrent<float>>(model_.node(id).layer), types_.precision_of(id));
  return recurrent_weights_.emplace(id, weights).first->second;
}

FULCRUM_DEFINE std::vector<FusionGroup> StepPlanner::parts_of(const FusionGroup& group) const {
  if (group.absorbed.empty()) return {group};
  const bool plain = in_loops(group);
  const bool vectors = !plain && in_threaded_loops(group);
  const StepTypes types = types_of(group);
  const bool integers = !plain && types.integer_product;
  const bool in_bf16 = vectors && normalizes_bf16(group, types);
  if (!plain && !vectors && !integers && !(keeps_nan_ && loses_nan(group))) return {group};
  std::vector<FusionGroup> parts{{group.primary, {}, group.primary, {}}};
  for (const NodeId id : group.absorbed) {
    const Layer<float>& layer = model_.node(id).layer;
    const auto* activation = std::get_if<Activation>(&layer);
    const bool normalizes = std::holds_alternative<BatchNormalization<float>>(layer);
    const bool vector_function = activation != nullptr && runs_in_vectors(activation->function);
    const auto is_relu = [&](const FusionGroup& before) {  // and the first: loops from bf16 to bf16 take no other
      return activation != nullptr && activation->function == ActivationKind::relu &&
             std::none_of(before.absorbed.begin(), before.absorbed.end(),
                          [&](NodeId other) { return std::holds_alternative<Activation>(model_.node(other).layer); });
    };
    const bool takes_it = integers  ? activation == nullptr || runs_in_vectors(activation->function)
                          : vectors ? normalizes || (in_bf16 ? is_relu(parts[0]) : vector_function)
                                    : !plain && !kernel_loses_nan(layer);
    if (parts.size() == 1 && takes_it) {
      parts[0].absorbed.push_back(id);
      parts[0].dst = id;
      continue;
    }
    parts.back().why_ended = "'" + model_.node(id).name + "' is apart: the step before it takes no such function";
    parts.push_back({id, {}, id, {}});
  }
  parts.back().why_ended = group.why_ended;
  return parts;
}

FULCRUM_DEFINE bool StepPlanner::normalizes_bf16(const FusionGroup& group, const StepTypes& types) const {
  const Layer<float>& layer = model_.node(group.primary).layer;
  const bool joined = std::holds_alternative<Concat>(layer) && !group.absorbed.empty();
  return (joined || std::holds_alternative<BatchNormalization<float>>(layer)) && types.src == DType::bf16 &&
         types.dst.dtype == DType::bf16 && !types.dst.map;
}

FULCRUM_DEFINE bool StepPlanner::joins(NodeId concat, NodeId normalization) const {
  const auto* join = std::get_if<Concat>(&model_.node(concat).layer);
  const Shape& shape = shapes_[concat];
  if (join == nullptr || !std::holds_alternative<BatchNormalization<float>>(model_.node(normalization).layer))
    return false;
  if (consumers_[concat].size() != 1 || model_.is_output(concat) || shape.size() != 4) return false;
  if (normalized_axis(join->axis, shape.size()) != 1 || runs_in_loops(model_, concat, shapes_)) return false;
  const auto in_floats = [&](NodeId id) {
    return config_.precision != Precision::int8 && types_.precision_of(id) == config_.precision && !types_.rounded(id);
  };
  return in_floats(concat) && in_floats(normalization);
}

FULCRUM_DEFINE FusionGroup StepPlanner::with_join(const FusionGroup& group) const {
  const std::vector<NodeId>& src = model_.node(group.primary).src;
  if (src.size() != 1 || !joins(src.front(), group.primary)) return group;
  FusionGroup joined{src.front(), {group.primary}, group.dst, group.why_ended};
  joined.absorbed.insert(joined.absorbed.end(), group.absorbed.begin(), group.absorbed.end());
  return joined;
}

FULCRUM_DEFINE bool StepPlanner::joins_normalization(const FusionGroup& group) const {
  return consumers_[group.dst].size() == 1 && joins(group.primary, consumers_[group.dst].front());
}

FULCRUM_DEFINE bool StepPlanner::loses_nan(const FusionGroup& group) const {
  const StepTypes types = types_of(group);
  if (types.dst.map || types.integer_product || in_loops(group) || in_threaded_loops(group)) return false;
  return loses_nan_alone(group) || std::any_of(group.absorbed.begin(), group.absorbed.end(),
                                               [&](NodeId id) { return kernel_loses_nan(model_.node(id).layer); });
}

FULCRUM_DEFINE bool StepPlanner::loses_nan_alone(const FusionGroup& group) const {
  return kernel_loses_nan(model_.node(group.primary).layer);
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE void choose_planes(Schedule& schedule) {
  std::vector<int> in_planes(schedule.shapes.size(), 0);  // by node id: readers that take planes; −1: another reader
  for (const NodeId id : schedule.outputs) in_planes[id] = -1;
  for (const ScheduledStep& entry : schedule.steps) {
    const bool takes = takes_planes(entry.step);
    for (const NodeId id : entry.src) in_planes[id] = takes && in_planes[id] >= 0 ? in_planes[id] + 1 : -1;
  }
  std::vector<bool> lies_so(schedule.shapes.size());
  for (ScheduledStep& entry : schedule.steps) {
    entry.in_planes = takes_planes(entry.step) && in_planes[entry.dst] > 0;
    lies_so[entry.dst] = entry.in_planes;
    set_turned_bytes(entry, lies_so[entry.src.empty() ? entry.dst : entry.src.front()]);
  }
}

FULCRUM_DEFINE void set_turned_bytes(ScheduledStep& entry, bool src_in_planes) {
  Step& step = entry.step;
  if (step.kernel != KernelClass::sparse_convolution) return;
  const StepGeometry& g = step.geometry;
  const auto bytes = [](std::int64_t elements) { return sizeof(float) * static_cast<double>(elements); };
  step.turned_bytes = (src_in_planes ? 0.0 : bytes(g.n * g.ic * g.ih * g.iw)) +
                      (entry.in_planes ? 0.0 : bytes(g.n * g.oc * g.oh * g.ow));
}

FULCRUM_DEFINE void choose_chains(Schedule& schedule, StepPlanner& planner, const Machine& machine) {
  const UseAlgorithm use = schedule.of_slice.algorithms.sparse;
  if (schedule.keeps_nan || use == UseAlgorithm::never) return;
  if (use == UseAlgorithm::automatic && !machine.isa.starts_with("avx512")) return;  // on others it was not timed
  const std::vector<NodeId> chains = plane_chains(schedule, [&](NodeId id) { return planner.density_of(id); });
  for (const NodeId primary : chains) planner.run_in_planes(primary);
  for (ScheduledStep& entry : schedule.steps) {
    if (!entry.group || std::find(chains.begin(), chains.end(), entry.group->primary) == chains.end()) continue;
    entry = planner.step_of(*entry.group);
    schedule.loses_nan = true;
  }
}

FULCRUM_DEFINE void find_last_uses(Schedule& schedule) {
  std::vector<std::size_t> last_use(schedule.shapes.size(), 0);
  for (std::size_t i = 0; i < schedule.steps.size(); ++i) {
    for (const NodeId id : schedule.steps[i].src) last_use[id] = i;
  }
  for (const NodeId id : schedule.outputs) last_use[id] = schedule.steps.size();
  for (const NodeId id : schedule.inputs) last_use[id] = schedule.steps.size();
  double weights = 0.0;
  double activations = 0.0;
  for (std::size_t i = 0; i < schedule.steps.size(); ++i) {
    ScheduledStep& entry = schedule.steps[i];
    if (entry.src.size() > entry.own_src)
      entry.may_overwrite_sum =
          last_use[entry.src.back()] == i && std::count(entry.src.begin(), entry.src.end(), entry.src.back()) == 1;
    weights += entry.step.weight_bytes;
    activations = std::max(activations, entry.step.src_bytes + entry.step.dst_bytes);
  }
  schedule.reuse_bytes = weights + activations;
  schedule.weight_bytes = weights;
  for (ScheduledStep& entry : schedule.steps) {
    entry.step.reuse_bytes = schedule.reuse_bytes;
    entry.step.reuse_weight_bytes = weights;
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE void plan_steps(Schedule& schedule, const Machine& machine) {
  const Model<float>& model = schedule.model;
  StepPlanner planner(model, schedule.of_slice, machine, schedule.keeps_nan);
  schedule.groups.clear();
  schedule.steps.clear();
  schedule.loses_nan = false;
  for (const FusionGroup& fused : fusion_groups(model)) {
    if (planner.joins_normalization(fused)) continue;
    for (const FusionGroup& group : planner.parts_of(planner.with_join(fused))) {
      schedule.groups.push_back(group);
      schedule.loses_nan = schedule.loses_nan || planner.loses_nan(group);
      planner.keep(group.dst, planner.types_of(group).dst);
      if (is_view(model, group.primary)) continue;
      schedule.steps.push_back(planner.step_of(group));
      schedule.loses_nan = schedule.loses_nan || schedule.steps.back().step.algorithm == Algorithm::sparse;
    }
  }
  schedule.dtypes.clear();
  for (NodeId id = 0; id < model.size(); ++id) schedule.dtypes.push_back(planner.types().kept(id).dtype);
  schedule.shapes = planner.shapes();
  schedule.origin = planner.origin();
  schedule.inputs = model.inputs();
  schedule.outputs.clear();
  for (const NodeId id : model.outputs()) schedule.outputs.push_back(schedule.origin[id]);
  schedule.quantization_assumed = planner.types().assumed();
  detail::choose_chains(schedule, planner, machine);
  detail::choose_planes(schedule);
  detail::find_last_uses(schedule);
}

}  // namespace fulcrum

#endif
