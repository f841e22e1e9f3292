#pragma once
/// \file
/// Everything that runs on oneDNN (target fulcrum::onednn): the executor, training, measuring, calibration,
/// validation and the trade-off study.

#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/onednn/precision_support.hpp>

#include <fulcrum/exec/explain.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/exec/onednn_model.hpp>
#include <fulcrum/exec/onednn_model_cache.hpp>
#include <fulcrum/exec/onednn_runner.hpp>

#include <fulcrum/train/batches.hpp>
#include <fulcrum/train/distillation.hpp>
#include <fulcrum/train/fake_quantize_hook.hpp>
#include <fulcrum/train/gradual_prune_hook.hpp>
#include <fulcrum/train/learned_step_hook.hpp>
#include <fulcrum/train/loss.hpp>
#include <fulcrum/train/mask_hook.hpp>
#include <fulcrum/train/network.hpp>
#include <fulcrum/train/optimizer.hpp>
#include <fulcrum/train/parameter_hooks.hpp>
#include <fulcrum/train/schedule.hpp>
#include <fulcrum/train/taylor_saliency.hpp>
#include <fulcrum/train/trainable_parameter.hpp>
#include <fulcrum/train/trainer.hpp>
#include <fulcrum/train/value_rounding.hpp>

#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/measure/choose_precision.hpp>
#include <fulcrum/measure/core_watch.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/measure/evaluate.hpp>
#include <fulcrum/measure/instances.hpp>
#include <fulcrum/measure/looks_persistence.hpp>
#include <fulcrum/measure/measure.hpp>
#include <fulcrum/measure/named_metrics.hpp>

#include <fulcrum/calibrate/calibrate.hpp>

#include <fulcrum/load/beside_runner.hpp>
#include <fulcrum/load/queued_runner.hpp>
#include <fulcrum/load/runner_load.hpp>
#include <fulcrum/validate/run_validation.hpp>

#include <fulcrum/plan/accuracy_score.hpp>
#include <fulcrum/plan/compress_to_target.hpp>
#include <fulcrum/plan/measure_in_turns.hpp>
#include <fulcrum/plan/measured_latency.hpp>
#include <fulcrum/plan/run_recipe.hpp>
#include <fulcrum/plan/study_notes.hpp>
#include <fulcrum/plan/study_variants.hpp>
#include <fulcrum/plan/tradeoff.hpp>
#include <fulcrum/plan/tradeoff_options.hpp>
#include <fulcrum/plan/variants.hpp>
