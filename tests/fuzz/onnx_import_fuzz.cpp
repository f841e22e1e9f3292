// A libFuzzer target for the ONNX importer: any bytes give an Error or a model that holds together.
//
//   cmake -S . -B build/fuzz -DCMAKE_CXX_COMPILER=clang++ -DFULCRUM_BUILD_FUZZERS=ON
//   cmake --build build/fuzz --target fuzz_onnx_import
//   mkdir -p corpus && build/fuzz/tests/fuzz/onnx_import_fuzz -max_total_time=300 -rss_limit_mb=2048
//       -dict=tests/fuzz/onnx_import.dict corpus build/fuzz/tests/fuzz/onnx_corpus
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
void check(const fulcrum::Model<float>& model) {
  std::string first;
  try {
    for (const std::int64_t batch : {1, 3}) static_cast<void>(fulcrum::infer_shapes(model, batch));
    first = fulcrum::serialize_onnx(model);
  } catch (const fulcrum::Error&) {
    return;  // shapes that only fit one batch size; sizes past 2 GB
  }
  const fulcrum::Model<float> again = fulcrum::parse_onnx(first);
  if (fulcrum::serialize_onnx(again) == first) return;
  std::cerr << "the second export differs from the first\n";
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check(fulcrum::parse_onnx({reinterpret_cast<const char*>(data), size}));
  } catch (const fulcrum::Error&) {
  }
  return 0;
}
