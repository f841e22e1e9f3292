#include "target_argument.hpp"

#include <fulcrum/data/dataset.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/plan/measured_latency.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/table.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "option_values.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

std::string what_of(const TargetCandidate& candidate) {
  std::string text;
  for (const RecipeStep& step : candidate.recipe.steps())
    text += (text.empty() ? "" : ", ") + std::string(kind_of(step));
  return text.empty() ? "as it is" : text;
}

nlohmann::json to_json(const TargetCandidate& candidate) {
  return {{"precision", name_of(candidate.precision)},
          {"what", what_of(candidate)},
          {"predicted_ms", candidate.predicted_ms},
          {"flops_left", candidate.flops_left},
          {"reaches", candidate.reaches},
          {"tried", candidate.tried},
          {"accuracy", candidate.tried ? nlohmann::json(candidate.accuracy) : nlohmann::json(nullptr)},
          {"why_not", candidate.why_not}};
}

}  // namespace

void TargetArgument::add_to(CLI::App& command) {
  command
      .add_option(
          "--target-latency-ms", options.latency_ms,
          "searches for what is predicted to reach this median latency and costs the least accuracy: a narrower "
          "precision, fewer channels with fine-tuning, or both (needs --data)")
      ->check(above_zero());
  command
      .add_option("--max-accuracy-drop", max_drop_points,
                  "points that the target, or --quantize int8, may cost (there, layers that cost more stay in float)")
      ->check(between(0, 100))
      ->capture_default_str();
  command.add_option("--fine-tune-epochs", options.epochs, "passes over the training set after channels were pruned")
      ->check(between(1, 100000))
      ->capture_default_str();
  command
      .add_option("--seed", options.seed,
                  "of what is drawn while fine-tuning; with --recipe of all that is drawn, instead of the recipe's")
      ->capture_default_str();
}

void TargetArgument::run(const ModelArgument& argument, const std::string& output, const std::string& data,
                         const PruneChannelsArgument& how, bool json) const {
  if (data.empty()) throw Error("--target-latency-ms", "needs samples to fine-tune and evaluate on", "give --data");
  const Model<float> model = argument.load();
  const Dataset train_set = load_dataset(data, Split::train);
  const Dataset test_set = load_dataset(data, Split::test);
  const MachineProfile profile = profile_for_this_machine(how.profile);
  RecipeSettings settings;
  settings.train_set = &train_set;
  settings.test_set = &test_set;
  settings.profile = &profile;
  settings.config = how.run.for_model(model);
  TargetOptions wanted = options;
  wanted.max_accuracy_drop = max_drop_points / 100.0;
  wanted.channels = how.options();
  wanted.measured_ms = measured_latency_ms;
  ProgressBar bar;
  const TargetResult result = compress_to_target(model, wanted, settings, bar.sink());
  const TargetCandidate& chosen = result.candidates.at(result.chosen);
  RunConfig config = settings.config;
  config.precision = chosen.precision;
  const double measured_ms = measured_latency_ms(result.model, config);
  bar.clear();
  export_onnx(result.model, output);
  if (json) {
    nlohmann::json candidates = nlohmann::json::array();
    for (const TargetCandidate& candidate : result.candidates) candidates.push_back(to_json(candidate));
    print_document("compression", {{"model", model.name()},
                                   {"output", output},
                                   {"met", result.met},
                                   {"target_ms", wanted.latency_ms},
                                   {"measured_ms", measured_ms},
                                   {"baseline_ms", result.baseline_ms},
                                   {"baseline_accuracy", result.baseline_accuracy},
                                   {"chosen", result.chosen},
                                   {"candidates", candidates}});
    return;
  }
  Table table({{"precision"},
               {"what"},
               {"predicted", Align::right},
               {"FLOPs left", Align::right},
               {"accuracy", Align::right},
               {"against f32", Align::right}});
  for (const TargetCandidate& c : result.candidates) {
    table.add_row({std::string(name_of(c.precision)), c.why_not.empty() ? what_of(c) : c.why_not,
                   detail::formatted("%.4g ms", c.predicted_ms), detail::formatted("%.3f", c.flops_left),
                   c.tried ? format_accuracy(c.accuracy) : std::string("not tried"),
                   c.tried ? format_points(100.0 * (c.accuracy - result.baseline_accuracy)) : std::string()});
  }
  print(table.to_string() +
        (!result.met                        ? "not met; nearest is "
         : measured_ms <= wanted.latency_ms ? "met by "
                                            : "predicted to be met, but not measured so, by ") +
        std::string(name_of(chosen.precision)) + ", " + what_of(chosen) +
        detail::formatted(": target %.4g ms, ", wanted.latency_ms) +
        detail::formatted("predicted %.4g ms, ", chosen.predicted_ms) +
        detail::formatted("measured %.4g ms", measured_ms) + "\n" + output + " written, to be run with --precision " +
        std::string(name_of(chosen.precision)) + "\n");
}
