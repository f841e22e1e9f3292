#include <fulcrum/cost/error_summary_json.hpp>

#include <fulcrum/cost/profile_file.hpp>
#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

TEST_CASE("a profile keeps its error card, and one without reads as before") {
  MachineProfile profile = synthetic::machine();
  CHECK_FALSE(to_json(profile).contains("error_card"));
  CHECK(machine_profile_from_json(to_json(profile)) == profile);
  profile.error_card = ErrorSummary{"2026-01-31T12:00:00Z", {{Precision::bf16, 4, 12, 0.75, 0.875, 0.0625, -0.25}}};
  CHECK(machine_profile_from_json(nlohmann::json::parse(profile_file_text(profile))) == profile);
}

TEST_CASE("a broken error card is refused by name") {
  nlohmann::json j = to_json(ErrorSummary{"", {{Precision::f32, 1, 1, 1.0, 1.0, 0.0, 0.0}}});
  CHECK_NOTHROW(error_summary_from_json(j));
  j["groups"][0]["batch"] = 0;
  CHECK_THROWS_WITH(error_summary_from_json(j), ContainsSubstring("groups[0].batch"));
  j.erase("groups");
  CHECK_THROWS_AS(error_summary_from_json(j), Error);
}
