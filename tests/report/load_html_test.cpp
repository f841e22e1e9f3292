#include <fulcrum/report/load_html.hpp>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

LoadReport report() {
  std::vector<RequestRecord> records;
  for (int i = 0; i < 500; ++i) {
    const auto due = i * 10ms;
    records.push_back({due, due, due + 1ms, due + 5ms, 1 + i % 2, RequestStatus::done});
  }
  LoadReport result = summarize_load(records);
  result.model = "net <b>";
  result.setup = "f32";
  result.verdict = LoadVerdict::invalid;
  result.reason = "too <slow>";
  result.slo = BoundCheck{Milliseconds(4.0), 500, 600, false};
  result.notes.emplace_back("a note");
  return result;
}

nlohmann::json data_of(const std::string& page) {
  const std::string start = "<script type=\"application/json\" id=\"study\">";
  const std::size_t from = page.find(start) + start.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

}  // namespace

TEST_CASE("the page of a load holds its histogram, queue and percentiles, and no markup from names") {
  const LoadReport measured = report();
  const std::string page = html_report(measured, &measured, "/* chart library */");
  CHECK(page.starts_with("<!DOCTYPE html>"));
  for (const char* part : {"/* chart library */", "net &lt;b&gt;", "too &lt;slow&gt;", "INVALID", "simulated, running",
                           "a note", "5.00 ms", "<td>2</td>"})
    CHECK_THAT(page, ContainsSubstring(part));
  CHECK_THAT(page, !ContainsSubstring("net <b>"));
  CHECK_THAT(page, !ContainsSubstring("http://"));
  const nlohmann::json data = data_of(page);
  CHECK(data.at("slo") == 4.0);
  CHECK(data.at("histogram").size() == 1);
  CHECK(data.at("simulated") == data.at("histogram"));
  CHECK(data.at("timeline").size() == 100);
  CHECK(data.at("blocks").size() == 10);
  CHECK(data_of(html_report(measured, nullptr, "x")).at("simulated").empty());
}

TEST_CASE("a load of nothing has a page, one without the chart library has none") {
  CHECK_THAT(html_report(LoadReport{}, nullptr, "x"), ContainsSubstring("UNJUDGED"));
  CHECK_THROWS_AS(html_report(report(), nullptr, ""), Error);
}
