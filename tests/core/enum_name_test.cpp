#include <fulcrum/core/enum_name.hpp>

#include <array>

#include <support/catch.hpp>

namespace {
enum class Colour { red, green, blue };
constexpr std::string_view name_of(Colour colour) {
  return colour == Colour::red ? "red" : colour == Colour::green ? "green" : "blue";
}
}  // namespace

TEST_CASE("an enumerator is found by its name, to the letter") {
  const std::array colours{Colour::red, Colour::green, Colour::blue};
  for (const Colour colour : colours) CHECK(fulcrum::enum_from("colour", name_of(colour), colours) == colour);
  CHECK_THROWS_AS(fulcrum::enum_from("colour", "Red", colours), fulcrum::Error);
  CHECK_THROWS_AS(fulcrum::enum_from("colour", "", colours), fulcrum::Error);
}

TEST_CASE("a name that nobody has is refused with those that there are") {
  CHECK_THROWS_WITH(fulcrum::enum_from("colour", "pink", std::array{Colour::red, Colour::green, Colour::blue}),
                    "colour 'pink': is not known; use red, green or blue");
  CHECK_THROWS_WITH(fulcrum::enum_from("colour", "pink", std::array{Colour::red, Colour::green}),
                    ContainsSubstring("use red or green"));
  CHECK_THROWS_WITH(fulcrum::enum_from("colour", "pink", std::array{Colour::red}), ContainsSubstring("use red"));
}
