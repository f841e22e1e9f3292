#include "metric_argument.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include <fulcrum/data/npy.hpp>
#include <fulcrum/measure/named_metrics.hpp>

using namespace fulcrum;

namespace {

/// All of the last output, batch after batch.
struct CollectedOutputs {
  std::vector<float> values;
  Shape shape;

  void add(const Answers& answers) {
    const Tensor<float>& output = answers.outputs.back();
    values.insert(values.end(), output.flat().begin(), output.flat().end());
    shape = output.dims();
    shape[0] = answers.first + answers.count;
  }
  [[nodiscard]] Tensor<float> tensor() const { return {shape, std::span<const float>(values)}; }
};

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
      const std::size_t count = std::fread(piece, 1, sizeof piece, pipe);
      if (count == 0) break;
      printed.append(piece, count);
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

struct ScoreByCommand {
  std::string command;
  CollectedOutputs outputs;

  void add(const Answers& answers) { outputs.add(answers); }
  [[nodiscard]] double value() const { return score_by_command(command, outputs.tensor()); }
};

/// Keeps the outputs where they can be had after the evaluation.
struct KeptOutputs {
  std::shared_ptr<CollectedOutputs> outputs = std::make_shared<CollectedOutputs>();

  void add(const Answers& answers) const { outputs->add(answers); }
  [[nodiscard]] double value() const { return 0.0; }
};

}  // namespace

void MetricArgument::add_to(CLI::App& app, const std::vector<std::string>& metrics) {
  std::string names;
  for (const std::string& name : metrics) names += (names.empty() ? "" : name == metrics.back() ? " or " : ", ") + name;
  app.add_option("--inputs", inputs,
                 "instead of --data: samples of your own, .npy, the samples as first axis; once for each model input");
  app.add_option("--targets", targets, "what the last output should be, or its classes, .npy");
  app.add_option("--metric", metric, names + ", against --targets (cosine without them: against the f32 outputs)")
      ->check(CLI::IsMember(metrics));
  app.add_option("--metric-command", command,
                 "instead: a command that takes a .npy file of the outputs and prints a number");
}

void MetricArgument::check(const std::string& name, bool has_data) const {
  if (given() == has_data)
    throw Error(name, given() ? "was given --data and --inputs" : "was given nothing to evaluate on",
                "give --data, or --inputs for samples of your own");
  if (!given()) {
    if (!(targets.empty() && metric.empty() && command.empty()))
      throw Error("--metric", "is for samples of your own", "give --inputs; --data is scored by top-1");
    return;
  }
  if (metric.empty() == command.empty()) throw Error(name, "needs one score", "give --metric, or --metric-command");
  if (targets.empty() && command.empty() && metric != "cosine")
    throw Error("--metric " + metric, "needs targets", "give --targets; cosine takes the f32 outputs without");
  if (!targets.empty() && !command.empty())
    throw Error("--targets", "are of no use to a command", "let the command read them itself");
}

std::vector<Tensor<float>> MetricArgument::load_inputs() const {
  std::vector<Tensor<float>> sources;
  for (const std::string& path : inputs) sources.push_back(load_npy(path));
  return sources;
}

Metric MetricArgument::metric_for(const Model<float>& model, const std::vector<Tensor<float>>& sources,
                                  const RunConfig& config, const ProgressSink& progress) const {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].flat().empty())
      throw Error("--inputs " + inputs[i], "holds no sample", "give at least one, with the samples as first axis");
  }
  if (!command.empty()) return Metric(command, ScoreByCommand{command, {}});
  if (!targets.empty()) {
    Tensor<float> wanted = load_npy(targets);
    const std::int64_t samples = sources.front().dim(0);
    const std::int64_t there = wanted.dims().empty() ? 1 : wanted.dim(0);
    if (there != samples)
      throw Error("--targets " + targets,
                  "holds " + std::to_string(there) + " for " + std::to_string(samples) + " samples",
                  "give one for each sample");
    return metric_named(metric, std::move(wanted));
  }
  RunConfig plain = config;
  plain.precision = Precision::f32;
  const KeptOutputs kept;
  static_cast<void>(fulcrum::evaluate(model, sources, plain, Metric("outputs", kept), progress));
  return metric_named(metric, kept.outputs->tensor());
}
