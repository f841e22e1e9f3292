// fulcrum predict and fulcrum measure: the same question, answered by the cost model and by the clock.

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/cost/predictor.hpp>
#include <fulcrum/exec/reference_factory.hpp>
#include <fulcrum/measure/choose_precision.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/measure/measure.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/latency_text.hpp>
#include <fulcrum/report/progress_bar.hpp>

#include "command.hpp"
#include "int8.hpp"
#include "model_argument.hpp"
#include "profile_argument.hpp"
#include "run_config_argument.hpp"

using namespace fulcrum;

namespace {

struct ReportCommand {
  ModelArgument model;
  RunConfigArgument run;
  std::string profile;
  std::string predictor = "calibrated";
  std::string executor = "onednn";
  double seconds = 1.0;
  bool cold_cache = false;
  bool at_present_speed = false;
  bool json = false;
};

void show(const LatencyReport& report, bool json) {
  if (json)
    print_json(to_json(report).dump());
  else
    print(to_text(report));
}

/// The model and how to run it; a model without scales gets some when it is to run in int8.
std::pair<Model<float>, RunConfig> model_and_config(const ReportCommand& command) {
  Model<float> model = command.model.load();
  const RunConfig config = command.run.for_model(model);
  if (config.precision == Precision::int8 && !is_quantized(model)) {
    remark("the model is not quantized: timed with scales from random inputs, its results would mean nothing");
    model = quantized_for_timing(model);
  }
  return {std::move(model), config};
}

void predict_model(const ReportCommand& command) {
  const auto [model, config] = model_and_config(command);
  const MachineProfile profile = profile_for_this_machine(command.profile);
  AnyPredictor predictor = CalibratedPredictor(profile);
  if (command.predictor == "roofline") predictor = RooflinePredictor(profile);
  LatencyReport report = predictor(model, config);
  if (command.at_present_speed) {
    const std::optional<Drift> drift = drift_since_calibration(profile);
    if (!drift) throw Error("--at-present-speed", "needs a drift probe, which the profile lacks", "calibrate again");
    report = at_present_speed(std::move(report), *drift);
  }
  if (command.predictor == "calibrated" && profile.error_card) {
    if (const auto note = error_note(*profile.error_card, config)) report.notes.push_back(*note);
  }
  show(report, command.json);
}

void measure_model(ReportCommand& command) {
  const bool chooses = command.run.precision == "auto";
  const bool on_reference = command.executor == "reference";
  if (chooses && on_reference)
    throw Error("--precision auto", "chooses by what the oneDNN executor takes", "name one for the reference executor");
  if (chooses) command.run.precision.clear();
  auto [model, config] = model_and_config(command);
  MeasureOptions options;
  options.min_duration = Seconds(command.seconds);
  options.max_duration = 10.0 * options.min_duration;
  options.cold_cache = command.cold_cache;
  if (on_reference) options.executors = reference_executors();
  std::vector<std::string> notes;
  std::optional<MachineProfile> profile;
  if (!command.profile.empty()) {
    profile = profile_for_this_machine(command.profile);
    options.profile = &*profile;
    if (const auto drift = drift_since_calibration(*profile)) {
      if (auto note = drift_note(*drift)) notes.push_back(std::move(*note));
    }
  }
  ProgressBar bar;
  if (chooses) {
    const PrecisionChoice choice = choose_precision(model, config, {}, bar.sink());
    config.precision = choice.precision;
    config.layer_precision = choice.layer_precision;
    std::string note = "auto: " + to_string(choice) + "; medians";
    for (const auto& candidate : choice.candidates)
      note += " " + std::string(name_of(candidate.precision)) + " " + format_latency(candidate.latency);
    notes.push_back(note + ", chosen " + format_latency(choice.latency));
  }
  LatencyReport report = measure(model, config, options, bar.sink());
  bar.clear();
  report.notes.insert(report.notes.begin(), notes.begin(), notes.end());
  show(report, command.json);
}

CLI::App* add_report(CLI::App& app, const char* name, const char* description, const std::string& more_precisions,
                     const std::shared_ptr<ReportCommand>& command) {
  CLI::App* sub = app.add_subcommand(name, description);
  command->model.add_to(*sub)->required();
  command->run.add_to(*sub, more_precisions);
  command->run.add_instances_to(*sub);
  sub->add_flag("--json", command->json, "print one JSON object");
  return sub;
}

}  // namespace

void add_predict(CLI::App& app) {
  auto command = std::make_shared<ReportCommand>();
  CLI::App* sub = add_report(app, "predict", "Predict latency and throughput from the machine's profile", "", command);
  sub->add_option("--profile", command->profile,
                  "a profile of this machine (default: the one calibrate keeps; made when there is none)");
  sub->add_option("--model", command->predictor,
                  "calibrated: from what kernels reached on this machine; roofline: its rates alone, the least time")
      ->check(CLI::IsMember({"calibrated", "roofline"}))
      ->capture_default_str();
  sub->add_flag("--at-present-speed", command->at_present_speed,
                "time a little fixed work first, and scale the prediction by how fast the machine is now");
  sub->footer("Example:\n  fulcrum predict model.onnx --batch 8 --threads 2 --precision bf16");
  sub->callback([command] { predict_model(*command); });
}

void add_measure(CLI::App& app) {
  auto command = std::make_shared<ReportCommand>();
  CLI::App* sub = add_report(app, "measure", "Measure latency and throughput",
                             ", or auto: the fastest, layer by layer where that pays", command);
  sub->add_option("--profile", command->profile, "a profile of this machine: layers then say what bounds them");
  sub->add_option("--executor", command->executor, "onednn, or reference: slow and plain, to compare with")
      ->check(CLI::IsMember({"onednn", "reference"}))
      ->capture_default_str();
  sub->add_option("--seconds", command->seconds,
                  "time to measure for; slow models take up to ten times as long, until there are 50 samples")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub->add_flag("--cold-cache", command->cold_cache, "use other sources each time, so that none is in a cache");
  sub->footer("Example:\n  fulcrum measure model.onnx --batch 8 --threads 1 --instances 2 --precision int8");
  sub->callback([command] { measure_model(*command); });
}
