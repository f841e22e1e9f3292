#pragma once
/// \file
/// From a model to a program.

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/lower/dynamic_quantize.hpp>
#include <fulcrum/exec/lower/elementwise.hpp>
#include <fulcrum/exec/lower/matmul.hpp>
#include <fulcrum/exec/lower/native.hpp>
#include <fulcrum/exec/lower/normalization.hpp>
#include <fulcrum/exec/lower/packed.hpp>
#include <fulcrum/exec/lower/product.hpp>
#include <fulcrum/exec/lower/recurrent.hpp>
#include <fulcrum/exec/lower/rows.hpp>
#include <fulcrum/exec/lower/shape.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/schedule/movement.hpp>

namespace fulcrum::detail::onednn {

FULCRUM_DECLARE void lower_source(Lowering& lowering, NodeId id, std::size_t& next_input) {
  const Node<float>& node = lowering.node(id);
  const Shape& shape = lowering.shape(id);
  if (std::holds_alternative<Input>(node.layer)) {
    lowering.builder().add_input(shape);
    lowering.finish(id, {shape, plain_desc(shape, DType::f32), {Location::Place::input, next_input++}, std::nullopt});
  } else if (const auto* constant = std::get_if<Constant<float>>(&node.layer)) {
    lowering.finish(id, lowering.builder().constant(shape, lowering.elements(constant->value)));
  }
}

/// The group's steps, as far as oneDNN has primitives for it.
FULCRUM_DECLARE void lower_layer(Lowering& lowering, const FusionGroup& group) {
  const auto native = [&] { lower_natively(lowering, group); };
  visit_layer(Overloads{
                  [](const Input&) {},  // no groups: lower_source()
                  [](const Constant<float>&) {},
                  [&](const Conv<float>& l) { lower(lowering, group, l); },
                  [&](const ConvTranspose<float>& l) { lower(lowering, group, l); },
                  [&](const Dense<float>& l) { lower(lowering, group, l); },
                  [&](const MatMulNBits& l) { lower(lowering, group, l); },
                  [&](const MatMul& l) { lower(lowering, group, l); },
                  [&](const Recurrent<float>& l) { lower(lowering, group, l); },
                  [&](const BatchNormalization<float>& l) { lower(lowering, group, l); },
                  [&](const LayerNormalization<float>& l) { lower(lowering, group, l); },
                  [&](const InstanceNormalization<float>&) { native(); },
                  [&](const LocalResponseNormalization&) { native(); },
                  [&](const Pool& l) { lower(lowering, group, l); },
                  [&](const GlobalPool& l) { lower(lowering, group, l); },
                  [&](const MaxPoolIndices&) { native(); },
                  [&](const Activation& l) { lower(lowering, group, l); },
                  [&](const Binary& l) { lower(lowering, group, l); },
                  [&](const DynamicQuantize& l) { lower(lowering, group, l); },
                  [&](const ElementwiseLayer auto&) { native(); },
                  [&](const Softmax& l) { lower(lowering, group, l); },
                  [&](const Reduce& l) { lower(lowering, group, l); },
                  [&](const ArgReduce&) { native(); },
                  [&](const Concat& l) { lower(lowering, group, l); },
                  [&](const Reshape&) { lower_view(lowering, group); },
                  [&](const Flatten&) { lower_view(lowering, group); },
                  [&](const Transpose& l) { lower(lowering, group, l); },
                  [&](const Slice&) { native(); },
                  [&](const Expand&) { native(); },
                  [&](const Tile&) { native(); },
                  [&](const Gather&) { native(); },
                  [&](const IndexedLayer auto&) { native(); },
                  [&](const SamplingLayer auto&) { native(); },
                  [&](const TopK&) { native(); },
                  [&](const CumSum&) { native(); },
                  [&](const NonMaxSuppression&) { native(); },
                  [&](const Custom&) { native(); },
                  [&](const Pad&) { native(); },
                  [&](const Resize&) { native(); },
              },
              lowering.node(group.primary).layer);
}

/// What oneDNN has no form of runs in Fulcrum's own loops.
FULCRUM_DEFINE void lower_group(Lowering& lowering, const FusionGroup& group) {
  if (lowering.in_loops(group)) return lower_natively(lowering, group);
  if (lowering.in_threaded_loops(group)) {
    const Layer<float>& layer = lowering.node(group.primary).layer;
    const bool normalizes =
        std::holds_alternative<BatchNormalization<float>>(layer) || std::holds_alternative<Concat>(layer);
    return normalizes ? lower_normalization_in_loops(lowering, group) : lower_in_threaded_loops(lowering, group);
  }
  try {
    lower_layer(lowering, group);
  } catch (const dnnl::error& error) {
    if (!is_refusal(error)) throw;
    lower_natively(lowering, group);
  }
}

/// A schedule's steps as the primitives and functions that run, and what of them had to be other than planned.
struct Realization {
  Program program;
  std::vector<ScheduledStep> steps;  ///< one for each of the program's
};

/// The entry of a schedule for a step that runs.
/// \param again  the group has had a step before: this one prepares, copies or goes on
FULCRUM_DECLARE [[nodiscard]] ScheduledStep realized_step(const Lowering& lowering, const Schedule& schedule,
                                                          const Step& step, bool again) {
  const StepInfo& info = step.info;
  ScheduledStep entry;
  if (step.group) {
    entry = lowering.step_of(*step.group);
    entry.in_planes =
        info.algorithm == entry.step.algorithm && takes_planes(entry.step) && lowering.in_planes(entry.dst);
    fulcrum::detail::set_turned_bytes(entry, !entry.src.empty() && lowering.in_planes(entry.src.front()));
    entry.step.reuse_bytes = schedule.reuse_bytes;
    entry.step.reuse_weight_bytes = schedule.weight_bytes;
    if (again) {
      entry.step.flops = info.flops;
      entry.step.weight_bytes = 0.0;
    }
    if (entry.step.algorithm == Algorithm::winograd && info.algorithm != Algorithm::winograd)
      entry.step.kernel = KernelClass::convolution;
    if (entry.step.algorithm == Algorithm::sparse && info.algorithm != Algorithm::sparse) {
      entry.step.kernel = kernel_of_layout(entry.step.kernel);
      entry.step.density = 1.0;
      entry.step.turned_bytes = 0.0;
    }
  } else {
    const NodeId value = schedule.model.find(info.name).value_or(0);
    const auto touches = [&](Location::Place place) {
      return std::any_of(step.arguments.begin(), step.arguments.end(),
                         [&](const Argument& argument) { return argument.where.place == place; });
    };
    const Movement movement = touches(Location::Place::output)  ? Movement::output
                              : touches(Location::Place::input) ? Movement::input
                                                                : Movement::inner;
    entry = movement_entry(value, movement_step(schedule, value, info.src, info.dst, movement, info.threads));
    entry.step.kind = info.kind;
  }
  entry.step.src = info.src;
  entry.step.dst = info.dst;
  entry.step.threads = info.threads;
  entry.step.algorithm = info.algorithm;
  return entry;
}

/// \throws Error naming the layer that cannot be run
FULCRUM_DECLARE [[nodiscard]] Realization compile(const Schedule& schedule, const Machine& machine,
                                                  std::shared_ptr<ConstantStore> store) {
  const Model<float>& source = schedule.model;
  Lowering lowering(schedule, machine, std::move(store));
  std::string at;
  try {
    std::size_t next_input = 0;
    for (NodeId id = 0; id < source.size(); ++id) {
      at = source.node(id).name;
      const int threads = lowering.threads_for(id);
      const ThreadScope scope(threads);
      lowering.builder().set_threads(threads);
      lower_source(lowering, id, next_input);
    }
    for (std::size_t g = 0; g < lowering.groups().size(); ++g) {
      const FusionGroup& group = lowering.groups()[g];
      at = source.node(group.primary).name;
      const int threads = lowering.threads_for(group);
      const ThreadScope scope(threads);
      lowering.begin(g, threads);
      lower_group(lowering, group);
    }
    for (std::size_t k = 0; k < source.outputs().size(); ++k) {
      const NodeId id = source.outputs()[k];
      at = source.node(id).name;
      lowering.builder().deliver(lowering.value(id), k, at);
    }
  } catch (const dnnl::error& error) {
    throw Error("layer '" + at + "'", std::string("is refused by oneDNN (") + error.what() + ")");
  }
  Realization result;
  result.program = std::move(lowering.builder()).finish();
  std::set<NodeId> begun;
  for (const Step& step : result.program.steps) {
    const bool again = step.group && !begun.insert(step.group->primary).second;
    result.steps.push_back(realized_step(lowering, schedule, step, again));
  }
  return result;
}

}  // namespace fulcrum::detail::onednn
