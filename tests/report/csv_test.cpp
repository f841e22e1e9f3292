#include <fulcrum/report/csv.hpp>

#include <vector>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("cells are quoted where commas, quotes and ends of lines need it") {
  CHECK(csv_cell("plain") == "plain");
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("he said \"no\"\n") == "\"he said \"\"no\"\"\n\"");
  CHECK(csv_cell(nullptr).empty());
  CHECK(csv_cell(0.1) == "0.1");
  CHECK(csv_cell(true) == "true");
  CHECK(csv_cell(nlohmann::json::array({"a", 1, "b"})) == "a;1;b");
}

TEST_CASE("a name from a file is no formula to a spreadsheet, and a negative number stays one") {
  CHECK(csv_cell("=1+1") == "'=1+1");
  CHECK(csv_cell("@x,y") == "\"'@x,y\"");
  CHECK(csv_cell(-2.5) == "-2.5");
}

TEST_CASE("columns look into rows and the document, and take the first place that has something") {
  const nlohmann::json document{{"model", "net"}, {"latency_ms", {{"p50", 3.0}}}};
  const std::vector<nlohmann::json> rows{document, {{"name", "conv"}, {"latency_ms", 1.5}}, {{"name", nullptr}}};
  const CsvColumn columns[] = {{"model", "^/model"}, {"step", "/name"}, {"p50_ms", "/latency_ms/p50|/latency_ms"}};
  CHECK(to_csv(columns, rows, document) == "model,step,p50_ms\nnet,,3.0\nnet,conv,1.5\nnet,,\n");
}
