#include <fulcrum/exec/kernels/winograd.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/precision_support.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

std::int64_t winograd_steps(const OnednnModel& model) {
  return std::count_if(model.steps().begin(), model.steps().end(),
                       [](const StepInfo& step) { return step.implementation.starts_with("winograd:"); });
}

ModelBuilder<float> image(const Shape& shape) { return ModelBuilder<float>("winograd", 7).input(shape); }

/// The worst difference from the reference, with what ran by Winograd's algorithm checked.
double difference(const Model<float>& model, RunConfig options, std::int64_t expected_steps) {
  std::vector<Tensor<float>> src;
  for (const NodeId id : model.inputs()) {
    const Shape& shape = std::get<Input>(model.node(id).layer).shape;
    src.push_back(test::random_tensor<float>(with_batch(shape, options.batch), 11 + id));
  }
  OnednnExecutor executor(model, options);
  CHECK(winograd_steps(executor.compiled()) == (cpu_runs_winograd() ? expected_steps : 0));
  return test::relative_difference(executor.run(src)[0], ReferenceExecutor<float>(model).run(src)[0]);
}

constexpr double f32_tolerance = test::relative_tolerance(Precision::f32);

}  // namespace

TEST_CASE("the transformed weights of one window are G w Gᵀ") {
  // A window with one weight of 1 at its corner: every product is that of two of G's first column.
  const std::vector<float> window{1, 0, 0, 0, 0, 0, 0, 0, 0};
  const std::vector<float> transformed = winograd_weights(window);
  REQUIRE(transformed.size() == 36);
  const double first = 1.0 / (winograd_a * winograd_a * winograd_b * winograd_b);
  CHECK(transformed[0] == Approx(first * first));
  CHECK(transformed[35] == 0.0F);
}

TEST_CASE("convolutions by Winograd's algorithm give what the reference gives") {
  struct Setting {
    Shape src;
    std::int64_t oc;
    Padding padding;
  };
  for (const Setting& s : {Setting{{32, 28, 28}, 32, 1}, Setting{{40, 31, 45}, 24, {0, 1, 2, 0}},
                           Setting{{32, 30, 30}, 48, 0}, Setting{{64, 41, 18}, 64, {2, 2, 1, 1}}}) {
    for (const std::int64_t batch : {1, 3}) {
      for (const int threads : {1, 2}) {
        INFO(to_string(s.src) << " to " << s.oc << " channels, batch " << batch << ", " << threads << " threads");
        const Model<float> model = image(s.src).conv(s.oc, 3, {.padding = s.padding}).build();
        CHECK(difference(model, {.batch = batch, .threads = threads, .slice = batch}, 1) < f32_tolerance);
      }
    }
  }
}

TEST_CASE("with the sum and the clamps that follow") {
  for (const int threads : {1, 2}) {
    const auto conv = [](std::int64_t oc = 48) { return image({48, 29, 29}).conv(oc, 3, {.padding = 1}); };
    const RunConfig options{.batch = 2, .threads = threads, .slice = 2};
    CHECK(difference(conv().relu().build(), options, 1) < f32_tolerance);
    CHECK(difference(conv().relu6().build(), options, 1) < f32_tolerance);
    CHECK(difference(conv().add(0).build(), options, 1) < f32_tolerance);
    // A sum in the place of its addend, which nobody else reads.
    ModelBuilder<float> block = conv();
    const NodeId first = block.last();
    block.relu().conv(48, 3, {.padding = 1}).add(first).relu();
    CHECK(difference(std::move(block).build(), options, 2) < f32_tolerance);
  }
}

TEST_CASE("in several passes where the tiles of an image would not stay in the caches") {
  const Model<float> model = image({32, 150, 150}).conv(32, 3, {.padding = 1}).relu().build();
  WinogradConv conv;
  conv.images = 3;
  conv.ic = conv.oc = 32;
  conv.dst_height = conv.dst_width = 150;
  conv.pass_rows = winograd_pass_rows(conv.rows(), conv.columns(), conv.ic, conv.oc);
  CHECK(conv.pass_rows < conv.rows());
  CHECK(conv.rows() % conv.pass_rows != 0);  // the last pass is a shorter one
  CHECK(difference(model, {.batch = 3, .threads = 2, .slice = 3}, 1) < f32_tolerance);
}

TEST_CASE("a sample's result is the same in any batch and on any number of threads") {
  const Model<float> model = image({64, 28, 28}).conv(64, 3, {.padding = 1}).relu().build();
  const Tensor<float> images = test::random_tensor<float>({3, 64, 28, 28}, 5);
  OnednnExecutor one(model, {});
  OnednnExecutor three(model, {.batch = 3, .threads = 2, .slice = 3});
  CHECK(winograd_steps(one.compiled()) == (cpu_runs_winograd() ? 1 : 0));
  CHECK(winograd_steps(three.compiled()) == winograd_steps(one.compiled()));
  const Tensor<float> together = three.run({&images, 1})[0];
  for (std::int64_t i = 0; i < 3; ++i) {
    Tensor<float> image({1, 64, 28, 28});
    const auto elements = static_cast<std::ptrdiff_t>(image.flat().size());
    std::copy_n(images.flat().begin() + i * elements, elements, image.flat().begin());
    const Tensor<float> alone = one.run({&image, 1})[0];
    CHECK(std::equal(alone.flat().begin(), alone.flat().end(), together.flat().begin() + i * elements));
  }
}

TEST_CASE("executors that share a model run side by side") {
  const auto compiled = OnednnModel::compile(image({32, 28, 28}).conv(32, 3, {.padding = 1}).build(), {});
  CHECK(winograd_steps(*compiled) == (cpu_runs_winograd() ? 1 : 0));
  OnednnExecutor a(compiled), b(compiled);
  const Tensor<float> first = test::random_tensor<float>({1, 32, 28, 28}, 1);
  const Tensor<float> second = test::random_tensor<float>({1, 32, 28, 28}, 2);
  const Tensor<float> of_first = a.run({&first, 1})[0];
  const Tensor<float> of_second = b.run({&second, 1})[0];
  CHECK(test::relative_difference(a.run({&second, 1})[0], of_second) == 0.0);
  CHECK(test::relative_difference(b.run({&first, 1})[0], of_first) == 0.0);
}

TEST_CASE("its results are about as far from exact ones as those of a direct convolution") {
  const Model<float> model = image({128, 28, 28}).conv(64, 3, {.padding = 1}).build();
  const Tensor<float> src = test::random_tensor<float>({1, 128, 28, 28}, 5);
  const Conv<float>& conv = std::get<Conv<float>>(model.node(1).layer);
  const auto worst = [&](bool winograd) {
    const Tensor<float> dst =
        OnednnExecutor(model, {.algorithms = {.winograd = winograd ? UseAlgorithm::automatic : UseAlgorithm::never}})
            .run({&src, 1})[0];
    double difference = 0.0;
    for (std::int64_t oc = 0; oc < 64; oc += 7) {
      for (std::int64_t at = 0; at < 28 * 28; ++at) {
        double sum = conv.bias.empty() ? 0.0 : conv.bias.value->flat()[static_cast<std::size_t>(oc)];
        for (std::int64_t ic = 0; ic < 128; ++ic) {
          for (std::int64_t tap = 0; tap < 9; ++tap) {
            const std::int64_t y = at / 28 + tap / 3 - 1, x = at % 28 + tap % 3 - 1;
            if (y < 0 || y >= 28 || x < 0 || x >= 28) continue;
            sum += static_cast<double>(src.flat()[static_cast<std::size_t>((ic * 28 + y) * 28 + x)]) *
                   conv.weights.value->flat()[static_cast<std::size_t>((oc * 128 + ic) * 9 + tap)];
          }
        }
        difference = std::max(difference, std::abs(sum - dst.flat()[static_cast<std::size_t>(oc * 28 * 28 + at)]));
      }
    }
    return difference;
  };
  CHECK(winograd_steps(*OnednnModel::compile(model, {})) == (cpu_runs_winograd() ? 1 : 0));
  CHECK(worst(true) < 4.0 * worst(false));
}

TEST_CASE("options turn it off") {
  const Model<float> model = image({64, 56, 56}).conv(64, 3, {.padding = 1}).build();
  CHECK(winograd_steps(*OnednnModel::compile(model, {.algorithms = {.winograd = UseAlgorithm::never}})) == 0);
  CHECK(winograd_steps(*OnednnModel::compile(model, {})) == (cpu_runs_winograd() ? 1 : 0));
}

TEST_CASE("a NaN stays one through the clamp") {
  const Model<float> model = image({64, 28, 28}).conv(64, 3, {.padding = 1}).relu6().build();
  Tensor<float> src = test::random_tensor<float>({1, 64, 28, 28}, 5);
  src.flat()[14 * 28 + 14] = std::numeric_limits<float>::quiet_NaN();
  const Tensor<float> dst = OnednnExecutor(model, {}).run({&src, 1})[0];
  if (cpu_runs_winograd()) CHECK(std::isnan(dst.flat()[14 * 28 + 14]));
  CHECK_FALSE(std::isnan(dst.flat()[0]));
}
