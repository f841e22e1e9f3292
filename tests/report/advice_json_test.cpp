#include <fulcrum/report/advice_json.hpp>

#include <report/advices.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("advice as JSON: what a change saves is a number, or null with the reason") {
  const nlohmann::json j = to_json(synthetic::advice());
  CHECK(j["model"] == "net");
  CHECK(j["batch"] == 4);
  CHECK(j["latency_ms"] == 10.0);
  CHECK(j["precisions"][1]["slower"][0] == "fc");
  CHECK(j["best"]["layer_precision"]["fc"] == "f32");
  CHECK(j["layers"][0]["options"][0]["saves_ms"] == 2.0);
  CHECK(j["layers"][1]["options"][1]["saves_ms"].is_null());
  CHECK(j["layers"][1]["options"][1]["why_not"] == "it is an output of the model");
}
