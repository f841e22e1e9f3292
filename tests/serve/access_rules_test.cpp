#include <fulcrum/serve/access_rules.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using nlohmann::json;

TEST_CASE("a token may do what its entry says") {
  const json j{{"tokens",
                {{{"name", "shop"}, {"token", "0123456789abcdef"}, {"models", {"rank"}}},
                 {{"name", "operator"},
                  {"sha256", to_hex(sha256("a long secret of mine"))},
                  {"rights", {"infer", "change", "watch"}},
                  {"models", {"*"}}}}}};
  const AccessRules rules = AccessRules::from_json(j);
  CHECK(rules.who("0123456789abcdef") == "shop");
  CHECK_FALSE(rules.who("0123456789abcdeF").has_value());
  CHECK_FALSE(rules.who("").has_value());
  CHECK(rules.allows("0123456789abcdef", AccessRight::infer, "rank"));
  CHECK_FALSE(rules.allows("0123456789abcdef", AccessRight::infer, "other"));
  CHECK_FALSE(rules.allows("0123456789abcdef", AccessRight::change, "rank"));
  CHECK_FALSE(rules.allows("0123456789abcdef", AccessRight::watch, ""));
  CHECK(rules.allows("a long secret of mine", AccessRight::change, "anything"));
  CHECK(rules.allows("a long secret of mine", AccessRight::watch, ""));
}

TEST_CASE("entries that make no sense are refused") {
  const auto fails = [](const json& entry, const char* why) {
    const json j{{"tokens", {entry}}};
    CHECK_THROWS_WITH(AccessRules::from_json(j), ContainsSubstring(why));
  };
  fails({{"token", "0123456789abcdef"}}, "name");
  fails({{"name", "a"}}, "sha256");
  fails({{"name", "a"}, {"token", "short"}}, "16 characters");
  fails({{"name", "a"}, {"sha256", "12"}}, "hexadecimal");
  fails({{"name", "a"}, {"token", "0123456789abcdef"}, {"rights", {"all"}}}, "rights[0]");
  fails({{"name", "a"}, {"token", "0123456789abcdef"}, {"models", json::array()}}, "models");
}

TEST_CASE("a bearer token is what follows the scheme") {
  CHECK(bearer_token("Bearer abc") == "abc");
  CHECK(bearer_token("bearer abc") == "abc");
  for (const char* none : {"", "Bearer", "Bearer ", "Basic abc", "Bearerabc"}) CHECK(bearer_token(none).empty());
}
