// fulcrum evaluate: accuracy on a whole test set, or another score on samples of one's own.

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/measure/named_metrics.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/table.hpp>

#include "command.hpp"
#include "int8.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"

using namespace fulcrum;

namespace {

struct EvaluateOptions {
  ModelArgument model;
  std::string data, precision, roundings = "keep", targets, metric, metric_command;
  std::vector<std::string> inputs;
  std::int64_t batch = 250;
  int threads = 0;
  bool json = false;
};

/// All of the last output, batch after batch.
struct CollectedOutputs {
  std::shared_ptr<std::vector<float>> values = std::make_shared<std::vector<float>>();
  std::shared_ptr<Shape> shape = std::make_shared<Shape>();

  void add(const Answers& answers) const {
    const Tensor<float>& output = answers.outputs.back();
    values->insert(values->end(), output.flat().begin(), output.flat().end());
    *shape = output.dims();
    (*shape)[0] = answers.first + answers.count;
  }
  [[nodiscard]] double value() const { return static_cast<double>((*shape)[0]); }
  [[nodiscard]] Tensor<float> tensor() const { return {*shape, std::span<const float>(*values)}; }
};

Tensor<float> outputs_of(const Model<float>& model, const std::vector<Tensor<float>>& sources, const RunConfig& config,
                         const ProgressSink& progress) {
  const CollectedOutputs collected;
  static_cast<void>(fulcrum::evaluate(model, sources, config, Metric("outputs", collected), progress));
  return collected.tensor();
}

/// The number that a command of the user's prints for a file of outputs.
double score_by_command(const std::string& command, const Tensor<float>& outputs) {
  const char* folder = std::getenv("TMPDIR");
  const std::string path = std::string(folder != nullptr && *folder != '\0' ? folder : "/tmp") + "/fulcrum-outputs-" +
                           std::to_string(::getpid()) + ".npy";
  save_npy(outputs, path);
  std::string printed;
  int status = -1;
  if (std::FILE* pipe = ::popen((command + " '" + path + "'").c_str(), "r"); pipe != nullptr) {
    char piece[256];
    while (printed.size() < 4096) {
      const std::size_t got = std::fread(piece, 1, sizeof piece, pipe);
      if (got == 0) break;
      printed.append(piece, got);
    }
    status = ::pclose(pipe);
  }
  static_cast<void>(std::remove(path.c_str()));
  const std::string where = "--metric-command " + command;
  if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw Error(where, "did not end with 0", "try it on a file that fulcrum run writes");
  const std::size_t first = printed.find_first_not_of(" \t\n");
  double score = 0.0;
  const char* const end = printed.data() + printed.size();
  if (first == std::string::npos || std::from_chars(printed.data() + first, end, score).ec != std::errc())
    throw Error(where, "printed no number", "let it print the score and nothing before it");
  return score;
}

/// A score on samples of the user's own.
void evaluate_files(const EvaluateOptions& options, const Model<float>& model, const RunConfig& config) {
  std::vector<Tensor<float>> sources;
  for (const std::string& path : options.inputs) sources.push_back(load_npy(path));
  ProgressBar bar;
  ScoreReport report;
  if (!options.metric_command.empty()) {
    const Tensor<float> outputs = outputs_of(model, sources, config, bar.sink());
    report.metric = options.metric_command;
    report.samples = outputs.dim(0);
    report.score = score_by_command(options.metric_command, outputs);
  } else {
    RunConfig plain = config;
    plain.precision = Precision::f32;
    Tensor<float> targets =
        options.targets.empty() ? outputs_of(model, sources, plain, bar.sink()) : load_npy(options.targets);
    report = fulcrum::evaluate(model, sources, config, metric_named(options.metric, std::move(targets)), bar.sink());
  }
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

void check_options(const EvaluateOptions& options) {
  const bool own = !options.inputs.empty();
  if (own == !options.data.empty())
    throw Error("evaluate", own ? "was given --data and --inputs" : "was given nothing to evaluate on",
                "give --data, or --inputs for samples of your own");
  if (!own) {
    if (!(options.targets.empty() && options.metric.empty() && options.metric_command.empty()))
      throw Error("--metric", "is for samples of your own", "give --inputs; --data is scored by top-1");
    return;
  }
  if (options.metric.empty() == options.metric_command.empty())
    throw Error("evaluate", "needs one score", "give --metric, or --metric-command");
  if (options.targets.empty() && options.metric_command.empty() && options.metric != "cosine")
    throw Error("--metric " + options.metric, "needs targets", "give --targets; cosine takes the f32 outputs without");
}

void evaluate(const EvaluateOptions& options) {
  check_options(options);
  Model<float> model = options.model.load();
  const bool keeps = options.roundings == "keep";
  const Precision precision =
      options.precision.empty() && !keeps ? Precision::f32 : precision_for(model, options.precision);
  if (!options.inputs.empty()) {
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
  command->add_option("--inputs", options->inputs,
                      "instead: samples of your own, .npy, the samples as first axis; once for each model input");
  command->add_option("--targets", options->targets, "what the last output should be, or its classes, .npy");
  command
      ->add_option("--metric", options->metric,
                   "top1, top5, mse or cosine, against --targets (cosine without them: against the f32 outputs)")
      ->check(CLI::IsMember({"top1", "top5", "mse", "cosine"}));
  command->add_option("--metric-command", options->metric_command,
                      "instead: a command that takes a .npy file of the outputs and prints a number");
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
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(
      "Examples:\n"
      "  fulcrum evaluate model.onnx --data fashion-mnist --precision bf16\n"
      "  fulcrum evaluate int8.onnx --inputs x.npy --targets classes.npy --metric top5\n"
      "  fulcrum evaluate int8.onnx --inputs x.npy --metric cosine");
  command->callback([options] { evaluate(*options); });
}
