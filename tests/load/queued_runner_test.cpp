#include <fulcrum/load/queued_runner.hpp>

#include <sched.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/own_executor.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

Model<float> network() {
  return ModelBuilder<float>("network")
      .input({3, 8, 8})
      .conv(8, 3)
      .relu()
      .max_pool(2)
      .flatten()
      .dense(4)
      .softmax()
      .build();
}

/// Four numbers in, their sum out.
Model<float> sum_model() { return ModelBuilder<float>("sum", 1).input({4}).dense(1).build(); }

/// Executors of sum_model() that wait for a gate before each batch, and note the batch sizes they ran.
struct Gate {
  std::promise<void> opened;
  std::shared_future<void> open{opened.get_future()};
  std::atomic<int> running{0};  // batches that began after the warm-up
  std::atomic<bool> armed{false};

  ExecutorFactory executors() {
    return [this](const Model<float>&, const RunConfig& config) {
      return test::SumExecutor(config.batch, 4, [this] {
        if (!armed) return;
        ++running;
        open.wait();
      });
    };
  }
  void wait_until_busy() const {
    while (running == 0) std::this_thread::yield();
  }
};

struct Ends {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<int, RequestOutcome>> ends;

  Completion of(int request) {
    return [this, request](const RequestOutcome& outcome) {
      const std::lock_guard lock(mutex);
      ends.emplace_back(request, outcome);
      changed.notify_all();
    };
  }
  std::vector<std::pair<int, RequestOutcome>> wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ends.size() >= count; });
    return ends;
  }
};

const std::array<float, 4> sample{1.0F, 2.0F, 3.0F, 4.0F};
const float* const sources[] = {sample.data()};

}  // namespace

TEST_CASE("a runner gives every request its own result, whatever batch it ran in") {
  const Model<float> model = network();
  const std::int64_t count = 64;
  const Tensor<float> images = test::random_tensor<float>({count, 3, 8, 8}, 4);
  ReferenceExecutor<float> reference(model, {.batch = count});
  const std::vector<Tensor<float>> all{images};
  const Tensor<float> expected = run(reference, all)[0];
  for (const std::int64_t max_batch : {1, 4, 7}) {
    QueuedRunner runner(model, {}, {.batching = {.max_batch = max_batch, .max_delay = 2ms}});
    CHECK(runner.src_shapes() == std::vector<Shape>{{1, 3, 8, 8}});
    CHECK(runner.dst_shapes() == std::vector<Shape>{{1, 4}});
    Tensor<float> actual({count, 4});
    Ends ends;
    for (std::int64_t i = 0; i < count; ++i) {
      const float* src[] = {images.flat().data() + i * 192};
      float* dst[] = {actual.flat().data() + i * 4};
      REQUIRE(runner.submit(src, dst, ends.of(static_cast<int>(i))));
    }
    for (const auto& [request, outcome] : ends.wait_for(static_cast<std::size_t>(count))) {
      CHECK(outcome.status == RequestStatus::done);
      CHECK(outcome.batch <= max_batch);
      CHECK((outcome.submitted <= outcome.started && outcome.started <= outcome.finished));
    }
    for (std::size_t i = 0; i < actual.flat().size(); ++i)
      CHECK(actual.flat()[i] == Approx(expected.flat()[i]).margin(1e-5));
  }
}

TEST_CASE("whoever waits for a result gets it; results may stay with the runner") {
  QueuedRunner runner(sum_model(), {}, {.executors = [](const Model<float>&, const RunConfig& config) {
                        return test::SumExecutor(config.batch, 4);
                      }});
  float result = 0.0F;
  float* dst[] = {&result};
  CHECK(runner.infer(sources, dst).status == RequestStatus::done);
  CHECK(result == 10.0F);
  std::promise<float> seen;
  runner.submit(sources, {}, [&seen](const RequestOutcome& outcome) { seen.set_value(outcome.dst[0][0]); });
  CHECK(seen.get_future().get() == 10.0F);
}

TEST_CASE("requests that wait become a batch") {
  Gate gate;
  QueuedRunner runner(sum_model(), {}, {.batching = {.max_batch = 4}, .executors = gate.executors()});
  gate.armed = true;
  Ends ends;
  runner.submit(sources, {}, ends.of(0));
  gate.wait_until_busy();
  for (int i = 1; i <= 7; ++i) runner.submit(sources, {}, ends.of(i));
  CHECK(runner.waiting() == 7);
  gate.opened.set_value();
  std::vector<std::int64_t> batches;
  for (const auto& [request, outcome] : ends.wait_for(8)) batches.push_back(outcome.batch);
  CHECK(batches == std::vector<std::int64_t>{1, 4, 4, 4, 4, 3, 3, 3});
}

TEST_CASE("a full queue does as its policy says") {
  for (const WhenFull when : {WhenFull::reject, WhenFull::drop_oldest, WhenFull::block}) {
    Gate gate;
    QueuedRunner runner(sum_model(), {}, {.queue = {.capacity = 2, .when_full = when}, .executors = gate.executors()});
    gate.armed = true;
    Ends ends;
    runner.submit(sources, {}, ends.of(0));
    gate.wait_until_busy();
    CHECK(runner.submit(sources, {}, ends.of(1)));
    CHECK(runner.submit(sources, {}, ends.of(2)));
    if (when == WhenFull::reject) {
      CHECK_FALSE(runner.submit(sources, {}, ends.of(3)));
      CHECK(runner.infer(sources, {}).status == RequestStatus::rejected);
      gate.opened.set_value();
      CHECK(ends.wait_for(3).size() == 3);
    } else if (when == WhenFull::drop_oldest) {
      CHECK(runner.submit(sources, {}, ends.of(3)));
      const auto dropped = ends.wait_for(1);
      CHECK(dropped[0].first == 1);
      CHECK(dropped[0].second.status == RequestStatus::dropped);
      gate.opened.set_value();
      CHECK(ends.wait_for(4).back().first == 3);
    } else {
      bool accepted = false;
      std::thread blocked([&] { accepted = runner.submit(sources, {}, ends.of(3)); });
      gate.opened.set_value();
      CHECK(ends.wait_for(4).back().first == 3);
      blocked.join();
      CHECK(accepted);
    }
  }
}

TEST_CASE("what waited beyond its deadline does not run") {
  Gate gate;
  QueuedRunner runner(sum_model(), {}, {.executors = gate.executors()});
  gate.armed = true;
  Ends ends;
  runner.submit(sources, {}, ends.of(0));
  gate.wait_until_busy();
  runner.submit(sources, {}, ends.of(1), std::chrono::steady_clock::now());
  runner.submit(sources, {}, ends.of(2), std::chrono::steady_clock::now() + 1h);
  gate.opened.set_value();
  const auto all = ends.wait_for(3);
  CHECK(all[1].first == 1);
  CHECK(all[1].second.status == RequestStatus::expired);
  CHECK(all[1].second.batch == 0);
  CHECK(all[2].second.status == RequestStatus::done);
}

TEST_CASE("what an executor throws is the request's outcome, and the next one runs") {
  std::atomic<bool> broken{false};
  QueuedRunner runner(sum_model(), {}, {.executors = [&](const Model<float>&, const RunConfig& config) {
                        return test::SumExecutor(config.batch, 4, [&] {
                          if (broken) throw Error("row 7", "is out of range");
                        });
                      }});
  broken = true;
  CHECK_THROWS_WITH(runner.infer(sources, {}), ContainsSubstring("row 7"));
  broken = false;
  CHECK(runner.infer(sources, {}).status == RequestStatus::done);
}

TEST_CASE("a runner that ends finishes what it accepted") {
  Ends ends;
  {
    QueuedRunner runner(sum_model(), {.instances = 2}, {.batching = {.max_batch = 2, .max_delay = 1h}});
    for (int i = 0; i < 9; ++i) runner.submit(sources, {}, ends.of(i));
  }
  CHECK(ends.wait_for(9).size() == 9);
}

TEST_CASE("many threads may submit") {
  QueuedRunner runner(sum_model(), {.instances = 2},
                      {.batching = {.max_batch = 8}, .queue = {.capacity = 4, .when_full = WhenFull::block}});
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) done += runner.infer(sources, {}).status == RequestStatus::done ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == 800);
}

TEST_CASE("what cannot be served is refused") {
  CHECK_THROWS_AS(QueuedRunner(sum_model(), {}, {.batching = {.max_batch = 0}}), Error);
  CHECK_THROWS_AS(QueuedRunner(sum_model(), {.threads = 0}, {}), Error);
  const Model<float> mixing =
      ModelBuilder<float>("mixes", 1).input({4}).layer(Reduce{ReduceKind::mean, {0}, true}, {0}).build();
  CHECK_THROWS_WITH(QueuedRunner(mixing, {}, {.batching = {.max_batch = 2}}),
                    ContainsSubstring("keep the samples of a batch apart"));
  const ExecutorFactory failing = [](const Model<float>&, const RunConfig& config) -> test::SumExecutor {
    if (config.batch > 0) throw Error("an executor", "cannot be made");
    return {1, 1};
  };
  CHECK_THROWS_WITH(QueuedRunner(sum_model(), {.instances = 2}, {.executors = failing}),
                    ContainsSubstring("cannot be made"));
  QueuedRunner runner(sum_model(), {}, {});
  CHECK_THROWS_WITH(runner.submit({}, {}, {}), ContainsSubstring("give 1 and 1"));
}

TEST_CASE("a request runs on the calling thread where an instance is free and it need not wait") {
  Gate gate;
  RunnerOptions options;
  options.executors = gate.executors();
  QueuedRunner runner(sum_model(), {}, options);
  float sum = 0.0F;
  float* const results[] = {&sum};
  std::thread::id ran;
  RequestOutcome end;
  const auto note = [&ran, &end](const RequestOutcome& outcome) {
    ran = std::this_thread::get_id();
    end = outcome;
  };
  while (!runner.run_here(sources, results, note)) std::this_thread::yield();  // until the instance waits for work
  CHECK(ran == std::this_thread::get_id());
  CHECK(sum == 10.0F);
  CHECK(end.status == RequestStatus::done);
  CHECK(end.batch == 1);
  CHECK(runner.lent() == 0);
  CHECK_FALSE(runner.run_here(sources, results, note, std::chrono::steady_clock::now() - 1ms));
  gate.armed = true;
  Ends ends;
  runner.submit(sources, {}, ends.of(0));
  gate.wait_until_busy();
  CHECK_FALSE(runner.run_here(sources, results, note));
  gate.opened.set_value();
  CHECK(ends.wait_for(1)[0].second.status == RequestStatus::done);
  CHECK_THROWS_WITH(runner.run_here({}, {}, note), ContainsSubstring("was given 0 source(s)"));
}

TEST_CASE("a request that would wait for company, or for a team of threads, does not run on the calling thread") {
  const auto sum = [](const Model<float>&, const RunConfig& config) { return test::SumExecutor(config.batch, 4); };
  QueuedRunner patient(sum_model(), {}, {.batching = {.max_batch = 4, .max_delay = 1ms}, .executors = sum});
  QueuedRunner team(sum_model(), {.threads = 2}, {.executors = sum});
  for (QueuedRunner* runner : {&patient, &team}) {
    CHECK(runner->infer(sources, {}).status == RequestStatus::done);
    std::this_thread::sleep_for(2ms);
    CHECK_FALSE(runner->run_here(sources, {}, [](const RequestOutcome&) {}));
  }
}

TEST_CASE("requests that run on calling threads and on the runner's own take turns") {
  RunnerOptions options;
  options.executors = [](const Model<float>&, const RunConfig& config) { return test::SumExecutor(config.batch, 4); };
  options.queue.when_full = WhenFull::block;
  std::atomic<int> right{0}, here{0};
  constexpr int each = 400;
  {
    QueuedRunner runner(sum_model(), {.instances = 2}, options);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const auto note = [&right](const RequestOutcome& outcome) {
          right += outcome.status == RequestStatus::done && outcome.dst[0][0] == 10.0F ? 1 : 0;
        };
        for (int i = 0; i < each; ++i) {
          if (i % 3 == 0) {
            runner.submit(sources, {}, note);
            continue;
          }
          while (!runner.run_here(sources, {}, note)) std::this_thread::yield();
          ++here;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(right == 4 * each);
  CHECK(here == 4 * (each - (each + 2) / 3));
}

TEST_CASE("a runner that is made quietly warms up at the lowest priority, and serves at its maker's") {
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    std::atomic<int> quiet{0}, loud{0};
    RunnerOptions options;
    options.quietly = true;
    options.batching.max_batch = 2;
    options.executors = [&](const Model<float>&, const RunConfig& config) {
      return test::SumExecutor(config.batch, 4, [&] { ++(::sched_getscheduler(0) == SCHED_IDLE ? quiet : loud); });
    };
    QueuedRunner runner(sum_model(), {.threads = threads}, options);
    CHECK(quiet == 3 * static_cast<int>(runner.executors().size()));
    CHECK(loud == (threads == 1 ? 0 : 1));  // a team is started
    float sum = 0.0F;
    float* const results[] = {&sum};
    CHECK(runner.infer(sources, results).status == RequestStatus::done);
    CHECK(sum == 10.0F);
    CHECK(loud == (threads == 1 ? 1 : 2));
  }
}

TEST_CASE("what throws while a runner is made quietly reaches its maker") {
  RunnerOptions options;
  options.quietly = true;
  options.executors = [](const Model<float>&, const RunConfig& config) {
    return test::SumExecutor(config.batch, 4, [] { throw std::runtime_error("no warmth"); });
  };
  CHECK_THROWS_WITH(QueuedRunner(sum_model(), {}, options), "no warmth");
}
