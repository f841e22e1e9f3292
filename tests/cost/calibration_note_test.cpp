#include <fulcrum/cost/calibration_note.hpp>
#include <fulcrum/cost/predict.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

TEST_CASE("a short or noisy calibration says so in every prediction, and another does not") {
  MachineProfile profile = synthetic::machine();
  CHECK(calibration_notes(profile).empty());
  profile.duration_s = 6.4;
  profile.drift_probe = {{1, 10.0, 10.0, 0.02}, {2, 10.0, 10.0, 0.3}};
  const auto notes = calibration_notes(profile);
  REQUIRE(notes.size() == 2);
  CHECK_THAT(notes[0], ContainsSubstring("the calibration took 6 s"));
  CHECK_THAT(notes[1], ContainsSubstring("took up to 30 % more or less time"));
  auto builder = ModelBuilder<float>("m");
  const LatencyReport report = predict(builder.input({16}).dense(16).build(), {}, profile);
  CHECK(report.notes == notes);
}
