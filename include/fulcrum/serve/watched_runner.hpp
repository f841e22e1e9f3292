#pragma once
/// \file
/// A QueuedRunner whose executors are watched: whether one hangs or threw.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/quiet_thread.hpp>
#include <fulcrum/load/queued_runner.hpp>

namespace fulcrum {

namespace detail {

/// What an executor does, as its own thread writes it and a watchman reads it.
struct ExecutorWatch {
  std::atomic<std::uint64_t> runs{0};    // odd: one is on its way
  std::atomic<std::int64_t> warm_ns{0};  // the shortest of the first runs, without the time when others had its CPU
  std::atomic<bool> threw{false};
  // Of the watchman alone.
  std::uint64_t seen = 0;
  std::chrono::nanoseconds busy{0};
};

/// The watches of all executors of a runner.
struct RunnerWatch {
  std::mutex mutex;
  std::vector<std::shared_ptr<ExecutorWatch>> executors;
};

/// An executor that says when it runs.
class WatchedExecutor {
public:
  WatchedExecutor(AnyExecutor executor, std::shared_ptr<ExecutorWatch> watch)
      : executor_(std::move(executor)), watch_(std::move(watch)) {}

  [[nodiscard]] std::vector<Shape> src_shapes() const { return executor_.src_shapes(); }
  [[nodiscard]] std::vector<Shape> dst_shapes() const { return executor_.dst_shapes(); }
  void execute(std::span<const float* const> src, std::span<float* const> dst) {
    const std::uint64_t run = watch_->runs.fetch_add(1, std::memory_order_relaxed);
    const bool warming = run < 6;  // three runs of two counts each: the warm-up of QueuedRunner
    const auto began = std::chrono::steady_clock::now();
    const std::chrono::nanoseconds had_waited = warming ? waited_for_cpu() : std::chrono::nanoseconds{0};
    try {
      executor_.execute(src, dst);
    } catch (...) {
      watch_->threw.store(true, std::memory_order_relaxed);
      watch_->runs.fetch_add(1, std::memory_order_relaxed);
      throw;
    }
    if (warming) {
      const auto took = std::chrono::steady_clock::now() - began - (waited_for_cpu() - had_waited);
      const std::int64_t ns = std::max<std::int64_t>(std::chrono::nanoseconds(took).count(), 1);
      const std::int64_t before = watch_->warm_ns.load(std::memory_order_relaxed);
      watch_->warm_ns.store(before == 0 ? ns : std::min(before, ns), std::memory_order_relaxed);
    }
    watch_->runs.fetch_add(1, std::memory_order_relaxed);
  }

private:
  AnyExecutor executor_;
  std::shared_ptr<ExecutorWatch> watch_;
};

}  // namespace detail

/// A runner and what its executors do. A thread that hangs cannot be ended: whoever finds a runner hung makes another
/// and gives this one up.
class WatchedRunner {
public:
  /// \param options  with executors, which are wrapped
  /// \throws Error as QueuedRunner
  FULCRUM_DECLARE WatchedRunner(const Model<float>& model, const RunConfig& config, const RunnerOptions& options);

  [[nodiscard]] QueuedRunner& runner() noexcept { return *runner_; }

  /// What the watchman found.
  enum class Finding : std::uint8_t { well, threw, hung };

  /// To be called at regular times, by one thread. Time counts as it passes between calls, so that a process which was
  /// stopped for a while is not taken for one that hangs.
  /// \param passed      since the last call, or what was to pass where more did
  /// \param hang_after  a run that takes longer hangs, unless it took more than a twentieth of it when warming up
  FULCRUM_DECLARE [[nodiscard]] Finding look(std::chrono::nanoseconds passed, std::chrono::nanoseconds hang_after);

  /// Nobody counts on it any more: its requests are answered by others where they take too long.
  void give_up() noexcept { given_up_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool given_up() const noexcept { return given_up_.load(std::memory_order_relaxed); }

private:
  std::shared_ptr<detail::RunnerWatch> watch_;
  std::atomic<bool> given_up_{false};
  std::unique_ptr<QueuedRunner> runner_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <algorithm>

#include <fulcrum/exec/onednn_factory.hpp>

namespace fulcrum {

FULCRUM_DEFINE WatchedRunner::WatchedRunner(const Model<float>& model, const RunConfig& config,
                                            const RunnerOptions& given)
    : watch_(std::make_shared<detail::RunnerWatch>()) {
  RunnerOptions options = given;
  options.executors = [inner = given.executors, watch = watch_](const Model<float>& network, const RunConfig& run) {
    PreparedModel prepared = prepare(inner, network, run);
    prepared.instance = [make = std::move(prepared.instance), watch] {
      auto own = std::make_shared<detail::ExecutorWatch>();
      {
        const std::lock_guard lock(watch->mutex);
        watch->executors.push_back(own);
      }
      return AnyExecutor(detail::WatchedExecutor(make(), std::move(own)));
    };
    return prepared;
  };
  runner_ = std::make_unique<QueuedRunner>(model, config, options);
}

FULCRUM_DEFINE WatchedRunner::Finding WatchedRunner::look(std::chrono::nanoseconds passed,
                                                          std::chrono::nanoseconds hang_after) {
  Finding finding = Finding::well;
  const std::lock_guard lock(watch_->mutex);
  for (const std::shared_ptr<detail::ExecutorWatch>& executor : watch_->executors) {
    const std::uint64_t runs = executor->runs.load(std::memory_order_relaxed);
    executor->busy = runs % 2 == 1 && runs == executor->seen ? executor->busy + passed : std::chrono::nanoseconds{0};
    executor->seen = runs;
    const std::chrono::nanoseconds warm(executor->warm_ns.load(std::memory_order_relaxed));
    if (executor->busy >= std::max(hang_after, 20 * warm)) return Finding::hung;
    if (executor->threw.load(std::memory_order_relaxed)) finding = Finding::threw;
  }
  return finding;
}

}  // namespace fulcrum

#endif
