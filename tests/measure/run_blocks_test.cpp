#include <fulcrum/measure/run_blocks.hpp>

#include <numeric>

#include <support/catch.hpp>

using namespace fulcrum;
using std::chrono::nanoseconds;
using TimePoint = std::chrono::steady_clock::time_point;

namespace {
/// Inferences one after the other, from `start` on.
std::vector<TimedInference> in_turn(const std::vector<int>& latencies_ns, int start = 0) {
  std::vector<TimedInference> result;
  TimePoint now{nanoseconds(start)};
  for (const int latency : latencies_ns) {
    now += nanoseconds(latency);
    result.push_back({nanoseconds(latency), now});
  }
  return result;
}
}  // namespace

TEST_CASE("a drift shows in the medians of the blocks, in the order of time") {
  std::vector<int> latencies;
  for (int i = 0; i < 1000; ++i) latencies.push_back(1000 + i);
  const std::vector<RunBlock> blocks = run_blocks(in_turn(latencies), 4);
  REQUIRE(blocks.size() == 10);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const double first_ms = (1000.0 + 100.0 * static_cast<double>(i)) * 1e-6;
    CHECK(blocks[i].p50.count() == Approx(first_ms + 50e-6));
    CHECK(blocks[i].p99.count() == Approx(first_ms + 99e-6));
    CHECK(blocks[i].throughput_per_s == Approx(4e3 / (first_ms + 49.5e-6)));  // 4 samples in the mean latency
  }
}

TEST_CASE("samples of several instances are put in one order, and work counts in the block in which it is done") {
  // The second instance takes as long for one inference as the first for ten.
  std::vector<TimedInference> inferences = in_turn(std::vector<int>(10, 2000), 20'000);
  const std::vector<TimedInference> first = in_turn(std::vector<int>(100, 200));
  inferences.insert(inferences.end(), first.begin(), first.end());
  const std::vector<TimedInference> second = in_turn(std::vector<int>(10, 2000));
  inferences.insert(inferences.end(), second.begin(), second.end());
  const std::vector<RunBlock> blocks = run_blocks(inferences, 1);
  REQUIRE(blocks.size() == 10);
  CHECK(blocks[0].throughput_per_s == Approx(1e9 / 200.0 + 1e9 / 2000.0).epsilon(0.01));
  CHECK(blocks[0].p50 == nanoseconds(200));
  // It begins when the first instance has one inference left and the second a tenth of one: at 19.8 of 40 µs.
  CHECK(blocks[9].throughput_per_s == Approx(11.1 / 20.2e-6));
  CHECK(blocks[9].p50 == nanoseconds(2000));
}

TEST_CASE("few inferences are blocks of their own and none make none") {
  const std::vector<RunBlock> blocks = run_blocks(in_turn({1000, 2000, 4000}), 1);
  REQUIRE(blocks.size() == 3);
  CHECK(blocks[1].p50 == nanoseconds(2000));
  CHECK(blocks[1].p99 == nanoseconds(2000));
  CHECK(blocks[2].throughput_per_s == Approx(1e9 / 4000.0));
  CHECK(run_blocks({}, 1).empty());
}

TEST_CASE("numbers that ten does not divide are spread evenly") {
  std::vector<int> latencies(57);
  std::iota(latencies.begin(), latencies.end(), 1);
  const std::vector<RunBlock> blocks = run_blocks(in_turn(latencies), 1);
  REQUIRE(blocks.size() == 10);
  CHECK(blocks[0].p99 == nanoseconds(5));
  CHECK(blocks[9].p99 == nanoseconds(57));
}

TEST_CASE("inferences that end at the same moment divide nothing by zero") {
  const TimePoint end{nanoseconds(1000)};
  const std::vector<RunBlock> blocks = run_blocks({{nanoseconds(1000), end}, {nanoseconds(1000), end}}, 1);
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0].throughput_per_s == Approx(2e6));
  CHECK(blocks[1].throughput_per_s == 0.0);
}
