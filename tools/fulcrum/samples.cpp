// fulcrum samples: samples of a data set as files that evaluate, run, sensitivity and other programs take.

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/data/npy.hpp>

#include "command.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"

using namespace fulcrum;

namespace {

struct SamplesCommand {
  std::string data, split = "test", output, labels;
  std::int64_t first = 0, count = 1000;
  bool json = false;
};

void write_samples(const SamplesCommand& command) {
  expect_separate_files({{"--output", command.output}, {"--labels", command.labels}});
  check_writable(command.output);
  if (!command.labels.empty()) check_writable(command.labels);
  const Dataset all = load_dataset(command.data, command.split == "train" ? Split::train : Split::test);
  const Dataset part = slice(all, command.first, command.count);
  save_npy(part.images, command.output);
  if (!command.labels.empty()) {
    Tensor<float> classes(Shape{part.size()});
    for (std::size_t i = 0; i < part.labels.size(); ++i) classes.flat()[i] = static_cast<float>(part.labels[i]);
    save_npy(classes, command.labels, ElementType::s64);
  }
  if (command.json) {
    nlohmann::json shape = part.images.dims();
    print_document("samples", {{"output", command.output}, {"shape", std::move(shape)}, {"labels", command.labels}});
    return;
  }
  print(format_count(part.size()) + " samples of shape " + to_string(part.images.dims()) + ": " + command.output +
        (command.labels.empty() ? "" : ", their classes: " + command.labels) + "\n");
}

}  // namespace

void add_samples(CLI::App& app) {
  auto command = std::make_shared<SamplesCommand>();
  CLI::App* sub = app.add_subcommand("samples", "Write samples of a data set as .npy files");
  sub->add_option("--data", command->data, "fashion-mnist, or a folder with its four IDX files")->required();
  sub->add_option("-o,--output", command->output, "the samples, .npy, with the samples as first axis")->required();
  sub->add_option("--labels", command->labels, "write the class of each as well, .npy");
  sub->add_option("--split", command->split, "test or train")
      ->check(CLI::IsMember({"test", "train"}))
      ->capture_default_str();
  sub->add_option("--first", command->first, "number of the first sample")
      ->check(between(0, 1e12))
      ->capture_default_str();
  sub->add_option("--count", command->count, "samples")->check(between(1, 1e12))->capture_default_str();
  sub->add_flag("--json", command->json, "print one JSON object");
  sub->footer("Example:\n  fulcrum samples --data fashion-mnist -o x.npy --labels classes.npy --count 100");
  sub->callback([command] { write_samples(*command); });
}
