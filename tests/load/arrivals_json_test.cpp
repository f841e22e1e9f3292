#include <fulcrum/load/arrivals_json.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("arrivals come back from JSON as they were") {
  const ArrivalProcess processes[] = {ConstantArrivals{100.0}, PoissonArrivals{200.5}, GammaArrivals{50.0, 3.0},
                                      BurstArrivals{10.0, 100.0, Seconds(9.0), Seconds(0.5)},
                                      TraceArrivals{{Seconds(0.0), Seconds(0.25), Seconds(1.0)}}};
  for (const ArrivalProcess& written : processes)
    CHECK(arrivals_from_json(nlohmann::json::parse(to_json(written).dump())) == written);
}

TEST_CASE("arrivals that make no sense are refused by name") {
  CHECK_THROWS_WITH(arrivals_from_json(nlohmann::json{{"kind", "tides"}}), ContainsSubstring("constant, poisson"));
  CHECK_THROWS_WITH(arrivals_from_json(nlohmann::json{{"kind", "poisson"}}), ContainsSubstring("rate_per_s"));
  CHECK_THROWS_WITH(arrivals_from_json(nlohmann::json{{"kind", "poisson"}, {"rate_per_s", -1.0}}),
                    ContainsSubstring("above 0"));
  CHECK_THROWS_WITH(arrivals_from_json(nlohmann::json{{"kind", "trace"}, {"times_s", {1.0, 0.5}}}),
                    ContainsSubstring("not ascending"));
}
