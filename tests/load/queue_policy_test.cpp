#include <fulcrum/load/queue_policy.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("what is done when a queue is full has a name both ways") {
  for (const WhenFull when : {WhenFull::reject, WhenFull::block, WhenFull::drop_oldest})
    CHECK(when_full_from(name_of(when)) == when);
  CHECK_THROWS_WITH(when_full_from("wait"), ContainsSubstring("reject, block or drop_oldest"));
}

TEST_CASE("a queue out of range is refused") {
  CHECK_THROWS_WITH(validate(QueuePolicy{.capacity = 0}), ContainsSubstring("capacity of the queue: is 0"));
  CHECK_THROWS_AS(validate(QueuePolicy{.timeout = std::chrono::nanoseconds(-1)}), Error);
}
