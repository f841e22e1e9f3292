// fulcrum evaluate: accuracy on a whole test set, or another score on samples of one's own.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/table.hpp>

#include "command.hpp"
#include "int8.hpp"
#include "metric_argument.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"

using namespace fulcrum;

namespace {

struct EvaluateOptions {
  ModelArgument model;
  MetricArgument own;
  std::string data, precision, roundings = "keep";
  std::int64_t batch = 250;
  int threads = 0;
  bool json = false;
};

/// A score on samples of the user's own.
void evaluate_files(const EvaluateOptions& options, const Model<float>& model, const RunConfig& config) {
  const std::vector<Tensor<float>> sources = options.own.load_inputs();
  ProgressBar bar;
  const Metric metric = options.own.metric_for(model, sources, config, bar.sink());
  const ScoreReport report = fulcrum::evaluate(model, sources, config, metric, bar.sink());
  bar.clear();
  if (options.json) {
    print_document("evaluation", {{"model", model.name()},
                                  {"precision", name_of(config.precision)},
                                  {"metric", report.metric},
                                  {"score", report.score},
                                  {"samples", report.samples},
                                  {"notes", report.notes}});
    return;
  }
  char figure[64];
  std::snprintf(figure, sizeof figure, " %.6g on ", report.score);
  print(printable(report.metric) + figure + format_count(report.samples) + " samples (" +
        std::string(name_of(config.precision)) + ")\n");
}

void evaluate(const EvaluateOptions& options) {
  options.own.check("evaluate", !options.data.empty());
  Model<float> model = options.model.load();
  const bool keeps = options.roundings == "keep";
  const Precision precision =
      options.precision.empty() && !keeps ? Precision::f32 : precision_for(model, options.precision);
  if (options.own.given()) {
    if (precision == Precision::int8 && !is_quantized(model))
      throw Error(options.model.text, "is not quantized", "quantize it first: fulcrum compress --quantize int8");
    RunConfig config;
    config.batch = options.batch;
    config.threads = options.threads > 0 ? options.threads : current_environment().cores;
    config.precision = precision;
    config.roundings = roundings_from(options.roundings);
    return evaluate_files(options, model, config);
  }
  const Dataset test = load_dataset(options.data, Split::test);
  if (precision == Precision::int8 && !is_quantized(model)) {
    remark("the model is not quantized: quantizing it with ranges from 512 training images");
    model = quantized_on(model, options.data, {}, 512).model;
  }
  RunConfig onednn;
  onednn.batch = options.batch;
  onednn.threads = options.threads > 0 ? options.threads : current_environment().cores;
  onednn.precision = precision;
  onednn.roundings = roundings_from(options.roundings);
  ProgressBar bar;
  const AccuracyReport report = evaluate_accuracy(model, test, onednn, bar.sink());
  bar.clear();
  if (options.json) {
    nlohmann::json result = to_json(report);
    result["model"] = model.name();
    result["precision"] = name_of(precision);
    print_document("evaluation", std::move(result));
    return;
  }
  char line[128];
  std::snprintf(line, sizeof line, "accuracy %.2f %% on %lld samples (%s)\n", 100.0 * report.accuracy,
                static_cast<long long>(report.samples), std::string(name_of(precision)).c_str());
  print(line);
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand("evaluate", "Accuracy of a model on a whole test set, or another score");
  options->model.add_to(*command)->required();
  command->add_option("--data", options->data, "fashion-mnist, or a folder with its four IDX files: top-1");
  options->own.add_to(*command, {"top1", "top5", "mse", "cosine"});
  command->add_option("--precision", options->precision,
                      "f32, bf16 or int8 (default: int8 for a quantized model, else f32)");
  command
      ->add_option("--roundings", options->roundings,
                   "of a quantized model in f32 or bf16: keep, as its values are rounded, or leave_out")
      ->check(CLI::IsMember({"keep", "leave_out"}))
      ->capture_default_str();
  command->add_option("--batch", options->batch, "samples per inference")
      ->check(between(1, 1e6))
      ->capture_default_str();
  command->add_option("--threads", options->threads, "threads (default: all usable cores)")->check(between(1, 4096));
  add_output_to(*command, options->json);
  command->footer(
      "Examples:\n"
      "  fulcrum evaluate model.onnx --data fashion-mnist --precision int8\n"
      "  fulcrum evaluate int8.onnx --inputs x.npy --targets classes.npy --metric top5\n"
      "  fulcrum evaluate int8.onnx --inputs x.npy --metric cosine");
  command->callback([options] { evaluate(*options); });
}
