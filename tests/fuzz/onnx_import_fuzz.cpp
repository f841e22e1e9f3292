// A libFuzzer target for the ONNX importer: any bytes give an Error or a model that holds together.
//
//   cmake -S . -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ -DFULCRUM_BUILD_FUZZERS=ON
//   cmake --build build/fuzz --target fuzz_onnx_import
//   mkdir -p corpus && build/fuzz/tests/fuzz/onnx_import_fuzz -max_total_time=300 -rss_limit_mb=2048
//       -max_len=6000 -dict=tests/fuzz/onnx_import.dict corpus build/fuzz/tests/fuzz/seeds
//
// The models of ONNX's backend suite (libonnx-testdata) make good further seeds. What it finds goes, once mended, to
// tests/fuzz/regressions/, which the tests read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <fulcrum/io/onnx_export.hpp>
#include <fulcrum/io/onnx_import.hpp>

namespace {

/// Beyond what an importer must bear: a model that came in must go out, and come back.
void check(const fulcrum::Model<float>& model, const fulcrum::OnnxImportOptions& options) {
  std::string first;
  try {
    for (const std::int64_t batch : {1, 3}) static_cast<void>(fulcrum::infer_shapes(model, batch));
    first = fulcrum::serialize_onnx(model);
  } catch (const fulcrum::Error&) {
    return;  // shapes that only fit one batch size; sizes past 2 GB
  }
  const fulcrum::Model<float> again = fulcrum::parse_onnx(first, options);
  if (fulcrum::serialize_onnx(again) == first) return;
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
