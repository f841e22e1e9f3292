#include <fulcrum/plan/measured_latency.hpp>

#include <fulcrum/zoo/mlp.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a model takes the time that it takes in a configuration") {
  RunConfig config;
  const double one = measured_latency_ms(mlp<float>(1), config);
  CHECK(one > 0.0);
  CHECK(one < 1e3);
}
