#include <fulcrum/report/service_json.hpp>

#include <fulcrum/plan/service_plan_json.hpp>

#include <plan/services.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a planned service as JSON has its answer and a plan that can be read again") {
  ServiceStudy study = synthetic::service_study(150.0);
  study.answer.chosen = by_preference(study, 0.1).front();
  study.answer.max_rate_per_s = 280.0;
  study.answer = described(study, study.answer);
  study.plan.model = "int8";
  study.plan.config = study.candidates[*study.answer.chosen].config;
  study.plan.arrivals = study.target.arrivals;
  ServiceRun run;
  run.candidate = *study.answer.chosen;
  run.rate_per_s = 150.0;
  study.runs.push_back(run);
  study.predicted_curve = {{10.0, Milliseconds(1.0), Milliseconds(std::numeric_limits<double>::infinity()), 10.0}};
  const nlohmann::json j = nlohmann::json::parse(to_json(study).dump());
  CHECK(j.at("answer").at("qualifies") == true);
  CHECK(j.at("answer").at("machines") == 1);
  CHECK(j.at("target").at("rate_per_s") == 150.0);
  CHECK(j.at("candidates").size() == study.candidates.size());
  CHECK(j.at("candidates").at(j.at("answer").at("candidate").get<std::size_t>()).at("variant") == "int8");
  CHECK(j.at("runs").at(0).at("report").at("verdict") == "UNJUDGED");
  CHECK(j.at("curves").at("predicted").at(0).at("tail_ms").is_null());
  CHECK(service_plan_from_json(j.at("plan")) == study.plan);
  study.answer = {};
  CHECK(to_json(study).at("plan").is_null());
  CHECK(to_json(study).at("answer").at("machines").is_null());
}
