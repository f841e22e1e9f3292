#include <fulcrum/load/completion.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a completion is called with the outcome") {
  std::int64_t batch = 0;
  const Completion done = [&batch](const RequestOutcome& outcome) { batch = outcome.batch; };
  const Completion copy = done;
  RequestOutcome outcome;
  outcome.batch = 3;
  copy(outcome);
  CHECK(batch == 3);
  Completion()(outcome);  // of nobody
}
