// What fuzzing once found in onnx/import.hpp: tests/fuzz/regressions/ holds one file for each.
#include <filesystem>
#include <string>

#include <fulcrum/core/file.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/import.hpp>

#include <support/catch.hpp>
#include "checked_export.hpp"

using namespace fulcrum;

TEST_CASE("What fuzzing once found gives an Error, or a model that exports alike twice") {
  const auto folder = std::filesystem::path(__FILE__).parent_path() / ".." / "fuzz" / "regressions";
  OnnxImportOptions options;
  options.max_fill_bytes = std::size_t{16} << 20U;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    INFO(entry.path().filename().string());
    ++files;
    std::string first;
    try {
      first = test::checked_onnx(parse_onnx(read_file(entry.path().string()), options));
    } catch (const Error& error) {
      CHECK(std::string(error.what()).starts_with("ONNX model"));
      continue;
    }
    CHECK((test::checked_onnx(parse_onnx(first, options)) == first));
  }
  CHECK(files >= 2);
}
