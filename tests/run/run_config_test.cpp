#include <fulcrum/run/run_config.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("by default a model runs one sample on one thread in f32, and nothing else is put in its place") {
  const RunConfig config;
  CHECK(config == RunConfig{.batch = 1, .threads = 1, .instances = 1, .precision = Precision::f32});
  CHECK(config.missing_precision == MissingPrecision::refuse);
  CHECK(config.algorithms.winograd == UseAlgorithm::automatic);
  CHECK(config.algorithms.sparse == UseAlgorithm::automatic);
  CHECK(config.slice == 0);
}

TEST_CASE("a configuration reads as a sentence part, and says what is not the default") {
  CHECK(to_string(RunConfig{.batch = 8, .threads = 2, .precision = Precision::int8}) ==
        "int8, batch 8, 2 threads, 1 instance");
  CHECK(to_string(RunConfig{}) == "f32, batch 1, 1 thread, 1 instance");
  CHECK(to_string(RunConfig{.batch = 8,
                            .precision = Precision::bf16,
                            .layer_precision = {{"conv1", Precision::f32}},
                            .slice = 2,
                            .algorithms = {.winograd = UseAlgorithm::never, .sparse = UseAlgorithm::always}}) ==
        "bf16, batch 8, 1 thread, 1 instance, slices of 2, conv1 in f32, Winograd's algorithm never, sparse products "
        "always");
}

TEST_CASE("numbers out of range are refused by name") {
  CHECK_NOTHROW(validate(RunConfig{}));
  CHECK_THROWS_WITH(validate(RunConfig{.batch = 0}), ContainsSubstring("batch: is 0"));
  CHECK_THROWS_WITH(validate(RunConfig{.threads = 0}), ContainsSubstring("threads: is 0"));
  CHECK_THROWS_WITH(validate(RunConfig{.instances = -2}), ContainsSubstring("instances: is -2"));
  CHECK_THROWS_WITH(validate(RunConfig{.batch = largest_batch + 1}), ContainsSubstring("from 1 to 16777216"));
  CHECK_THROWS_WITH(validate(RunConfig{.threads = 100'000}), ContainsSubstring("threads: is 100000"));
  CHECK_THROWS_WITH(validate(RunConfig{.threads = 4096, .instances = 4096}),
                    ContainsSubstring("threads of all instances: is 16777216"));
  CHECK_NOTHROW(validate(RunConfig{.batch = 4, .slice = 2}));
  CHECK_THROWS_WITH(validate(RunConfig{.batch = 4, .slice = 3}), ContainsSubstring("slice 3"));
  CHECK_THROWS_WITH(validate(RunConfig{.batch = 4, .slice = -1}), ContainsSubstring("slice -1"));
}

TEST_CASE("the words of a configuration are read back") {
  for (const UseAlgorithm use : {UseAlgorithm::automatic, UseAlgorithm::always, UseAlgorithm::never})
    CHECK(use_algorithm_from(name_of(use)) == use);
  for (const MissingPrecision missing : {MissingPrecision::refuse, MissingPrecision::f32})
    CHECK(missing_precision_from(name_of(missing)) == missing);
  CHECK_THROWS_WITH(use_algorithm_from("sometimes"), ContainsSubstring("'sometimes'"));
  CHECK_THROWS_WITH(missing_precision_from(""), ContainsSubstring("refuse or f32"));
}
