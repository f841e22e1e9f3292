#include <fulcrum/report/tradeoff_text.hpp>

#include <report/studies.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a study shows variants, measured candidates, notes and the recommendation") {
  const TradeoffStudy study = synthetic::study();
  const std::string text = to_text(study);
  CHECK_THAT(text, ContainsSubstring("→  int8, batch 16, 1 thread, 1 instance"));
  CHECK_THAT(text, ContainsSubstring("•  f32, batch 1, 1 thread, 1 instance"));
  CHECK_THAT(text, ContainsSubstring("+10 %"));
  CHECK_THAT(text, ContainsSubstring("−0.14 points"));
  CHECK_THAT(text, ContainsSubstring("this CPU lacks bf16"));
  CHECK_THAT(text, ContainsSubstring("note: a note of the study"));
  CHECK_THAT(text, ContainsSubstring(study.recommendation.reason));
}

TEST_CASE("the highest throughput comes first and what was not measured is shown on request") {
  const TradeoffStudy study = synthetic::study();
  const std::string measured = candidates_text(study, Shown::measured);
  CHECK(measured.find("int8, batch 16") < measured.find("f32, batch 1,"));
  CHECK_THAT(measured, !ContainsSubstring("pruned"));
  CHECK_THAT(candidates_text(study, Shown::all), ContainsSubstring("int8, 50 % pruned, batch 16"));
  CHECK_THAT(candidates_text(study, Shown::all), ContainsSubstring("bf16, batch 1"));
  CHECK_THAT(candidates_text(TradeoffStudy{}), ContainsSubstring("no candidate"));
}

TEST_CASE("a study of a busy machine says so at its head and beside the recommendation") {
  TradeoffStudy study = synthetic::study();
  CHECK(to_text(study).find("busy") == std::string::npos);
  study.disturbance = "This machine was busy: 3 of 4 are noisy.";
  const std::string text = to_text(study);
  CHECK(text.starts_with(study.disturbance));
  CHECK(text.ends_with("(This machine was busy.)\n"));
}
