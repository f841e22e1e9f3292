// fulcrum calibrate: measures this machine once, so that models can be predicted on it.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/calibrate/calibrate.hpp>
#include <fulcrum/calibrate/calibration_data_json.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/report/profile_text.hpp>
#include <fulcrum/report/progress_bar.hpp>

#include "command.hpp"
#include "option_values.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

struct CalibrateCommand {
  std::string output;
  double seconds = 0.0;  // 0: as thorough says
  bool thorough = false;
  bool restart = false;
  bool json = false;
};

/// Where the timings lie until the profile is written, so that an interrupted calibration can go on.
std::string part_of(const std::string& path) { return path + ".part"; }

nlohmann::json environment_of(const CalibrateOptions& options) {
  Environment here = onednn_environment();
  here.seed = options.seed;
  return to_json(here);
}

/// What an interrupted calibration of this machine left behind.
CalibrationData left_behind(const std::string& path, const CalibrateOptions& options) {
  if (!std::filesystem::exists(path)) return {};
  try {
    const nlohmann::json j = read_json_file(path, "remove it");
    const JsonReader reader(j);
    if (reader.at("format").integer<int>(0) != profile_format || j["environment"] != environment_of(options)) return {};
    return calibration_data_from_json(reader.at("data"));
  } catch (const Error&) {
    return {};  // whatever it is, it is not worth more than timing again
  }
}

void run(const CalibrateCommand& command) {
  const std::string path = command.output.empty() ? default_profile_path() : command.output;
  if (command.output.empty()) make_parent_folder(path);
  check_writable(path);
  CalibrateOptions options;
  constexpr Seconds thorough(800.0);
  if (command.thorough) options.budget = thorough;
  if (command.seconds > 0.0) options.budget = Seconds(command.seconds);
  const std::string part = part_of(path);
  if (!command.restart) options.known = left_behind(part, options);
  if (options.known.probes > 0) {
    std::fprintf(stderr, "fulcrum: going on from %s, with %lld probes timed (--restart: from the beginning)\n",
                 part.c_str(), static_cast<long long>(options.known.probes));
  }
  options.keep = [&](const CalibrationData& data) {
    const nlohmann::json j{
        {"format", profile_format}, {"environment", environment_of(options)}, {"data", to_json(data)}};
    write_file_atomically(part, j.dump());
  };
  ProgressBar bar;
  const MachineProfile profile = calibrate(options, bar.sink());
  bar.clear();
  save_profile(profile, path);
  std::filesystem::remove(part);
  if (command.json)
    print_document("machine-profile", to_json(profile));
  else
    print(to_text(profile) + path + " written\n");
}

}  // namespace

void add_calibrate(CLI::App& app) {
  auto command = std::make_shared<CalibrateCommand>();
  CLI::App* sub = app.add_subcommand("calibrate", "Measure this machine once and write its profile");
  sub->add_option("-o,--output", command->output,
                  "the profile, .json (default: " + std::string("~/.cache/fulcrum/profile.json") + ")");
  sub->add_option("--seconds", command->seconds, "time to spend, about; more gives better predictions (default: 75)")
      ->check(above_zero(86400.0));
  sub->add_flag("--thorough", command->thorough, "spend about 13 minutes");
  sub->add_flag("--restart", command->restart, "begin anew where an interrupted calibration could go on");
  sub->add_flag("--json", command->json, "print the profile as one JSON object as well");
  sub->footer("Example:\n  fulcrum calibrate -o profile.json");
  sub->callback([command] { run(*command); });
}
