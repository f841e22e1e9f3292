#include <fulcrum/plan/service_plan_json.hpp>

#include <filesystem>

#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;

namespace {
ServicePlan some_plan() {
  ServicePlan plan;
  plan.model = "plan.onnx";
  plan.config = {.threads = 1, .instances = 2, .precision = Precision::int8};
  plan.batching = {8, std::chrono::microseconds(1500), {4, 8}};
  plan.queue = {256, WhenFull::drop_oldest, std::chrono::milliseconds(20)};
  plan.arrivals = GammaArrivals{200.0, 2.0};
  plan.slo = Milliseconds(10.0);
  plan.tail.percentile = 0.95;
  plan.max_rate_per_s = 310.5;
  return plan;
}
}  // namespace

TEST_CASE("a service plan comes back from JSON as it was") {
  for (const bool all : {false, true}) {
    ServicePlan written = some_plan();
    if (!all) {
      written.slo.reset();
      written.max_rate_per_s.reset();
    }
    CHECK(service_plan_from_json(nlohmann::json::parse(to_json(written).dump())) == written);
  }
}

TEST_CASE("what a service plan leaves out has a default") {
  const nlohmann::json j{
      {"fulcrum_service_plan", 1}, {"model", "zoo:mlp"}, {"config", {{"threads", 2}}}, {"rate_per_s", 50.0}};
  ServicePlan expected;
  expected.model = "zoo:mlp";
  expected.config.threads = 2;
  expected.arrivals = PoissonArrivals{50.0};
  CHECK(service_plan_from_json(j) == expected);
}

TEST_CASE("a service plan that is broken says where") {
  nlohmann::json j = to_json(some_plan());
  j["batching"]["max_batch"] = 0;
  CHECK_THROWS_WITH(service_plan_from_json(j), ContainsSubstring("batching.max_batch"));
  j = to_json(some_plan());
  j["queue"]["when_full"] = "panic";
  CHECK_THROWS_WITH(service_plan_from_json(j), ContainsSubstring("queue.when_full"));
  j.erase("fulcrum_service_plan");
  CHECK_THROWS_WITH(service_plan_from_json(j), ContainsSubstring("no service plan"));
}

TEST_CASE("a model beside its plan is found from anywhere") {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("plan.json");
  write_file_atomically(path, to_json(some_plan()).dump());
  CHECK(load_service_plan(path).model == (std::filesystem::path(path).parent_path() / "plan.onnx").string());
  ServicePlan zoo = some_plan();
  zoo.model = "zoo:mlp";
  write_file_atomically(path, to_json(zoo).dump());
  CHECK(load_service_plan(path).model == "zoo:mlp");
}
