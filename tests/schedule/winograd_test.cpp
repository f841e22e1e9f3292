#include <fulcrum/schedule/winograd.hpp>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// The class of the first step on a machine with AVX2.
KernelClass class_of(ModelBuilder<float> builder, Precision precision = Precision::f32, std::string_view isa = "avx2") {
  return make_schedule(std::move(builder).build(), {1, 1, 1, precision}, {.isa = std::string(isa)})
      .steps.front()
      .step.kernel;
}
ModelBuilder<float> on_image(std::int64_t channels, std::int64_t extent) {
  return ModelBuilder<float>("image", 1).input({channels, extent, extent});
}

}  // namespace

TEST_CASE("convolutions of dense 3×3 windows over many channels run by Winograd's algorithm") {
  constexpr auto winograd = KernelClass::winograd_convolution;
  constexpr auto direct = KernelClass::convolution;
  CHECK(class_of(on_image(64, 56).conv(64, 3, {.padding = 1})) == winograd);
  CHECK(class_of(on_image(64, 56).conv(64, 3)) == winograd);
  CHECK(class_of(on_image(64, 56).conv(64, 3, {.stride = {2, 2}, .padding = 1})) == direct);
  CHECK(class_of(on_image(64, 56).conv(64, 3, {.padding = 2, .dilation = {2, 2}})) == direct);
  CHECK(class_of(on_image(64, 56).conv(64, 3, {.padding = 1, .groups = 4})) == KernelClass::grouped_convolution);
  CHECK(class_of(on_image(64, 56).conv(64, 5, {.padding = 2})) == direct);
  CHECK(class_of(on_image(64, 56).conv(60, 3, {.padding = 1})) == direct);   // no whole vectors
  CHECK(class_of(on_image(8, 56).conv(8, 3, {.padding = 1})) == direct);     // few products to spare
  CHECK(class_of(on_image(512, 7).conv(512, 3, {.padding = 1})) == direct);  // weights for four tiles
}

TEST_CASE("only where nothing but a sum and clamps follow, in f32, on CPUs with AVX2 alone") {
  constexpr auto winograd = KernelClass::winograd_convolution;
  const auto conv = [] { return on_image(64, 56).conv(64, 3, {.padding = 1}); };
  CHECK(class_of(conv().relu()) == winograd);
  CHECK(class_of(conv().relu6()) == winograd);
  CHECK(class_of(conv().add(0).relu()) == winograd);
  CHECK(class_of(conv().relu().add(0)) != winograd);
  CHECK(class_of(conv().swish()) != winograd);
  CHECK(class_of(conv(), Precision::int8) != winograd);
  CHECK(class_of(conv(), Precision::f32, "avx2 vnni") == winograd);
  CHECK(class_of(conv(), Precision::f32, "avx512 vnni") != winograd);
  CHECK(class_of(conv(), Precision::f32, "") != winograd);
}

TEST_CASE("a clamp after a clamp leaves what both leave") {
  const Model<float> model = on_image(64, 56).conv(64, 3).relu().relu6().build();
  FusionGroup group{1, {2, 3}, 3, {}};
  const std::optional<ResultRange> range = detail::range_after_sum(model, group);
  REQUIRE(range.has_value());
  CHECK(range->least == 0.0F);
  CHECK(range->largest == 6.0F);
}

TEST_CASE("36 products a tile and pair of channels are left, and as many weights a pair") {
  const Model<float> model = on_image(64, 54).conv(32, 3, {.padding = 1}).build();
  const Step step = make_schedule(model, {2, 1, 1, Precision::f32}, {.isa = "avx2"}).steps.front().step;
  REQUIRE(step.kernel == KernelClass::winograd_convolution);
  CHECK(winograd_tiles(step.geometry) == 2 * 14 * 14);  // 54 rows: 13 tiles and a half
  CHECK(executed_flops(step) == 2.0 * 36 * (2 * 14 * 14) * 64 * 32);
  CHECK(step.weight_bytes == 4.0 * (36 * 64 * 32 + 32));
  CHECK(step.flops == 2.0 * 32 * 54 * 54 * (2 * 9 * 64 + 1));  // the layer's
}

TEST_CASE("a direct convolution executes what its layer asks for, but for taps in the padding") {
  const Model<float> model = on_image(8, 4).conv(8, 3, {.padding = 1}).build();
  const Step step = make_schedule(model, {1, 1, 1, Precision::f32}, {.isa = "avx2"}).steps.front().step;
  CHECK(executed_flops(step) == step.flops * step.geometry.inside);
}
