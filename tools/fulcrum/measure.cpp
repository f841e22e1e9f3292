// fulcrum predict and fulcrum measure: the same question, answered by the cost model and by the clock.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/cost/predictor.hpp>
#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/exec/reference_factory.hpp>
#include <fulcrum/exec/state.hpp>
#include <fulcrum/measure/choose_precision.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/measure/measure.hpp>
#include <fulcrum/measure/turns.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/plan/measure_in_turns.hpp>
#include <fulcrum/report/comparison_text.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/latency_text.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/run/compare_json.hpp>
#include <fulcrum/run/compare_rounds.hpp>
#include <fulcrum/run/latency_report_json.hpp>

#include "command.hpp"
#include "comparison_argument.hpp"
#include "int8.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"
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
  std::string baseline, against;
  FailAboveArgument fail_above;
  std::optional<double> slo_p99_ms;
  int rounds = 10;
  std::size_t timings = 0;
};

void show(const LatencyReport& report, bool json) {
  if (json)
    print_document("latency-report", to_json(report));
  else
    print(to_text(report));
}

/// A bound, or a baseline: what the run is held against.
void show_with_verdict(const LatencyReport& report, const ReportCommand& command, ExitCode& exit_code) {
  std::optional<RunComparison> comparison;
  if (!command.baseline.empty()) {
    comparison = compare_runs(load_report(command.baseline), report, command.fail_above.share());
    exit_code = exit_code_of(comparison->verdict);
  }
  const bool missed = command.slo_p99_ms && !(report.latency.p99.count() <= *command.slo_p99_ms);
  if (missed) exit_code = ExitCode::slo_missed;
  if (command.json) {
    nlohmann::json j = to_json(report);
    if (comparison) j["comparison"] = to_json(*comparison);
    if (command.slo_p99_ms) j["slo"] = {{"p99_ms", *command.slo_p99_ms}, {"met", !missed}};
    print_document("latency-report", std::move(j));
    return;
  }
  print(to_text(report));
  if (comparison) print("\nagainst " + printable(command.baseline) + ":\n" + to_text(*comparison));
  if (command.slo_p99_ms) {
    print("\np99 " + format_latency(report.latency.p99) + (missed ? " misses" : " is within") + " the bound of " +
          format_latency(Milliseconds(*command.slo_p99_ms)) + "\n");
  }
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
  auto [model, config] = model_and_config(command);
  if (!command.model.states.empty()) {  // they cost nothing beside the layers: what names them has to fit
    const std::vector<Shape> shapes = infer_shapes(model, config.batch);
    const auto shapes_of = [&](const std::vector<NodeId>& ids) {
      std::vector<Shape> result;
      for (const NodeId id : ids) result.push_back(shapes[id]);
      return result;
    };
    static_cast<void>(
        bind_states(model, command.model.state_pairs(), shapes_of(model.inputs()), shapes_of(model.outputs())));
  }
  const MachineProfile profile = profile_for_this_machine(command.profile);
  config = calibrated(std::move(config), model, profile);
  AnyPredictor predictor = CalibratedPredictor(profile);
  if (command.predictor == "roofline") predictor = RooflinePredictor(profile);
  if (command.predictor == "kriging") predictor = KrigingPredictor(profile);
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

/// What runs the model, with the states that are given.
ExecutorFactory executors_of(const ReportCommand& command) {
  std::vector<State> states = command.model.state_pairs();
  return command.executor == "reference" ? reference_executors(std::move(states)) : onednn_executors(std::move(states));
}

/// Two models in turns: which machine state meets one meets the other.
void measure_against(const ReportCommand& command, ExitCode& exit_code) {
  if (command.run.precision == "auto")
    throw Error("--precision auto", "chooses for one model", "name a precision for both, or leave it out");
  ReportCommand other = command;
  other.model.text = command.against;
  const auto [model, config] = model_and_config(command);
  const auto [baseline, baseline_config] = model_and_config(other);
  MeasureOptions options;
  options.min_duration = Seconds(command.seconds / command.rounds);
  options.max_duration = 10.0 * options.min_duration;
  options.cold_cache = command.cold_cache;
  options.executors = executors_of(command);
  ProgressBar bar;
  std::vector<LatencyReport> was, is;
  for (int round = 0; round < command.rounds; ++round) {
    for (std::size_t place = 0; place < 2; ++place) {
      bar.show({(2.0 * round + static_cast<double>(place)) / (2.0 * command.rounds),
                "round " + std::to_string(round + 1) + " of " + std::to_string(command.rounds), ""});
      if (whose_turn(static_cast<std::size_t>(round), place, 2) == 0)
        was.push_back(measure(baseline, baseline_config, options));
      else
        is.push_back(measure(model, config, options));
    }
  }
  bar.clear();
  const RunComparison comparison = compare_rounds(was, is, command.fail_above.share());
  exit_code = exit_code_of(comparison.verdict);
  LatencyReport report = merge_rounds(is);
  const LatencyReport merged_baseline = merge_rounds(was);
  const bool missed = command.slo_p99_ms && !(report.latency.p99.count() <= *command.slo_p99_ms);
  if (missed) exit_code = ExitCode::slo_missed;
  if (command.json) {
    nlohmann::json j = to_json(report);
    j["baseline"] = to_json(merged_baseline);
    j["comparison"] = to_json(comparison);
    if (command.slo_p99_ms) j["slo"] = {{"p99_ms", *command.slo_p99_ms}, {"met", !missed}};
    print_document("latency-report", std::move(j));
    return;
  }
  const auto line = [](const char* name, const std::string& text, const LatencyReport& of) {
    return std::string(name) + printable(text) + ": " + printable(of.model) + ", " + printable(to_string(of.config)) +
           "\n";
  };
  print(line("baseline ", command.against, merged_baseline) + line("new      ", command.model.text, report) + "\n" +
        to_text(comparison));
  if (missed) print("p99 " + format_latency(report.latency.p99) + " misses the bound\n");
}

void measure_model(ReportCommand& command, ExitCode& exit_code) {
  if (!command.baseline.empty()) static_cast<void>(load_report(command.baseline));  // before time is spent
  if (!command.against.empty()) {
    if (!command.profile.empty())
      throw Error("--profile", "says what bounds the layers of one model", "leave it out beside --against");
    return measure_against(command, exit_code);
  }
  const bool chooses = command.run.precision == "auto";
  const bool on_reference = command.executor == "reference";
  if (chooses && !command.model.states.empty())
    throw Error("--precision auto", "chooses for a model without states", "name a precision beside --state");
  if (chooses && on_reference)
    throw Error("--precision auto", "chooses by what the oneDNN executor takes", "name one for the reference executor");
  if (chooses) command.run.precision.clear();
  auto [model, config] = model_and_config(command);
  MeasureOptions options;
  options.min_duration = Seconds(command.seconds);
  options.max_duration = 10.0 * options.min_duration;
  options.cold_cache = command.cold_cache;
  options.executors = executors_of(command);
  options.timings = command.timings;
  std::vector<std::string> notes;
  std::optional<MachineProfile> profile;
  if (!command.profile.empty()) {
    profile = profile_for_this_machine(command.profile);
    options.profile = &*profile;
    config = calibrated(std::move(config), model, *profile);
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
  show_with_verdict(report, command, exit_code);
}

CLI::App* add_report(CLI::App& app, const char* name, const char* description, const std::string& more_precisions,
                     const std::shared_ptr<ReportCommand>& command) {
  CLI::App* sub = app.add_subcommand(name, description);
  command->model.add_to(*sub)->required();
  command->model.add_states_to(*sub, "; each inference is a step");
  command->run.add_to(*sub, more_precisions);
  command->run.add_instances_to(*sub);
  add_output_to(*sub, command->json);
  return sub;
}

}  // namespace

void add_predict(CLI::App& app) {
  auto command = std::make_shared<ReportCommand>();
  CLI::App* sub = add_report(app, "predict", "Predict latency and throughput from the machine's profile", "", command);
  sub->add_option("--profile", command->profile,
                  "a profile of this machine (default: the one calibrate keeps; made when there is none)");
  sub->add_option("--model", command->predictor,
                  "calibrated: from what kernels and networks reached on this machine; kriging: from kernels alone, "
                  "added up; roofline: its rates alone, the least time")
      ->check(CLI::IsMember({"calibrated", "kriging", "roofline"}))
      ->capture_default_str();
  sub->add_flag("--at-present-speed", command->at_present_speed,
                "time a little fixed work first, and scale the prediction by how fast the machine is now");
  sub->footer("Example:\n  fulcrum predict model.onnx --batch 8 --threads 2 --precision int8");
  sub->callback([command] { predict_model(*command); });
}

void add_measure(CLI::App& app, ExitCode& exit_code) {
  auto command = std::make_shared<ReportCommand>();
  CLI::App* sub = add_report(app, "measure", "Measure latency and throughput",
                             ", or auto: the fastest, layer by layer where that pays", command);
  sub->add_option(
      "--profile", command->profile,
      "a profile of this machine: layers then say what bounds them, and pruned ones run sparse where it says that "
      "this pays");
  sub->add_option("--executor", command->executor, "onednn, or reference: slow and plain, to compare with")
      ->check(CLI::IsMember({"onednn", "reference"}))
      ->capture_default_str();
  sub->add_option("--seconds", command->seconds,
                  "time to measure for; slow models take up to ten times as long, until there are 50 samples")
      ->check(above_zero(86400.0))
      ->capture_default_str();
  sub->add_flag("--cold-cache", command->cold_cache, "use other sources each time, so that none is in a cache");
  sub->add_option("--slo-p99-ms", command->slo_p99_ms, "largest p99, ms; exit code 3 when it is missed")
      ->check(above_zero());
  CLI::Option* baseline =
      sub->add_option("--baseline", command->baseline,
                      "an earlier report of `measure --json`: exit code 4 when this run is slower, 5 when that cannot "
                      "be told");
  CLI::Option* against = sub->add_option("--against", command->against,
                                         "a model to compare with, measured in turns with MODEL: exit codes as of "
                                         "--baseline, and a much finer comparison");
  against->excludes(baseline);
  command->fail_above.add_to(*sub);
  sub->add_option("--rounds", command->rounds, "turns of each model, with --against")
      ->check(between(fewest_rounds, 1000))
      ->needs(against)
      ->capture_default_str();
  sub->add_option("--timings", command->timings,
                  "single inferences to add to --json as timings_ms, spread evenly over the run (default: none)")
      ->check(between(1, 1e7))
      ->needs("--json")
      ->excludes(against);
  sub->footer(
      "Ends with 3 when a bound is missed; with --baseline or --against with 4 when the model is slower by more than "
      "is "
      "allowed and by more than its noise, and with 5 when it is too noisy to tell.\n\n"
      "Examples:\n"
      "  fulcrum measure model.onnx --batch 8 --threads 1 --instances 2 --precision int8\n"
      "  fulcrum measure model.onnx --baseline main.json --fail-above 10%\n"
      "  fulcrum measure new.onnx --against old.onnx");
  sub->callback([command, sub, &exit_code] {
    expect_effect(*sub, "--fail-above", !command->baseline.empty() || !command->against.empty(),
                  "is what a comparison allows, and nothing is compared", "give --baseline or --against");
    measure_model(*command, exit_code);
  });
}
