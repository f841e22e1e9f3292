#include <fulcrum/run/persistence_json.hpp>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using nlohmann::json;

TEST_CASE("what lasts is read as it was written") {
  const Persistence lasts{{0.1, 0.2, 0.3, 0.25, 0.15}};
  CHECK(persistence_from_json(json::parse(to_json(lasts).dump())) == lasts);
}

TEST_CASE("shares that cannot be are refused") {
  const auto read = [](const json& j) { return persistence_from_json(j); };
  CHECK_THROWS_AS(read({0.1, 0.2}), Error);
  CHECK_THROWS_AS(read({0.1, 0.2, -0.3, 0.0, 0.0}), Error);
  CHECK_THROWS_AS(read({0.5, 0.5, 0.5, 0.0, 0.0}), Error);
  CHECK_THROWS_AS(read({"a", 0.5, 0.5, 0.0, 0.0}), Error);
  CHECK_THROWS_AS(read(json::object()), Error);
}
