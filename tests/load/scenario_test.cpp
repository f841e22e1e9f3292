#include <fulcrum/load/scenario.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("scenarios are MLPerf's") {
  CHECK(samples_per_query(SingleStream{}) == 1);
  CHECK(samples_per_query(MultiStream{}) == 8);
  CHECK(samples_per_query(Offline{}) == 1);
  CHECK(figure_percentile(SingleStream{}) == 0.9);
  CHECK(figure_percentile(MultiStream{}) == 0.99);
  CHECK(figure_percentile(Server{PoissonArrivals{1.0}}) == 0.99);
  CHECK(to_string(Scenario(Offline{})) == "Offline, 24,576 samples");
  CHECK(to_string(Scenario(Server{PoissonArrivals{200.0}})) == "Server: Poisson, 200/s");
  CHECK(to_string(Scenario(MultiStream{4})) == "MultiStream of 4 samples");
}

TEST_CASE("scenarios out of range are refused") {
  CHECK_THROWS_WITH(validate(Scenario(MultiStream{0})), ContainsSubstring("samples per query"));
  CHECK_THROWS_AS(validate(Scenario(Offline{0})), Error);
  CHECK_THROWS_WITH(validate(Scenario(Server{})), ContainsSubstring("rate of arrivals: is 0"));
}
