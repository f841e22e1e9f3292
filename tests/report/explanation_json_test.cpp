#include <fulcrum/report/explanation_json.hpp>

#include <report/explanations.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using test::some_explanation;

TEST_CASE("an explanation as JSON has every step and every reason") {
  const nlohmann::json j = to_json(some_explanation());
  CHECK(j.at("steps").at(0).at("layers") == nlohmann::json{"conv1", "relu1"});
  CHECK(j.at("steps").at(0).at("why_ended") == "'add1' is apart: it broadcasts");
  CHECK(j.at("steps").at(0).at("algorithm") == "primitive");
  CHECK(j.at("amendments").at(0).at("reason") == "oneDNN has no good kernel for it");
  CHECK(j.at("folded").at(0).at("into") == "conv1");
  CHECK(j.at("kept").empty());
  CHECK(j.at("free_layers").at(0).at("name") == "flatten1");
  CHECK(j.at("pruned").at(0).at("break_even") == 0.62);
  const nlohmann::json& basis = j.at("predicted").at(0);
  CHECK(basis.at("basis") == "same_kind");
  CHECK(basis.at("latency_ms") == Approx(0.0125));
  CHECK(basis.at("probes").at(0).at("what") == "Conv 1×8×8×8 → 4×4×4, 3×3");
  CHECK(basis.at("probes").at(0).at("latency_ms") == Approx(0.011));
  CHECK(basis.at("probes").at(1).at("what").is_null());
  CHECK(basis.at("probes").at(1).at("latency_ms").is_null());
  CHECK(j.at("memory_bytes").at("weights") == 1024);
}
