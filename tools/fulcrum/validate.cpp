// fulcrum validate: how good predictions are on this machine.

#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/validation_html.hpp>
#include <fulcrum/report/validation_json.hpp>
#include <fulcrum/report/validation_text.hpp>
#include <fulcrum/validate/run_validation.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include "chart_js.hpp"
#include "command.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

struct ValidateCommand {
  std::vector<std::string> models, precisions, arrangements;
  std::vector<std::int64_t> batches = ValidationOptions{}.batches;
  std::string profile, html, from;
  int rounds = ValidationOptions{}.rounds;
  double seconds = ValidationOptions{}.time_per_round.count();
  std::uint64_t seed = 0;
  bool json = false, store = false;
};

/// "2x1" is two threads for one instance.
Arrangement arrangement_from(const std::string& text) {
  Arrangement result;
  const char* const end = text.data() + text.size();
  const auto [cross, failure] = std::from_chars(text.data(), end, result.threads);
  if (failure == std::errc() && cross != end && *cross == 'x') {
    const auto [stop, other] = std::from_chars(cross + 1, end, result.instances);
    if (other == std::errc() && stop == end && result.threads > 0 && result.instances > 0 &&
        std::int64_t{result.threads} * result.instances <= most_threads)
      return result;
  }
  throw Error("--arrangements " + text, "is no THREADSxINSTANCES of up to " + std::to_string(most_threads) + " threads",
              "write for example 1x1,2x1,1x2");
}

ValidationOptions options_of(const ValidateCommand& command) {
  ValidationOptions options;
  options.batches = command.batches;
  for (const std::string& text : command.arrangements) options.arrangements.push_back(arrangement_from(text));
  for (const std::string& name : command.precisions) options.precisions.push_back(precision_from(name));
  options.rounds = command.rounds;
  options.time_per_round = Seconds(command.seconds);
  options.seed = command.seed;
  return options;
}

Validation validation_of(const ValidateCommand& command) {
  if (!command.from.empty()) {
    const nlohmann::json j = read_json_file(command.from, "write it with `fulcrum validate --json`");
    try {
      return validation_from_json(j);
    } catch (const Error& error) {
      throw Error(command.from + ": " + error.where(), error.problem(), error.remedy());
    }
  }
  const ValidationOptions options = options_of(command);
  std::vector<Model<float>> models;  // read before minutes of work, not after
  if (command.models.empty()) {
    for (const std::string& name : zoo_names()) models.push_back(zoo_model(name, command.seed));
  }
  for (const std::string& text : command.models) {
    ModelArgument argument;
    argument.text = text;
    models.push_back(argument.load(command.seed));
  }
  MachineProfile profile = profile_for_this_machine(command.profile);
  ProgressBar bar;
  Validation validation = run_validation(models, profile, options, bar.sink());
  bar.clear();
  if (command.store) {
    profile.error_card = error_summary(validation);
    save_profile(profile, command.profile.empty() ? default_profile_path() : command.profile);
  }
  return validation;
}

void validate_predictions(const ValidateCommand& command) {
  if (!command.html.empty()) check_writable(command.html);
  if (!command.from.empty() && (command.store || !command.models.empty()))
    throw Error("--from", "reads an earlier run and measures nothing", "leave out MODEL and --store");
  if (command.store) {  // before minutes of work, not after
    if (command.profile.empty()) make_parent_folder(default_profile_path());
    check_writable(command.profile.empty() ? default_profile_path() : command.profile);
  }
  const Validation validation = validation_of(command);
  if (!command.html.empty())
    write_file_atomically(command.html, html_report(validation, chart_js(), {FULCRUM_VERSION, command_line()}));
  if (command.json)
    print_document("validation", to_json(validation));
  else
    print(to_text(validation));
}

}  // namespace

void add_validate(CLI::App& app) {
  auto command = std::make_shared<ValidateCommand>();
  CLI::App* sub = app.add_subcommand("validate", "Compare predictions with measurements: how good they are here");
  sub->add_option("MODEL", command->models, "zoo:NAME or .onnx files (default: every network of the zoo)");
  sub->add_option("--batches", command->batches, "batch sizes, with commas")
      ->check(between(1, static_cast<double>(largest_batch)))
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--arrangements", command->arrangements,
                  "THREADSxINSTANCES, with commas (default: 1x1,2x1,1x2 where there are two cores)")
      ->delimiter(',');
  sub->add_option("--precisions", command->precisions, "with commas (default: all that this CPU runs)")->delimiter(',');
  sub->add_option("--profile", command->profile,
                  "a profile of this machine (default: the one calibrate keeps; made when there is none)");
  sub->add_option("--rounds", command->rounds, "turns that each case gets; two or more show the machine's own noise")
      ->check(between(1, 10000))
      ->capture_default_str();
  sub->add_option("--seconds", command->seconds, "time for a case in each round; slow ones take up to four times that")
      ->check(above_zero(86400.0))
      ->capture_default_str();
  sub->add_option("--seed", command->seed, "of the weights of the zoo and the random sources")->capture_default_str();
  sub->add_option("--html", command->html, "write an HTML page with a plot of predicted against measured");
  sub->add_option("--from", command->from, "show an earlier run, which --json printed, instead of measuring");
  sub->add_flag("--store", command->store, "keep a summary in the profile, which predict then quotes");
  add_output_to(*sub, command->json);
  sub->footer("Example:\n  fulcrum validate zoo:resnet18 zoo:mobilenet_v2 --batches 1,8 --html card.html --store");
  sub->callback([command, sub] {
    for (const char* option :
         {"--batches", "--arrangements", "--precisions", "--profile", "--rounds", "--seconds", "--seed"})
      expect_effect(*sub, option, command->from.empty(), "says how to measure, and --from measures nothing",
                    "leave it out");
    validate_predictions(*command);
  });
}
