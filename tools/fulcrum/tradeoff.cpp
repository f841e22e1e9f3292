// fulcrum tradeoff: which way to run a model on this machine.

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/import.hpp>
#include <fulcrum/plan/study_folder.hpp>
#include <fulcrum/plan/tradeoff.hpp>
#include <fulcrum/report/html.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/recipe_json.hpp>
#include <fulcrum/report/study_json.hpp>
#include <fulcrum/report/tradeoff_text.hpp>
#include <fulcrum/run/json_values.hpp>

#include "chart_js.hpp"
#include "command.hpp"
#include "metric_argument.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

struct TradeoffCommand {
  ModelArgument model;
  MetricArgument own;
  std::string study, data, calibration_inputs, profile, report, keep_in;
  double slo_p99_ms = 0.0, max_accuracy_drop = 0.0, seconds_per_round = 0.0;
  std::vector<double> sparsities;
  std::vector<std::int64_t> batches;
  std::vector<int> threads, instances, weight_bits;
  std::vector<std::string> precisions, scopes, calibrations, recipes;
  int rounds = 0;
  std::size_t limit = 0;
  std::uint64_t seed = 0;
  bool json = false;
};

/// What was said of the axes on the command line takes the place of what the study's file says.
void apply_axes(const TradeoffCommand& command, TradeoffOptions& options) {
  ConfigurationSpace& space = *options.space;
  const auto take = [](const auto& given, auto& into) {
    if (!given.empty()) into = given;
  };
  const auto take_names = [](const std::vector<std::string>& given, auto& into, auto from) {
    if (given.empty()) return;
    into.clear();
    for (const std::string& name : given) into.push_back(from(name));
  };
  take(command.sparsities, space.sparsities);
  take(command.batches, space.batches);
  take(command.threads, space.threads);
  take(command.instances, space.instances);
  take(command.weight_bits, space.weight_bits);
  take_names(command.precisions, space.precisions, precision_from);
  take_names(command.scopes, space.scopes, prune_scope_from);
  if (command.calibrations.size() == 1) {
    options.quantization.method = calibration_method_from(command.calibrations.front());
    space.calibrations.clear();
  } else {
    take_names(command.calibrations, space.calibrations, calibration_method_from);
  }
}

/// An option that no candidate of the study would notice is a mistake of the one who gave it.
void refuse_without_effect(const CLI::App& given, const ConfigurationSpace& space) {
  const bool int8 =
      std::find(space.precisions.begin(), space.precisions.end(), Precision::int8) != space.precisions.end();
  for (const char* option : {"--weight-bits", "--calibrate", "--calibration-inputs"})
    expect_effect(given, option, int8, "is for int8, which is not considered", "add it to --precisions");
  const bool prunes = std::any_of(space.sparsities.begin(), space.sparsities.end(), [](double s) { return s > 0.0; });
  expect_effect(given, "--scopes", prunes, "are of pruning, and nothing is pruned", "give --sparsities");
}

nlohmann::json read_recipe(const std::string& path) {
  return read_json_file(path, "docs/compression.md says what is in a recipe");
}

/// Where the model that a recipe made is kept, and beside it the recipe.
class KeptRecipes {
public:
  explicit KeptRecipes(std::string folder) : folder_(std::move(folder)) {}

  /// \throws Error when the folder holds what another recipe of the same name made
  void add(const nlohmann::json& document) {
    const std::string name = recipe_from_json(document).name();
    documents_[name] = document;
    const std::string path = this->path(name);
    if (!folder_.empty() && std::filesystem::exists(path) && read_json_file(path, "remove it") != document)
      throw Error("'" + folder_ + "'", "holds what another recipe of the name '" + name + "' made",
                  "give the new one another name, or choose another folder");
  }
  [[nodiscard]] std::optional<Model<float>> find(const std::string& name) const {
    const std::string model = path(name) + ".onnx";
    if (!std::filesystem::exists(model)) return std::nullopt;
    return import_onnx(model);
  }
  void keep(const std::string& name, const Model<float>& model) const {
    export_onnx(model, path(name) + ".onnx");
    write_file_atomically(path(name), documents_.at(name).dump());
  }

private:
  [[nodiscard]] std::string path(const std::string& name) const {
    return StudyFolder(folder_).path_for("recipe", name);
  }

  std::string folder_;
  std::map<std::string, nlohmann::json> documents_;
};

/// What is asked for, by the study's file and the command line; everything that can be is checked here, before anything
/// is loaded.
StudyDescription description_of(const TradeoffCommand& command, const CLI::App& given) {
  const int cores = std::max(current_environment().cores, 1);
  StudyDescription study;
  std::vector<nlohmann::json> documents;
  if (!command.study.empty()) {
    const nlohmann::json document = read_json_file(command.study, "docs/schema/study-1.json says what is in it");
    try {
      study = study_from_json(document, cores, read_recipe);
    } catch (const Error& error) {
      throw Error(command.study + ": " + error.where(), error.problem(), error.remedy());
    }
    if (document.contains("recipes")) {
      for (const nlohmann::json& r : document["recipes"])
        documents.push_back(r.is_string() ? read_recipe(r.get<std::string>()) : r);
    }
    if (study.keep_in.empty()) study.keep_in = std::filesystem::path(command.study).replace_extension(".kept").string();
  } else {
    study.options.space = default_space(cores);
  }
  TradeoffOptions& options = study.options;
  const auto has = [&](const char* name) { return given.get_option(name)->count() > 0; };
  apply_axes(command, options);
  if (!command.recipes.empty()) {
    options.space->recipes.clear();
    documents.clear();
    for (const std::string& path : command.recipes) {
      documents.push_back(read_recipe(path));
      options.space->recipes.push_back(recipe_from_json(documents.back()));
    }
  }
  refuse_without_effect(given, *options.space);
  static_cast<void>(enumerate(*options.space, cores));
  if (has("--slo-p99-ms")) options.objective.slo_p99 = Milliseconds(command.slo_p99_ms);
  if (has("--max-accuracy-drop")) options.objective.max_accuracy_drop_points = command.max_accuracy_drop;
  validate(options.objective);
  if (has("--rounds")) options.rounds = command.rounds;
  if (has("--seconds-per-round")) options.time_per_round = Seconds(command.seconds_per_round);
  if (has("--measure-at-most")) options.selection.limit = command.limit;
  if (has("--seed")) options.seed = command.seed;
  if (!command.keep_in.empty()) study.keep_in = command.keep_in;
  if (!command.data.empty()) options.data = command.data;
  if (command.own.given() && command.data.empty()) options.data.clear();
  command.own.check("tradeoff", !options.data.empty());
  if (command.own.inputs.size() > 1)
    throw Error("--inputs", "are " + std::to_string(command.own.inputs.size()), "a study is of models with one input");
  if (!command.calibration_inputs.empty() && !command.own.given())
    throw Error("--calibration-inputs", "belong to --inputs", "leave them out: --data has training images");
  if (command.model.given()) study.model = command.model.text;
  if (study.model.empty()) throw Error("MODEL", "is missing", "give zoo:NAME or an .onnx file, or a --study that does");
  const auto recipes = std::make_shared<KeptRecipes>(study.keep_in);
  for (const nlohmann::json& document : documents) recipes->add(document);
  options.recipe_models.load_teacher = [](const std::string& name) {
    ModelArgument argument;
    argument.text = name;
    return argument.load();
  };
  if (!study.keep_in.empty()) {
    options.keeper = keeper_in(study.keep_in);
    options.recipe_models.find = [recipes](const std::string& name) { return recipes->find(name); };
    options.recipe_models.keep = [recipes](const std::string& name, const Model<float>& model) {
      recipes->keep(name, model);
    };
  }
  return study;
}

Dataset samples_of(const std::string& path) {
  Dataset samples;
  samples.images = load_npy(path);
  return samples;
}

void tradeoff(TradeoffCommand command, const CLI::App& given, ExitCode& exit_code) {
  StudyDescription description = description_of(command, given);
  TradeoffOptions& options = description.options;
  if (!command.report.empty()) check_writable(command.report);
  command.model.text = description.model;
  expect_separate_files({{"MODEL", command.model.text}, {"--study", command.study}, {"--report", command.report}});

  const Model<float> model = command.model.load(options.seed);
  const bool own = command.own.given();
  const Dataset test_set = own ? samples_of(command.own.inputs.front()) : load_dataset(options.data, Split::test);
  const Dataset train_set = !own                                 ? load_dataset(options.data, Split::train)
                            : command.calibration_inputs.empty() ? test_set
                                                                 : samples_of(command.calibration_inputs);
  ProgressBar bar;
  if (own) {
    options.data = command.own.inputs.front();
    RunConfig config;
    config.batch = 100;
    config.threads = std::max(current_environment().cores, 1);
    options.metric = command.own.metric_for(model, {test_set.images}, config, bar.sink());
    bar.clear();
  }
  const MachineProfile profile = profile_for_this_machine(command.profile);
  TradeoffStudy study = run_tradeoff(model, train_set, test_set, profile, options, bar.sink());
  bar.clear();
  if (own && command.calibration_inputs.empty())
    study.notes.push_back(
        "int8 ranges were found on the samples that are evaluated: --calibration-inputs takes others");
  const bool has_targets = options.objective.slo_p99 || options.objective.max_accuracy_drop_points;
  if (has_targets && !study.recommendation.candidate) exit_code = ExitCode::slo_missed;
  if (!command.report.empty()) {
    const ReportOrigin origin{FULCRUM_VERSION, command_line()};
    write_file_atomically(command.report, html_report(study, profile, chart_js(), origin));
  }
  if (command.json) {
    nlohmann::json document = to_json(study);
    if (!description.keep_in.empty()) document["kept_in"] = description.keep_in;
    print_document("tradeoff-study", std::move(document));
    return;
  }
  print(to_text(study));
  if (!command.report.empty()) print("\nreport: " + command.report + "\n");
  if (!description.keep_in.empty())
    print("\nkept in " + description.keep_in +
          ": the same command goes on from there, and with more values measures those\n");
}

}  // namespace

void add_tradeoff(CLI::App& app, ExitCode& exit_code) {
  auto command = std::make_shared<TradeoffCommand>();
  CLI::App* sub = app.add_subcommand("tradeoff", "Find the best way to run a model on this machine: the main job");
  command->model.add_to(*sub, "zoo:NAME or an .onnx file, in float");
  sub->add_option("--study", command->study,
                  "a JSON file that describes the study (docs/schema/study-1.json); options given beside it take the "
                  "place of what it says");
  sub->add_option("--data", command->data, "fashion-mnist, or a folder with its four IDX files: scored by top-1");
  command->own.add_to(*sub, {"top1", "top5", "cosine"});
  sub->add_option("--calibration-inputs", command->calibration_inputs,
                  "other samples to find the ranges of int8 on, .npy (default: --inputs)");
  sub->add_option("--slo-p99-ms", command->slo_p99_ms, "largest 99th percentile of an inference's latency, ms")
      ->check(above_zero());
  sub->add_option("--max-accuracy-drop", command->max_accuracy_drop,
                  "accuracy that may be lost against f32, percentage points")
      ->check(between(0, 100));
  sub->add_option("--precisions", command->precisions, "precisions to consider, with commas (default: all)")
      ->delimiter(',');
  sub->add_option("--sparsities", command->sparsities, "shares of weights to prune, with commas (default: 0,0.5,0.7)")
      ->check(share_or_zero())
      ->delimiter(',');
  sub->add_option("--scopes", command->scopes,
                  "global: the share of all weights; layer: of each layer's; with commas (default: global)")
      ->delimiter(',');
  sub->add_option("--weight-bits", command->weight_bits, "bits of int8's weights, 2 to 8, with commas")
      ->check(between(2, 8))
      ->delimiter(',');
  sub->add_option("--calibrate", command->calibrations,
                  "how int8 finds ranges of activations: minmax, percentile, entropy, mse, with commas (default: "
                  "minmax)")
      ->delimiter(',');
  sub->add_option("--recipes", command->recipes,
                  "JSON files of steps that make further variants (docs/compression.md), with commas")
      ->delimiter(',');
  sub->add_option("--batches", command->batches, "batch sizes, with commas (default: 1,4,16,64)")
      ->check(between(1, 1e6))
      ->delimiter(',');
  sub->add_option("--threads", command->threads,
                  "threads of each instance, with commas (default: powers of two and all cores)")
      ->check(between(1, 4096))
      ->delimiter(',');
  sub->add_option("--instances", command->instances, "copies side by side, with commas (default: as --threads)")
      ->check(between(1, 4096))
      ->delimiter(',');
  sub->add_option("--rounds", command->rounds, "turns that each measured candidate gets (default: 5)")
      ->check(between(1, 10000));
  sub->add_option("--seconds-per-round", command->seconds_per_round,
                  "time for a candidate in each round, at least (default: 0.15)")
      ->check(above_zero(86400.0));
  sub->add_option("--measure-at-most", command->limit, "candidates, the most promising first (default: 40)")
      ->check(between(1, 1e6));
  sub->add_option("--keep-in", command->keep_in,
                  "a folder where every accuracy and every round is kept as it is measured: the study goes on from "
                  "there when it is started again, also with more values (default with --study: FILE.kept)");
  sub->add_option("--report", command->report, "write an HTML page with plots");
  sub->add_option("--profile", command->profile,
                  "a profile of this machine (default: the one calibrate keeps; made when there is none)");
  sub->add_option("--seed", command->seed, "of the calibration sample and the random sources")->capture_default_str();
  add_output_to(*sub, command->json);
  sub->footer(
      "Ends with 3 when nothing that was measured meets the target.\n\n"
      "Examples:\n"
      "  fulcrum tradeoff model.onnx --data fashion-mnist --slo-p99-ms 2 --max-accuracy-drop 0.5 --report report.html\n"
      "  fulcrum tradeoff model.onnx --inputs x.npy --metric cosine --precisions f32,int8 --calibrate minmax,mse\n"
      "  fulcrum tradeoff --study study.json    # interrupted: again, and it goes on");
  sub->callback([command, sub, &exit_code] { tradeoff(*command, *sub, exit_code); });
}
