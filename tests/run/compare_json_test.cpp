#include <fulcrum/run/compare_json.hpp>

#include <run/reports.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using nlohmann::json;

TEST_CASE("the JSON of a comparison has every figure with its noise and verdict") {
  LatencyReport slower = synthetic::run_of(2.0, std::vector<double>(10, 1.0));
  slower.layers = {{"conv\xff", "Conv", 0.0, 0.0, Milliseconds(1.0), {}, {}}};
  const RunComparison comparison = compare_runs(synthetic::run_of(1.0, std::vector<double>(10, 1.0)), slower, 0.1);
  const json j = json::parse(to_json(comparison).dump());
  CHECK(j["verdict"] == "regression");
  CHECK(j["fail_above"] == 0.1);
  CHECK(j["p50_ms"] == json({{"baseline", 1.0},
                             {"new", 2.0},
                             {"ratio", 2.0},
                             {"noise", {{"low", 2.0}, {"high", 2.0}}},
                             {"p_value", *comparison.p50.p_value},
                             {"chance_worse", 1.0},
                             {"verdict", "regression"}}));
  CHECK(j["throughput_per_s"]["ratio"] == 0.5);
  CHECK(j["p99_ms"]["new"] == 4.0);
  CHECK(j["layers"] ==
        json::array({{{"name", "conv\xef\xbf\xbd"}, {"kind", "Conv"}, {"baseline_ms", nullptr}, {"new_ms", 1.0}}}));
  CHECK(j["notes"].empty());
}

TEST_CASE("what is not known is null") {
  LatencyReport few = synthetic::run_of(1.0, {});
  few.latency.samples = 10;
  const json j = to_json(compare_runs(few, few));
  CHECK(j["verdict"] == "too_noisy");
  CHECK(j["p50_ms"]["noise"].is_null());
  CHECK(j["p99_ms"]["verdict"].is_null());
}
