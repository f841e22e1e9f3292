// fulcrum calibrate: measures this machine once, so that models can be predicted on it.

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/calibrate/calibrate.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/report/profile_text.hpp>
#include <fulcrum/report/progress_bar.hpp>

#include "command.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

struct CalibrateCommand {
  std::string output;
  double seconds = CalibrateOptions{}.budget.count();
  bool json = false;
};

void run(const CalibrateCommand& command) {
  const std::string path = command.output.empty() ? default_profile_path() : command.output;
  if (command.output.empty()) make_parent_folder(path);
  check_writable(path);
  CalibrateOptions options;
  options.budget = Seconds(command.seconds);
  ProgressBar bar;
  const MachineProfile profile = calibrate(options, bar.sink());
  bar.clear();
  save_profile(profile, path);
  if (command.json)
    print_json(to_json(profile).dump());
  else
    print(to_text(profile) + path + " written\n");
}

}  // namespace

void add_calibrate(CLI::App& app) {
  auto command = std::make_shared<CalibrateCommand>();
  CLI::App* sub = app.add_subcommand("calibrate", "Measure this machine once and write its profile");
  sub->add_option("-o,--output", command->output,
                  "the profile, .json (default: " + std::string("~/.cache/fulcrum/profile.json") + ")");
  sub->add_option("--seconds", command->seconds, "time to spend; more gives better predictions")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub->add_flag("--json", command->json, "print the profile as one JSON object as well");
  sub->footer("Example:\n  fulcrum calibrate -o profile.json");
  sub->callback([command] { run(*command); });
}
