#include <fulcrum/run/environment_json.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using nlohmann::json;

TEST_CASE("an environment comes back from its JSON") {
  const Environment environment{"a \"CPU\"",      "avx2 vnni", 2, {0, 3}, 1.5, {{"oneDNN", "2.6.3"}, {"Eigen", "3.4"}},
                                ~std::uint64_t{0}};
  CHECK(environment_from_json(json::parse(to_json(environment).dump())) == environment);
  CHECK(environment_from_json(to_json(Environment{})) == Environment{});
}

TEST_CASE("names that are not UTF-8 still make a document") {
  const Environment environment{"\xff", "\xfe", 1, {}, 0.0, {{"\xc3", "\x80"}}, 0};
  const json j = json::parse(to_json(environment).dump());
  CHECK(j["cpu"] == "\xef\xbf\xbd");
  CHECK(j["versions"]["\xef\xbf\xbd"] == "\xef\xbf\xbd");
}

TEST_CASE("an environment that is broken is refused by the key") {
  const auto check = [](const char* key, const json& value, const char* words) {
    json j = to_json(Environment{});
    j[key] = value;
    CHECK_THROWS_WITH(environment_from_json(j), ContainsSubstring(words));
  };
  check("cores", -1, "cores: must be a whole number from 0");
  check("affinity", {0, "1"}, "affinity[1]: must be a whole number");
  check("cpu_quota", nullptr, "cpu_quota: must be a number");
  check("versions", {{"oneDNN", 2}}, "versions.oneDNN: must be text");
  check("seed", 1.5, "seed: must be a whole number");
}
