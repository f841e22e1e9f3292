#include <fulcrum/serve/watched_runner.hpp>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/own_executor.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

Model<float> sum_model() { return ModelBuilder<float>("sum", 1).input({4}).dense(1).build(); }

RunnerOptions with(std::function<void()> before_each) {
  RunnerOptions options;
  options.executors = [before_each](const Model<float>&, const RunConfig& config) {
    return test::SumExecutor(config.batch, 4, before_each);
  };
  return options;
}

}  // namespace

TEST_CASE("a runner is well while its runs end, and hangs when one does not") {
  std::promise<void> opened;
  const std::shared_future<void> open = opened.get_future().share();
  std::atomic<bool> armed{false}, inside{false};
  WatchedRunner watched(sum_model(), {}, with([&] {
                          if (!armed) return;
                          inside = true;
                          open.wait();
                        }));
  using Finding = WatchedRunner::Finding;
  const std::vector<float> values(4, 1.0F);
  const float* src[] = {values.data()};
  CHECK(watched.runner().infer(src, {}).status == RequestStatus::done);
  for (int i = 0; i < 100; ++i) CHECK(watched.look(50ms, 200ms) == Finding::well);
  armed = true;
  std::atomic<bool> done{false};
  CHECK(watched.runner().submit(src, {}, [&done](const RequestOutcome&) { done = true; }));
  while (!inside) std::this_thread::yield();
  CHECK(watched.look(50ms, 200ms) == Finding::well);  // the run is seen for the first time
  for (int i = 0; i < 3; ++i) CHECK(watched.look(50ms, 200ms) == Finding::well);
  CHECK(watched.look(50ms, 200ms) == Finding::hung);
  opened.set_value();
  while (!done) std::this_thread::yield();
  CHECK_FALSE(watched.given_up());
}

TEST_CASE("an executor that threw is found") {
  std::atomic<bool> armed{false};
  WatchedRunner watched(sum_model(), {}, with([&] {
                          if (armed) throw std::runtime_error("no more");
                        }));
  CHECK(watched.look(50ms, 200ms) == WatchedRunner::Finding::well);
  armed = true;
  const std::vector<float> values(4, 1.0F);
  const float* src[] = {values.data()};
  CHECK_THROWS_WITH(watched.runner().infer(src, {}), "no more");
  CHECK(watched.look(50ms, 200ms) == WatchedRunner::Finding::threw);
}
