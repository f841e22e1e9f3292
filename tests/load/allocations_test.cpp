// Requests in the steady state take nothing from the heap.
#include <atomic>
#include <thread>

#include <fulcrum/load/queued_runner.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/counted_allocations.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;
using test::counted, test::counting;

namespace {

/// What a hundred requests allocate once as many have been made.
int allocations(const RunnerOptions& options, bool has_dst) {
  QueuedRunner runner(zoo_model("fashion_cnn"), {}, options);
  const Tensor<float> image({1, 1, 28, 28});
  const float* src[] = {image.flat().data()};
  std::array<std::array<float, 10>, 100> results{};
  std::atomic<int> ended{0};
  const auto submit_all = [&] {
    ended = 0;
    for (auto& result : results) {
      float* dst[] = {result.data()};
      static_cast<void>(runner.submit(src, has_dst ? std::span<float* const>(dst) : std::span<float* const>(),
                                      [&ended](const RequestOutcome&) { ++ended; }));
    }
    while (ended < 100) std::this_thread::yield();
  };
  submit_all();
  counted = 0;
  counting = true;
  submit_all();
  counting = false;
  return counted;
}

}  // namespace

TEST_CASE("a request in the steady state allocates nothing") {
  CHECK(allocations({}, true) == 0);
  CHECK(allocations({.batching = {.max_batch = 4, .max_delay = 1ms}}, true) == 0);
  CHECK(allocations({.batching = {.max_batch = 4}, .queue = {.capacity = 2, .when_full = WhenFull::block}}, false) ==
        0);
}

TEST_CASE("a request that runs on the calling thread allocates nothing") {
  QueuedRunner runner(zoo_model("fashion_cnn"), {}, {});
  const Tensor<float> image({1, 1, 28, 28});
  const float* src[] = {image.flat().data()};
  std::array<float, 10> result{};
  float* dst[] = {result.data()};
  int done = 0;
  const auto run = [&] {
    const auto count = [&done](const RequestOutcome& outcome) {
      done += outcome.status == RequestStatus::done ? 1 : 0;
    };
    while (!runner.run_here(src, dst, count)) std::this_thread::yield();
  };
  for (int i = 0; i < 3; ++i) run();
  counted = 0;
  counting = true;
  for (int i = 0; i < 100; ++i) run();
  counting = false;
  CHECK(counted == 0);
  CHECK(done == 103);
}

TEST_CASE("what is counted is what the runner's threads allocate too") {
  counted = 0;
  counting = true;
  std::thread([] { delete new int(1); }).join();
  counting = false;
  CHECK(counted >= 1);
}
