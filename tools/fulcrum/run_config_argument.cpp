#include "run_config_argument.hpp"

#include "model_argument.hpp"
#include "option_values.hpp"

using namespace fulcrum;

void RunConfigArgument::add_to(CLI::App& command, const std::string& more_precisions) {
  command.add_option("--batch", config.batch, "samples per inference")
      ->check(between(1, static_cast<double>(largest_batch)))
      ->capture_default_str();
  command.add_option("--threads", config.threads, "threads of each instance")
      ->check(between(1, static_cast<double>(most_threads)))
      ->capture_default_str();
  command.add_option("--precision", precision,
                     "f32, bf16 or int8" + more_precisions + " (default: int8 for a quantized model, else f32)");
  command.add_option("--layer-precision", layer_precision,
                     "NAME=PRECISION: a layer that computes in another precision than the rest; once for each");
  command
      .add_option("--missing-precision", missing_precision,
                  "what to do where this CPU lacks the precision: refuse, or run in f32")
      ->check(CLI::IsMember({"refuse", "f32"}))
      ->capture_default_str();
  command
      .add_option("--roundings", roundings,
                  "of a quantized model in f32 or bf16: keep, as its values are rounded, or leave_out")
      ->check(CLI::IsMember({"keep", "leave_out"}))
      ->capture_default_str();
  command
      .add_option("--slice", config.slice,
                  "samples that a thread takes through the whole model at a time (default: what should be fastest; "
                  "the batch size: the batch goes layer by layer)")
      ->check(between(0, static_cast<double>(largest_batch)));
  command.add_option("--winograd", winograd, "Winograd's algorithm for 3x3 convolutions in f32: auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  command
      .add_option("--sparse", sparse,
                  "products in f32 by the weights that are not 0 alone: auto (where that should be faster), always or "
                  "never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
}

void RunConfigArgument::add_instances_to(CLI::App& command) {
  command.add_option("--instances", config.instances, "copies that run side by side")
      ->check(between(1, static_cast<double>(most_threads)))
      ->capture_default_str();
}

RunConfig RunConfigArgument::for_model(const Model<float>& model) const {
  RunConfig result = config;
  result.roundings = roundings_from(roundings);
  result.precision =
      precision.empty() && result.roundings == Roundings::leave_out ? Precision::f32 : precision_for(model, precision);
  result.missing_precision = missing_precision_from(missing_precision);
  result.algorithms.winograd = use_algorithm_from(winograd);
  result.algorithms.sparse = use_algorithm_from(sparse);
  for (const std::string& text : layer_precision) {
    const std::size_t at = text.rfind('=');
    if (at == std::string::npos || at == 0)
      throw Error("--layer-precision " + text, "is not NAME=PRECISION", "write for example conv1=f32");
    const std::string name = text.substr(0, at);
    if (!result.layer_precision.emplace(name, precision_from(text.substr(at + 1))).second)
      given_twice("--layer-precision", text, name);
  }
  validate(result);
  return result;
}
