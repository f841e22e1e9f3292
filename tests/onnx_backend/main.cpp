// ONNX's own backend suite on both executors, as Debian's libonnx-testdata has it.
//
//   fulcrum_onnx_backend_tests [--filter TEXT] [--markdown] [--data FOLDER]   the cases of node, simple, pytorch-…
//   fulcrum_onnx_backend_tests --light FOLDER [--filter TEXT]                 ONNX's light_*.onnx: whole networks
//
// Exit code: 0 all cases in scope passed, 1 one failed, 2 usage, 77 the data are not there.
#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "run_case.hpp"
#include "scope.hpp"
#include "summary.hpp"

using namespace fulcrum;
using namespace fulcrum::backend_test;
namespace fs = std::filesystem;

namespace {

constexpr int skipped = 77;

struct Arguments {
  fs::path data = FULCRUM_ONNX_TEST_DATA;
  fs::path light;
  std::string filter;
  bool markdown = false;
};

/// Folders or files of a folder whose names hold the filter, by name; none when the folder is not there.
std::vector<fs::path> entries(const fs::path& folder, const std::string& filter) {
  std::vector<fs::path> result;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().find(filter) != std::string::npos) result.push_back(at->path());
  }
  std::sort(result.begin(), result.end());
  return result;
}

/// input_0.pb, input_1.pb … or output_0.pb … of a data set.
std::vector<Value> values(const fs::path& data_set, const std::string& stem) {
  std::vector<Value> result;
  for (;;) {
    const fs::path path = data_set / (stem + "_" + std::to_string(result.size()) + ".pb");
    if (!fs::exists(path)) return result;
    result.push_back(value_of(read_message<::onnx::TensorProto>(path.string())));
  }
}

std::map<std::string, Value> named_inputs(const ::onnx::GraphProto& graph, const fs::path& data_set) {
  const std::vector<const ::onnx::ValueInfoProto*> declarations = given_inputs(graph);
  std::vector<Value> inputs = values(data_set, "input");
  if (inputs.size() > declarations.size()) throw Error(data_set.string(), "has more inputs than the graph");
  std::map<std::string, Value> result;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    result.emplace(declarations[i]->name(), declared(std::move(inputs[i]), declarations[i]->type()));
  }
  return result;
}

std::vector<Value> expected_outputs(const ::onnx::GraphProto& graph, const fs::path& data_set) {
  std::vector<Value> outputs = values(data_set, "output");
  if (outputs.empty()) throw Error(data_set.string(), "has no outputs");
  if (outputs.size() > static_cast<std::size_t>(graph.output_size())) {
    throw Error(data_set.string(), "has more outputs than the graph");
  }
  int i = 0;
  for (Value& output : outputs) output = declared(std::move(output), graph.output(i++).type());
  return outputs;
}

/// \param inputs  by the graph's names
Model<float> import_with_inputs(const fs::path& folder, const std::map<std::string, Value>& inputs) {
  OnnxImportOptions options;
  for (const auto& [name, value] : inputs) options.known_inputs.emplace(name, value.numbers);
  return import_onnx((folder / "model.onnx").string(), options);
}

/// Counts the case in its group.
void run_case(const fs::path& folder, Summary& summary, Group& group) {
  try {
    const auto model = read_message<::onnx::ModelProto>((folder / "model.onnx").string());
    const bool must_pass = group.name.starts_with("pytorch");
    if (const auto exclusion = excluded_by_type(model.graph()); exclusion && !must_pass) {
      return summary.exclude(group, *exclusion);
    }
    const std::vector<fs::path> data_sets = entries(folder, "test_data_set_");
    if (data_sets.empty()) throw Error(folder.string(), "has no data set");
    for (const fs::path& data_set : data_sets) {
      const std::map<std::string, Value> inputs = named_inputs(model.graph(), data_set);
      if (const auto exclusion = excluded(model, inputs); exclusion && !must_pass) {
        return summary.exclude(group, *exclusion);
      }
      check_outputs(import_with_inputs(folder, inputs), inputs, expected_outputs(model.graph(), data_set));
    }
    ++group.passed;
  } catch (const std::exception& error) {
    group.failures.push_back({folder.filename().string(), error.what()});
  }
}

int run_suite(const Arguments& arguments) {
  Summary summary;
  std::size_t cases = 0;
  for (const char* name : {"node", "simple", "pytorch-converted", "pytorch-operator"}) {
    Group group;
    group.name = name;
    for (const fs::path& folder : entries(arguments.data / name, arguments.filter)) {
      run_case(folder, summary, group);
      ++cases;
    }
    summary.groups.push_back(std::move(group));
  }
  if (cases == 0) {
    std::cout << "skipped: no case of ONNX's backend suite in " << arguments.data.string()
              << " (apt install libonnx-testdata, or --data FOLDER)\n";
    return skipped;
  }
  for (const Group& group : summary.groups) {
    for (const Failure& failure : group.failures) {
      std::cout << "FAILED " << group.name << '/' << failure.name << ": " << printable(failure.reason) << '\n';
    }
  }
  print(std::cout, summary, arguments.markdown);
  return summary.failed() == 0 ? 0 : 1;
}

/// The input that the expected outputs of the light networks belong to: 0, 1/n, 2/n … as floats.
Value ramp(const ::onnx::ValueInfoProto& input) {
  Shape shape;
  for (const auto& dim : input.type().tensor_type().shape().dim())
    shape.push_back(std::max<std::int64_t>(dim.dim_value(), 1));
  Value value{ElementType::f32, Tensor<double>(shape)};
  const auto n = static_cast<float>(value.numbers.flat().size());
  float next = 0.0F;
  for (double& number : value.numbers.flat()) {
    number = static_cast<double>(next / n);
    next += 1.0F;
  }
  return value;
}

void run_light(const fs::path& path) {
  const auto proto = read_message<::onnx::ModelProto>(path.string());
  std::map<std::string, Value> inputs;
  for (const auto* input : given_inputs(proto.graph())) inputs.emplace(input->name(), ramp(*input));
  const fs::path folder = path.parent_path();
  const std::vector<Value> expected = values(folder, path.stem().string() + "_output");
  if (expected.empty()) throw Error(path.string(), "has no expected outputs beside it");
  check_outputs(import_onnx(path.string()), inputs, expected);
}

int run_light_networks(const Arguments& arguments) {
  bool any = false;
  bool passed = true;
  for (const fs::path& path : entries(arguments.light, arguments.filter)) {
    if (path.extension() != ".onnx") continue;
    any = true;
    const auto start = std::chrono::steady_clock::now();
    std::string result = "passed";
    try {
      run_light(path);
    } catch (const std::exception& error) {
      result = "FAILED: " + printable(error.what());
      passed = false;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::cout << path.stem().string() << ": " << result << " (" << took.count() << " s)\n";
  }
  if (any) return passed ? 0 : 1;
  std::cout << "skipped: no light_*.onnx in " << arguments.light.string()
            << " (onnx/backend/test/data/light of ONNX 1.14 and later)\n";
  return skipped;
}

Arguments parse(const std::vector<std::string>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto next = [&] {
      if (i + 1 == words.size()) throw Error(words[i], "needs a value");
      return words[++i];
    };
    if (words[i] == "--markdown")
      arguments.markdown = true;
    else if (words[i] == "--filter")
      arguments.filter = next();
    else if (words[i] == "--data")
      arguments.data = next();
    else if (words[i] == "--light")
      arguments.light = next();
    else
      throw Error(words[i], "is not known", "use --filter TEXT, --markdown, --data FOLDER or --light FOLDER");
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(std::vector<std::string>(argv + 1, argv + argc));
    return arguments.light.empty() ? run_suite(arguments) : run_light_networks(arguments);
  } catch (const std::exception& error) {
    std::cerr << "fulcrum_onnx_backend_tests: " << error.what() << '\n';
    return 2;
  }
}
