#include <fulcrum/run/json_values.hpp>

#include <limits>

#include <fulcrum/core/dtype.hpp>

#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;
using nlohmann::json;

TEST_CASE("what is no number becomes null") {
  CHECK(number_or_null(1.5) == json(1.5));
  CHECK(number_or_null(std::nullopt).is_null());
  CHECK(number_or_null(std::numeric_limits<double>::infinity()).is_null());
  CHECK(number_or_null(std::numeric_limits<double>::quiet_NaN()).is_null());
}

TEST_CASE("values are read by their keys") {
  const json document = json::parse(R"({"a": {"b": [1, 2.5]}, "word": "int8", "yes": true, "none": null,
                                        "most": 18446744073709551615, "least": -9223372036854775808})");
  const JsonReader j(document);
  CHECK(j.at("a").at("b").numbers() == std::vector{1.0, 2.5});
  CHECK(j.at("a").at("b").elements()[0].integer<int>(1) == 1);
  CHECK(j.at("word").text() == "int8");
  CHECK(j.at("word").name(precision_from) == Precision::int8);
  CHECK(j.at("yes").boolean());
  CHECK(j.at("most").integer<std::uint64_t>(0) == std::numeric_limits<std::uint64_t>::max());
  CHECK(j.at("least").integer<std::int64_t>(std::numeric_limits<std::int64_t>::min()) ==
        std::numeric_limits<std::int64_t>::min());
  CHECK(j.find("a").has_value());
  CHECK_FALSE(j.find("none").has_value());
  CHECK_FALSE(j.find("nothing").has_value());
  const auto members = j.at("a").members();
  REQUIRE(members.size() == 1);
  CHECK(members[0].first == "b");
}

TEST_CASE("a value that is not what is expected is named with the way to it") {
  const json document = json::parse(
      R"({"a": [{"b": "text"}, {"b": -1}], "list": [], "word": "f33", "real": 2.0, "big": 4294967296, "none": null})");
  const JsonReader j(document);
  const auto b = [&](std::size_t i) { return j.at("a").elements()[i].at("b"); };
  CHECK_THROWS_WITH(b(0).number(), "a[0].b: must be a number, but is text");
  CHECK_THROWS_WITH(b(1).number(0.0), "a[1].b: must be a number of 0 or more, but is -1");
  CHECK_THROWS_WITH(b(1).integer<int>(1, 9), "a[1].b: must be a whole number from 1 to 9, but is -1");
  CHECK_THROWS_WITH(b(1).integer<std::uint64_t>(0), ContainsSubstring("but is -1"));
  CHECK_THROWS_WITH(b(1).text(), "a[1].b: must be text, but is -1");
  CHECK_THROWS_WITH(j.at("missing").number(), "missing: must be a number, but is missing");
  CHECK_THROWS_WITH(j.at("missing").at("more"), "missing: must be an object, but is missing");
  CHECK_THROWS_WITH(j.at("none").boolean(), "none: must be true or false, but is null");
  CHECK_THROWS_WITH(j.at("list").at("x"), "list: must be an object, but is a list");
  CHECK_THROWS_WITH(j.at("list").members(), ContainsSubstring("must be an object"));
  CHECK_THROWS_WITH(j.at("a").elements()[0].elements(), "a[0]: must be a list, but is an object");
  CHECK_THROWS_WITH(j.at("real").integer<int>(0), ContainsSubstring("a whole number"));
  CHECK_THROWS_WITH(j.at("big").integer<int>(0), ContainsSubstring("to 2147483647, but is 4294967296"));
  CHECK_THROWS_WITH(j.at("word").name(precision_from), "word: is 'f33'; use f32, bf16 or int8");
  const json list = json::array();
  CHECK_THROWS_WITH(JsonReader(list).at("a"), "the document: must be an object, but is a list");
}

TEST_CASE("a figure that is not finite is no number") {
  const json document{{"nan", std::numeric_limits<double>::quiet_NaN()},
                      {"infinite", std::numeric_limits<double>::infinity()}};
  CHECK_THROWS_AS(JsonReader(document).at("nan").number(), Error);
  CHECK_THROWS_AS(JsonReader(document).at("infinite").number(0.0), Error);
}

TEST_CASE("text that is no JSON is refused, and where it stops being JSON is said") {
  CHECK(parse_json(R"({"a": [1, 2]})", "x.json")["a"][1] == 2);
  CHECK_THROWS_WITH(parse_json("", "x.json", "write it"), "x.json: is not JSON: it ends too early; write it");
  CHECK_THROWS_WITH(parse_json(R"({"a": [1, )", "x.json"), "x.json: is not JSON: it ends too early");
  CHECK_THROWS_WITH(parse_json(R"({"a": NaN})", "x.json"), "x.json: is not JSON from its byte 7 on");
  CHECK_THROWS_WITH(parse_json("{\"a\": \"\xff\"}", "x.json"), ContainsSubstring("is not JSON from its byte 8 on"));
  CHECK_THROWS_WITH(parse_json("{} {}", "x.json"), ContainsSubstring("from its byte 4 on"));
  CHECK_THROWS_WITH(parse_json(R"({"a": 1e999})", "x.json"), ContainsSubstring("a number in it is too large"));
}

TEST_CASE("lists a million deep are refused, complete or not") {
  const std::string open(1'000'000, '[');
  const std::string close(1'000'000, ']');
  CHECK_THROWS_WITH(parse_json(open, "x.json"), "x.json: is nested more than 64 deep");
  CHECK_THROWS_WITH(parse_json(open + close, "x.json"), ContainsSubstring("more than 64 deep"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK_THROWS_WITH(parse_json(objects, "x.json"), ContainsSubstring("more than 64 deep"));
}

TEST_CASE("a file that is missing or far too large is refused") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_WITH(read_json_file(folder.path("none.json")), ContainsSubstring("does not exist"));
  const std::string path = folder.path("large.json");
  write_file_atomically(path, "1");
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40U);  // takes no space on the disk
  CHECK_THROWS_WITH(read_json_file(path), ContainsSubstring("large.json: holds more than 67108864 bytes"));
}
