// fulcrum compress: passes over a model, in the order prune channels, prune, equalize, fake-quantize, quantize.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/passes/equalize_layers.hpp>
#include <fulcrum/passes/fake_quantize.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/quantize_dynamic.hpp>
#include <fulcrum/passes/quantize_weights.hpp>
#include <fulcrum/plan/accuracy_score.hpp>
#include <fulcrum/plan/mixed_precision.hpp>
#include <fulcrum/plan/sparse_gains.hpp>
#include <fulcrum/report/pass_json.hpp>
#include <fulcrum/report/pass_text.hpp>
#include <fulcrum/report/progress_bar.hpp>

#include "command.hpp"
#include "int8.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"
#include "profile_argument.hpp"
#include "prune_channels_argument.hpp"
#include "recipe_argument.hpp"
#include "target_argument.hpp"

using namespace fulcrum;

namespace {

struct CompressCommand {
  ModelArgument model;
  PruneChannelsArgument channels;
  RecipeArgument recipe;
  TargetArgument target;
  std::string output, prune, scope = "global", fake_quantize, quantize, calibrate = "minmax", data;
  double percentile = 99.99;
  std::int64_t samples = 512;
  std::vector<std::string> calibrate_on;
  std::optional<double> min_sqnr_db;
  bool within_accuracy = false;  // --max-accuracy-drop is for --quantize int8
  bool where_it_pays = false;    // --prune sparsity=S
  bool per_tensor = false, narrow_range = false, equalize = false, bias_correction = false, fit_16_bits = false,
       relu6_as_relu = false, json = false;
  int weight_bits = 0;  // 0: 8; where weights alone are quantized, 4
  int value_bits = QuantizeOptions{}.value_bits;
  std::int64_t group = WeightQuantizeOptions{}.group;
  bool symmetric = false;
};

/// The number in "KEY=NUMBER".
double number_of(const std::string& option, const std::string& text, const std::string& key) {
  const std::string value = text.substr(key.size() + 1);
  double number = 0.0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failure != std::errc() || end != value.data() + value.size()) {
    throw Error(option + " " + text, "has no number after " + key + "=");
  }
  return number;
}

PruneOptions prune_options(const CompressCommand& command) {
  PruneOptions options;
  options.scope = prune_scope_from(command.scope);
  if (command.prune.starts_with("threshold="))
    options.threshold = number_of("--prune", command.prune, "threshold");
  else if (command.prune.starts_with("sparsity="))
    options.sparsity = number_of("--prune", command.prune, "sparsity");
  else if (const std::size_t comma = command.prune.find(",group=");
           command.prune.starts_with("keep=") && comma != std::string::npos)
    options.groups =
        PruneGroups{static_cast<std::int64_t>(number_of("--prune", command.prune.substr(0, comma), "keep")),
                    static_cast<std::int64_t>(number_of("--prune", command.prune.substr(comma + 1), "group"))};
  else
    throw Error("--prune " + command.prune, "says neither how much nor from where",
                "give threshold=T, sparsity=S or keep=K,group=G");
  return options;
}

FakeQuantizeOptions fake_quantize_options(const CompressCommand& command) {
  if (!command.fake_quantize.starts_with("bits=")) {
    throw Error("--fake-quantize " + command.fake_quantize, "says no number of bits", "give bits=B, 2 to 16");
  }
  const double bits = number_of("--fake-quantize", command.fake_quantize, "bits");
  if (!(bits >= 2.0 && bits <= 16.0) || bits != static_cast<int>(bits)) {
    throw Error("--fake-quantize " + command.fake_quantize, "is not a whole number from 2 to 16");
  }
  FakeQuantizeOptions options;
  options.bits = static_cast<int>(bits);
  options.narrow_range = command.narrow_range;
  options.per_channel = !command.per_tensor;
  return options;
}

WeightQuantizeOptions weight_options(const CompressCommand& command) {
  WeightQuantizeOptions options;
  if (command.weight_bits != 0) options.bits = command.weight_bits;
  options.group = command.group;
  options.symmetric = command.symmetric;
  return options;
}

/// Says when the file written is larger than the one read, which held its weights itself.
void remark_growth(const CompressCommand& command, const Model<float>& model) {
  std::error_code none;
  const auto before = std::filesystem::file_size(command.model.text, none);
  if (none || before < static_cast<std::uintmax_t>(parameter_count(model))) return;
  const auto after = std::filesystem::file_size(command.output, none);
  if (none || after * 10 <= before * 11) return;
  remark(command.output + " has " + format_bytes(static_cast<double>(after)) + ", " + command.model.text + " has " +
         format_bytes(static_cast<double>(before)) +
         ": weights of 16 bits are written as f32, and constants that were computed as what they are");
}

/// int8 in as many layers as --max-accuracy-drop or --min-sqnr-db allows.
MixedPrecisionResult quantize_within_limit(const CompressCommand& command, const Model<float>& model,
                                           const QuantizeOptions& options) {
  const int threads = current_environment().cores;
  const ModelRunner runner = onednn_runner(threads);
  std::vector<Tensor<float>> sources;
  Dataset test_set;
  if (command.calibrate_on.empty()) {
    const Dataset train_set = load_dataset(command.data, Split::train);
    sources.push_back(slice(train_set, 0, std::min(command.samples, train_set.size())).images);
    test_set = load_dataset(command.data, Split::test);
  }
  for (const std::string& file : command.calibrate_on) sources.push_back(load_npy(file));
  const MachineProfile profile = profile_for_this_machine(command.channels.profile);
  const RunConfig config = command.channels.run.for_model(model);
  ProgressBar bar;
  const ModelScore score =
      command.min_sqnr_db ? output_sqnr_score(model, sources, runner) : accuracy_score(test_set, threads);
  const double least =
      command.min_sqnr_db ? *command.min_sqnr_db : score(model) - command.target.max_drop_points / 100.0;
  MixedPrecisionResult result = quantize_within(model, sources, runner, score, least,
                                                predicted_quantized_latency_ms(config, profile), options, bar.sink());
  bar.clear();
  return result;
}

/// Options of what is not done.
void refuse_without_effect(const CompressCommand& command, const CLI::App& given) {
  const bool int8 = command.quantize == "int8";
  const bool by_data = int8 && !command.data.empty();
  const bool by_sparsity = command.prune.starts_with("sparsity=");
  const bool within = command.min_sqnr_db || command.within_accuracy;
  const bool latency = within || command.where_it_pays || command.channels.text.starts_with("latency-ms=") ||
                       command.recipe.given() || command.target.given();
  const bool channels = command.channels.given() || command.target.given();
  expect_effect(given, "--calibrate", int8, "is for --quantize int8, whose ranges come from samples", "leave it out");
  expect_effect(given, "--percentile", int8 && command.calibrate == "percentile", "is for --calibrate percentile",
                "give that as well, with --quantize int8");
  expect_effect(given, "--weight-bits", !command.quantize.empty(), "is for --quantize",
                "give int8, dynamic or weights");
  expect_effect(given, "--fit-16-bits", !command.quantize.empty() && command.quantize != "weights",
                "is for --quantize int8 and dynamic", "give one of them as well");
  for (const char* option : {"--group", "--symmetric"})
    expect_effect(given, option, command.quantize == "weights", "is for --quantize weights", "give that as well");
  expect_effect(given, "--samples", by_data, "says how many images of --data calibrate",
                "give it with --quantize int8 and --data");
  expect_effect(given, "--value-bits", int8, "is for --quantize int8", "give that as well");
  expect_effect(given, "--bias-correction", int8, "is for --quantize int8, whose samples it takes", "leave it out");
  expect_effect(given, "--calibrate-on", int8, "is for --quantize int8", "leave it out");
  expect_effect(given, "--scope", by_sparsity, "says what --prune sparsity=S counts", "give that as well");
  expect_effect(given, "--where-it-pays", by_sparsity, "chooses layers for --prune sparsity=S", "give that as well");
  expect_effect(given, "--per-tensor", !command.fake_quantize.empty() || !command.quantize.empty(),
                "is for --quantize and --fake-quantize", "give one of them as well");
  expect_effect(given, "--narrow-range", !command.fake_quantize.empty(), "is for --fake-quantize", "give that as well");
  expect_effect(given, "--relu6-as-relu", command.equalize, "is for --equalize", "give that as well");
  for (const char* option : {"--saliency", "--channel-scope", "--channel-multiple", "--keep-channels"})
    expect_effect(given, option, channels, "is for --prune-channels", "give that as well; a recipe says its own");
  for (const char* option : {"--profile", "--batch", "--threads", "--precision", "--layer-precision",
                             "--missing-precision", "--roundings", "--slice", "--winograd", "--sparse"})
    expect_effect(
        given, option, latency, "is for a latency that is predicted, and none is",
        "give --prune-channels latency-ms=X, --target-latency-ms, --recipe, --prune with --where-it-pays, or a limit "
        "for --quantize int8");
  expect_effect(given, "--max-accuracy-drop", command.target.given() || by_data,
                "is for --target-latency-ms, or --quantize int8 with --data", "give one of them as well");
  expect_effect(given, "--min-sqnr-db", int8, "is for --quantize int8", "give that as well");
  expect_effect(given, "--fine-tune-epochs", command.target.given(), "is for --target-latency-ms", "give that as well");
  expect_effect(given, "--seed", command.target.given() || command.recipe.given(),
                "is for --target-latency-ms and --recipe", "give one of them as well");
  expect_effect(given, "--data",
                by_data || command.recipe.given() || command.target.given() ||
                    (command.channels.given() && command.channels.saliency == "taylor"),
                "is of no use to what is done", "leave it out, or quantize, or prune channels by --saliency taylor");
}

void compress(CompressCommand& command, const CLI::App& given) {
  command.within_accuracy = !command.target.given() && given.count("--max-accuracy-drop") > 0;
  if (command.recipe.given() || command.target.given()) {
    if (command.channels.given() || !command.prune.empty() || !command.fake_quantize.empty() || command.equalize ||
        !command.quantize.empty() || (command.recipe.given() && command.target.given())) {
      throw Error(command.recipe.given() ? "--recipe" : "--target-latency-ms", "stands beside another thing to do",
                  "give one of them; passes go into a recipe");
    }
    refuse_without_effect(command, given);
    check_writable(command.output);
    if (command.target.given())
      return command.target.run(command.model, command.output, command.data, command.channels, command.json);
    command.recipe.run(command.model, command.output, command.data, command.channels,
                       given.count("--seed") > 0 ? std::optional(command.target.options.seed) : std::nullopt,
                       command.json);
    return;
  }
  if (!command.channels.given() && command.prune.empty() && !command.equalize && command.fake_quantize.empty() &&
      command.quantize.empty()) {
    throw Error("compress", "was told nothing to do",
                "give --recipe, --target-latency-ms, --prune-channels, --prune, --equalize, --fake-quantize or "
                "--quantize");
  }
  if (!command.quantize.empty() && command.quantize != "int8" && command.quantize != "dynamic" &&
      command.quantize != "weights") {
    throw Error("--quantize " + command.quantize, "is not known", "use int8, dynamic or weights");
  }
  const bool takes_samples = command.quantize != "dynamic" && command.quantize != "weights";
  if (!takes_samples && !(command.data.empty() && command.calibrate_on.empty())) {
    throw Error("--quantize " + command.quantize,
                command.quantize == "dynamic" ? "takes no samples: ranges are found at run time"
                                              : "takes no samples: values stay in float",
                "leave --data and --calibrate-on out, or give --quantize int8");
  }
  if (command.quantize == "int8" && command.data.empty() && command.calibrate_on.empty()) {
    throw Error("--quantize int8", "needs samples to find the ranges of the activations",
                "give --data fashion-mnist, or --calibrate-on FILE.npy for each input; or --quantize dynamic");
  }
  if (!command.data.empty() && !command.calibrate_on.empty()) {
    throw Error("--calibrate-on", "stands beside --data", "give one of them");
  }
  if (command.within_accuracy && command.min_sqnr_db)
    throw Error("--min-sqnr-db", "stands beside --max-accuracy-drop", "give one of them");
  refuse_without_effect(command, given);
  check_writable(command.output);
  Model<float> model = command.model.load();
  nlohmann::json reports;
  std::string text;
  if (command.channels.given()) {
    auto result = command.channels.prune(model, command.data);
    model = std::move(result.model);
    reports["prune_channels"] = to_json(result.report);
    text += to_text(result.report, command.channels.unit()) + "\n";
  }
  if (!command.prune.empty()) {
    PruneOptions options = prune_options(command);
    std::optional<MachineProfile> profile;
    RunConfig config;
    if (command.where_it_pays) {
      profile = profile_for_this_machine(command.channels.profile);
      config = command.channels.run.for_model(model);
      if (config.precision != Precision::f32)
        throw Error("--where-it-pays", "asks where sparse products are faster, and those are of f32",
                    "leave --precision out, or prune without it");
      options.skip = layers_not_worth_pruning(model, *options.sparsity, config, *profile);
    }
    auto result = prune(std::move(model), options);
    model = std::move(result.model);
    reports["prune"] = to_json(result.report);
    text += to_text(result.report) + "\n";
    if (profile) {
      const std::vector<SparseGain> gains = sparse_gains(model, config, *profile);
      reports["sparse_gains"] = to_json(gains);
      text += to_text(gains) + "\n";
      if (result.report.layers.empty())
        remark("--where-it-pays: no layer gains by " + command.prune + ", none was pruned");
    }
    if (result.report.kept == 0 && result.report.elements > 0)
      remark("--prune " + command.prune + " set every weight to 0: the model's answers no longer depend on its inputs");
  }
  if (command.equalize) {
    auto result = equalize_layers(model, {.clips_as_relu = command.relu6_as_relu});
    model = std::move(result.model);
    reports["equalize"] = to_json(result.report);
    text += to_text(result.report) + "\n";
  }
  if (!command.fake_quantize.empty()) {
    auto result = fake_quantize(model, fake_quantize_options(command));
    model = std::move(result.model);
    reports["fake_quantize"] = to_json(result.report);
    text += to_text(result.report) + "\n";
  }
  if (!command.quantize.empty()) {
    QuantizeOptions options = int8_options_for_this_cpu();
    if (command.weight_bits != 0) options.weight_bits = command.weight_bits;
    options.value_bits = command.value_bits;
    options.sums_in_16_bits = options.sums_in_16_bits || command.fit_16_bits;
    options.unsigned_values = options.unsigned_values || command.fit_16_bits || command.weight_bits == 7;
    options.method = calibration_method_from(command.calibrate);
    options.percentile = command.percentile;
    options.per_tensor = command.per_tensor;
    options.bias_correction = command.bias_correction;
    if (command.min_sqnr_db || command.within_accuracy) {
      auto result = quantize_within_limit(command, model, options);
      model = std::move(result.model);
      reports["mixed_precision"] = to_json(result.report);
      reports["quantize"] = to_json(result.quantized);
      text += to_text(result.quantized) + "\n" + to_text(result.report, command.within_accuracy) + "\n";
    } else {
      auto result = command.quantize == "weights"   ? quantize_weights(model, weight_options(command))
                    : command.quantize == "dynamic" ? quantize_dynamically(model, options)
                    : command.calibrate_on.empty()  ? quantized_on(model, command.data, options, command.samples)
                                                    : quantized_on(model, command.calibrate_on, options);
      model = std::move(result.model);
      reports["quantize"] = to_json(result.report);
      text += to_text(result.report) + "\n";
    }
  }
  export_onnx(model, command.output);
  remark_growth(command, model);
  if (command.json) {
    print_document("compression", {{"model", model.name()}, {"output", command.output}, {"passes", reports}});
  } else {
    print(text + command.output + " written\n");
  }
}

}  // namespace

void add_compress(CLI::App& app) {
  auto command = std::make_shared<CompressCommand>();
  CLI::App* sub = app.add_subcommand("compress", "Prune and quantize a model and write it as ONNX");
  command->model.add_to(*sub)->required();
  sub->add_option("-o,--output", command->output, "the compressed model, .onnx")->required();
  command->channels.add_to(*sub);
  command->recipe.add_to(*sub);
  command->target.add_to(*sub);
  sub->add_option("--prune", command->prune,
                  "threshold=T keeps |w| > T; sparsity=S sets the share S of weights to 0; keep=K,group=G keeps the K "
                  "largest of every G along the input channels");
  sub->add_option("--scope", command->scope, "what sparsity counts: each layer, or all together (global)")
      ->check(CLI::IsMember({"layer", "global"}))
      ->capture_default_str();
  sub->add_flag(
      "--where-it-pays", command->where_it_pays,
      "with --prune sparsity=S: leaves out layers that would be no faster with that share of weights 0, as the "
      "machine's profile says for --batch and --threads, and says what each layer gains");
  sub->add_flag("--equalize", command->equalize,
                "scale channels between layers so that their weights have equal ranges before and behind, which loses "
                "less to rounding; the model computes the same");
  sub->add_flag("--relu6-as-relu", command->relu6_as_relu,
                "with --equalize: functions min(max(x, 0), h) become ReLUs first where channels go through them, which "
                "changes what is computed above h");
  sub->add_option("--fake-quantize", command->fake_quantize,
                  "bits=B rounds weights to B bits (2 to 16), kept as floats");
  sub->add_flag("--per-tensor", command->per_tensor, "one range for the weights of a layer, not one per channel");
  sub->add_flag("--narrow-range", command->narrow_range, "fake-quantize without the lowest integer");
  sub->add_option("--quantize", command->quantize,
                  "int8: integer weights and activations; dynamic: the same with ranges found at run time, without "
                  "samples; weights: dense layers with weights of 4 or 8 bits that stay packed in memory, "
                  "values in float");
  sub->add_option("--calibrate", command->calibrate, "how ranges of activations are found")
      ->check(CLI::IsMember({"minmax", "percentile", "entropy", "mse"}))
      ->capture_default_str();
  sub->add_option("--percentile", command->percentile,
                  "percentage of magnitudes kept by --calibrate percentile (default: 99.99)")
      ->check(above_zero(100.0));
  sub->add_option("--weight-bits", command->weight_bits,
                  "2 to 8 bits of a weight (default: 8); of --quantize weights 4 (default) or 8")
      ->check(between(2, 8));
  sub->add_option(
         "--value-bits", command->value_bits,
         "of --quantize int8: 2 to 8 bits of a value between layers, which with fewer than 8 is clipped to the "
         "range that was found; inputs keep 8")
      ->check(between(2, 8))
      ->capture_default_str();
  sub->add_option("--group", command->group, "of --quantize weights: inputs that share a scale, a power of two from 16")
      ->check(between(16, 65536))
      ->capture_default_str();
  sub->add_flag("--symmetric", command->symmetric, "of --quantize weights: integers around 0, without zero points");
  sub->add_flag(
      "--fit-16-bits", command->fit_16_bits,
      "with --quantize: unsigned values, and coarser weights in channels where two 8-bit products could exceed "
      "16 bits, in which CPUs without VNNI add them (always done on such a CPU)");
  sub->add_flag("--bias-correction", command->bias_correction,
                "with --quantize int8: biases make up for what rounded weights are off by on average over the samples");
  sub->add_option("--data", command->data,
                  "data set whose training images calibrate (and give gradients to --saliency taylor): fashion-mnist "
                  "or a folder");
  sub->add_option("--min-sqnr-db", command->min_sqnr_db,
                  "with --quantize int8: layers stay in float, those that do most harm for the time int8 saves in them "
                  "first, until the outputs' signal-to-noise ratio against those in float is at least this; with "
                  "--data, --max-accuracy-drop does so by the accuracy on the test set")
      ->check(between(-300, 300));
  sub->add_option("--calibrate-on", command->calibrate_on,
                  "instead of --data: a .npy file of samples that calibrate, once for each input");
  sub->add_option("--samples", command->samples, "training images to calibrate on")
      ->check(between(1, 1e9))
      ->capture_default_str();
  add_output_to(*sub, command->json);
  sub->footer(
      "Examples:\n"
      "  fulcrum compress model.onnx -o narrow.onnx --prune-channels flops=0.5\n"
      "  fulcrum compress model.onnx -o narrow.onnx --prune-channels latency-ms=2 --batch 8 --threads 2\n"
      "  fulcrum compress model.onnx -o small.onnx --recipe examples/recipes/half_and_int8.json --data fashion-mnist\n"
      "  fulcrum compress model.onnx -o fast.onnx --target-latency-ms 1 --max-accuracy-drop 0.5 --data fashion-mnist\n"
      "  fulcrum compress model.onnx -o pruned.onnx --prune sparsity=0.5 --scope global\n"
      "  fulcrum compress model.onnx -o pruned.onnx --prune sparsity=0.9 --where-it-pays --threads 2\n"
      "  fulcrum compress model.onnx -o int8.onnx --quantize int8 --calibrate percentile --data fashion-mnist\n"
      "  fulcrum compress model.onnx -o int8.onnx --equalize --quantize int8 --max-accuracy-drop 0.1 --data "
      "fashion-mnist\n"
      "  fulcrum compress model.onnx -o dynamic.onnx --quantize dynamic\n"
      "  fulcrum compress model.onnx -o packed.onnx --quantize weights --weight-bits 4 --group 32");
  sub->callback([command, sub] { compress(*command, *sub); });
}
