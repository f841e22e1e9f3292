#pragma once
/// \file
/// What OnednnModel::compile() does: the model scheduled, the program made, its memory counted.

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/lower/compile.hpp>
#include <fulcrum/exec/onednn_model.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/onednn/team.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

namespace fulcrum {

namespace detail::onednn {

/// What the user of a plan would not expect of the steps that run: where they differ and nothing has said why, a value
/// before them came otherwise than planned.
inline void complete_amendments(std::vector<Amendment>& amendments, const Schedule& planned,
                                const std::vector<ScheduledStep>& steps) {
  const auto is_known = [&](const std::string& layer) {
    return std::any_of(amendments.begin(), amendments.end(), [&](const Amendment& a) { return a.layer == layer; });
  };
  for (const ScheduledStep& plan : planned.steps) {
    const auto same = std::find_if(steps.begin(), steps.end(), [&](const ScheduledStep& entry) {
      return entry.group && entry.group->primary == plan.group->primary;
    });
    if (same == steps.end()) {
      if (!is_known(plan.step.name))
        amendments.push_back({plan.step.name, "runs nothing", "its sources are computed where they lie in its result"});
      continue;
    }
    const fulcrum::Step& is = same->step;
    const bool alike = is.kind == plan.step.kind && is.src == plan.step.src && is.dst == plan.step.dst &&
                       is.threads == plan.step.threads && is.algorithm == plan.step.algorithm;
    if (alike || is_known(plan.step.name)) continue;
    amendments.push_back({plan.step.name,
                          "takes " + std::string(name_of(is.src)) + " and gives " + std::string(name_of(is.dst)),
                          "a value before it came otherwise than planned"});
  }
}

}  // namespace detail::onednn

FULCRUM_DEFINE std::shared_ptr<detail::onednn::ConstantStore> detail::onednn::make_constant_store() {
  return std::make_shared<ConstantStore>();
}

FULCRUM_DEFINE std::shared_ptr<const OnednnModel> OnednnModel::compile(
    const Model<float>& model, const RunConfig& config, std::vector<State> states,
    std::shared_ptr<detail::onednn::ConstantStore> constants) {
  validate(config);
  expect_threads(config.threads);
  if (!constants) constants = detail::onednn::make_constant_store();
  return std::shared_ptr<const OnednnModel>(
      new OnednnModel(model, config, std::move(states), std::move(constants), false));
}

FULCRUM_DEFINE std::shared_ptr<const OnednnModel> OnednnModel::keeping_nan() const {
  const std::lock_guard lock(mutex_);
  if (!keeping_nan_) keeping_nan_.reset(new OnednnModel(source_, config(), {}, constants_, true));
  return keeping_nan_;
}

FULCRUM_DEFINE std::vector<Shape> OnednnModel::of_batch(std::vector<Shape> shapes) const {
  if (slices().cut()) {
    for (Shape& shape : shapes) shape[0] *= slices().count;
  }
  return shapes;
}

FULCRUM_DEFINE OnednnModel::OnednnModel(const Model<float>& model, const RunConfig& config, std::vector<State> states,
                                        std::shared_ptr<detail::onednn::ConstantStore> constants, bool keeps_nan) {
  const auto start = std::chrono::steady_clock::now();
  const Machine machine = current_machine();
  schedule_ = make_schedule(model, config, machine, keeps_nan);
  if (schedule_.loses_nan) {
    source_ = model;
    constants_ = constants;
  }
  if (schedule_.quantization_assumed) {
    throw Error("model '" + model.name() + "'", "holds no quantized weights, so it cannot run in int8",
                "quantize it first: passes/quantize.hpp, or fulcrum compress MODEL --quantize int8");
  }
  const detail::ThreadScope threads(config.threads);
  detail::onednn::Realization made = detail::onednn::compile(schedule_, machine, std::move(constants));
  detail::onednn::Program& program = made.program;
  detail::onednn::complete_amendments(program.amendments, schedule_, made.steps);
  schedule_.steps = std::move(made.steps);
  schedule_.amendments = program.amendments;
  schedule_.realized = true;
  for (std::string& note : program.notes) schedule_.notes.push_back(std::move(note));

  const BatchSlices& slices = schedule_.slices;
  for (const detail::onednn::Step& step : program.steps) {
    steps_.push_back(step.info);
    steps_.back().flops *= static_cast<double>(slices.count);
    steps_.back().bytes *= static_cast<double>(slices.count);
    memory_.weights += step.native_weights;
  }
  states_ = bind_states(model, std::move(states), of_batch(program.src_shapes), of_batch(program.dst_shapes));
  src_shapes_ = StateBinding::at(states_.src_shapes, states_.src);
  dst_shapes_ = StateBinding::at(states_.dst_shapes, states_.dst);
  const std::set<detail::onednn::SharedConstant> constants_once(program.constants.begin(), program.constants.end());
  for (const detail::onednn::SharedConstant& constant : constants_once) {
    if (constant) memory_.weights += constant->memory.get_desc().get_size();
  }
  const auto lanes = static_cast<std::size_t>(slices.lanes);
  memory_.activations = lanes * program.arena_bytes;
  for (BoundState& state : states_.states) {
    state.in_place = detail::onednn::may_write_over(program, state.src, state.dst);
    memory_.activations +=
        (state.in_place ? 1 : 2) * sizeof(float) * static_cast<std::size_t>(element_count(state.shape));
  }
  memory_.scratchpad = lanes * program.scratchpad_bytes;
  schedule_.model = Model<float>(schedule_.model.name());  // the program has what it needs of it
  program_ = std::make_shared<const detail::onednn::Program>(std::move(program));
  detail::release_team();  // packing had one, and whoever runs the model may be another thread
  creation_time_ = std::chrono::steady_clock::now() - start;
}

}  // namespace fulcrum
