#pragma once
/// \file
/// The steps of a model for a RunConfig, before the changes of layout and type that an executor adds (see
/// movement.hpp).

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/schedule/detail/step_dtypes.hpp>
#include <fulcrum/schedule/step.hpp>
#include <fulcrum/schedule/step_geometry.hpp>
#include <fulcrum/schedule/step_threads.hpp>
#include <fulcrum/schedule/winograd.hpp>

namespace fulcrum {

/// A step in its place in the graph.
struct ModelStep {
  Step step;
  std::vector<NodeId> src;         ///< the values it takes, views (Reshape, Flatten) looked through
  std::vector<DType> src_dtypes;   ///< in which it takes them
  std::size_t own_src = 0;         ///< how many of them its primary layer takes; the rest are residuals
  NodeId dst = 0;                  ///< the value it computes
  bool may_overwrite_sum = false;  ///< nobody else reads the residual from here on, so the sum can be made in its place
};

/// What runs, in order, with what is needed to see where values change hands.
struct ModelSteps {
  std::vector<ModelStep> steps;       ///< views are left out: they cost nothing
  std::vector<std::string> names;     ///< of every node
  std::vector<Shape> shapes;          ///< of every value, by node id
  std::vector<DType> dtypes;          ///< in which every value is kept between steps, by node id
  std::vector<NodeId> inputs;         ///< values the user gives, in f32
  std::vector<NodeId> outputs;        ///< values the user gets, in f32; views looked through
  double reuse_bytes = 0.0;           ///< [B] touched by one inference
  int threads = 1;                    ///< of the configuration
  bool quantization_assumed = false;  ///< int8 was asked of a model that no quantization pass has been over
};

/// The steps of a model. Batch normalizations that a pass could fold should have been folded, as executors do.
/// \param isa  instruction sets of the machine (Environment::isa); empty: none that changes how a convolution runs
/// \throws Error when the configuration is out of range or shapes do not fit
template <class T>
[[nodiscard]] ModelSteps model_steps(const Model<T>& model, const RunConfig& config, std::string_view isa = {}) {
  validate(config);
  expect_batch(model, config.batch);
  ModelSteps result;
  result.threads = config.threads;
  result.shapes = infer_shapes(model, config.batch);
  const std::vector<Work> work = infer_work(model, result.shapes);
  const std::vector<FusionGroup> groups = fusion_groups(model);
  const detail::TypePlan<T> types(model, groups, config.precision);
  result.dtypes = types.kept();
  result.quantization_assumed = types.assumed();

  std::vector<NodeId> origin;  // the value a view looks at; any other value: itself
  for (NodeId id = 0; id < model.size(); ++id) {
    const Node<T>& node = model.node(id);
    origin.push_back(is_view(model, id) ? origin[node.src[0]] : id);
    result.names.push_back(node.name);
  }
  result.inputs = model.inputs();
  for (const NodeId id : model.outputs()) result.outputs.push_back(origin[id]);

  for (const FusionGroup& group : groups) {
    const Node<T>& node = model.node(group.primary);
    const auto classified = detail::classify(node.layer, src_shapes(node, result.shapes), result.shapes[group.primary]);
    if (!classified || is_view(model, group.primary)) continue;
    ModelStep entry;
    Step& step = entry.step;
    step.name = node.name;
    step.kind = kind_of(model, group);
    step.kernel = classified->first;
    step.geometry = classified->second;
    if (step.kernel == KernelClass::movement) step.movement = Movement::joined;
    if (const auto* pool = std::get_if<Pool>(&node.layer)) step.average = pool->pool == PoolKind::average;
    if (const auto* pool = std::get_if<GlobalPool>(&node.layer)) step.average = pool->pool == PoolKind::average;
    const detail::StepTypes step_types = types.types_of(group);
    step.src = step_types.src;
    step.dst = step_types.dst;
    step.arithmetic = step_types.arithmetic;
    step.threads = step_threads(model, group, result.shapes, work, config.threads);
    entry.own_src = node.src.size();
    entry.dst = group.dst;

    step.flops = work[group.primary].flops;
    if (const auto* own = std::get_if<Activation>(&node.layer)) step.functions = detail::is_function(own->function);
    for (const NodeId id : group.absorbed) {
      step.flops += work[id].flops;
      const Layer<T>& member = model.node(id).layer;
      if (std::holds_alternative<Binary>(member)) ++step.geometry.extra_src;
      if (const auto* activation = std::get_if<Activation>(&member))
        step.functions += detail::is_function(activation->function);
    }
    const auto bytes_of = [&](NodeId id, DType dtype) {
      return static_cast<double>(element_count(result.shapes[id])) * static_cast<double>(size_of(dtype));
    };
    const std::vector<NodeId> sources = group_sources(model, group);
    // What the primary reads of its sources, which need not be all of them (a Gather's table); residuals whole.
    step.src_bytes = static_cast<double>(work[group.primary].src_elements) * static_cast<double>(size_of(step.src));
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const bool own = i < entry.own_src;
      entry.src.push_back(origin[sources[i]]);
      entry.src_dtypes.push_back(own ? types.src_dtype_of(group, sources[i]) : result.dtypes[origin[sources[i]]]);
      if (!own) step.src_bytes += bytes_of(sources[i], step.dst);
    }
    step.dst_bytes = bytes_of(group.dst, step.dst);
    step.weight_bytes =
        static_cast<double>(work[group.primary].weight_elements) * static_cast<double>(size_of(step.arithmetic));
    if (isa_runs_winograd(isa) && step.arithmetic == Precision::f32 &&
        runs_winograd(model, group, step.geometry, config.algorithms.winograd)) {
      step.kernel = KernelClass::winograd_convolution;
      step.weight_bytes =
          sizeof(float) * static_cast<double>(winograd_weight_elements(step.geometry) + step.geometry.oc);
    }
    result.steps.push_back(std::move(entry));
  }

  // Which residuals are read for the last time.
  std::vector<std::size_t> last_use(model.size(), 0);
  for (std::size_t i = 0; i < result.steps.size(); ++i) {
    for (const NodeId id : result.steps[i].src) last_use[id] = i;
  }
  for (const NodeId id : result.outputs) last_use[id] = result.steps.size();
  for (const NodeId id : result.inputs) last_use[id] = result.steps.size();
  double weights = 0.0;
  double activations = 0.0;
  for (std::size_t i = 0; i < result.steps.size(); ++i) {
    ModelStep& entry = result.steps[i];
    if (entry.src.size() > entry.own_src)
      entry.may_overwrite_sum =
          last_use[entry.src.back()] == i && std::count(entry.src.begin(), entry.src.end(), entry.src.back()) == 1;
    weights += entry.step.weight_bytes;
    activations = std::max(activations, entry.step.src_bytes + entry.step.dst_bytes);
  }
  result.reuse_bytes = weights + activations;
  for (ModelStep& entry : result.steps) entry.step.reuse_bytes = result.reuse_bytes;
  return result;
}

}  // namespace fulcrum
