#include <fulcrum/report/sensitivity_json.hpp>

#include <limits>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("sensitivity is JSON, what does not apply being null") {
  SensitivityReport report;
  report.model = "net";
  report.samples = 5;
  LayerSensitivity row;
  row.layer = "conv1";
  row.bits = 4;
  row.sqnr_db = std::numeric_limits<double>::infinity();
  report.rows = {row};
  const nlohmann::json j = to_json(report);
  CHECK(j.at("accuracy").is_null());
  CHECK(j.at("rows").at(0).at("bits") == 4);
  CHECK(j.at("rows").at(0).at("sparsity").is_null());
  CHECK(j.at("rows").at(0).at("sqnr_db").is_null());
}
