#include "model_argument.hpp"

#include <fulcrum/io/onnx_import.hpp>
#include <fulcrum/zoo/zoo.hpp>

using namespace fulcrum;

Model<float> load_model(const std::string& argument, std::uint64_t seed) {
  constexpr std::string_view prefix = "zoo:";
  if (argument.starts_with(prefix)) return zoo_model(argument.substr(prefix.size()), seed);
  return import_onnx(argument);
}

Precision precision_for(const Model<float>& model, const std::string& option) {
  if (!option.empty()) return precision_from(option);
  return is_quantized(model) ? Precision::int8 : Precision::f32;
}
