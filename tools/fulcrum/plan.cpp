// fulcrum plan: how to serve a model at a rate, within a bound on the tail of the latency.

#include <charconv>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/plan/plan_service.hpp>
#include <fulcrum/plan/service_plan_json.hpp>
#include <fulcrum/plan/service_variants.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/service_html.hpp>
#include <fulcrum/report/service_json.hpp>
#include <fulcrum/report/service_text.hpp>

#include "arrivals_argument.hpp"
#include "chart_js.hpp"
#include "command.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"
#include "profile_argument.hpp"

using namespace fulcrum;

namespace {

struct PlanCommand {
  ModelArgument model;
  ArrivalsArgument arrivals;
  std::string rate, data, profile, report, output;
  std::vector<std::string> variants, precisions;
  std::vector<double> sparsities;
  std::vector<std::int64_t> batches;
  double slo_ms = 0.0, percentile = 0.99, confidence = 0.99, max_accuracy_drop = 0.0, headroom = 0.1,
         time_limit = 150.0;
  int cores = 0;
  std::uint64_t seed = 0;
  bool json = false;
};

ServiceTarget target_of(const PlanCommand& command, bool has_budget) {
  ServiceTarget target;
  double rate = 0.0;
  if (command.rate == "max") {
    target.highest_rate = true;
    rate = command.arrivals.trace.empty() ? 1.0 : 0.0;
  } else {
    const char* const end = command.rate.data() + command.rate.size();
    const auto [stop, failure] = std::from_chars(command.rate.data(), end, rate);
    if (failure != std::errc() || stop != end || !(rate > 0.0 && rate <= 1e9))
      throw Error("--rate " + command.rate, "is no rate", "give requests per second, up to 1e9, or max");
  }
  target.arrivals = command.arrivals.process(rate);
  target.slo = Milliseconds(command.slo_ms);
  target.tail.percentile = command.percentile;
  target.tail.confidence = command.confidence;
  if (has_budget) target.max_accuracy_drop_points = command.max_accuracy_drop;
  validate(target);
  return target;
}

/// The variant that the plan serves, as a model that can be opened again: the one that was given, or a file beside the
/// plan's.
std::string model_for_plan(const PlanCommand& command, const ServiceStudy& study,
                           const std::vector<ServedModel>& models) {
  namespace fs = std::filesystem;
  const std::size_t variant = study.candidates[*study.answer.chosen].variant;
  const std::size_t given = models.size() - command.variants.size();  // of the variants that are files
  const bool is_given = variant == 0 || variant >= given;
  const bool as_it_is = is_given || study.variants[variant].name == name_of(Precision::bf16);
  const std::string& source = variant >= given ? command.variants[variant - given] : command.model.text;
  if (as_it_is && command.model.dims.empty() && command.model.sets.empty() && command.seed == 0) {
    if (source.starts_with("zoo:")) return source;
    return fs::relative(fs::absolute(source), fs::absolute(fs::path(command.output)).parent_path()).string();
  }
  fs::path file = command.output;
  file.replace_extension(".onnx");
  export_onnx(*models[variant].model, file.string());
  return file.filename().string();
}

void plan(const PlanCommand& command, bool has_budget, ExitCode& exit_code) {
  ServiceOptions options;
  options.target = target_of(command, has_budget);
  options.cores = command.cores;
  options.headroom = command.headroom;
  options.time_limit = Seconds(command.time_limit);
  options.seed = command.seed;
  options.data = command.data;
  expect_separate_files({{"MODEL", command.model.text}, {"--output", command.output}, {"--report", command.report}});
  for (const std::string& file : {command.report, command.output}) {
    if (!file.empty()) check_writable(file);
  }
  if (has_budget && command.data.empty())
    throw Error("--max-accuracy-drop", "needs data to tell the accuracy", "give --data fashion-mnist or a folder");
  const int usable = std::max(onednn_environment().cores, 1);
  ServiceSpace space = default_service_space(command.cores > 0 ? std::min(command.cores, usable) : usable);
  if (!command.batches.empty()) space.max_batches = command.batches;
  options.space = space;

  const Model<float> model = command.model.load(command.seed);
  ServiceVariantOptions variant_options;
  variant_options.threads = usable;
  variant_options.seed = command.seed;
  if (!command.precisions.empty()) {
    variant_options.precisions.clear();
    for (const std::string& name : command.precisions) variant_options.precisions.push_back(precision_from(name));
  }
  if (!command.sparsities.empty()) variant_options.sparsities = command.sparsities;
  std::optional<Dataset> train_set, test_set;
  if (!command.data.empty()) {
    train_set = load_dataset(command.data, Split::train);
    test_set = load_dataset(command.data, Split::test);
    variant_options.train_set = &*train_set;
    variant_options.test_set = &*test_set;
  }
  std::vector<Model<float>> others;  // read before minutes of work, not after
  for (const std::string& file : command.variants) {
    ModelArgument argument;
    argument.text = file;
    others.push_back(argument.load(command.seed));
  }
  const MachineProfile profile = profile_for_this_machine(command.profile);
  ProgressBar bar;
  const ProgressSink sink = bar.sink();
  std::vector<ServedModel> models = service_variants(model, variant_options, sink);
  if (!models.front().model) throw Error("model '" + model.name() + "'", models.front().variant.why_not);
  for (std::size_t i = 0; i < others.size(); ++i) {
    const std::string name = std::filesystem::path(command.variants[i]).filename().string();
    models.push_back(service_variant(name, others[i], precision_for(others[i], ""), models.front(), variant_options));
  }
  ServiceStudy study = plan_service(models, profile, options, sink);
  bar.clear();
  if (!study.answer.chosen) exit_code = ExitCode::slo_missed;
  if (!command.output.empty() && study.answer.chosen) {
    study.plan.model = model_for_plan(command, study, models);
    write_file_atomically(command.output, to_json(study.plan).dump(2) + "\n");
  }
  if (!command.report.empty())
    write_file_atomically(command.report, html_report(study, chart_js(), {FULCRUM_VERSION, command_line()}));
  if (command.json) {
    print_document("service-study", to_json(study));
    return;
  }
  print(to_text(study));
  if (!command.output.empty() && study.answer.chosen) print("\nplan: " + command.output + "\n");
  if (!command.output.empty() && !study.answer.chosen) print("\nno plan was written\n");
  if (!command.report.empty()) print("report: " + command.report + "\n");
}

}  // namespace

void add_plan(CLI::App& app, ExitCode& exit_code) {
  auto command = std::make_shared<PlanCommand>();
  CLI::App* sub =
      app.add_subcommand("plan", "Find how to serve a model at a rate, within a bound on the tail of the latency");
  command->model.add_to(*sub)->required();
  sub->add_option("--rate", command->rate, "requests per second, or max: the highest within the bound")->required();
  sub->add_option("--slo-p99-ms,--slo-ms", command->slo_ms, "largest latency at the percentile, ms")
      ->required()
      ->check(above_zero());
  command->arrivals.add_to(*sub);
  sub->add_option("--percentile", command->percentile, "the percentile that the bound is for")
      ->check(above_half())
      ->capture_default_str();
  sub->add_option("--confidence", command->confidence, "with which it must hold")
      ->check(above_half())
      ->capture_default_str();
  sub->add_option(
      "--data", command->data,
      "fashion-mnist, or a folder with its four IDX files: int8 finds its ranges there, and accuracy is told");
  CLI::Option* budget = sub->add_option("--max-accuracy-drop", command->max_accuracy_drop,
                                        "accuracy that may be lost against f32, percentage points")
                            ->check(between(0, 100));
  sub->add_option("--cores", command->cores, "cores that may be used (default: all)")->check(between(1, 4096));
  sub->add_option("--headroom", command->headroom,
                  "by which the highest rate should exceed the one wanted, as a share; the fewest cores with that win")
      ->check(between(0, 100))
      ->capture_default_str();
  sub->add_option("--precisions", command->precisions, "precisions to consider, with commas (default: all)")
      ->delimiter(',');
  sub->add_option("--sparsities", command->sparsities, "shares of weights to prune, with commas (default: none)")
      ->check(share_or_zero())
      ->delimiter(',');
  sub->add_option(
         "--variants", command->variants,
         "other forms of the model to consider, .onnx, with commas: quantized, pruned by channels, smaller ones")
      ->delimiter(',');
  sub->add_option("--batches", command->batches, "largest batches, with commas (default: 1,2,4,8,16,32)")
      ->delimiter(',')
      ->check(between(1, 65536));
  sub->add_option("--profile", command->profile,
                  "a profile of this machine (default: the one calibrate keeps; made when there is none)");
  sub->add_option("--time-limit", command->time_limit, "s after which no further load begins that is not needed")
      ->check(above_zero(86400.0))
      ->capture_default_str();
  sub->add_option("-o,--output", command->output,
                  "write the plan, .json, for load --config; a variant that was made goes beside it, as .onnx");
  sub->add_option("--report", command->report, "write an HTML page with plots");
  sub->add_option("--seed", command->seed, "of arrivals and sources")->capture_default_str();
  add_output_to(*sub, command->json);
  sub->footer(
      "Ends with 3 when nothing on this machine keeps the bound at the rate.\n\n"
      "Examples:\n"
      "  fulcrum plan model.onnx --rate 200 --slo-p99-ms 10 -o plan.json\n"
      "  fulcrum plan model.onnx --rate max --slo-p99-ms 5 --max-accuracy-drop 0.5 --data fashion-mnist");
  sub->callback([command, sub, budget, &exit_code] {
    command->arrivals.refuse_without_effect(*sub);
    plan(*command, budget->count() > 0, exit_code);
  });
}
