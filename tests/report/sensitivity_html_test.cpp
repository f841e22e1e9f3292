#include <fulcrum/report/sensitivity_html.hpp>

#include <limits>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

SensitivityReport of_two_layers(bool labels) {
  SensitivityReport report;
  report.model = "net <b>";
  report.samples = 1000;
  if (labels) report.accuracy = 0.9;
  for (const char* layer : {"conv<1>", "dense"}) {
    LayerSensitivity row;
    row.layer = layer;
    row.weights = 4608;
    row.sparsity = 0.5;
    row.sqnr_db = 30.0;
    if (labels) row.accuracy = 0.88;
    report.rows.push_back(row);
    row.sparsity.reset();
    row.bits = 8;
    row.sqnr_db = std::numeric_limits<double>::infinity();
    if (labels) row.accuracy = 0.9;
    report.rows.push_back(row);
  }
  return report;
}

nlohmann::json data_of(const std::string& page) {
  const std::string start = "<script type=\"application/json\" id=\"study\">";
  const std::size_t from = page.find(start) + start.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

}  // namespace

TEST_CASE("the page of sensitivities has a line for each layer and a table, and no markup from names") {
  const std::string page = html_report(of_two_layers(true), "/* chart library */", {"1.0", "fulcrum sensitivity"});
  for (const char* part :
       {"/* chart library */", "net &lt;b&gt;", "conv&lt;1&gt;", "<canvas id=\"sparsity\"", "<canvas id=\"bits\"",
        "50 % zero", "8 bits", "rgba(213, 94, 0, 0.246)", "4,608", "fulcrum sensitivity"})
    CHECK_THAT(page, ContainsSubstring(part));
  CHECK_THAT(page, !ContainsSubstring("conv<1>"));
  CHECK_THAT(page, !ContainsSubstring("http://"));
  const nlohmann::json data = data_of(page);
  CHECK(data.at("counts") == true);
  REQUIRE(data.at("layers").size() == 2);
  CHECK(data.at("layers")[0].at("name") == "conv<1>");
  CHECK(data.at("layers")[0].at("sparsity")[0][0] == 0.5);
  CHECK(data.at("layers")[0].at("sparsity")[0][1].get<double>() == Approx(2.0));
  CHECK(data.at("layers")[1].at("bits")[0][1] == 0.0);
}

TEST_CASE("without labels the page shows the noise of outputs, and charts only what was tried") {
  SensitivityReport report = of_two_layers(false);
  const std::string page = html_report(report, "x");
  CHECK_THAT(page, ContainsSubstring("30.0 dB") && ContainsSubstring("exact") && ContainsSubstring("no labels"));
  CHECK(data_of(page).at("counts") == false);
  CHECK(data_of(page).at("layers")[0].at("bits")[0][1].is_null());
  std::erase_if(report.rows, [](const LayerSensitivity& row) { return row.bits.has_value(); });
  CHECK_THAT(html_report(report, "x"), !ContainsSubstring("<canvas id=\"bits\""));
  CHECK_THAT(html_report(SensitivityReport{}, "x"), ContainsSubstring("nothing was tried"));
  CHECK_THROWS_AS(html_report(report, ""), Error);
}
