// A libFuzzer target for the ONNX importer: any bytes give an Error or a model that holds together.
//
//   cmake -S . -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ -DFULCRUM_BUILD_FUZZERS=ON
//   cmake --build build/fuzz --target fuzz_onnx_import
//   mkdir -p corpus && build/fuzz/tests/fuzz/onnx_import_fuzz -max_total_time=300 -rss_limit_mb=2048
//       -max_len=6000 -dict=tests/fuzz/onnx_import.dict corpus build/fuzz/tests/fuzz/seeds
//
// The models of ONNX's backend suite (libonnx-testdata) make good further seeds. What it finds goes, once mended, to
// tests/fuzz/regressions/, which the tests read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/import.hpp>

namespace {

/// Whether a layer is one that an import makes of a group of nodes.
bool is_recognised(const fulcrum::Layer<float>& layer) {
  using Kind = fulcrum::ActivationKind;
  if (const auto* activation = std::get_if<fulcrum::Activation>(&layer)) {
    return activation->function == Kind::swish || activation->function == Kind::hard_swish ||
           activation->function == Kind::gelu || activation->function == Kind::gelu_tanh;
  }
  if (const auto* dense = std::get_if<fulcrum::Dense<float>>(&layer)) return !dense->bias.empty();
  return std::holds_alternative<fulcrum::LayerNormalization<float>>(layer);
}

std::ptrdiff_t recognised_layers(const fulcrum::Model<float>& model) {
  return std::count_if(model.nodes().begin(), model.nodes().end(),
                       [](const fulcrum::Node<float>& node) { return is_recognised(node.layer); });
}

/// Beyond what an importer must bear: a model that came in must go out, and come back. The second export has the bytes
/// of the first, unless the first made a group of nodes plain that the file hid (a Shape took a value inside, say) and
/// the import then recognised it: docs/onnx.md, known limits.
void check(fulcrum::Model<float> model, const fulcrum::OnnxImportOptions& options) {
  std::string first;
  try {
    for (const std::int64_t batch : {1, 3}) static_cast<void>(fulcrum::infer_shapes(model, batch));
    first = fulcrum::serialize_onnx(model);
  } catch (const fulcrum::Error&) {
    return;  // shapes that only fit one batch size; sizes past 2 GB
  }
  while (true) {
    fulcrum::Model<float> again = fulcrum::parse_onnx(first, options);
    std::string second = fulcrum::serialize_onnx(again);
    if (second == first) return;
    if (recognised_layers(again) <= recognised_layers(model)) break;
    model = std::move(again);
    first = std::move(second);
  }
  std::cerr << "the second export differs from the first\n";
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fulcrum::OnnxImportOptions options;
  options.max_fill_bytes = std::size_t{16} << 20U;
  try {
    check(fulcrum::parse_onnx({reinterpret_cast<const char*>(data), size}, options), options);
  } catch (const fulcrum::Error&) {
  }
  return 0;
}
