// fulcrum run: one inference from a file to a file.

#include <memory>
#include <string>

#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/io/npy.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "model_argument.hpp"

using namespace fulcrum;

namespace {

struct RunOptions {
  std::string model, output, precision;
  std::vector<std::string> inputs;
  std::string executor = "onednn";
  int threads = 1;
  bool json = false;
};

void run(const RunOptions& options) {
  const Model<float> model = load_model(options.model);
  const Precision precision = precision_for(model, options.precision);
  std::vector<Tensor<float>> src;
  for (const std::string& path : options.inputs) src.push_back(load_npy(path));
  if (src[0].dims().empty())
    throw Error(options.inputs[0], "holds a scalar", "give a tensor with the batch as its first axis");
  std::vector<Tensor<float>> dst;
  if (options.executor == "reference") {
    if (precision == Precision::bf16) {
      throw Error("--executor reference", "computes in f32 and, for a quantized model, int8",
                  "use --executor onednn for bf16");
    }
    if (precision == Precision::int8 && !is_quantized(model)) {
      throw Error(options.model, "is not quantized",
                  "quantize it first: fulcrum compress MODEL --quantize int8 --data fashion-mnist -o int8.onnx");
    }
    dst = ReferenceExecutor<float>(model, {.quantized = precision == Precision::int8}).run(src);
  } else {
    OnednnOptions onednn;
    onednn.batch = src[0].dim(0);
    onednn.threads = options.threads;
    onednn.precision = precision;
    dst = OnednnExecutor(model, onednn).run(src);
  }
  save_npy(dst.front(), options.output);
  if (options.json) {
    const nlohmann::json result{
        {"model", model.name()},        {"precision", name_of(precision)},    {"executor", options.executor},
        {"input_shape", src[0].dims()}, {"output_shape", dst.front().dims()}, {"output", options.output}};
    print_json(result.dump());
  } else {
    print(options.output + ": " + to_string(dst.front().dims()) + " from " + to_string(src[0].dims()) + " in " +
          std::string(name_of(precision)) + "\n");
  }
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Run a model once on a NumPy file");
  command->add_option("MODEL", options->model, "zoo:NAME or an .onnx file")->required();
  command
      ->add_option("--input", options->inputs, "source values, .npy, the batch as first axis; one file per model input")
      ->required();
  command->add_option("--output", options->output, "where the result goes, .npy")->required();
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
