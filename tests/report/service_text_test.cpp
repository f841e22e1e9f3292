#include <fulcrum/report/service_text.hpp>

#include <plan/services.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a planned service is told with its answer, its rivals and its loads") {
  ServiceStudy study = synthetic::service_study(150.0);
  study.answer.chosen = by_preference(study, 0.1).front();
  ServiceRun run;
  run.candidate = *study.answer.chosen;
  run.rate_per_s = 150.0;
  run.within = true;
  run.report.tail.observed = Milliseconds(7.25);
  study.runs.push_back(run);
  study.answer.max_rate_per_s = 150.0;
  study.answer = described(study, study.answer);
  study.notes.emplace_back("a note");
  const std::vector<std::string> why = why_not_the_answer(study);
  for (std::size_t i = 0; i < why.size(); ++i) study.candidates[i].why_not = why[i];
  const std::string text = to_text(study);
  for (const char* part : {"150/s (Poisson) with p99 ≤ 10.0 ms", "Serve with int8", "the answer", "7.25 ms", "a note",
                           "2 instances of 1 thread", "takes more cores"})
    CHECK_THAT(text, ContainsSubstring(part));
  CHECK_THAT(to_text(ServiceStudy{}), ContainsSubstring("with p99"));
}
