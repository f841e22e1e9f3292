#include "model_argument.hpp"

#include <charconv>

#include <fulcrum/onnx/import.hpp>
#include <fulcrum/zoo/zoo.hpp>

using namespace fulcrum;

CLI::Option* ModelArgument::add_to(CLI::App& command, const std::string& help) {
  command.add_option("--dim", dims, "NAME=EXTENT of a symbolic dimension of the file; may be repeated")
      ->allow_extra_args(false);
  return command.add_option("MODEL", text, help);
}

Model<float> ModelArgument::load() const {
  constexpr std::string_view prefix = "zoo:";
  if (text.starts_with(prefix)) {
    if (!dims.empty()) throw Error("--dim", "is for ONNX files", "models of the zoo have no symbolic dimensions");
    return zoo_model(text.substr(prefix.size()), seed);
  }
  OnnxImportOptions options;
  options.input_shapes = input_shapes;
  for (const std::string& dim : dims) {
    const std::size_t at = dim.rfind('=');
    std::int64_t extent = 0;
    if (at != std::string::npos) std::from_chars(dim.data() + at + 1, dim.data() + dim.size(), extent);
    if (extent < 1) throw Error("--dim " + dim, "is no NAME=EXTENT", "for example --dim batch=4");
    options.dims[dim.substr(0, at)] = extent;
  }
  return import_onnx(text, options);
}

Precision precision_for(const Model<float>& model, const std::string& option) {
  if (!option.empty()) return precision_from(option);
  return is_quantized(model) ? Precision::int8 : Precision::f32;
}
