#include <fulcrum/serve/metrics_text.hpp>

#include <map>
#include <sstream>

#include <support/catch.hpp>
#include <support/served_models.hpp>

using namespace fulcrum;

TEST_CASE("metrics are Prometheus' text: one family after the other, histograms that add up") {
  const auto version = std::make_shared<ServedVersion>("small", "1", test::small_network(1), ModelSettings{});
  version->start();
  version->metrics().count(ServedAs::ok);
  version->metrics().total.add(std::chrono::milliseconds(3));
  version->metrics().total.add(std::chrono::hours(1));
  const std::vector<std::shared_ptr<ServedVersion>> versions{version};
  const std::string text = metrics_text(versions, {5, 1, 2, 3});
  CHECK_THAT(text, ContainsSubstring("fulcrum_requests_total{model=\"small\",version=\"1\",outcome=\"ok\"} 1\n"));
  CHECK_THAT(text, ContainsSubstring("fulcrum_request_seconds_count{model=\"small\",version=\"1\"} 2\n"));
  CHECK_THAT(text, ContainsSubstring("le=\"+Inf\"} 2\n"));
  CHECK_THAT(text, ContainsSubstring("fulcrum_connections_open 2\n"));
  std::istringstream lines(text);
  std::map<std::string, int> families;
  std::string line, family;
  double last = 0.0;
  while (std::getline(lines, line)) {
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      CHECK(++families[family] == 1);
      last = 0.0;
    }
    if (line.starts_with("#")) continue;
    CHECK(line.starts_with(family));
    const double value = std::stod(line.substr(line.rfind(' ')));
    if (line.find("_bucket{") != std::string::npos) CHECK(value >= last);
    last = line.find("_bucket{") != std::string::npos ? value : 0.0;
  }
  CHECK(families.size() == 16);
}
