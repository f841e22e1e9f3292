#include <fulcrum/plan/service_answer.hpp>

#include <plan/services.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {

void add_run(ServiceStudy& study, std::size_t candidate, double rate, bool within) {
  ServiceRun run;
  run.candidate = candidate;
  run.rate_per_s = rate;
  run.within = within;
  run.report.reason = "p99 ≤ 10 ms does not hold";
  study.runs.push_back(run);
}

}  // namespace

TEST_CASE("the fewest cores that keep the rate with headroom come first") {
  const ServiceStudy study = synthetic::service_study(150.0);
  const ServiceCandidate& first = study.candidates[by_preference(study, 0.1).front()];
  CHECK(cores_of(first) == 1);  // int8 on one core has 300/s, f32 on two 200/s
  CHECK(first.variant == 1);
  CHECK(first.batching.max_batch == 1);
  const ServiceStudy low = synthetic::service_study(30.0);
  const ServiceCandidate& simple = low.candidates[by_preference(low, 0.1).front()];
  CHECK(simple.variant == 0);  // both keep more than three times the rate
}

TEST_CASE("the highest rate is wanted: cores do not matter") {
  ServiceStudy study = synthetic::service_study(1.0);
  study.target.highest_rate = true;
  const ServiceCandidate& first = study.candidates[by_preference(study, 0.1).front()];
  CHECK(cores_of(first) == 2);
  CHECK(first.variant == 1);
}

TEST_CASE("variants that are left out are no candidates") {
  ServiceStudy study = synthetic::service_study(150.0);
  study.variants[1].why_not = "loses 1.00 points of accuracy";
  for (const std::size_t i : by_preference(study, 0.1)) CHECK(study.candidates[i].variant == 0);
  const ServiceAnswer answer = described(study, {.chosen = by_preference(study, 0.1).front(), .max_rate_per_s = 180.0});
  CHECK_THAT(answer.next, ContainsSubstring("because it loses 1.00 points"));
}

TEST_CASE("a bound that was missed though it was thought to be kept by far speaks of the cores, not of the precision") {
  ServiceStudy study = synthetic::service_study(150.0);
  const std::size_t failed = by_preference(study, 0.1).front();
  add_run(study, failed, 150.0, false);
  CHECK_FALSE(was_disturbed(study, failed));  // nothing was simulated
  study.runs.back().simulated_tail = 0.9 * study.target.slo;
  CHECK_FALSE(was_disturbed(study, failed));  // a near miss
  study.runs.back().simulated_tail = 0.1 * study.target.slo;
  for (std::size_t i = 0; i < study.candidates.size(); ++i)
    CHECK(was_disturbed(study, i) == (cores_of(study.candidates[i]) == cores_of(study.candidates[failed])));
  study.runs.back().within = true;
  CHECK_FALSE(was_disturbed(study, failed));
}

TEST_CASE("an answer says rate, headroom, cores and accuracy") {
  ServiceStudy study = synthetic::service_study(150.0);
  study.answer.chosen = by_preference(study, 0.1).front();
  add_run(study, *study.answer.chosen, 150.0, true);
  add_run(study, *study.answer.chosen, 240.0, true);
  add_run(study, *study.answer.chosen, 300.0, false);
  CHECK(highest_measured_rate(study, *study.answer.chosen) == 240.0);
  study.answer.max_rate_per_s = 240.0;
  const ServiceAnswer answer = described(study, study.answer);
  CHECK(answer.headroom == Approx(0.6));
  CHECK(answer.cores == 1);
  CHECK(answer.machines == 1);
  CHECK_THAT(answer.reason, ContainsSubstring("on 1 core"));
  CHECK_THAT(answer.reason, ContainsSubstring("a headroom of 60 %"));
  CHECK_THAT(answer.cost, ContainsSubstring("89.00 %"));
  CHECK_THAT(answer.cost, ContainsSubstring("against f32"));
  CHECK_THAT(answer.next, ContainsSubstring("2 instances of 1 thread"));
}

TEST_CASE("what bounds a service is said by where the time goes") {
  ServiceStudy study = synthetic::service_study(150.0);
  const std::size_t i = by_preference(study, 0.1).front();
  ServiceFigures& known = *study.candidates[i].predicted;
  const auto bound = [&] { return described(study, {.chosen = i, .max_rate_per_s = 240.0}).bound; };
  known.capacity_per_s = 250.0;
  CHECK_THAT(bound(), ContainsSubstring("The machine bounds it"));
  known.capacity_per_s = 400.0;
  CHECK_THAT(bound(), ContainsSubstring("Waiting bounds it"));
  const std::string none = described(study, {.chosen = {}, .nearest = i, .max_rate_per_s = 0.0}).bound;
  CHECK_THAT(none, ContainsSubstring("no rate was found"));
  CHECK_THAT(none, !ContainsSubstring("0/s"));
  // What was not measured bounds nothing: the figures of the simulation do.
  known.max_rate_per_s = 380.0;
  add_run(study, i, 150.0, true);
  const ServiceAnswer early = described(study, {.chosen = i, .max_rate_per_s = 150.0});
  CHECK_THAT(early.reason, ContainsSubstring("a headroom of 0 % at least."));
  CHECK_THAT(early.bound,
             ContainsSubstring("Higher rates were not measured; predicted, it keeps up to 380/s. The machine"));
  add_run(study, i, 200.0, false);
  CHECK_THAT(described(study, {.chosen = i, .max_rate_per_s = 150.0}).bound, ContainsSubstring("Waiting bounds it"));
  known.service = Milliseconds(8.0);
  CHECK_THAT(bound(), ContainsSubstring("little time to wait"));
  known.service = Milliseconds(12.0);
  CHECK_THAT(bound(), ContainsSubstring("whatever the rate"));
}

TEST_CASE("more machines are an answer, unless none helps") {
  ServiceStudy study = synthetic::service_study(1500.0);
  study.answer.nearest = by_preference(study, 0.1).front();
  study.answer.max_rate_per_s = 590.0;
  ServiceAnswer answer = described(study, study.answer);
  CHECK(answer.machines == 3);
  CHECK_THAT(answer.reason, ContainsSubstring("Not on this machine") && ContainsSubstring("needs 3 like it"));
  study.answer.max_rate_per_s = 0.0;
  CHECK_THAT(described(study, study.answer).reason, ContainsSubstring("in none of the loads"));
  study.candidates[*study.answer.nearest].predicted->service = Milliseconds(11.0);
  answer = described(study, study.answer);
  CHECK_FALSE(answer.machines.has_value());
  CHECK_THAT(answer.reason, ContainsSubstring("any number of machines"));
  CHECK_THAT(described(study, {}).reason, ContainsSubstring("could be predicted"));
}

TEST_CASE("every other candidate says why it is not the answer") {
  ServiceStudy study = synthetic::service_study(150.0);
  study.answer.chosen = by_preference(study, 0.1).front();
  std::size_t slow = 0;
  while (study.candidates[slow].variant != 0 || cores_of(study.candidates[slow]) != 2) ++slow;
  add_run(study, slow, 150.0, false);
  const std::vector<std::string> why = why_not_the_answer(study);
  for (std::size_t i = 0; i < why.size(); ++i) CHECK(why[i].empty() == (study.answer.chosen == i));
  CHECK_THAT(why[slow], ContainsSubstring("measured at 150/s"));
  CHECK_THAT(why[0], ContainsSubstring("up to 100/s only, predicted"));
}
