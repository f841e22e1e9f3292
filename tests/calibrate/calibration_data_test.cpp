#include <fulcrum/calibrate/calibration_data.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the share of a layout change is the mean of what was seen") {
  CalibrationData data;
  data.add({Precision::f32, "input", "convolution", false, 3, 1.0});
  data.add({Precision::f32, "input", "convolution", false, 3, 0.0});
  data.add({Precision::f32, "dense", "output", false, 0, 0.0});
  REQUIRE(data.layout_changes.size() == 2);
  CHECK(data.layout_changes[0].reorders == 0.5);
  CHECK(data.seen == std::vector{2, 1});
}
