// fulcrum load: what a model's latency is when requests come as they come.

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/load/beside_runner.hpp>
#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/load/load_report_json.hpp>
#include <fulcrum/load/runner_load.hpp>
#include <fulcrum/load/simulate.hpp>
#include <fulcrum/measure/measure.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/plan/service_plan_json.hpp>
#include <fulcrum/report/load_html.hpp>
#include <fulcrum/report/load_text.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/serve/http_load.hpp>

#include "arrivals_argument.hpp"
#include "chart_js.hpp"
#include "command.hpp"
#include "int8.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"
#include "profile_argument.hpp"
#include "run_config_argument.hpp"

using namespace fulcrum;

namespace {

struct LoadCommand {
  ModelArgument model;
  RunConfigArgument run;
  ArrivalsArgument arrivals;
  std::string scenario = "server", when_full = "reject", simulate, profile, config, report;
  double rate = 0.0;
  double duration = 10.0, warm_up = 1.0, slo_ms = 0.0, percentile = 0.99, confidence = 0.99;
  double max_delay_ms = 0.0, timeout_ms = 0.0;
  std::int64_t samples = 0, max_requests = 0;
  BatchPolicy batching;
  QueuePolicy queue;
  std::uint64_t seed = 0;
  int connections = 64;  // to a server
  bool json = false;
};

std::chrono::nanoseconds from_ms(double ms, const char* option) {
  if (!(ms >= 0.0 && ms <= 3.6e6)) throw Error(option, "is out of range", "give milliseconds from 0 to 3,600,000");
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Milliseconds(ms));
}

Scenario scenario_of(const LoadCommand& command) {
  if (command.scenario == "single") return SingleStream{};
  if (command.scenario == "multi")
    return MultiStream{command.samples > 0 ? command.samples : MultiStream{}.samples_per_query};
  if (command.scenario == "offline") return Offline{command.samples > 0 ? command.samples : Offline{}.samples};
  return Server{command.arrivals.process(command.rate)};
}

/// How long each batch size takes alone with its instances busy.
ServiceModel service_of(const Model<float>& model, RunConfig config, const std::vector<std::int64_t>& batches,
                        const LoadCommand& command, const ProgressSink& progress) {
  std::optional<MachineProfile> profile;
  if (command.simulate == "predicted") profile = profile_for_this_machine(command.profile);
  std::vector<LatencyReport> reports;
  for (const std::int64_t batch : batches) {
    config.batch = batch;
    MeasureOptions options;
    options.min_duration = Seconds(0.5);
    options.layer_runs = 0;
    reports.push_back(profile ? predict(model, config, *profile) : measure(model, config, options, progress));
  }
  return ServiceModel::from_reports(reports);
}

LoadReport simulated(const Scenario& scenario, const ServiceModel& service, const RunnerOptions& runner, int instances,
                     const LoadOptions& load) {
  SimulationOptions options;
  options.batching = runner.batching;
  options.queue = runner.queue;
  options.instances = instances;
  options.duration = load.warm_up + load.duration;
  options.max_requests = load.max_requests;
  options.seed = load.seed;
  AssessOptions assess;
  if (!std::holds_alternative<Offline>(scenario))
    assess.from = std::chrono::duration_cast<std::chrono::nanoseconds>(load.warm_up);
  assess.tail = load.tail;
  assess.slo = load.slo;
  LoadReport report = assess_load(simulate(scenario, service, options), scenario, assess);
  report.kind = ReportKind::predicted;
  return report;
}

/// A load on a server elsewhere, whose queue and batches are its own.
LoadReport load_over_http(const LoadCommand& command, const Scenario& scenario, const LoadOptions& options) {
  HttpLoadOptions http;
  http.seed = command.seed;
  http.connections = command.connections;
  ProgressBar bar;
  const ServedAt where = served_at(command.model.text);
  LoadReport report = generate_load(HttpLoad(where, http), scenario, options, bar.sink());
  bar.clear();
  report.model = where.model;
  report.setup = "served at " + where.host + ":" + std::to_string(where.port) + ", up to " +
                 std::to_string(command.connections) + " connections";
  report.environment = onednn_environment();
  report.environment.seed = command.seed;
  return report;
}

/// The command with what a plan says in place of what the command line leaves open.
LoadCommand as_planned(LoadCommand command, ServicePlan& plan, bool has_slo) {
  if (!command.model.given()) command.model.text = plan.model;
  command.batching = plan.batching;
  command.queue = plan.queue;
  command.when_full = name_of(plan.queue.when_full);
  command.max_delay_ms = Milliseconds(plan.batching.max_delay).count();
  command.timeout_ms = Milliseconds(plan.queue.timeout).count();
  if (!has_slo && plan.slo) command.slo_ms = plan.slo->count();
  if (command.rate > 0.0) plan.arrivals = at_rate(plan.arrivals, command.rate);
  return command;
}

/// Prints the report, and writes its page where one is asked for.
/// \param beside  what was simulated; may be null
void show(const LoadReport& report, const LoadReport* beside, const LoadCommand& command, bool has_slo,
          ExitCode& exit_code) {
  if (report.slo ? !report.slo->holds : has_slo) exit_code = ExitCode::slo_missed;
  if (!command.report.empty())
    write_file_atomically(command.report, html_report(report, beside, chart_js(), {FULCRUM_VERSION, command_line()}));
  if (command.json) {
    nlohmann::json j = to_json(report);
    if (beside) j["simulated"] = to_json(*beside);
    print_document("load-report", std::move(j));
    return;
  }
  print(to_text(report, beside));
  if (!command.report.empty()) print("\nreport: " + command.report + "\n");
}

void load(LoadCommand command, bool has_slo, bool has_arrivals, ExitCode& exit_code) {
  std::optional<ServicePlan> plan;
  if (!command.config.empty()) {
    plan = load_service_plan(command.config);
    command = as_planned(std::move(command), *plan, has_slo);
    has_slo = has_slo || plan->slo.has_value();
  }
  if (!command.model.given())
    throw Error("MODEL", "is missing", "give zoo:NAME or an .onnx file, or --config plan.json");
  expect_separate_files({{"MODEL", command.model.text}, {"--config", command.config}, {"--report", command.report}});
  if (!command.report.empty()) check_writable(command.report);
  const bool as_the_plan = plan && !has_arrivals && command.scenario == "server";
  const Scenario scenario = as_the_plan ? Scenario(Server{plan->arrivals}) : scenario_of(command);
  validate(scenario);
  RunnerOptions runner_options;
  runner_options.batching = command.batching;
  runner_options.batching.max_delay = from_ms(command.max_delay_ms, "--max-delay-ms");
  runner_options.queue = command.queue;
  runner_options.queue.timeout = from_ms(command.timeout_ms, "--timeout-ms");
  runner_options.queue.when_full =
      std::holds_alternative<Offline>(scenario) ? WhenFull::block : when_full_from(command.when_full);
  LoadOptions options;
  options.duration = Seconds(command.duration);
  options.warm_up = Seconds(command.warm_up);
  options.max_requests = command.max_requests;
  options.tail.percentile = command.percentile;
  options.tail.confidence = command.confidence;
  options.seed = command.seed;
  if (has_slo) options.slo = Milliseconds(command.slo_ms);
  validate(options.tail);
  if (command.model.text.starts_with("http://")) {
    const LoadReport report = load_over_http(command, scenario, options);
    show(report, nullptr, command, has_slo, exit_code);
    return;
  }

  Model<float> model = command.model.load();
  const RunConfig config = plan ? plan->config : command.run.for_model(model);
  if (config.precision == Precision::int8 && !is_quantized(model)) {
    remark("the model is not quantized: timed with scales from random inputs, its results would mean nothing");
    model = quantized_for_timing(model);
  }
  ProgressBar bar;
  bar.show({0.0, "compiling " + model.name(), ""});
  LoadReport report;
  std::vector<std::int64_t> batches;
  {
    QueuedRunner runner(model, config, runner_options);
    batches = runner.executors();
    const BesideRunner beside_runner(runner);
    report = generate_load(RunnerLoad(model, runner, 16, command.seed), scenario, options, bar.sink());
    report.notes.insert(report.notes.begin(), runner.notes().begin(), runner.notes().end());
  }
  report.model = model.name();
  RunConfig shown = config;
  shown.batch = 1;
  report.setup = to_string(shown) + "; " + to_string(runner_options.batching) + "; a queue of " +
                 format_count(runner_options.queue.capacity);
  report.environment = onednn_environment();
  report.environment.seed = command.seed;
  std::optional<LoadReport> beside;
  if (!command.simulate.empty()) {
    beside = simulated(scenario, service_of(model, config, batches, command, bar.sink()), runner_options,
                       config.instances, options);
    beside->model = report.model;
    beside->setup = report.setup;
    beside->environment = report.environment;
  }
  bar.clear();
  show(report, beside ? &*beside : nullptr, command, has_slo, exit_code);
}

}  // namespace

void add_load(CLI::App& app, ExitCode& exit_code) {
  auto command = std::make_shared<LoadCommand>();
  CLI::App* sub = app.add_subcommand("load", "Measure latency and throughput under load, with a queue and batching");
  command->model.add_to(*sub, "zoo:NAME, an .onnx file, or http://HOST:PORT/v2/models/NAME of a server");
  command->run.add_to(*sub);
  sub->remove_option(sub->get_option("--batch"));  // batches are formed of what waits
  command->run.add_instances_to(*sub);
  sub->add_option(
         "--scenario", command->scenario,
         "server: requests come at a rate; single: one after the other; multi: several at once, one query after "
         "the other; offline: all at once")
      ->check(CLI::IsMember({"server", "single", "multi", "offline"}))
      ->capture_default_str();
  sub->add_option("--rate", command->rate, "requests per second")->check(above_zero());
  command->arrivals.add_to(*sub);
  sub->add_option("--samples", command->samples, "of a query of multi (default: 8), of offline (default: 24,576)")
      ->check(between(1, 1e8));
  const std::map<std::string, double> units{{"ms", 0.001}, {"s", 1.0}, {"min", 60.0}, {"h", 3600.0}};
  sub->add_option("--duration", command->duration, "of the load: 20s, 5min")
      ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::CASE_SENSITIVE))
      ->check(above_zero(1e6))
      ->default_str("10s");
  sub->add_option("--warm-up", command->warm_up, "load before that, which is not counted")
      ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::CASE_SENSITIVE))
      ->check(between(0, 1e6))
      ->default_str("1s");
  sub->add_option("--max-requests", command->max_requests, "end after so many (default: no limit)")
      ->check(between(1, 1e8));
  CLI::Option* slo = sub->add_option("--slo-p99-ms,--slo-ms", command->slo_ms,
                                     "largest latency at the percentile, ms; exit code 3 when it does not hold")
                         ->check(above_zero());
  sub->add_option("--percentile", command->percentile, "the percentile that the bound is for")
      ->check(above_half())
      ->capture_default_str();
  sub->add_option("--confidence", command->confidence, "with which it must hold")
      ->check(above_half())
      ->capture_default_str();
  sub->add_option("--max-batch", command->batching.max_batch, "requests that run together at most")
      ->check(between(1, 65536))
      ->capture_default_str();
  sub->add_option("--max-delay-ms", command->max_delay_ms, "a request waits no longer than this for others")
      ->check(between(0, 3.6e6))
      ->capture_default_str();
  sub->add_option("--preferred-batches", command->batching.preferred,
                  "batch sizes that are formed at once, with commas")
      ->check(between(1, 65536))
      ->delimiter(',');
  sub->add_option("--queue", command->queue.capacity, "requests that may wait")
      ->check(between(1, 16'777'216))
      ->capture_default_str();
  sub->add_option("--when-full", command->when_full, "reject, block or drop_oldest")
      ->check(CLI::IsMember({"reject", "block", "drop_oldest"}))
      ->capture_default_str();
  sub->add_option("--timeout-ms", command->timeout_ms, "a request that waited longer does not run (default: none)")
      ->check(between(0, 3.6e6));
  sub->add_option("--connections", command->connections, "to a server at the same time")
      ->check(between(1, 65536))
      ->capture_default_str();
  sub->add_option("--simulate", command->simulate,
                  "show what a simulation says, with service times measured or predicted from a profile")
      ->check(CLI::IsMember({"measured", "predicted"}));
  sub->add_option("--profile", command->profile,
                  "a profile of this machine, for --simulate predicted (default: the one calibrate keeps)");
  CLI::Option* config =
      sub->add_option("--config", command->config,
                      "a file that plan wrote: the model and how to serve it, the load and the bound; MODEL, --rate, "
                      "--arrivals and --slo-p99-ms take the place of what it says");
  for (const char* name : {"--threads", "--instances", "--precision", "--layer-precision", "--missing-precision",
                           "--roundings", "--winograd", "--sparse", "--slice", "--max-batch", "--max-delay-ms",
                           "--preferred-batches", "--queue", "--when-full", "--timeout-ms"})
    config->excludes(name);
  sub->add_option("--report", command->report, "write an HTML page with plots");
  sub->add_option("--seed", command->seed, "of arrivals and sources")->capture_default_str();
  add_output_to(*sub, command->json);
  sub->footer(
      "Ends with 3 when a bound was given and could not be shown to hold.\n\n"
      "Examples:\n  fulcrum load model.onnx --rate 200 --duration 20s --slo-p99-ms 10 --max-batch 8 --max-delay-ms 2\n"
      "  fulcrum load --config plan.json --duration 60s");
  sub->callback([command, sub, slo, &exit_code] {
    const bool over_http = command->model.text.starts_with("http://");
    expect_effect(*sub, "--connections", over_http, "are to a server", "leave it out, or give http://HOST:PORT/…");
    if (over_http) {
      for (const char* option : {"--dim",
                                 "--set",
                                 "--outputs",
                                 "--threads",
                                 "--instances",
                                 "--precision",
                                 "--layer-precision",
                                 "--missing-precision",
                                 "--roundings",
                                 "--winograd",
                                 "--sparse",
                                 "--slice",
                                 "--max-batch",
                                 "--max-delay-ms",
                                 "--preferred-batches",
                                 "--queue",
                                 "--when-full",
                                 "--timeout-ms",
                                 "--simulate",
                                 "--config"})
        expect_effect(*sub, option, false, "is the server's own affair", "set it there");
    }
    expect_effect(*sub, "--profile", command->simulate == "predicted", "is for --simulate predicted",
                  "give that as well");
    expect_effect(*sub, "--samples", command->scenario == "multi" || command->scenario == "offline",
                  "are of a query of --scenario multi or offline", "leave it out, or use --max-requests");
    for (const char* option :
         {"--rate", "--arrivals", "--trace", "--variation", "--burst-factor", "--burst-share", "--burst-length"})
      expect_effect(*sub, option, command->scenario == "server",
                    "is for --scenario server, whose requests come by themselves", "leave it out");
    command->arrivals.refuse_without_effect(*sub);
    for (const char* option : {"--percentile", "--confidence"})
      expect_effect(*sub, option, slo->count() > 0 || !command->config.empty(), "says how a bound is judged",
                    "give --slo-p99-ms as well");
    expect_effect(*sub, "--max-delay-ms", command->batching.max_batch > 1 || command->max_delay_ms == 0.0,
                  "waits for others to fill a batch, and batches are of one", "give --max-batch as well");
    const bool has_arrivals = sub->count("--arrivals") + sub->count("--trace") > 0;
    load(*command, slo->count() > 0, has_arrivals, exit_code);
  });
}
