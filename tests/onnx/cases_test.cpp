// Models that once went wrong: tests/onnx/cases/ holds a folder for each, and its README.md says what is in one.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/data/npy.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/cast.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/onnx/graph/proto.hpp>
#include <fulcrum/onnx/import.hpp>

#include <support/catch.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

namespace fs = std::filesystem;

/// The arrays of a folder by the names of their files; none when there is no such folder.
std::map<std::string, NpyArray> arrays_in(const fs::path& folder) {
  std::map<std::string, NpyArray> arrays;
  if (!fs::exists(folder)) return arrays;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".npy") arrays.emplace(entry.path().stem().string(), load_npy_array(entry.path()));
  }
  return arrays;
}

struct Case {
  Model<float> model{""};
  std::vector<Tensor<float>> src;  ///< in the order of the model's inputs
  std::vector<NpyArray> expected;  ///< in the order of its outputs; what is not given of the last is not compared
};

Case read_case(const fs::path& folder) {
  std::map<std::string, NpyArray> arrays = arrays_in(folder);
  OnnxImportOptions options;
  for (auto& [name, value] : arrays_in(folder / "known")) {
    options.known_inputs.emplace(name, cast<double>(value.values));
    arrays.emplace(name, value);
  }
  Case result;
  const std::string bytes = read_file((folder / "model.onnx").string());
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(bytes));
  for (const auto& input : proto.graph().input()) {  // open dimensions are those of the arrays
    if (const auto at = arrays.find(input.name()); at != arrays.end())
      options.input_shapes.push_back(at->second.values.dims());
  }
  result.model = parse_onnx(bytes, options);
  for (const NodeId id : result.model.inputs()) result.src.push_back(arrays.at(result.model.node(id).name).values);
  result.expected.push_back(arrays.at("expected"));
  for (std::string next = "expected_1"; arrays.count(next) != 0;
       next = "expected_" + std::to_string(result.expected.size())) {
    result.expected.push_back(arrays.at(next));
  }
  return result;
}

}  // namespace

TEST_CASE("Models that once went wrong give what they are to give") {
  const fs::path folder = fs::path(__FILE__).parent_path() / "cases";
  std::size_t cases = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory()) continue;
    INFO(entry.path().filename().string());
    ++cases;
    const Case given = read_case(entry.path());
    const bool quantized = is_quantized(given.model);
    RunConfig config;
    config.batch = batch_of<float>(given.model, given.src);
    const auto check = [&](const std::string& executor, const std::vector<Tensor<float>>& dst) {
      INFO(executor);
      REQUIRE(dst.size() >= given.expected.size());
      for (std::size_t i = 0; i < given.expected.size(); ++i) {
        INFO("output " << i << " of shape " << to_string(dst[i].dims()));
        // Numbers of 16 bits were rounded to 11 on their way through layers that compute in f32 here.
        const bool half = given.expected[i].element == ElementType::f16;
        const double tolerance = test::relative_tolerance(quantized ? Precision::int8 : Precision::f32);
        CHECK(test::relative_difference(dst[i], given.expected[i].values) <= (half ? 0x1p-10 : tolerance));
      }
    };
    check("reference", ReferenceExecutor<float>(given.model).run(given.src));
    for (const Precision precision : {quantized ? Precision::int8 : Precision::f32, Precision::f32}) {
      config.precision = precision;  // in f32 a quantized model is rounded as in int8
      for (const int threads : {1, 2}) {
        config.threads = threads;
        check("oneDNN, " + to_string(config), OnednnExecutor(given.model, config).run(given.src));
      }
    }
  }
  CHECK(cases >= 13);
}
