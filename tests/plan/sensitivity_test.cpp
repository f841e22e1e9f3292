#include <fulcrum/plan/sensitivity.hpp>

#include <cmath>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

std::vector<Tensor<float>> outputs_of(const Model<float>& model, std::span<const Tensor<float>> sources) {
  return ReferenceExecutor<float>(model).run(sources);
}

}  // namespace

TEST_CASE("one layer at a time is pruned and rounded, and the answers are compared") {
  const Model<float> model = ModelBuilder<float>("net", 3).input({8}).dense(16).relu().dense(4).build();
  const std::vector<Tensor<float>> sources{test::random_tensor<float>({50, 8}, 1)};
  // Labels that the whole model gives.
  const Tensor<float> output = outputs_of(model, sources).back();
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < 50; ++i) {
    std::int32_t best = 0;
    for (std::int32_t c = 1; c < 4; ++c) {
      if (output.at(i, c) > output.at(i, best)) best = c;
    }
    labels.push_back(best);
  }
  SensitivityOptions options;
  options.sparsities = {0.0, 0.5, 0.9};
  options.bits = {8, 2};
  const SensitivityReport report = sensitivity(model, sources, labels, outputs_of, options);
  CHECK(report.accuracy == 1.0);
  CHECK(report.samples == 50);
  REQUIRE(report.rows.size() == 10);
  CHECK(report.rows[0].layer == "dense1");
  CHECK(report.rows[0].weights == 128);
  CHECK(report.rows[0].sparsity == 0.0);
  CHECK(std::isinf(report.rows[0].sqnr_db));
  CHECK(report.rows[0].accuracy == 1.0);
  CHECK(report.rows[1].sqnr_db > report.rows[2].sqnr_db);
  CHECK(report.rows[3].bits == 8);
  CHECK(report.rows[3].sqnr_db > 30.0);
  CHECK(report.rows[3].sqnr_db > report.rows[4].sqnr_db);
  CHECK(report.rows[9].layer == "dense2");
}

TEST_CASE("without labels the outputs alone are compared") {
  const Model<float> model = ModelBuilder<float>("net", 3).input({8}).dense(4).build();
  const std::vector<Tensor<float>> sources{test::random_tensor<float>({5, 8}, 1)};
  const SensitivityReport report = sensitivity(model, sources, {}, outputs_of);
  CHECK_FALSE(report.accuracy);
  CHECK(report.rows.size() == 6);
  for (const LayerSensitivity& row : report.rows) CHECK_FALSE(row.accuracy);
  const std::vector<std::int32_t> two{0, 1};
  CHECK_THROWS_WITH(sensitivity(model, sources, two, outputs_of), ContainsSubstring("2 labels for 5 samples"));
}
