#include <fulcrum/plan/study_notes.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
LatencyReport measured(double p50_ms, double mad_ms) {
  LatencyReport report;
  report.kind = ReportKind::measured;
  report.latency.p50 = Milliseconds(p50_ms);
  report.latency.p99 = Milliseconds(1.1 * p50_ms);
  report.latency.mad = Milliseconds(mad_ms);
  return report;
}

Candidate candidate(std::int64_t batch, double mad_ms) {
  Candidate c;
  c.config.batch = batch;
  c.measured = measured(1.0, mad_ms);
  return c;
}

/// Rounds of batches 1 and 4, measured a day apart while the machine took 1.0 and 1.3 times its calibrated time.
StudyKeeper two_days() {
  StudyKeeper keeper;
  keeper.open = [](const StudyIdentity&) {};
  keeper.rounds = [](const Candidate& c) -> std::vector<KeptRound> {
    if (c.config.batch == 1) return {{"2026-01-02T10:00:00Z", 1.3, {}}, {"2026-01-02T10:01:00Z", 1.3, {}}};
    if (c.config.batch == 4) return {{"2026-01-01T09:00:00Z", 1.0, {}}};
    return {};
  };
  return keeper;
}
}  // namespace

TEST_CASE("rounds that are kept stand by candidate, with the first and the last time") {
  const std::vector<Candidate> candidates{candidate(1, 0.0), candidate(2, 0.0), candidate(4, 0.0)};
  const detail::KeptRounds kept = detail::kept_rounds(two_days(), candidates);
  REQUIRE(kept.of.size() == 3);
  CHECK(kept.of[0].size() == 2);
  CHECK(kept.of[1].empty());
  CHECK(kept.of[2].size() == 1);
  CHECK(kept.candidates == 2);
  CHECK(kept.first_at == "2026-01-01T09:00:00Z");
  CHECK(kept.last_at == "2026-01-02T10:01:00Z");
  CHECK(kept.slowdowns.size() == 3);
  CHECK(detail::kept_rounds({}, candidates).of.size() == 3);
  CHECK_FALSE(detail::earlier_rounds_note(detail::kept_rounds({}, candidates), std::nullopt));
}

TEST_CASE("earlier rounds are said to be of another speed where the machine has changed by more than its noise") {
  const std::vector<Candidate> first{candidate(1, 0.0)};
  const detail::KeptRounds kept = detail::kept_rounds(two_days(), first);
  CHECK_THAT(detail::earlier_rounds_note(kept, std::nullopt).value(),
             ContainsSubstring("rounds of 1 candidates were measured earlier, between 2026-01-02T10:00:00Z and"));
  const auto note_at = [&](double slowdown) {
    return detail::earlier_rounds_note(kept, Drift{slowdown, slowdown, 0.05}).value();
  };
  CHECK_THAT(note_at(1.0), ContainsSubstring("up to 30 % slower than now"));
  CHECK_THAT(note_at(1.31), ContainsSubstring("as fast as now"));
  CHECK_THAT(note_at(2.6), ContainsSubstring("up to 50 % faster than now"));
}

TEST_CASE("a study says that the machine was busy when what it names is noisy, or a third of all") {
  TradeoffStudy study;
  for (const double mad : {0.0, 0.0, 0.2, 0.0}) study.candidates.push_back(candidate(1, mad));
  CHECK(detail::disturbance_of(study).empty());  // one of four
  study.recommendation.candidate = 0;
  CHECK(detail::disturbance_of(study).empty());
  study.recommendation.candidate = 2;
  CHECK_THAT(detail::disturbance_of(study), ContainsSubstring("1 of 4 measured candidates, what is named here among"));
  study.recommendation.candidate.reset();
  study.candidates[0] = candidate(1, 0.2);
  CHECK_THAT(detail::disturbance_of(study), ContainsSubstring("2 of 4 measured candidates are noisy"));
}

TEST_CASE("a study's notes tell how much was measured, how well it was predicted and what its accuracy is worth") {
  TradeoffStudy study;
  study.candidates = {candidate(1, 0.0), candidate(4, 0.0), Candidate{}};
  study.candidates[0].predicted = measured(1.2, 0.0);
  study.candidates[0].on_front = true;
  study.candidates[1].predicted = measured(3.0, 0.0);  // not on the front: its error is not told
  study.baseline_accuracy = 0.9;
  study.test_samples = 10000;
  TradeoffOptions options;
  options.rounds = 3;
  options.quantization.method = CalibrationMethod::percentile;
  options.quantization.percentile = 99.9;
  std::vector<std::string> notes = detail::study_notes(study, options);
  REQUIRE(notes.size() == 4);
  CHECK_THAT(notes[0], ContainsSubstring("2 of 3 candidates were measured, each in 3 round(s)"));
  CHECK_THAT(notes[1], ContainsSubstring("at most 20 %"));
  CHECK_THAT(notes[2], ContainsSubstring("to within 0.59 points"));  // 1.96 √(0.9 · 0.1 / 10⁴)
  CHECK_THAT(notes[3], ContainsSubstring("percentile 99.9 on 512 training images"));
  options.metric = mean_metric("cosine", [](const Answers&) { return 0.0; });
  notes = detail::study_notes(study, options);
  CHECK_THAT(notes[2], ContainsSubstring("accuracy is the cosine on"));
}
