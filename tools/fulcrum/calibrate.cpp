// fulcrum calibrate: measures this machine once, so that models can be predicted on it.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/calibrate/add_model.hpp>
#include <fulcrum/calibrate/calibrate.hpp>
#include <fulcrum/calibrate/calibration_data_json.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/data_sheet.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/report/profile_text.hpp>
#include <fulcrum/report/progress_bar.hpp>

#include "command.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

struct CalibrateCommand {
  std::string output;
  std::string data_sheet;
  std::vector<std::string> models;  // whose steps are added
  std::vector<std::string> dims;
  std::vector<std::int64_t> batches{1};
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

/// The profile that lies there, when it is of this machine and to be kept.
std::optional<MachineProfile> profile_to_extend(const CalibrateCommand& command, const std::string& path) {
  if (command.models.empty() || command.restart || !std::filesystem::exists(path)) return std::nullopt;
  try {
    MachineProfile profile = load_profile(path);
    check_profile_matches(profile, onednn_environment());
    return profile;
  } catch (const Error& error) {
    remark(error.what());
    return std::nullopt;
  }
}

MachineProfile calibrated(const CalibrateCommand& command, const std::string& path) {
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
  MachineProfile profile = calibrate(options, bar.sink());
  bar.clear();
  save_profile(profile, path);
  std::filesystem::remove(part);
  return profile;
}

/// Without a measurement.
void run_from_data_sheet(const CalibrateCommand& command) {
  expect_separate_files({{"--data-sheet", command.data_sheet}, {"--output", command.output}});
  check_writable(command.output);
  const MachineProfile profile = profile_from(load_data_sheet(command.data_sheet, onednn_environment()));
  save_profile(profile, command.output);
  if (command.json)
    print_document("machine-profile", to_json(profile));
  else
    print(to_text(profile) + command.output + " written\n");
}

void run(const CalibrateCommand& command) {
  const std::string path = command.output.empty() ? default_profile_path() : command.output;
  if (command.output.empty()) make_parent_folder(path);
  check_writable(path);
  std::vector<Model<float>> models;  // read before minutes of work, not after
  for (const std::string& text : command.models) {
    ModelArgument argument;
    argument.text = text;
    if (text.rfind("zoo:", 0) != 0) argument.dims = command.dims;
    models.push_back(argument.load());
  }
  std::optional<MachineProfile> known = profile_to_extend(command, path);
  MachineProfile profile = known ? *std::move(known) : calibrated(command, path);
  for (const Model<float>& model : models) {
    ProgressBar bar;
    add_model(model, {.batches = command.batches}, profile, bar.sink());
    bar.clear();
  }
  if (!models.empty()) save_profile(profile, path);
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
  sub->add_option("--for", command->models,
                  "zoo:NAME or an .onnx file: adds its steps, timed in place, to the profile (which is made first when "
                  "there is none), so that predictions of it and of its relatives rest on these; once for each");
  sub->add_option("--batches", command->batches, "samples per inference of these models, with commas")
      ->delimiter(',')
      ->check(between(1, 65536))
      ->capture_default_str();
  sub->add_option("--dim", command->dims, "NAME=EXTENT of a symbolic dimension of these files; once for each");
  sub->add_option("--seconds", command->seconds, "time to spend, about; more gives better predictions (default: 80)")
      ->check(above_zero(86400.0));
  sub->add_flag("--thorough", command->thorough, "spend about 13 minutes");
  sub->add_option("--data-sheet", command->data_sheet,
                  "a .json of a machine's peaks, caches and bandwidths: makes a rough profile from it, of any machine, "
                  "and measures nothing; needs -o");
  sub->add_flag("--restart", command->restart, "begin anew where an interrupted calibration could go on");
  add_output_to(*sub, command->json, "print the profile as one JSON object as well");
  sub->footer(
      "Examples:\n  fulcrum calibrate\n  fulcrum calibrate --for model.onnx --batches 1,16\n"
      "  fulcrum calibrate --data-sheet server.json -o server_profile.json");
  sub->callback([command, sub] {
    for (const char* option : {"--batches", "--dim"})
      expect_effect(*sub, option, !command->models.empty(), "is of the models of --for", "give that as well");
    if (!command->data_sheet.empty()) {
      for (const char* option : {"--for", "--seconds", "--thorough", "--restart"})
        expect_effect(*sub, option, false, "is of measurements, and a data sheet needs none", "leave one of them out");
      if (command->output.empty())
        throw Error("--data-sheet", "makes a profile that is not kept as this machine's", "say with -o where it goes");
      return run_from_data_sheet(*command);
    }
    expect_effect(*sub, "--thorough", command->seconds == 0.0, "is a time, as --seconds is", "give one of them");
    run(*command);
  });
}
