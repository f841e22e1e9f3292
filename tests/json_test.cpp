#include <fulcrum/json.hpp>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>

TEST_CASE("one header has profiles, reports and studies as JSON and HTML") {
  fulcrum::MachineProfile profile;
  profile.environment.cores = 4;
  CHECK(fulcrum::to_json(profile).at("environment").at("cores") == 4);
}
