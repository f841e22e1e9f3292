#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>

#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;

TEST_CASE("a layer of the user's own is not written, and the error names it") {
  const test::TemporaryFolder folder;
  ModelBuilder<float> b("m", 1);
  b.input({4});
  const Custom own =
      custom({.name = "Mine", .run = [](std::span<const kernels::Source<float>>, const kernels::Result<float>&) {}});
  const Model<float> model = b.layer(own, {b.last()}).build();
  CHECK_THROWS_WITH(export_onnx(model, folder.path("m.onnx")),
                    ContainsSubstring("its function") && ContainsSubstring("'Mine' of your own"));
  CHECK(folder.files() == 0);
}
