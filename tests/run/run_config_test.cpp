#include <fulcrum/run/run_config.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a configuration reads as a sentence part") {
  CHECK(to_string(RunConfig{8, 2, 1, Precision::int8}) == "int8, batch 8, 2 threads, 1 instance");
  CHECK(to_string(RunConfig{}) == "f32, batch 1, 1 thread, 1 instance");
}

TEST_CASE("numbers below one are refused by the option's name") {
  CHECK_NOTHROW(validate(RunConfig{}));
  CHECK_THROWS_WITH(validate(RunConfig{0, 1, 1, Precision::f32}), ContainsSubstring("--batch"));
  CHECK_THROWS_WITH(validate(RunConfig{1, 0, 1, Precision::f32}), ContainsSubstring("--threads: is 0"));
  CHECK_THROWS_WITH(validate(RunConfig{1, 1, -2, Precision::f32}), ContainsSubstring("--instances: is -2"));
}
