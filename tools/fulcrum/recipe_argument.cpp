#include "recipe_argument.hpp"

#include <filesystem>
#include <optional>
#include <system_error>

#include <fulcrum/core/file.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/import.hpp>
#include <fulcrum/plan/run_recipe.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/recipe_json.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/zoo/zoo.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

/// A run that may be interrupted: the model after the last step that is done, and which run that was.
class Checkpoint {
public:
  Checkpoint(const std::string& output, nlohmann::json run)
      : model_(output + ".part.onnx"), about_(output + ".part.json"), run_(std::move(run)) {}

  /// How many steps are done; 0 where nothing of this run is kept.
  [[nodiscard]] std::size_t steps_done() const {
    if (!std::filesystem::exists(about_) || !std::filesystem::exists(model_)) return 0;
    const nlohmann::json about = read_json_file(about_, "remove it");
    if (!about.is_object() || about.value("run", nlohmann::json()) != run_) return 0;
    return JsonReader(about).at("steps_done").integer<std::size_t>(0);
  }
  [[nodiscard]] Model<float> model() const { return import_onnx(model_); }
  void keep(std::size_t steps_done, const Model<float>& model) const {
    export_onnx(model, model_);
    write_file_atomically(about_, nlohmann::json{{"run", run_}, {"steps_done", steps_done}}.dump());
  }
  void remove() const {
    std::error_code none;
    std::filesystem::remove(model_, none);
    std::filesystem::remove(about_, none);
  }

private:
  std::string model_, about_;
  nlohmann::json run_;
};

Model<float> teacher(const std::string& name) {
  return name.starts_with("zoo:") ? zoo_model(name.substr(4)) : import_onnx(name);
}

}  // namespace

void RecipeArgument::add_to(CLI::App& command) {
  command.add_option(
      "--recipe", path,
      "a JSON file of steps (prune_channels, low_rank, prune, train, equalize, quantize) instead of single passes; "
      "an interrupted run goes on after its last step");
}

void RecipeArgument::run(const ModelArgument& argument, const std::string& output, const std::string& data,
                         const PruneChannelsArgument& how, std::optional<std::uint64_t> seed, bool json) const {
  nlohmann::json document = read_json_file(path, "docs/compression.md says what is in a recipe");
  if (seed && document.is_object()) document["seed"] = *seed;
  const Recipe recipe = recipe_from_json(document);
  Model<float> model = argument.load(recipe.seed());
  std::optional<Dataset> train_set, test_set;
  if (!data.empty()) {
    train_set = load_dataset(data, Split::train);
    test_set = load_dataset(data, Split::test);
  }
  const MachineProfile profile = profile_for_this_machine(how.profile);
  RecipeSettings settings;
  settings.train_set = train_set ? &*train_set : nullptr;
  settings.test_set = test_set ? &*test_set : nullptr;
  settings.profile = &profile;
  settings.config = how.run.for_model(model);
  settings.load = teacher;
  const Checkpoint checkpoint(output, {{"recipe", document}, {"model", argument.text}, {"data", data}});
  settings.first_step = checkpoint.steps_done();
  if (settings.first_step > 0) {
    remark("going on after step " + std::to_string(settings.first_step) + " of a run that was interrupted");
    model = checkpoint.model();
  }
  settings.on_step = [&](std::size_t step, const Model<float>& after) { checkpoint.keep(step + 1, after); };
  ProgressBar bar;
  const RecipeResult result = run_recipe(model, recipe, settings, bar.sink());
  bar.clear();
  export_onnx(result.model, output);
  checkpoint.remove();
  if (json) {
    nlohmann::json states = nlohmann::json::array();
    for (const RecipeState& state : result.states) states.push_back(to_json(state));
    print_document("compression", {{"model", result.model.name()},
                                   {"output", output},
                                   {"recipe", recipe.name()},
                                   {"seed", recipe.seed()},
                                   {"states", states}});
  } else {
    print(to_text(result) + output + " written\n");
  }
}
