#include <fulcrum/onednn/environment.hpp>

#include <algorithm>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the environment names the oneDNN that is loaded") {
  const Environment environment = onednn_environment();
  const std::string version = environment.versions.at("oneDNN");
  CHECK(version == onednn_version());
  CHECK(std::count(version.begin(), version.end(), '.') == 2);
  Environment without = environment;
  without.versions.clear();
  CHECK(without == current_environment());
}
