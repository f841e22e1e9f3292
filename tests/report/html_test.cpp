#include <fulcrum/report/html.hpp>

#include <report/studies.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
constexpr std::string_view chart_js = "/* chart library */ const s = '</script>';";

MachineProfile profile() {
  MachineProfile p;
  p.environment.cpu = "a CPU";
  p.created_utc = "2026-01-31T11:59:00Z";
  p.rates.peaks = {{Precision::f32, 1, 1e11}, {Precision::int8, 1, 8e11}};
  p.rates.bandwidths = {{"L1", 32768.0, 1, 2e11}, {"DRAM", 0.0, 1, 1e10}};
  return p;
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

/// The figures that the page's script reads.
nlohmann::json embedded(const std::string& page) {
  const std::string start = "<script type=\"application/json\" id=\"study\">";
  const std::size_t from = page.find(start) + start.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}
}  // namespace

TEST_CASE("the report holds the recommendation, every candidate and where the figures come from") {
  const TradeoffStudy study = synthetic::study();
  const std::string page = html_report(study, profile(), chart_js);
  CHECK(page.rfind("<!DOCTYPE html>", 0) == 0);
  CHECK_THAT(page, ContainsSubstring("<h1>Run int8, batch 16, 1 thread, 1 instance: 64,000/s at p99 300 µs"));
  CHECK_THAT(page, ContainsSubstring("Recommendation for p99 ≤ 1.00 ms and at most 0.5 points of accuracy lost"));
  CHECK(count(page, "<tr class=\"") == study.candidates.size());
  CHECK_THAT(page, ContainsSubstring("this CPU lacks bf16"));
  CHECK_THAT(page, ContainsSubstring("calibrated 2026-01-31T11:59:00Z on a CPU"));
  CHECK_THAT(page, ContainsSubstring("a note of the study"));
  CHECK_THAT(page, ContainsSubstring("measured note"));
  CHECK_THAT(page, ContainsSubstring("/* chart library */"));
}

TEST_CASE("the script of the report is given the figures, the targets and the machine's limits") {
  const TradeoffStudy study = synthetic::study();
  const nlohmann::json data = embedded(html_report(study, profile(), chart_js));
  CHECK(data["candidates"].size() == study.candidates.size());
  CHECK(data["recommended"] == 3);
  CHECK(data["nearest"].is_null());
  CHECK(data["slo"] == 1.0);
  CHECK(data["floor"].get<double>() == Approx(0.907));
  const auto& candidate = data["candidates"][3];
  CHECK(candidate["label"] == "int8, batch 16, 1 thread, 1 instance");
  CHECK(candidate["measured"]["p50"].get<double>() == Approx(0.25));
  CHECK(candidate["predicted"]["layers"][0][0] == "conv1");
  CHECK(data["candidates"][5]["predicted"].is_null());
  CHECK(data["roofs"].size() == 2);
  CHECK(data["bandwidths"].size() == 2);
}

TEST_CASE("a page without network asks for nothing from it") {
  const std::string page = html_report(synthetic::study(), profile(), chart_js);
  for (const char* loader : {"http://", "https://", " src=", "<link", "@import", "url("}) {
    CHECK_THAT(page, !ContainsSubstring(loader));
  }
}

TEST_CASE("names from outside stay text, whatever they contain") {
  const std::string evil = "</script><img onerror=alert(1)>&\"'\xff";
  TradeoffStudy study = synthetic::study(evil);
  study.data = evil;
  study.notes = {evil};
  study.environment.cpu = evil;
  study.candidates[3].measured->layers[0].name = evil;
  study.candidates[4].why_not = evil;
  MachineProfile of = profile();
  of.environment.cpu = evil;
  const std::string page = html_report(study, of, chart_js);
  CHECK_THAT(page, !ContainsSubstring("<img"));
  CHECK(count(page, "</script>") == 3);  // figures, library, page
  CHECK_THAT(page, ContainsSubstring("const s = '<\\/script>';"));
  CHECK(embedded(page)["candidates"][3]["measured"]["layers"][0][0].get<std::string>().substr(0, 9) == "</script>");
}

TEST_CASE("when nothing qualifies the page says so and shows the nearest") {
  const std::string page = html_report(synthetic::study("m", {Milliseconds(0.01), {}}), profile(), chart_js);
  CHECK_THAT(page, ContainsSubstring("No configuration qualifies for p99 ≤ 10.0 µs"));
  CHECK_THAT(page, ContainsSubstring("Nearest comes int8, batch 1"));
  CHECK(embedded(page)["nearest"] == 2);
}

TEST_CASE("a study in which nothing worked still gives a page") {
  TradeoffStudy study;
  study.candidates.resize(1);
  study.candidates[0].why_not = "no kernel";
  study.recommendation = recommend(study.candidates, {}, {});
  const std::string page = html_report(study, MachineProfile{}, chart_js);
  CHECK_THAT(page, ContainsSubstring("No candidate could be predicted or measured."));
  CHECK_THAT(page, ContainsSubstring("no kernel"));
}

TEST_CASE("a page without its chart library is refused") {
  CHECK_THROWS_WITH(html_report(synthetic::study(), profile(), ""), ContainsSubstring("Chart.js"));
}

TEST_CASE("names of commands in the report's sentences are set as code, and nothing in them becomes markup") {
  TradeoffStudy study = synthetic::study();
  study.notes = {"see `fulcrum explain <b>`, then again", "one ` alone"};
  const std::string page = html_report(study, profile(), chart_js);
  CHECK_THAT(page, ContainsSubstring("see <code>fulcrum explain &lt;b&gt;</code>, then again"));
  CHECK_THAT(page, ContainsSubstring("one ` alone"));
}
