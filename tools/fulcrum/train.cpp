// fulcrum train: fits a model's weights to a data set.

#include <chrono>
#include <memory>
#include <string>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/table.hpp>
#include <fulcrum/train/trainer.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"

using namespace fulcrum;

namespace {

struct TrainCommand {
  ModelArgument model;
  std::string data, output;
  TrainOptions options;
  bool json = false;
};

void train_model(const TrainCommand& command) {
  check_writable(command.output);  // before minutes of work, not after
  const Model<float> model = command.model.load(command.options.seed);
  const Dataset train_set = load_dataset(command.data, Split::train);
  const Dataset test_set = load_dataset(command.data, Split::test);

  ProgressBar bar;
  const TrainResult result = train(model, train_set, command.options, bar.sink());
  RunConfig onednn;
  onednn.batch = 250;
  onednn.threads = command.options.threads > 0 ? command.options.threads : current_environment().cores;
  const AccuracyReport test = evaluate_accuracy(result.model, test_set, onednn, bar.sink());
  bar.clear();
  export_onnx(result.model, command.output);

  double seconds = 0.0;
  for (const EpochReport& epoch : result.epochs) seconds += epoch.seconds;
  if (command.json) {
    nlohmann::json epochs = nlohmann::json::array();
    for (const EpochReport& epoch : result.epochs) {
      epochs.push_back({{"epoch", epochs.size() + 1},
                        {"loss", epoch.loss},
                        {"train_accuracy", epoch.train_accuracy.value()},
                        {"seconds", epoch.seconds}});
    }
    print_document("training", {{"model", result.model.name()},
                                {"output", command.output},
                                {"seed", command.options.seed},
                                {"accuracy", test.accuracy},
                                {"samples", test.samples},
                                {"training_seconds", seconds},
                                {"epochs", epochs}});
    return;
  }
  Table table(
      {{"epoch", Align::right}, {"loss", Align::right}, {"train accuracy", Align::right}, {"seconds", Align::right}});
  for (std::size_t i = 0; i < result.epochs.size(); ++i) {
    const EpochReport& epoch = result.epochs[i];
    table.add_row({std::to_string(i + 1), detail::formatted("%.4f", epoch.loss),
                   detail::formatted("%.2f %%", 100.0 * epoch.train_accuracy.value()),
                   detail::formatted("%.1f", epoch.seconds)});
  }
  print(table.to_string());
  print(detail::formatted("test accuracy %.2f %%", 100.0 * test.accuracy) + " on " + format_count(test.samples) +
        detail::formatted(" images after %.0f s of training; ", seconds) + command.output + " written\n");
}

}  // namespace

void add_train(CLI::App& app) {
  auto command = std::make_shared<TrainCommand>();
  CLI::App* sub = app.add_subcommand("train", "Train a model and write it as ONNX");
  command->model.add_to(*sub, "zoo:NAME for fresh weights, or an .onnx file to go on from")->required();
  sub->add_option("--data", command->data, "fashion-mnist, or a folder with its four IDX files")->required();
  sub->add_option("-o,--output", command->output, "the trained model, .onnx")->required();
  sub->add_option("--epochs", command->options.epochs, "passes over the training set")
      ->check(between(1, 100000))
      ->capture_default_str();
  sub->add_option("--batch", command->options.batch, "samples per step")->check(between(1, 1e6))->capture_default_str();
  sub->add_option("--learning-rate", command->options.learning_rate, "peak of the schedule")
      ->check(above_zero(1000.0))
      ->capture_default_str();
  sub->add_option("--seed", command->options.seed,
                  "weights and order of the samples; the same seed gives the same model")
      ->capture_default_str();
  sub->add_option("--threads", command->options.threads, "threads (default: all usable cores)")
      ->check(between(1, 4096));
  add_output_to(*sub, command->json);
  sub->footer("Example:\n  fulcrum train zoo:fashion_cnn --data fashion-mnist -o model.onnx --epochs 5 --seed 1");
  sub->callback([command] { train_model(*command); });
}
