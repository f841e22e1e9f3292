#include <fulcrum/exec/onednn_runner.hpp>

#include <fulcrum/exec/reference.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

TEST_CASE("calibration on oneDNN finds the ranges that the reference finds") {
  const Model<float> model =
      ModelBuilder<float>("m", 3).input({2, 6, 6}).conv(4, 3, {.padding = 1}).relu().flatten().dense(3).build();
  const Tensor<float> images = test::random_tensor<float>({10, 2, 6, 6}, 5);
  const QuantizeOptions options{.calibration_batch = 4};  // two whole batches and a tail
  const ModelRunner plain = [](const Model<float>& m, std::span<const Tensor<float>> src) {
    return ReferenceExecutor<float>(m).run(src);
  };
  const ValueRanges expected = calibrate_ranges(model, images, plain, options);
  const ValueRanges ranges = calibrate_ranges(model, images, onednn_runner(), options);
  REQUIRE(ranges.size() == expected.size());
  for (const auto& [name, range] : expected) {
    CHECK(ranges.at(name).min == Approx(range.min).margin(1e-5));
    CHECK(ranges.at(name).max == Approx(range.max).margin(1e-5));
  }
}
