#include <fulcrum/plan/plan_service.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include <fulcrum/plan/service_answer.hpp>

#include <plan/small_study.hpp>
#include <support/catch.hpp>
#include <support/own_executor.hpp>

using namespace fulcrum;

namespace {

/// A sum of four numbers that takes a while, however many samples there are.
Model<float> sum_model() { return ModelBuilder<float>("sum", 1).input({4}).dense(1).build(); }

ServiceOptions brief(double rate, double slo_ms, std::chrono::microseconds time) {
  ServiceOptions options;
  options.target.arrivals = PoissonArrivals{rate};
  options.target.slo = Milliseconds(slo_ms);
  options.space = ServiceSpace{{1, 4}, {0.0}, {1}, {1}};
  options.requests = 100;
  options.shortest = Seconds(0.1);
  options.longest = Seconds(0.3);
  options.simulation.requests = 2000;
  options.executors = [time](const Model<float>&, const RunConfig& config) {
    return test::SumExecutor(config.batch, 4, [time] { std::this_thread::sleep_for(time); });
  };
  options.predictor = [time](const Model<float>&, const RunConfig& config) {
    LatencyReport report;
    report.config = config;
    LatencyStatistics& l = report.latency;
    l.min = l.mean = l.p50 = l.p90 = l.p95 = l.p99 = l.p99_9 = time;
    return report;
  };
  return options;
}

std::vector<ServedModel> one_variant() { return {{{"f32", Precision::f32, {}, {}, {}}, sum_model()}}; }

}  // namespace

TEST_CASE("a bound that leaves all the time in the world is kept, with a plan to serve by") {
  double fraction = 0.0;
  const ServiceOptions options = brief(100.0, 60'000.0, std::chrono::microseconds(200));
  const ServiceStudy study = plan_service(one_variant(), synthetic::plausible_profile(), options,
                                          [&](const Progress& p) { fraction = p.fraction; });
  CHECK(fraction == 1.0);
  CHECK(study.candidates.size() == 2);
  REQUIRE(study.answer.chosen.has_value());
  const ServiceCandidate& chosen = study.candidates[*study.answer.chosen];
  CHECK(chosen.measured);
  CHECK(chosen.why_not.empty());
  CHECK(chosen.predicted.has_value());
  CHECK(chosen.refined.has_value());
  CHECK(study.answer.max_rate_per_s >= 100.0);
  REQUIRE(!study.runs.empty());
  CHECK(study.runs.front().rate_per_s == 100.0);
  CHECK(study.runs.front().report.queries > 0);
  CHECK(!study.predicted_curve.empty());
  CHECK(!study.simulated_curve.empty());
  CHECK(study.plan.config == chosen.config);
  CHECK(study.plan.batching == chosen.batching);
  CHECK(rate_of(study.plan.arrivals) == Approx(100.0));
  CHECK(study.plan.slo == options.target.slo);
}

TEST_CASE("what a lone request cannot keep, no machine can") {
  const ServiceStudy study =
      plan_service(one_variant(), synthetic::plausible_profile(), brief(10.0, 1.0, std::chrono::microseconds(5000)));
  CHECK_FALSE(study.answer.chosen.has_value());
  CHECK(study.answer.nearest.has_value());
  CHECK_FALSE(study.answer.machines.has_value());
  CHECK_THAT(study.answer.reason, ContainsSubstring("any number of machines"));
  for (const ServiceCandidate& c : study.candidates) CHECK(!c.why_not.empty());
}

TEST_CASE("a variant that loses too much is left out, and says so") {
  std::vector<ServedModel> models = one_variant();
  models.front().variant.accuracy = 0.9;
  models.push_back({{"worse", Precision::f32, 0.8, {}, {}}, sum_model()});
  models.push_back({{"unknown", Precision::f32, {}, {}, {}}, sum_model()});
  models.push_back({{"impossible", Precision::f32, {}, {}, "could not be made"}, {}});
  ServiceOptions options = brief(100.0, 60'000.0, std::chrono::microseconds(100));
  options.target.max_accuracy_drop_points = 0.5;
  options.time_limit = Seconds(0.5);
  const ServiceStudy study = plan_service(models, synthetic::plausible_profile(), options);
  REQUIRE(study.variants.size() == 4);
  CHECK_THAT(study.variants[1].why_not, ContainsSubstring("loses 10.00 points"));
  CHECK_THAT(study.variants[2].why_not, ContainsSubstring("not known"));
  CHECK(study.variants[3].why_not == "could not be made");
  REQUIRE(study.answer.chosen.has_value());
  CHECK(study.candidates[*study.answer.chosen].variant == 0);
}

TEST_CASE("a highest rate is looked for below a load that failed, though time is up") {
  ServiceOptions options = brief(1.0, 50.0, std::chrono::microseconds(500));
  options.target.highest_rate = true;
  options.time_limit = Seconds(0.0);
  const auto calls = std::make_shared<std::atomic<int>>(0);
  // Slower once the short loads are over, so that what they promise does not hold.
  options.executors = [calls](const Model<float>&, const RunConfig& config) {
    return test::SumExecutor(config.batch, 4, [calls] {
      std::this_thread::sleep_for(std::chrono::microseconds(++*calls < 500 ? 500 : 900));
    });
  };
  const ServiceStudy study = plan_service(one_variant(), synthetic::plausible_profile(), options);
  REQUIRE(!study.runs.empty());
  const bool kept = std::any_of(study.runs.begin(), study.runs.end(), [](const ServiceRun& run) { return run.within; });
  CHECK((kept || study.runs.size() >= 6));
  CHECK(study.answer.chosen.has_value() == kept);
}

TEST_CASE("a rate that failed while the machine was disturbed is kept by what keeps a higher one") {
  ServiceOptions options = brief(20.0, 50.0, std::chrono::microseconds(500));
  const auto disturbed = std::make_shared<std::atomic<bool>>(false);
  options.executors = [disturbed](const Model<float>&, const RunConfig& config) {
    return test::SumExecutor(config.batch, 4, [disturbed] {
      std::this_thread::sleep_for(std::chrono::microseconds(*disturbed ? 80'000 : 500));
    });
  };
  const ServiceStudy study = plan_service(one_variant(), synthetic::plausible_profile(), options,
                                          [&](const Progress& p) { *disturbed = p.stage == "under the real load"; });
  REQUIRE(study.runs.size() > 1);
  CHECK_FALSE(study.runs.front().within);
  const std::optional<std::size_t> subject = study.answer.chosen ? study.answer.chosen : study.answer.nearest;
  REQUIRE(subject.has_value());
  CHECK(study.answer.chosen.has_value() == (highest_measured_rate(study, *subject) >= 20.0));
  CHECK(rate_of(study.plan.arrivals) == Approx(20.0));
}

TEST_CASE("a plan that asks the impossible is refused") {
  const MachineProfile profile = synthetic::plausible_profile();
  ServiceOptions options = brief(100.0, 10.0, std::chrono::microseconds(100));
  CHECK_THROWS_WITH(plan_service({}, profile, options), ContainsSubstring("no model"));
  options.cores = 100'000;
  CHECK_THROWS_WITH(plan_service(one_variant(), profile, options), ContainsSubstring("cores of a plan"));
  options.cores = 0;
  options.target.slo = Milliseconds(0.0);
  CHECK_THROWS_WITH(plan_service(one_variant(), profile, options), ContainsSubstring("bound of a service"));
}
