#include <fulcrum/report/validation_html.hpp>

#include <report/validations.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the page holds the plot's points, the tables and nothing that a name could make markup of") {
  const std::string page = html_report(synthetic::validation(), "/* chart library */");
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK_THAT(page, ContainsSubstring("/* chart library */"));
  CHECK_THAT(page, ContainsSubstring("Within ±10 %"));
  CHECK_THAT(page, ContainsSubstring("net &lt;b&gt;"));
  CHECK_THAT(page, !ContainsSubstring("net <b>"));
  CHECK_THAT(page, ContainsSubstring("could not be measured"));
  CHECK_THAT(page, ContainsSubstring("a note"));
  CHECK_THAT(page, !ContainsSubstring("http://"));
  const std::string start = "<script type=\"application/json\" id=\"study\">";
  const std::size_t from = page.find(start) + start.size();
  const auto data = nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
  REQUIRE(data["points"].size() == 2);
  CHECK(data["points"][0]["model"] == "net <b>");
  CHECK(data["points"][1]["measured"].get<double>() == Approx(5.0));
  CHECK(data["points"][1]["precision"] == "int8");
}

TEST_CASE("a page without the chart library is refused") {
  CHECK_THROWS_AS(html_report(synthetic::validation(), ""), Error);
}
