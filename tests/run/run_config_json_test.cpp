#include <fulcrum/run/run_config_json.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using nlohmann::json;

TEST_CASE("everything in a configuration comes back from its JSON") {
  const RunConfig config{8,
                         2,
                         3,
                         Precision::int8,
                         MissingPrecision::f32,
                         {{"conv1", Precision::f32}, {"größe", Precision::bf16}},
                         4,
                         {.winograd = UseAlgorithm::never, .sparse = UseAlgorithm::always},
                         Roundings::keep};
  const json j = json::parse(to_json(config).dump());
  CHECK(j == json({{"batch", 8},
                   {"threads", 2},
                   {"instances", 3},
                   {"precision", "int8"},
                   {"missing_precision", "f32"},
                   {"layer_precision", {{"conv1", "f32"}, {"größe", "bf16"}}},
                   {"slice", 4},
                   {"algorithms", {{"winograd", "never"}, {"sparse", "always"}}},
                   {"roundings", "keep"}}));
  CHECK(run_config_from_json(j) == config);
  CHECK(run_config_from_json(to_json(RunConfig{})) == RunConfig{});
  const RunConfig without{.roundings = Roundings::leave_out};
  CHECK(run_config_from_json(to_json(without)) == without);
}

TEST_CASE("what sparse products cost goes with the configuration, without the zeros behind it") {
  RunConfig config;
  config.algorithms.sparse_costs = {{SparseKind::windows, 2, {1.0, 0.5}, {0.25, 0.0, 3.0}}};
  const json j = json::parse(to_json(config).dump());
  CHECK(j["algorithms"]["sparse_costs"] ==
        json::array({{{"kind", "windows"}, {"threads", 2}, {"dense", {1.0, 0.5}}, {"sparse", {0.25, 0.0, 3.0}}}}));
  CHECK(run_config_from_json(j) == config);
  CHECK_FALSE(to_json(RunConfig{})["algorithms"].contains("sparse_costs"));
  CHECK_THAT(to_string(config), ContainsSubstring("sparse where it pays"));

  const auto refused = [&](const char* key, const json& value, const char* words) {
    json broken = j;
    broken["algorithms"]["sparse_costs"][0][key] = value;
    CHECK_THROWS_WITH(run_config_from_json(broken), ContainsSubstring(words));
  };
  refused("kind", "depthwise", "is 'depthwise'");
  refused("threads", 0, "threads: must be a whole number from 1");
  refused("dense", json::array({-1.0}), "dense: must be a list of up to 12 numbers");
  refused("dense", json::array({0.0, 0.0}), "one of them above 0");
  refused("sparse", json(std::vector<double>(13, 1.0)), "sparse: must be a list of up to 12 numbers");
}

TEST_CASE("what older files lack is the default") {
  CHECK(run_config_from_json(json::object()) == RunConfig{});
  CHECK(run_config_from_json(json{{"batch", 8}, {"precision", "bf16"}}) ==
        RunConfig{.batch = 8, .precision = Precision::bf16});
  CHECK(algorithm_policy_from_json(json::object()) == AlgorithmPolicy{});
}

TEST_CASE("a configuration that is broken is refused by the key") {
  const auto check = [](const json& j, const char* words) {
    CHECK_THROWS_WITH(run_config_from_json(j), ContainsSubstring(words));
  };
  check({{"batch", 0}}, "batch: must be a whole number from 1");
  check({{"batch", "8"}}, "batch: must be a whole number from 1");
  check({{"threads", 3'000'000'000}}, "threads: must be a whole number from 1 to 2147483647, but is 3000000000");
  check({{"instances", 1.5}}, "instances: must be");
  check({{"precision", "fp8"}}, "precision: is 'fp8'; use f32, bf16 or int8");
  check({{"missing_precision", 1}}, "missing_precision: must be text");
  check({{"layer_precision", {{"conv1", "f64"}}}}, "layer_precision.conv1: is 'f64'");
  check({{"layer_precision", json::array({"conv1"})}}, "layer_precision: must be an object");
  check({{"slice", -1}}, "slice: must be a whole number from 0");
  check({{"batch", 8}, {"slice", 3}}, "slice 3: does not divide the batch of 8");
  check({{"algorithms", {{"winograd", "sometimes"}}}},
        "algorithms.winograd: is 'sometimes'; use auto, always or never");
}
