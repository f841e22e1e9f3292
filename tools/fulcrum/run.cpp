// fulcrum run: one inference from files to files.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "model_argument.hpp"

using namespace fulcrum;

namespace {

struct RunOptions {
  ModelArgument model;
  std::string precision;
  std::vector<std::string> inputs, outputs;
  std::string executor = "onednn";
  int threads = 1;
  bool json = false;
};

/// \throws Error naming the file whose shape its input does not take
void check_sources(const RunOptions& options, const Model<float>& model, const std::vector<Tensor<float>>& src) {
  const std::vector<NodeId> inputs = model.inputs();
  if (inputs.size() != src.size()) {
    throw Error("--input", "names " + std::to_string(src.size()) + " file(s) for a model with " +
                               std::to_string(inputs.size()) + " input(s)");
  }
  const std::vector<Shape> shapes = infer_shapes(model, batch_of<float>(model, src));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Node<float>& node = model.node(inputs[i]);
    const Shape given = src[i].dims();
    if (given == shapes[inputs[i]]) continue;
    throw Error("--input " + options.inputs[i], "holds " + to_string(given) + " but input '" + node.name + "' takes " +
                                                    to_string(std::get<Input>(node.layer).shape));
  }
}

std::vector<Tensor<float>> results_of(const RunOptions& options, const Model<float>& model,
                                      const std::vector<Tensor<float>>& src) {
  const Precision precision = precision_for(model, options.precision);
  if (options.executor == "reference") {
    if (precision == Precision::bf16) {
      throw Error("--executor reference", "computes in f32 and, for a quantized model, int8",
                  "use --executor onednn for bf16");
    }
    if (precision == Precision::int8 && !is_quantized(model)) {
      throw Error(options.model.text, "is not quantized",
                  "quantize it first: fulcrum compress MODEL --quantize int8 --data fashion-mnist -o int8.onnx");
    }
    return ReferenceExecutor<float>(model, {.quantized = precision == Precision::int8}).run(src);
  }
  RunConfig onednn;
  onednn.batch = batch_of<float>(model, src);
  onednn.threads = options.threads;
  onednn.precision = precision;
  return OnednnExecutor(model, onednn).run(src);
}

void run(RunOptions& options) {
  std::vector<Tensor<float>> src;
  for (const std::string& path : options.inputs) {
    src.push_back(load_npy(path));
    options.model.input_shapes.push_back(src.back().dims());
  }
  const Model<float> model = options.model.load();
  if (options.outputs.size() > model.outputs().size()) {
    throw Error("--output", "names " + std::to_string(options.outputs.size()) + " files for a model with " +
                                std::to_string(model.outputs().size()) + " result(s)");
  }
  check_sources(options, model, src);
  const std::vector<Tensor<float>> dst = results_of(options, model, src);
  const std::vector<ElementType> elements = infer_elements(model);
  for (std::size_t i = 0; i < options.outputs.size(); ++i) {
    save_npy(dst[i], options.outputs[i], elements[model.outputs()[i]]);
  }
  const std::string precision(name_of(precision_for(model, options.precision)));
  if (options.json) {
    const nlohmann::json result{{"model", model.name()},
                                {"precision", precision},
                                {"executor", options.executor},
                                {"input_shape", src[0].dims()},
                                {"output_shape", dst.front().dims()},
                                {"output", options.outputs[0]}};
    print_json(result.dump());
    return;
  }
  for (std::size_t i = 0; i < options.outputs.size(); ++i) {
    print(options.outputs[i] + ": " + to_string(dst[i].dims()) + " from " + to_string(src[0].dims()) + " in " +
          precision + "\n");
  }
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Run a model once on NumPy files");
  options->model.add_to(*command)->required();
  command
      ->add_option("--input", options->inputs,
                   "source values, .npy, the batch as first axis; one file per model input, in order")
      ->required();
  command
      ->add_option("--output", options->outputs, "where the result goes, .npy; of several results, one file for each")
      ->required();
  command->add_option("--precision", options->precision,
                      "f32, bf16 or int8 (default: int8 for a quantized model, else f32)");
  command->add_option("--executor", options->executor, "onednn, or reference: slow and plain, to compare with")
      ->check(CLI::IsMember({"onednn", "reference"}))
      ->capture_default_str();
  command->add_option("--threads", options->threads, "threads of the executor")->capture_default_str();
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer("Example:\n  fulcrum run model.onnx --input images.npy --output probabilities.npy --precision bf16");
  command->callback([options] { run(*options); });
}
