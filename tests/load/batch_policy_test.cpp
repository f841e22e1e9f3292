#include <fulcrum/load/batch_policy.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

TEST_CASE("without a delay whatever waits is taken, up to the largest batch") {
  const BatchPolicy policy{.max_batch = 8};
  CHECK(decide(policy, 1, 0ns, 0ns).take == 1);
  CHECK(decide(policy, 7, 0ns, 0ns).take == 7);
  CHECK(decide(policy, 8, 0ns, 0ns).take == 8);
  CHECK(decide(policy, 20, 0ns, 0ns).take == 8);
}

TEST_CASE("a request waits for company no longer than the delay") {
  const BatchPolicy policy{.max_batch = 8, .max_delay = 2ms};
  const BatchDecision early = decide(policy, 3, 10ms, 11ms);
  CHECK(early.take == 0);
  CHECK(early.wake_at == 12ms);
  CHECK(decide(policy, 3, 10ms, 12ms).take == 3);
  CHECK(decide(policy, 8, 10ms, 10ms).take == 8);
}

TEST_CASE("the largest preferred size that can be formed is formed at once") {
  const BatchPolicy policy{.max_batch = 8, .max_delay = 2ms, .preferred = {2, 4}};
  CHECK(decide(policy, 1, 0ns, 0ns).take == 0);
  CHECK(decide(policy, 2, 0ns, 0ns).take == 2);
  CHECK(decide(policy, 3, 0ns, 0ns).take == 2);
  CHECK(decide(policy, 5, 0ns, 0ns).take == 4);
  CHECK(decide(policy, 9, 0ns, 0ns).take == 8);
  CHECK(decide(policy, 1, 0ns, 2ms).take == 1);
}

TEST_CASE("executors are made so that no batch leaves more than a third idle") {
  CHECK(executor_batches({.max_batch = 1}) == std::vector<std::int64_t>{1});
  CHECK(executor_batches({.max_batch = 16}) == std::vector<std::int64_t>{1, 2, 3, 4, 6, 8, 12, 16});
  CHECK(executor_batches({.max_batch = 10, .preferred = {5}}) == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 8, 10});
  for (const std::int64_t most : {1, 2, 3, 7, 16, 100, 1000}) {
    const std::vector<std::int64_t> sizes = executor_batches({.max_batch = most});
    for (std::int64_t samples = 1; samples <= most; ++samples) {
      const std::int64_t size = sizes[executor_index(sizes, samples)];
      CHECK(size >= samples);
      CHECK(3 * (size - samples) <= size);
    }
  }
}

TEST_CASE("a policy says what it is, and what is wrong with it") {
  CHECK(to_string(BatchPolicy{}) == "no batching");
  CHECK(to_string(BatchPolicy{.max_batch = 8, .max_delay = 1500us, .preferred = {4, 8}}) ==
        "batches of up to 8 within 1.5 ms, 4 and 8 at once");
  CHECK_THROWS_WITH(validate(BatchPolicy{.max_batch = 0}), ContainsSubstring("largest batch: is 0"));
  CHECK_THROWS_AS(validate(BatchPolicy{.max_batch = 2, .max_delay = -1ns}), Error);
  CHECK_THROWS_WITH(validate(BatchPolicy{.max_batch = 8, .preferred = {4, 2}}), ContainsSubstring("out of order"));
  CHECK_THROWS_AS(validate(BatchPolicy{.max_batch = 8, .preferred = {16}}), Error);
}
