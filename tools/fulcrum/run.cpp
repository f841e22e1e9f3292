// fulcrum run: one inference from files to files.

#include <cmath>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
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
  std::string roundings = "keep";
  int threads = 1;
  bool json = false;
};

Precision precision_of(const RunOptions& options, const Model<float>& model) {
  if (options.precision.empty() && options.roundings == "leave_out") return Precision::f32;
  return precision_for(model, options.precision);
}

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

/// The values of a file as what the input takes: numbers are rounded to its element type, with a remark where that
/// loses something.
Tensor<float> as_element(NpyArray array, const std::string& path, const Node<float>& input) {
  const ElementType wanted = std::get<Input>(input.layer).element;
  bool changed = false;
  for (float& x : array.values.flat()) {
    const float converted = wanted == ElementType::f64 ? x : converted_to(wanted, x);
    changed = changed || (converted != x && !(std::isnan(x) && std::isnan(converted)));
    x = converted;
  }
  const std::string what = path + ": " + std::string(name_of(array.element)) + " for input '" + input.name + "'";
  if (changed)
    remark(what + " of " + std::string(name_of(wanted)) + ": what that does not hold is rounded");
  else if (array.rounded)
    remark(what + ": rounded to f32, in which models compute");
  return std::move(array.values);
}

std::vector<Tensor<float>> results_of(const RunOptions& options, const Model<float>& model,
                                      const std::vector<Tensor<float>>& src) {
  const Precision precision = precision_of(options, model);
  if (options.executor == "reference") {
    if (precision == Precision::bf16) {
      throw Error("--executor reference", "computes in f32 and, for a quantized model, int8",
                  "use --executor onednn for bf16");
    }
    if (precision == Precision::int8 && !is_quantized(model)) {
      throw Error(options.model.text, "is not quantized",
                  "quantize it first: fulcrum compress MODEL --quantize int8 --data fashion-mnist -o int8.onnx");
    }
    return ReferenceExecutor<float>(model, {.quantized = options.roundings == "keep"}).run(src);
  }
  RunConfig onednn;
  onednn.batch = batch_of<float>(model, src);
  onednn.threads = options.threads;
  onednn.precision = precision;
  onednn.roundings = roundings_from(options.roundings);
  return OnednnExecutor(model, onednn).run(src);
}

void run(RunOptions& options) {
  std::vector<NpyArray> arrays;
  for (const std::string& path : options.inputs) {
    arrays.push_back(load_npy_array(path));
    options.model.input_shapes.push_back(arrays.back().values.dims());
  }
  const Model<float> model = options.model.load();
  const std::vector<NodeId> inputs = model.inputs();
  std::vector<Tensor<float>> src;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    src.push_back(i < inputs.size() ? as_element(std::move(arrays[i]), options.inputs[i], model.node(inputs[i]))
                                    : std::move(arrays[i].values));
  }
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
  const std::string precision(name_of(precision_of(options, model)));
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
                   "source values, .npy of any numbers, the batch as first axis; once for each model input, in order")
      ->required();
  command->add_option("--output", options->outputs, "where the result goes, .npy; once for each of several results")
      ->required();
  command->add_option("--precision", options->precision,
                      "f32, bf16 or int8 (default: int8 for a quantized model, else f32)");
  command
      ->add_option("--roundings", options->roundings,
                   "of a quantized model in f32 or bf16: keep, as its values are rounded, or leave_out")
      ->check(CLI::IsMember({"keep", "leave_out"}))
      ->capture_default_str();
  command->add_option("--executor", options->executor, "onednn, or reference: slow and plain, to compare with")
      ->check(CLI::IsMember({"onednn", "reference"}))
      ->capture_default_str();
  command->add_option("--threads", options->threads, "threads of the executor")->capture_default_str();
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer("Example:\n  fulcrum run model.onnx --input images.npy --output probabilities.npy --precision bf16");
  command->callback([options] { run(*options); });
}
