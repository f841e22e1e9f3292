#include <fulcrum/report/pass_text.hpp>

#include <limits>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Model<float> passed_model() {
  return ModelBuilder<float>("small", 3)
      .input({1, 8, 8})
      .conv(4, 3)
      .batch_normalization()
      .relu()
      .flatten()
      .dense(10)
      .build();
}
}  // namespace

TEST_CASE("a pruning report shows every layer and the whole") {
  PruneOptions options;
  options.sparsity = 0.5;
  const std::string text = to_text(prune(passed_model(), options).report);
  CHECK_THAT(text, ContainsSubstring("conv1"));
  CHECK_THAT(text, ContainsSubstring("dense1"));
  CHECK_THAT(text, ContainsSubstring("50.0 %"));
  CHECK_THAT(text, ContainsSubstring(" dB"));
}

TEST_CASE("a fake quantization report shows steps and levels") {
  const std::string text = to_text(fake_quantize(passed_model(), FakeQuantizeOptions{}).report);
  CHECK_THAT(text, ContainsSubstring("conv1"));
  CHECK_THAT(text, ContainsSubstring("levels"));
}

TEST_CASE("an equalization report shows what was scaled, and what stays with the reason") {
  const auto model =
      ModelBuilder<float>("m", 3).input({2, 8, 8}).conv(4, 3).relu().conv(4, 1).relu6().conv(3, 1).build();
  const std::string text = to_text(equalize_layers(model).report);
  CHECK_THAT(text, ContainsSubstring("conv1"));
  CHECK_THAT(text, ContainsSubstring("stays: conv2"));
  CHECK_THAT(text, ContainsSubstring("iteration(s)"));
  CHECK_THAT(to_text(equalize_layers(model, {.clips_as_relu = true}).report), ContainsSubstring("became ReLUs"));
}

TEST_CASE("a quantization report shows scales and what stays in float, with the reason") {
  QuantizeReport report;
  report.layers = {{"conv1", "Conv", 0.001F, 0.002F, 42.0, DType::u8, 0.01F, 0},
                   {"conv2", "Conv", 0.003F, 0.003F, 40.0, DType::s8, 0.02F, 7}};
  report.kept = {{"dense1", "its source has no range"}};
  report.weight_sqnr_db = std::numeric_limits<double>::infinity();
  const std::string text = to_text(report);
  CHECK_THAT(text, ContainsSubstring("0.001 … 0.002"));
  CHECK_THAT(text, ContainsSubstring("s8, zero point 7"));
  CHECK_THAT(text, ContainsSubstring("exact"));
  CHECK_THAT(text, ContainsSubstring("stays in float: dense1: its source has no range"));
}

TEST_CASE("a report of mixed precision shows what stays in float, and the scores") {
  MixedPrecisionReport report;
  report.layers = {{"conv1", 12.0, 3.5, true}, {"conv2", 40.0, 2.0, false}};
  report.float_score = 0.92;
  report.int8_score = 0.9;
  report.score = 0.919;
  report.least_score = 0.915;
  report.float_ms = 4.0;
  report.int8_ms = 1.0;
  report.predicted_ms = 2.0;
  const std::string text = to_text(report, true);
  CHECK_THAT(text, ContainsSubstring("3.50 µs"));
  CHECK_THAT(text, ContainsSubstring("91.90 %"));
  CHECK_THAT(text, ContainsSubstring("as chosen 2 ms"));
  report.met = false;
  CHECK_THAT(to_text(report, false), ContainsSubstring("stays in float"));
}

TEST_CASE("a folding report names what was folded into what") {
  CHECK_THAT(to_text(fold_batch_normalization(passed_model()).report), ContainsSubstring(" into conv1"));
}
