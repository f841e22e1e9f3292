#include <fulcrum/report/service_html.hpp>

#include <nlohmann/json.hpp>

#include <plan/services.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the page of a planned service holds answer, curves, runs and heat maps, and no markup from names") {
  ServiceStudy study = synthetic::service_study(150.0);
  study.answer.chosen = by_preference(study, 0.1).front();
  ServiceRun run;
  run.candidate = *study.answer.chosen;
  run.rate_per_s = 280.0;
  run.within = true;
  run.report.tail.observed = Milliseconds(8.25);
  run.report.timeline = {{Seconds(0.0), 0.5, 2}, {Seconds(1.0), 1.5, 4}};
  study.runs.push_back(run);
  study.predicted_curve = {{10.0, Milliseconds(1.0), Milliseconds(2.0), 10.0},
                           {500.0, Milliseconds(9.0), Milliseconds(std::numeric_limits<double>::infinity()), 300.0}};
  study.answer.max_rate_per_s = 280.0;
  study.answer = described(study, study.answer);
  const std::string page = html_report(study, "/* chart library */");
  CHECK(page.starts_with("<!DOCTYPE html>"));
  for (const char* part : {"/* chart library */", "m&lt;1&gt;", "Serve with int8", "8.25 ms", "int8: largest batch",
                           "280/s measured", "class=\"chosen\""})
    CHECK_THAT(page, ContainsSubstring(part));
  CHECK_THAT(page, !ContainsSubstring("m<1>"));
  CHECK_THAT(page, !ContainsSubstring("http://"));
  const std::string start = "<script type=\"application/json\" id=\"study\">";
  const std::size_t from = page.find(start) + start.size();
  const auto data = nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
  CHECK(data.at("wanted") == 150.0);
  CHECK(data.at("max_rate") == 280.0);
  CHECK(data.at("runs").at(0).at("of_answer") == true);
  CHECK(data.at("runs").at(0).at("timeline").size() == 2);
  CHECK(data.at("predicted").at(1).at("tail").is_null());
}

TEST_CASE("a plan that found nothing has a page too, one without the chart library has none") {
  ServiceStudy study = synthetic::service_study(15'000.0);
  study.answer = described(study, {});
  CHECK_THAT(html_report(study, "x"), ContainsSubstring("none helps"));
  CHECK_THROWS_AS(html_report(study, ""), Error);
}
