#include <fulcrum/report/validation_json.hpp>

#include <report/validations.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a validation reads back as it was written") {
  const Validation v = synthetic::validation();
  CHECK(validation_from_json(nlohmann::json::parse(to_json(v).dump())) == v);
}

TEST_CASE("the document holds the card and what each case measured") {
  const nlohmann::json j = to_json(synthetic::validation());
  CHECK(j["card"]["p50"]["cases"] == 2);
  CHECK(j["card"]["p50"]["within_5"].get<double>() == Approx(0.5));
  CHECK(j["card"]["skipped"] == 1);
  CHECK(j["card"]["coverage"]["p50"]["share"].get<double>() == Approx(1.0));
  CHECK(j["card"]["coverage"]["p99"].is_null());
  CHECK(j["card"]["worst"][0] == 1);
  CHECK(j["cases"][1]["measured"]["p50_ms"].get<double>() == Approx(5.0));
  CHECK(j["cases"][1]["error"].get<double>() == Approx(-0.5));
  CHECK(j["cases"][2]["measured"].is_null());
  CHECK(j["cases"][2]["error"].is_null());
}

TEST_CASE("a broken document is refused by the place that is wrong") {
  nlohmann::json j = to_json(synthetic::validation());
  j["cases"][0]["rounds"][1]["samples"] = "many";
  CHECK_THROWS_WITH(validation_from_json(j), ContainsSubstring("cases[0].rounds[1].samples"));
  j = to_json(synthetic::validation());
  j["cases"][0]["predicted"]["p50_range_ms"] = {1.0};
  CHECK_THROWS_WITH(validation_from_json(j), ContainsSubstring("p50_range_ms"));
}
