#include <fulcrum/onnx/import_options.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

// What the options do is tested where they are used: onnx_import_dims_test.cpp.
TEST_CASE("An import without options binds nothing and bounds what one repeated value may fill") {
  const OnnxImportOptions options;
  CHECK(options.dims.empty());
  CHECK(options.input_shapes.empty());
  CHECK(options.known_inputs.empty());
  CHECK(options.max_fill_bytes == std::size_t{2} << 30U);
}
