#pragma once
/// \file
/// What OnednnModel::compile() does: options checked, the batch cut, the program made, its memory counted.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/lower/compile.hpp>
#include <fulcrum/exec/onednn_model.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/onednn/team.hpp>
#include <fulcrum/onednn/thread_scope.hpp>

namespace fulcrum {

FULCRUM_DEFINE std::shared_ptr<detail::onednn::ConstantStore> detail::onednn::make_constant_store() {
  return std::make_shared<ConstantStore>();
}

FULCRUM_DEFINE std::shared_ptr<const OnednnModel> OnednnModel::compile(
    const Model<float>& model, const RunConfig& config, std::shared_ptr<detail::onednn::ConstantStore> constants) {
  if (!constants) constants = detail::onednn::make_constant_store();
  return std::shared_ptr<const OnednnModel>(new OnednnModel(model, config, std::move(constants)));
}

FULCRUM_DEFINE OnednnModel::OnednnModel(const Model<float>& model, const RunConfig& config,
                                        std::shared_ptr<detail::onednn::ConstantStore> constants)
    : config_(config), precision_(config.precision) {
  const auto start = std::chrono::steady_clock::now();
  validate(config);
  expect_batch(model, config.batch);
  for (const auto& [layer, precision] : config.layer_precision) {
    if (!model.find(layer)) {
      throw Error("layer_precision: '" + layer + "'", "is no layer of model '" + model.name() + "'");
    }
  }
  std::string fallback;
  if (const std::string reason = why_unsupported(precision_); !reason.empty()) {
    if (config.missing_precision == MissingPrecision::refuse) {
      throw Error("precision " + std::string(name_of(precision_)), reason, "run in f32, or allow the fallback to it");
    }
    fallback = reason + ": runs in f32";
    precision_ = Precision::f32;
  }
  const detail::ThreadScope threads(config.threads);  // says when there are none
  const Model<float> source = detail::onednn::prepared(model, precision_);
  slices_ = slices_of(source, config, precision_);
  const RunConfig of_slice = config_of_slice(config, slices_);
  program_ = std::make_shared<const detail::onednn::Program>(
      detail::onednn::compile(source, of_slice, precision_, std::move(constants)));
  const detail::onednn::Program& program = *program_;
  notes_ = program.notes;
  if (!fallback.empty()) notes_.push_back(std::move(fallback));
  if (slices_.cut()) notes_.push_back("the batch runs in " + to_string(slices_));

  for (const detail::onednn::Step& step : program.steps) {
    steps_.push_back(step.info);
    steps_.back().flops *= static_cast<double>(slices_.count);
    steps_.back().bytes *= static_cast<double>(slices_.count);
    memory_.weights += step.native_weights;
  }
  src_shapes_ = of_batch(program.src_shapes);
  dst_shapes_ = of_batch(program.dst_shapes);
  const std::set<detail::onednn::SharedConstant> constants_once(program.constants.begin(), program.constants.end());
  for (const detail::onednn::SharedConstant& constant : constants_once) {
    if (constant) memory_.weights += constant->memory.get_desc().get_size();
  }
  const auto lanes = static_cast<std::size_t>(slices_.lanes);
  memory_.activations = lanes * program.arena_bytes;
  memory_.scratchpad = lanes * program.scratchpad_bytes;
  detail::release_team();  // packing had one, and whoever runs the model may be another thread
  creation_time_ = std::chrono::steady_clock::now() - start;
}

FULCRUM_DEFINE std::vector<Shape> OnednnModel::of_batch(std::vector<Shape> shapes) const {
  if (slices_.cut()) {
    for (Shape& shape : shapes) shape[0] *= slices_.count;
  }
  return shapes;
}

FULCRUM_DEFINE BatchSlices OnednnModel::slices_of(const Model<float>& model, const RunConfig& config,
                                                  Precision precision) {
  if (config.slice == 0) {
    if (config.batch < 2) return {config.batch, 1, 1};
    const Environment machine = current_environment();
    RunConfig run = config;
    run.precision = precision;
    return choose_slices(model, run, believable_caches(current_caches(), machine.cores), machine.cores,
                         cpu_runs_winograd() ? machine.isa : "");
  }
  if (config.slice == config.batch) return {config.batch, 1, 1};
  if (!samples_are_independent(model, config.batch, config.slice)) {
    throw Error("slice " + std::to_string(config.slice),
                "cannot be: model '" + model.name() + "' mixes the samples of a batch, or may do so",
                "give 0 or the batch size");
  }
  const std::int64_t count = config.batch / config.slice;
  return {config.slice, count, static_cast<int>(std::min<std::int64_t>(count, config.threads))};
}

}  // namespace fulcrum
