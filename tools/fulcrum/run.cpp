// fulcrum run: one inference, or a sequence of them, from files to files.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/exec/streaming_executor.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"

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

/// What a model takes and gives besides its states.
struct Interface {
  std::vector<NodeId> inputs;
  std::vector<NodeId> outputs;
};

Interface interface_of(const Model<float>& model, const std::vector<State>& states) {
  Interface result;
  for (const NodeId id : model.inputs()) {
    if (std::none_of(states.begin(), states.end(), [&](const State& s) { return s.input == model.node(id).name; }))
      result.inputs.push_back(id);
  }
  const std::vector<Shape> shapes = infer_shapes(model, 1);
  std::vector<Shape> src_shapes, dst_shapes;
  for (const NodeId id : model.inputs()) src_shapes.push_back(shapes[id]);
  for (const NodeId id : model.outputs()) dst_shapes.push_back(shapes[id]);
  for (const std::size_t k : bind_states(model, states, std::move(src_shapes), std::move(dst_shapes)).dst)
    result.outputs.push_back(model.outputs()[k]);
  return result;
}

/// Shapes of the sources of one step.
std::vector<Shape> step_shapes(const RunOptions& options, const std::vector<Tensor<float>>& src) {
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < src.size(); ++i) {
    Shape shape = src[i].dims();
    if (!options.model.states.empty()) {
      if (shape.empty() || shape[0] != src[0].dim(0)) {
        throw Error("--input " + options.inputs[i], "holds " + to_string(shape) + ", not as many steps as the others",
                    "with --state, the first axis of every input is the steps");
      }
      shape.erase(shape.begin());
    }
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

/// The batch that the sources hold.
/// \throws Error naming the file whose shape its input does not take
std::int64_t batch_of_sources(const RunOptions& options, const Model<float>& model, const Interface& interface,
                              const std::vector<Shape>& given) {
  if (interface.inputs.size() != given.size()) {
    throw Error("--input", "names " + std::to_string(given.size()) + " file(s) for a model with " +
                               std::to_string(interface.inputs.size()) + " input(s)");
  }
  const auto declared = [&](std::size_t i) { return std::get<Input>(model.node(interface.inputs[i]).layer).shape; };
  std::int64_t batch = 1;
  for (std::size_t i = given.size(); i-- > 0;) {
    const Shape shape = declared(i);
    const auto at = std::find(shape.begin(), shape.end(), batch_dim) - shape.begin();
    if (given[i].size() != shape.size() || at == static_cast<std::ptrdiff_t>(shape.size())) continue;
    batch = std::max<std::int64_t>(given[i][static_cast<std::size_t>(at)], 1);
  }
  const std::vector<Shape> shapes = infer_shapes(model, batch);
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] == shapes[interface.inputs[i]]) continue;
    throw Error("--input " + options.inputs[i],
                "holds " + to_string(given[i]) + (options.model.states.empty() ? "" : " in each step") +
                    " but input '" + model.node(interface.inputs[i]).name + "' takes " + to_string(declared(i)));
  }
  return batch;
}

/// Runs an executor with states on sequences, whose first axis is the steps.
template <Executor E>
std::vector<Tensor<float>> run_steps(E executor, const std::vector<Tensor<float>>& src, std::int64_t steps) {
  std::vector<Tensor<float>> dst;
  for (Shape shape : executor.dst_shapes()) {
    shape.insert(shape.begin(), steps);
    dst.emplace_back(shape);
  }
  const auto at = [&](auto& tensors, std::int64_t step) {
    std::vector<decltype(tensors.front().flat().data())> pointers;
    for (auto& tensor : tensors)
      pointers.push_back(tensor.flat().data() + static_cast<std::ptrdiff_t>(tensor.flat().size()) / steps * step);
    return pointers;
  };
  for (std::int64_t step = 0; step < steps; ++step) executor.execute(at(src, step), at(dst, step));
  return dst;
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
  const auto values = array.values.flat();
  const auto odd = std::count_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
  if (odd > 0) {
    remark(path + ": holds " + format_count(odd) + " of " + format_count(static_cast<long long>(values.size())) +
           " values that are NaN or infinite; so may be the results");
  }
  const std::string what = path + ": " + std::string(name_of(array.element)) + " for input '" + input.name + "'";
  if (changed)
    remark(what + " of " + std::string(name_of(wanted)) + ": what that does not hold is rounded");
  else if (array.rounded)
    remark(what + ": rounded to f32, in which models compute");
  return std::move(array.values);
}

std::vector<Tensor<float>> results_of(const RunOptions& options, const Model<float>& model,
                                      const std::vector<Tensor<float>>& src, std::int64_t batch) {
  const std::vector<State> states = options.model.state_pairs();
  const std::int64_t steps = states.empty() || src.empty() ? 1 : src[0].dim(0);
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
    ReferenceExecutor<float> executor(model, {.quantized = options.roundings == "keep", .batch = batch});
    if (states.empty()) return executor.run(src);
    return run_steps(StreamingExecutor(std::move(executor), model, states), src, steps);
  }
  RunConfig onednn;
  onednn.batch = batch;
  onednn.threads = options.threads;
  onednn.precision = precision;
  onednn.roundings = roundings_from(options.roundings);
  if (states.empty()) return OnednnExecutor(model, onednn).run(src);
  return run_steps(OnednnExecutor(model, onednn, states), src, steps);
}

void run(RunOptions& options) {
  std::vector<NpyArray> arrays;
  for (const std::string& path : options.inputs) {
    arrays.push_back(load_npy_array(path));
    Shape shape = arrays.back().values.dims();
    if (!shape.empty() && shape[0] == 0)
      throw Error("--input " + path, "holds nothing: " + to_string(shape), "give one sample or more");
    if (!options.model.states.empty() && !shape.empty()) shape.erase(shape.begin());  // the steps
    options.model.input_shapes.push_back(std::move(shape));
  }
  const Model<float> model = options.model.load();
  const auto [inputs, outputs] = interface_of(model, options.model.state_pairs());
  std::vector<Tensor<float>> src;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    src.push_back(i < inputs.size() ? as_element(std::move(arrays[i]), options.inputs[i], model.node(inputs[i]))
                                    : std::move(arrays[i].values));
  }
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& output : options.outputs) files.emplace_back("--output", output);
  expect_separate_files(files);
  if (options.outputs.size() > outputs.size()) {
    throw Error("--output", "names " + std::to_string(options.outputs.size()) + " files for a model with " +
                                std::to_string(outputs.size()) + " result(s)");
  }
  const std::int64_t batch = batch_of_sources(options, model, {inputs, outputs}, step_shapes(options, src));
  const std::vector<Tensor<float>> dst = results_of(options, model, src, batch);
  const std::vector<ElementType> elements = infer_elements(model);
  for (std::size_t i = 0; i < options.outputs.size(); ++i) {
    save_npy(dst[i], options.outputs[i], elements[outputs[i]]);
  }
  const std::string precision(name_of(precision_of(options, model)));
  if (options.json) {
    const nlohmann::json result{{"model", model.name()},
                                {"precision", precision},
                                {"executor", options.executor},
                                {"input_shape", src[0].dims()},
                                {"output_shape", dst.front().dims()},
                                {"output", options.outputs[0]}};
    print_document("run", result);
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
  CLI::App* command = app.add_subcommand("run", "Run a model once on NumPy files, or step by step on a sequence");
  options->model.add_to(*command)->required();
  options->model.add_states_to(*command,
                               ". The other inputs and the results then are sequences, with the steps as first axis");
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
  command->add_option("--threads", options->threads, "threads of the executor")
      ->check(between(1, static_cast<double>(most_threads)))
      ->capture_default_str();
  add_output_to(*command, options->json);
  command->footer(
      "Examples:\n  fulcrum run model.onnx --input images.npy --output probabilities.npy --precision bf16\n"
      "  fulcrum run vad.onnx --state state=stateN --set sr=16000 --input frames.npy --output speech.npy");
  command->callback([options] { run(*options); });
}
