#include "model_argument.hpp"

#include <charconv>
#include <utility>

#include <fulcrum/data/npy.hpp>
#include <fulcrum/model/cast.hpp>
#include <fulcrum/onnx/import.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include "command.hpp"
#include "option_values.hpp"

using namespace fulcrum;

namespace {

/// The value in "NAME=VALUE": a number, numbers with commas between them, or a .npy file.
std::pair<std::string, Tensor<double>> set_input(const std::string& text) {
  const std::string where = "--set " + text;
  const char* const remedy = "for example --set sr=16000, --set sizes=2,3 or --set mask=mask.npy";
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0) throw Error(where, "is no NAME=VALUE", remedy);
  const std::string name = text.substr(0, at);
  const std::string value = text.substr(at + 1);
  if (value.ends_with(".npy")) return {name, cast<double>(load_npy(value))};
  std::vector<double> numbers;
  const char* from = value.data();
  const char* const end = value.data() + value.size();
  for (;;) {
    double number = 0.0;
    const auto [stop, failure] = std::from_chars(from, end, number);
    if (failure != std::errc() || (stop != end && *stop != ',')) throw Error(where, "holds no number", remedy);
    numbers.push_back(number);
    if (stop == end) break;
    from = stop + 1;
  }
  const Shape shape = numbers.size() == 1 ? Shape{} : Shape{static_cast<std::int64_t>(numbers.size())};
  return {name, Tensor<double>(shape, std::span<const double>(numbers))};
}

}  // namespace

CLI::Option* ModelArgument::add_to(CLI::App& command, const std::string& help) {
  command.add_option("--dim", dims, "NAME=EXTENT of a symbolic dimension of the file; once for each");
  command.add_option("--set", sets,
                     "NAME=VALUE of an input that is the same in every run, which is then no input any more: a number, "
                     "numbers with commas, or a .npy file; once for each");
  command.add_option("--outputs", outputs,
                     "NAME of a value of the file that the model gives instead of the file's outputs: it ends there, "
                     "before a tail that cannot be imported, say; once for each");
  return command.add_option("MODEL", text, help);
}

void ModelArgument::add_states_to(CLI::App& command, const std::string& more) {
  command.add_option(
      "--state", states,
      "IN=OUT: an input that takes what an output gave in the step before, 0 at first; once for each" + more);
}

std::vector<State> ModelArgument::state_pairs() const {
  std::vector<State> pairs;
  for (const std::string& pair : states) {
    const std::size_t at = pair.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == pair.size())
      throw Error("--state " + pair, "is no IN=OUT", "name an input and an output, for example --state h=hn");
    pairs.push_back({pair.substr(0, at), pair.substr(at + 1)});
  }
  return pairs;
}

Model<float> ModelArgument::load(std::uint64_t seed) const {
  constexpr std::string_view prefix = "zoo:";
  if (text.starts_with(prefix)) {
    if (!dims.empty()) throw Error("--dim", "is for ONNX files", "models of the zoo have no symbolic dimensions");
    if (!sets.empty()) throw Error("--set", "is for ONNX files", "leave it out");
    if (!outputs.empty()) throw Error("--outputs", "is for ONNX files", "leave it out");
    return zoo_model(text.substr(prefix.size()), seed);
  }
  OnnxImportOptions options;
  options.input_shapes = input_shapes;
  options.outputs = outputs;
  for (const State& state : state_pairs()) options.unshaped_inputs.insert(state.input);
  for (const std::string& dim : dims) {
    const std::size_t at = dim.rfind('=');
    std::int64_t extent = 0;
    const char* const end = dim.data() + dim.size();
    const bool whole = at != std::string::npos && at > 0 &&
                       std::from_chars(dim.data() + at + 1, end, extent) == std::from_chars_result{end, std::errc()};
    if (!whole || extent < 1) throw Error("--dim " + dim, "is no NAME=EXTENT", "for example --dim batch=4");
    if (!options.dims.emplace(dim.substr(0, at), extent).second) given_twice("--dim", dim, dim.substr(0, at));
  }
  for (const std::string& set : sets) {
    auto input = set_input(set);
    const std::string name = input.first;
    if (!options.bound_inputs.insert(std::move(input)).second) given_twice("--set", set, name);
  }
  options.note = remark;
  return import_onnx(text, options);
}

Precision precision_for(const Model<float>& model, const std::string& option) {
  if (!option.empty()) return precision_from(option);
  return is_quantized(model) ? Precision::int8 : Precision::f32;
}
