#include <fulcrum/serve/traffic_plan.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using nlohmann::json;

TEST_CASE("plans of traffic come back from their JSON") {
  TrafficPlan weights;
  weights.kind = TrafficKind::weights;
  weights.weights = {{"1", 9.0}, {"2", 1.0}};
  TrafficPlan canary;
  canary.kind = TrafficKind::canary;
  canary.version = "2";
  canary.steps = {0.05, 0.5};
  canary.alpha = 0.05;
  TrafficPlan shadow;
  shadow.kind = TrafficKind::shadow;
  shadow.version = "3";
  shadow.share = 1.0;
  for (const TrafficPlan& plan : {TrafficPlan{}, weights, canary, shadow})
    CHECK(traffic_plan_from_json(json(to_json(plan))) == plan);
}

TEST_CASE("plans that make no sense are refused") {
  const auto fails = [](const json& j, const char* why) {
    CHECK_THROWS_WITH(traffic_plan_from_json(j), ContainsSubstring(why));
  };
  fails(json::object(), "kind");
  fails({{"kind", "luck"}}, "kind");
  fails({{"kind", "weights"}}, "weights");
  fails({{"kind", "weights"}, {"weights", {{"1", 0}}}}, "weights.1");
  fails({{"kind", "canary"}}, "version");
  fails({{"kind", "canary"}, {"version", "2"}, {"steps", {0.5, 0.4}}}, "steps[1]");
  fails({{"kind", "canary"}, {"version", "2"}, {"steps", {1}}}, "steps[0]");
  fails({{"kind", "shadow"}, {"version", "2"}, {"share", 0}}, "share");
}
