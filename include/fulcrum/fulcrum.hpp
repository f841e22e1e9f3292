#pragma once
/// \file
/// What the target fulcrum::fulcrum alone can compile: models, passes, cost, the reference, the planning and reports
/// that need no engine. fulcrum/onednn.hpp adds oneDNN, fulcrum/onnx.hpp ONNX files, fulcrum/load.hpp the load
/// generator, fulcrum/json.hpp profile files and reports as JSON and HTML; fulcrum/tensor/matrix_view.hpp looks at
/// tensors as Eigen's matrices.

#include <fulcrum/core/bf16.hpp>
#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/error.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/core/language.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/core/shape.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/core/utc.hpp>
#include <fulcrum/core/utf8.hpp>

#include <fulcrum/tensor/aligned_allocator.hpp>
#include <fulcrum/tensor/quantization.hpp>
#include <fulcrum/tensor/shared_tensor.hpp>
#include <fulcrum/tensor/small_vector.hpp>
#include <fulcrum/tensor/tensor.hpp>

#include <fulcrum/layers/activation.hpp>
#include <fulcrum/layers/along_axis.hpp>
#include <fulcrum/layers/batch_normalization.hpp>
#include <fulcrum/layers/binary.hpp>
#include <fulcrum/layers/concat.hpp>
#include <fulcrum/layers/conv.hpp>
#include <fulcrum/layers/conv_transpose.hpp>
#include <fulcrum/layers/dense.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/indexed.hpp>
#include <fulcrum/layers/layer.hpp>
#include <fulcrum/layers/matmul.hpp>
#include <fulcrum/layers/movement.hpp>
#include <fulcrum/layers/normalization.hpp>
#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/layers/pool.hpp>
#include <fulcrum/layers/quantize_linear.hpp>
#include <fulcrum/layers/recurrent.hpp>
#include <fulcrum/layers/reduce.hpp>
#include <fulcrum/layers/reshape.hpp>
#include <fulcrum/layers/resize.hpp>
#include <fulcrum/layers/sampling.hpp>
#include <fulcrum/layers/select.hpp>
#include <fulcrum/layers/softmax.hpp>
#include <fulcrum/layers/source.hpp>
#include <fulcrum/layers/window.hpp>
#include <fulcrum/layers/work.hpp>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/builder_options.hpp>
#include <fulcrum/model/cast.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/model/rewrite.hpp>

#include <fulcrum/analysis/channel_dependencies.hpp>
#include <fulcrum/analysis/channel_gate.hpp>
#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/analysis/independent_samples.hpp>
#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/quantization_placement.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>

#include <fulcrum/onnx/import_options.hpp>

#include <fulcrum/data/dataset.hpp>
#include <fulcrum/data/idx.hpp>
#include <fulcrum/data/npy.hpp>

#include <fulcrum/zoo/bert_base.hpp>
#include <fulcrum/zoo/convnext_tiny.hpp>
#include <fulcrum/zoo/densenet121.hpp>
#include <fulcrum/zoo/efficientnet_b0.hpp>
#include <fulcrum/zoo/fashion_cnn.hpp>
#include <fulcrum/zoo/googlenet.hpp>
#include <fulcrum/zoo/m5.hpp>
#include <fulcrum/zoo/mlp.hpp>
#include <fulcrum/zoo/mnasnet1_0.hpp>
#include <fulcrum/zoo/mobilenet_v2.hpp>
#include <fulcrum/zoo/r3d_18_slim.hpp>
#include <fulcrum/zoo/recommendation.hpp>
#include <fulcrum/zoo/regnet_y_400mf.hpp>
#include <fulcrum/zoo/resnet18.hpp>
#include <fulcrum/zoo/resnet50.hpp>
#include <fulcrum/zoo/resnext50_32x4d.hpp>
#include <fulcrum/zoo/shufflenet_v2_x1_0.hpp>
#include <fulcrum/zoo/speech_lstm.hpp>
#include <fulcrum/zoo/squeezenet1_1.hpp>
#include <fulcrum/zoo/unet.hpp>
#include <fulcrum/zoo/vgg11.hpp>
#include <fulcrum/zoo/vit_b_16.hpp>
#include <fulcrum/zoo/vit_tiny.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <fulcrum/passes/calibration.hpp>
#include <fulcrum/passes/channel_saliency.hpp>
#include <fulcrum/passes/fake_quant_with_min_max.hpp>
#include <fulcrum/passes/fake_quantize.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/prune_channels.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/passes/quantize_dynamic.hpp>
#include <fulcrum/passes/range_observer.hpp>
#include <fulcrum/passes/read_through_concat.hpp>
#include <fulcrum/passes/remove_channels.hpp>
#include <fulcrum/passes/signal_to_noise.hpp>
#include <fulcrum/passes/simplify_arithmetic.hpp>

#include <fulcrum/run/compare.hpp>
#include <fulcrum/run/compare_rounds.hpp>
#include <fulcrum/run/latency_report.hpp>
#include <fulcrum/run/memory_use.hpp>
#include <fulcrum/run/rank_test.hpp>
#include <fulcrum/run/run_config.hpp>

#include <fulcrum/schedule/algorithm.hpp>
#include <fulcrum/schedule/batch_slices.hpp>
#include <fulcrum/schedule/layout_change.hpp>
#include <fulcrum/schedule/loops.hpp>
#include <fulcrum/schedule/machine.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/memory_plan.hpp>
#include <fulcrum/schedule/model_as_run.hpp>
#include <fulcrum/schedule/movement.hpp>
#include <fulcrum/schedule/plan_steps.hpp>
#include <fulcrum/schedule/recurrent.hpp>
#include <fulcrum/schedule/schedule.hpp>
#include <fulcrum/schedule/sparse.hpp>
#include <fulcrum/schedule/step.hpp>
#include <fulcrum/schedule/step_geometry.hpp>
#include <fulcrum/schedule/step_threads.hpp>
#include <fulcrum/schedule/value_types.hpp>
#include <fulcrum/schedule/winograd.hpp>

#include <fulcrum/cost/calibration_note.hpp>
#include <fulcrum/cost/drift.hpp>
#include <fulcrum/cost/efficiency.hpp>
#include <fulcrum/cost/error_summary.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/machine_rates.hpp>
#include <fulcrum/cost/memory.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/cost/predictor.hpp>
#include <fulcrum/cost/roofline.hpp>

#include <fulcrum/exec/any_executor.hpp>
#include <fulcrum/exec/executor.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/exec/explanation.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/exec/reference_factory.hpp>
#include <fulcrum/exec/state.hpp>
#include <fulcrum/exec/step_info.hpp>
#include <fulcrum/exec/streaming_executor.hpp>

#include <fulcrum/measure/run_blocks.hpp>
#include <fulcrum/measure/statistics.hpp>
#include <fulcrum/measure/turns.hpp>

#include <fulcrum/load/arrivals.hpp>
#include <fulcrum/load/batch_policy.hpp>
#include <fulcrum/load/completion.hpp>
#include <fulcrum/load/load_report.hpp>
#include <fulcrum/load/queue_policy.hpp>
#include <fulcrum/load/request_record.hpp>
#include <fulcrum/load/scenario.hpp>
#include <fulcrum/load/service_time.hpp>
#include <fulcrum/load/simulate.hpp>
#include <fulcrum/validate/error_card.hpp>
#include <fulcrum/validate/statistics.hpp>
#include <fulcrum/validate/validation.hpp>

#include <fulcrum/plan/advice.hpp>
#include <fulcrum/plan/candidate.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/plan/front.hpp>
#include <fulcrum/plan/model_cost.hpp>
#include <fulcrum/plan/objective.hpp>
#include <fulcrum/plan/pareto.hpp>
#include <fulcrum/plan/recommendation.hpp>
#include <fulcrum/plan/reduced_model.hpp>
#include <fulcrum/plan/selection.hpp>
#include <fulcrum/plan/service_answer.hpp>
#include <fulcrum/plan/service_plan.hpp>
#include <fulcrum/plan/service_simulation.hpp>
#include <fulcrum/plan/service_space.hpp>
#include <fulcrum/plan/service_study.hpp>
#include <fulcrum/plan/space.hpp>
#include <fulcrum/plan/study.hpp>

#include <fulcrum/report/advice_text.hpp>
#include <fulcrum/report/comparison_text.hpp>
#include <fulcrum/report/explanation_text.hpp>
#include <fulcrum/report/latency_text.hpp>
#include <fulcrum/report/load_text.hpp>
#include <fulcrum/report/model_summary.hpp>
#include <fulcrum/report/pass_text.hpp>
#include <fulcrum/report/profile_text.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/service_text.hpp>
#include <fulcrum/report/table.hpp>
#include <fulcrum/report/tradeoff_text.hpp>
#include <fulcrum/report/validation_text.hpp>
