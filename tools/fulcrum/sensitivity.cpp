// fulcrum sensitivity: which layers a model's answers depend on most.

#include <memory>
#include <string>
#include <vector>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/plan/sensitivity.hpp>
#include <fulcrum/report/progress_bar.hpp>
#include <fulcrum/report/sensitivity_html.hpp>
#include <fulcrum/report/sensitivity_json.hpp>
#include <fulcrum/report/sensitivity_text.hpp>
#include <nlohmann/json.hpp>

#include "chart_js.hpp"
#include "command.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"

using namespace fulcrum;

namespace {

struct SensitivityCommand {
  ModelArgument model;
  std::string data, html;
  std::vector<std::string> inputs;
  std::int64_t samples = 1000;
  int threads = 0;
  SensitivityOptions options;
  bool json = false;
};

void show_sensitivity(const SensitivityCommand& command) {
  if (command.data.empty() == command.inputs.empty())
    throw Error("sensitivity", "needs samples to run", "give --data, or --input FILE.npy for each input");
  expect_separate_files({{"MODEL", command.model.text}, {"--html", command.html}});
  if (!command.html.empty()) check_writable(command.html);  // before minutes of work, not after
  const Model<float> model = command.model.load();
  std::vector<Tensor<float>> sources;
  std::vector<std::int32_t> labels;
  if (!command.data.empty()) {
    const Dataset test = load_dataset(command.data, Split::test);
    if (command.samples > test.size())
      remark("--samples " + std::to_string(command.samples) + ": there are " + std::to_string(test.size()) +
             " images, which are all run");
    Dataset part = slice(test, 0, std::min<std::int64_t>(command.samples, test.images.dim(0)));
    sources.push_back(std::move(part.images));
    labels = std::move(part.labels);
  }
  for (const std::string& file : command.inputs) sources.push_back(load_npy(file));
  ProgressBar bar;
  const SensitivityReport report = sensitivity(
      model, sources, labels, onednn_runner(command.threads > 0 ? command.threads : current_environment().cores),
      command.options, bar.sink());
  bar.clear();
  if (!command.html.empty())
    write_file_atomically(command.html, html_report(report, chart_js(), {FULCRUM_VERSION, command_line()}));
  if (command.json)
    print_document("sensitivity", to_json(report));
  else
    print(to_text(report));
}

}  // namespace

void add_sensitivity(CLI::App& app) {
  auto command = std::make_shared<SensitivityCommand>();
  CLI::App* sub =
      app.add_subcommand("sensitivity", "Prune and round one layer at a time, and see what becomes of the answers");
  command->model.add_to(*sub, "zoo:NAME or an .onnx file, in float")->required();
  sub->add_option("--data", command->data, "data set whose test images are run: fashion-mnist or a folder");
  sub->add_option("--samples", command->samples, "test images to run")->check(between(1, 1e9))->capture_default_str();
  sub->add_option(
      "--input", command->inputs,
      "instead of --data: a .npy file of samples, once for each input; outputs are compared, as there are no "
      "labels");
  sub->add_option("--sparsity", command->options.sparsities, "shares of a layer's weights that are set to 0")
      ->check(share())
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--bits", command->options.bits, "bits that a layer's weights are rounded to")
      ->check(between(2, 8))
      ->delimiter(',')
      ->capture_default_str();
  sub->add_option("--threads", command->threads, "threads (default: all usable cores)")->check(between(1, 4096));
  sub->add_option("--html", command->html, "write an HTML page with plots of what each layer loses");
  add_output_to(*sub, command->json);
  sub->footer(
      "Example:\n  fulcrum sensitivity model.onnx --data fashion-mnist --sparsity 0.5,0.9 --bits 8,4 --html "
      "layers.html");
  sub->callback([command, sub] {
    expect_effect(*sub, "--samples", !command->data.empty(), "says how many images of --data are run",
                  "leave it out: all samples of --input are");
    show_sensitivity(*command);
  });
}
