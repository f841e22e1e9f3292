#pragma once
/// \file
/// From a model, a configuration and a machine to how it runs.

#include <string>
#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/schedule/batch_slices.hpp>
#include <fulcrum/schedule/machine.hpp>
#include <fulcrum/schedule/model_as_run.hpp>
#include <fulcrum/schedule/plan_steps.hpp>
#include <fulcrum/schedule/schedule.hpp>

namespace fulcrum {

/// Decides how a model runs: the model as it runs, slices, and types, threads and algorithm of each step.
///
/// int8 of a model that no quantization pass has been over is planned as a pass would leave it
/// (Schedule::quantization_assumed).
/// \throws Error when the configuration is out of range, names no layer, asks for a precision that the machine lacks
///         (unless missing_precision says to run in f32) or cuts samples apart that the model mixes, and when shapes do
///         not fit
/// \param keeps_nan  as Schedule has it
FULCRUM_DECLARE [[nodiscard]] Schedule make_schedule(const Model<float>& model, const RunConfig& config,
                                                     const Machine& machine, bool keeps_nan = false);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

FULCRUM_DEFINE Schedule make_schedule(const Model<float>& model, const RunConfig& config, const Machine& machine,
                                      bool keeps_nan) {
  validate(config);
  expect_batch(model, config.batch);
  for (const auto& [layer, precision] : config.layer_precision) {
    if (!model.find(layer))
      throw Error("layer_precision: '" + layer + "'", "is no layer of model '" + model.name() + "'");
    if (const std::string reason = why_unsupported(precision, machine); !reason.empty())
      throw Error("layer '" + layer + "' in " + std::string(name_of(precision)), reason, "run it in f32");
  }
  Schedule schedule;
  schedule.config = config;
  RunConfig run = config;
  if (const std::string reason = why_unsupported(config.precision, machine); !reason.empty()) {
    if (config.missing_precision == MissingPrecision::refuse) {
      throw Error("precision " + std::string(name_of(config.precision)), reason,
                  "choose another, or let it run in f32 (missing precision: f32)");
    }
    run.precision = Precision::f32;
    schedule.notes.push_back(reason + ": runs in f32");
  }
  FoldResult<float> as_run = model_as_run(model, run);
  schedule.model = std::move(as_run.model);
  schedule.folded = std::move(as_run.report);
  schedule.slices = slices_of(schedule.model, run, machine);
  schedule.of_slice = config_of_slice(run, schedule.slices);
  if (schedule.slices.cut()) schedule.notes.push_back("the batch runs in " + to_string(schedule.slices));
  schedule.keeps_nan = keeps_nan;
  plan_steps(schedule, machine);
  return schedule;
}

}  // namespace fulcrum

#endif
