#include <fulcrum/onnx.hpp>

#include <fulcrum/fulcrum.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("onnx.hpp writes a model and reads the same one back") {
  const Model<float> model =
      ModelBuilder<float>("small", 1).input({1, 8, 8}).conv(4, 3).relu().flatten().dense(3).build();
  const Model<float> back = parse_onnx(serialize_onnx(model));
  CHECK(parameter_count(back) == parameter_count(model));
  CHECK(total_work(back, 3) == total_work(model, 3));
}
