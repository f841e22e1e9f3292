#include <fulcrum/zoo/resnet50.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("resnet50 has the output, parameters and work that are published for it") {
  const Model<float> model = resnet50<float>();
  CHECK(fulcrum::test::output_shape(model, 2) == Shape{2, 1000});
  CHECK(fulcrum::test::learned_count(model) == 25'557'032);
  CHECK(fulcrum::test::statistic_count(model) == 53'120);  // a mean and a variance per normalized channel
  CHECK(parameter_count(model) == 25'557'032 + 53'120);
  CHECK(fulcrum::test::multiply_adds(model) == Approx(4.089e9).margin(0.0005e9));
}

TEST_CASE("resnet50 strides in the 3×3 convolutions") {
  const Model<float> model = resnet50<float>();
  const auto& narrow = std::get<Conv<float>>(model.node(*model.find("conv12")).layer);  // first of the second stage
  const auto& wide = std::get<Conv<float>>(model.node(*model.find("conv13")).layer);
  CHECK(narrow.window.stride == Extent2{1, 1});
  CHECK(wide.window.kernel == Extent2{3, 3});
  CHECK(wide.window.stride == Extent2{2, 2});
  CHECK(infer_shapes(model, 1)[*model.find("add16")] == Shape{1, 2048, 7, 7});
}
