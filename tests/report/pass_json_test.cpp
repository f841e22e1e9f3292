#include <fulcrum/report/pass_json.hpp>

#include <limits>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a pruning report becomes JSON, an infinite ratio null") {
  PruneReport report;
  report.layers.push_back({"conv1", 10, 5, 0.5, 0.25, 12.0});
  report.elements = 10;
  report.kept = 5;
  report.sparsity = 0.5;
  report.sqnr_db = std::numeric_limits<double>::infinity();
  const nlohmann::json json = to_json(report);
  CHECK(json["kept"] == 5);
  CHECK(json["sqnr_db"].is_null());
  CHECK(json["layers"][0]["name"] == "conv1");
  CHECK(json["layers"][0]["sqnr_db"] == 12.0);
}

TEST_CASE("a report of mixed precision becomes JSON") {
  MixedPrecisionReport report;
  report.layers = {{"conv1", 12.0, std::nullopt, true}};
  report.float_score = std::numeric_limits<double>::infinity();
  report.int8_score = 20.0;
  const nlohmann::json json = to_json(report);
  CHECK(json["float_score"].is_null());
  CHECK(json["int8_score"] == 20.0);
  CHECK(json["layers"][0]["in_float"] == true);
  CHECK(json["layers"][0]["gain_us"].is_null());
  CHECK(json["predicted_ms"].is_null());
}

TEST_CASE("an equalization report becomes JSON") {
  EqualizeReport report;
  report.layers.resize(1);
  report.layers[0].name = "conv1";
  report.layers[0].takes = {"conv2"};
  report.layers[0].scale_max = 2.0;
  report.kept.push_back({"conv3", "it is an output of the model"});
  report.as_relu = {"clip1"};
  const nlohmann::json json = to_json(report);
  CHECK(json["layers"][0]["takes"][0] == "conv2");
  CHECK(json["layers"][0]["scale_max"] == 2.0);
  CHECK(json["kept"][0]["reason"] == "it is an output of the model");
  CHECK(json["as_relu"][0] == "clip1");
  CHECK(json["converged"] == true);
}

TEST_CASE("quantization reports become JSON with layers, values and what stays in float") {
  QuantizeReport report;
  report.layers.push_back({"conv1", "Conv", 0.1F, 0.2F, 40.0, DType::s8, 0.5F, 0});
  report.kept.push_back({"fc", "was asked to stay"});
  report.values.push_back({"input", {DType::u8, {0.25F}, {0}, -1}});
  const nlohmann::json json = to_json(report);
  CHECK(json["layers"][0]["src_dtype"] == "s8");
  CHECK(json["layers"][0]["bias_shift"].is_null());
  CHECK(json["layers"][0]["sums_in_16_bits"] == "fit");
  CHECK(json["kept_in_float"][0]["reason"] == "was asked to stay");
  CHECK(json["values"][0]["scale"][0] == 0.25);

  FakeQuantizeReport fake;
  fake.layers.push_back({"conv1", 0.1, 0.1, 30.0, 16});
  CHECK(to_json(fake)["layers"][0]["levels"] == 16);
}
