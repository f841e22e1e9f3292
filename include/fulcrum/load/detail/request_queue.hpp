#pragma once
/// \file
/// The queue of a QueuedRunner, the threads that empty it, and what load/queued_runner.hpp declares.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <latch>
#include <mutex>
#include <thread>
#include <utility>

#include <fulcrum/analysis/independent_samples.hpp>
#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/core/quiet_thread.hpp>
#include <fulcrum/exec/onednn_model_cache.hpp>
#include <fulcrum/load/batch_delay.hpp>
#include <fulcrum/load/detail/make_instance.hpp>
#include <fulcrum/load/detail/precise_timer.hpp>
#include <fulcrum/load/detail/runner_plan.hpp>
#include <fulcrum/load/queued_runner.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/onednn/pinned_team.hpp>

namespace fulcrum::detail {

class RequestQueue {
public:
  using Clock = std::chrono::steady_clock;

  RequestQueue(RunnerPlan plan, int instances, const RunnerOptions& options)
      : plan_(std::move(plan)),
        batching_(options.batching),
        delay_(options.batching),
        policy_(options.queue),
        spins_(!plan_.cpus.empty()),
        quietly_(options.quietly),
        ready_(instances) {
    const auto slots = static_cast<std::size_t>(policy_.capacity + instances * batching_.max_batch);
    requests_.resize(slots);
    for (QueuedRequest& request : requests_) {
      request.src.resize(plan_.src_elements.size());
      request.dst.resize(plan_.dst_elements.size());
    }
    for (std::size_t slot = slots; slot-- > 0;) free_.push_back(slot);
    ring_.resize(static_cast<std::size_t>(policy_.capacity));
    idle_.reserve(static_cast<std::size_t>(instances));
    failures_.resize(static_cast<std::size_t>(instances));
    for (int i = 0; i < instances; ++i) threads_.emplace_back([this, i] { live(static_cast<std::size_t>(i)); });
    ready_.wait();
    for (const std::exception_ptr& failure : failures_) {
      if (!failure) continue;
      stop();
      std::rethrow_exception(failure);
    }
  }
  RequestQueue(const RequestQueue&) = delete;
  RequestQueue& operator=(const RequestQueue&) = delete;
  ~RequestQueue() { stop(); }

  bool submit(std::span<const float* const> src, std::span<float* const> dst, const Completion& done,
              std::optional<Clock::time_point> deadline) {
    std::optional<std::pair<Completion, RequestOutcome>> dropped;
    bool all = false;
    {
      std::unique_lock lock(mutex_);
      if (waiting_ == ring_.size()) {
        if (policy_.when_full == WhenFull::reject) return false;
        if (policy_.when_full == WhenFull::drop_oldest) {
          dropped = give_up(RequestStatus::dropped);
        } else {
          room_.wait(lock, [this] { return waiting_ < ring_.size(); });
        }
      }
      ring_[(head_ + waiting_++) % ring_.size()] = keep(src, dst, done, deadline.value_or(Clock::time_point::max()));
      all = lent_ > 0;
    }
    wake(all);
    if (dropped) dropped->first(dropped->second);
    return true;
  }

  /// Runs a request on the calling thread and an instance that has nothing to do. False: there is none, or the request
  /// is not to run at once; nothing has happened.
  bool run_here(std::span<const float* const> src, std::span<float* const> dst, const Completion& done,
                std::optional<Clock::time_point> deadline) {
    Instance* instance = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const bool at_once = plan_.one_thread && waiting_ == 0 && !idle_.empty() && !stopping_ &&
                           decide(batching_, 1, {}, {}).take == 1 && (!deadline || Clock::now() < *deadline);
      if (!at_once) return false;
      instance = idle_.back();
      idle_.pop_back();
      instance->lent = true;
      ++lent_;
      instance->batch.assign(1, keep(src, dst, done, Clock::time_point::max()));
    }
    run(*instance);
    const std::lock_guard lock(mutex_);  // notified under it: what wakes may be the end of all this
    free_slots(*instance);
    instance->lent = false;
    --lent_;
    idle_.push_back(instance);
    if (waiting_ > 0 || stopping_) wake(true);
    return true;
  }

  int lent() const {
    const std::lock_guard lock(mutex_);
    return lent_;
  }

  std::int64_t waiting() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::int64_t>(waiting_);
  }

  std::chrono::nanoseconds batch_delay() const {
    const std::lock_guard lock(mutex_);
    return delay_.now();
  }

private:
  using Instance = RunnerInstance;
  static constexpr std::chrono::microseconds spin{50};

  /// Keeps a request in a slot. Precondition: the lock is held, a slot is free.
  std::size_t keep(std::span<const float* const> src, std::span<float* const> dst, const Completion& done,
                   Clock::time_point deadline) {
    const std::size_t slot = free_.back();
    free_.pop_back();
    QueuedRequest& request = requests_[slot];
    std::copy(src.begin(), src.end(), request.src.begin());
    std::copy(dst.begin(), dst.end(), request.dst.begin());
    request.has_dst = !dst.empty();
    request.done = done;
    request.submitted = Clock::now();
    request.deadline = deadline;
    if (policy_.timeout.count() > 0) request.deadline = std::min(deadline, request.submitted + policy_.timeout);
    return slot;
  }

  /// \param all  whether one thread that waits may be one whose instance another thread has
  void wake(bool all) {
    changes_.fetch_add(1, std::memory_order_relaxed);
    all ? work_.notify_all() : work_.notify_one();
  }

  /// Takes the oldest out of the queue. Precondition: the lock is held, there is one.
  std::size_t pop() {
    const std::size_t slot = ring_[head_];
    head_ = (head_ + 1) % ring_.size();
    --waiting_;
    return slot;
  }

  /// Takes the oldest out of the queue, never to run; its completion is called without the lock.
  std::pair<Completion, RequestOutcome> give_up(RequestStatus status) {
    const std::size_t slot = pop();
    RequestOutcome outcome;
    outcome.status = status;
    outcome.submitted = requests_[slot].submitted;
    outcome.started = outcome.finished = Clock::now();
    free_.push_back(slot);
    return {requests_[slot].done, outcome};
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake(true);
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  /// Gives back the slots of the last batch. Precondition: the lock is held.
  void free_slots(Instance& instance) {
    for (const std::size_t slot : instance.batch) {
      if (instance.finished) delay_.done(*instance.finished - requests_[slot].submitted);
      free_.push_back(slot);
    }
    batching_.max_delay = delay_.now();
    instance.batch.clear();
  }

  void pin_own_team(std::size_t index) const {
    if (plan_.cpus.empty()) return;
    const std::vector<int>& cpus = plan_.cpus[index];
    if (static_cast<int>(cpus.size()) == plan_.prepared.front().openmp_threads) pin_team(cpus);
  }

  void make_on_own_team(std::size_t index, std::optional<Instance>& instance) const {
    pin_own_team(index);
    instance.emplace(make_instance(plan_));
  }

  void live(std::size_t index) {
    std::optional<PinnedThread> pin;
    std::optional<Instance> instance;
    try {
      if (!plan_.cpus.empty()) pin.emplace(plan_.cpus[index]);  // before the first region, so that the team inherits it
      if (!quietly_) {
        make_on_own_team(index, instance);
      } else {
        run_quietly([&] { make_on_own_team(index, instance); });
        if (!plan_.one_thread) {
          pin_own_team(index);
          instance->executors.front().execute(instance->src, instance->dst);
        }
      }
    } catch (...) {
      failures_[index] = std::current_exception();
    }
    const PreciseTimer timer;
    ready_.count_down();
    if (!instance) return;
    while (take(*instance)) run(*instance);
  }

  /// Waits for a batch; false: there will be none.
  bool take(Instance& instance) {
    std::vector<std::size_t>& batch = instance.batch;
    const auto since_start = [](Clock::time_point time) {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
    };
    bool look = spins_;
    std::unique_lock lock(mutex_);
    free_slots(instance);
    for (;;) {
      while (waiting_ > 0 && Clock::now() > requests_[ring_[head_]].deadline) {
        const auto [done, outcome] = give_up(RequestStatus::expired);
        lock.unlock();
        room_.notify_one();
        done(outcome);
        lock.lock();
      }
      if (waiting_ == 0 || instance.lent) {
        if (stopping_ && !instance.lent) return false;
        if (!instance.lent) idle_.push_back(&instance);
        if (look)
          look_for_work(lock);
        else
          work_.wait(lock);
        look = false;
        std::erase(idle_, &instance);
        continue;
      }
      const Clock::time_point oldest = requests_[ring_[head_]].submitted;
      BatchDecision decision =
          decide(batching_, static_cast<std::int64_t>(waiting_), since_start(oldest), since_start(Clock::now()));
      // Whoever ends waits for nobody.
      if (stopping_ && decision.take == 0) decision.take = static_cast<std::int64_t>(waiting_);
      if (decision.take > 0) {
        for (std::int64_t i = 0; i < decision.take; ++i) batch.push_back(pop());
        const bool more = waiting_ > 0, all = lent_ > 0;
        lock.unlock();
        if (more) wake(all);
        if (policy_.when_full == WhenFull::block) room_.notify_all();
        return true;
      }
      work_.wait_until(lock, Clock::time_point(std::chrono::duration_cast<Clock::duration>(decision.wake_at)));
    }
  }

  /// Looks for work for a while before the thread sleeps, from which it would take longer to wake. Precondition: the
  /// lock is held.
  void look_for_work(std::unique_lock<std::mutex>& lock) const {
    const std::uint64_t seen = changes_.load(std::memory_order_relaxed);
    lock.unlock();
    const Clock::time_point until = Clock::now() + spin;
    while (changes_.load(std::memory_order_relaxed) == seen && Clock::now() < until) {
    }
    lock.lock();
  }

  void run(Instance& instance) {
    instance.finished.reset();
    const Clock::time_point started = Clock::now();
    const auto count = static_cast<std::int64_t>(instance.batch.size());
    const std::size_t s = executor_index(plan_.sizes, count);
    const QueuedRequest& first = requests_[instance.batch.front()];
    const bool direct = plan_.sizes[s] == 1;
    RequestOutcome outcome;
    try {
      if (!direct) gather(instance, plan_.sizes[s]);
      instance.executors[s].execute(direct ? std::span<const float* const>(first.src) : instance.src,
                                    direct && first.has_dst ? std::span<float* const>(first.dst) : instance.dst);
      outcome.status = RequestStatus::done;
    } catch (...) {
      outcome.error = std::current_exception();
    }
    if (outcome.status == RequestStatus::done && !direct) scatter(instance);
    outcome.started = started;
    outcome.finished = Clock::now();
    outcome.batch = count;
    if (outcome.status == RequestStatus::done) instance.finished = outcome.finished;
    for (std::size_t i = 0; i < instance.batch.size(); ++i) {
      const QueuedRequest& request = requests_[instance.batch[i]];
      outcome.submitted = request.submitted;
      if (outcome.status == RequestStatus::done) {
        for (std::size_t o = 0; o < instance.results.size(); ++o) {
          instance.results[o] = request.has_dst ? request.dst[o] : instance.dst[o] + i * plan_.dst_elements[o];
        }
        outcome.dst = instance.results;
      }
      request.done(outcome);
    }
  }

  void gather(Instance& instance, std::int64_t size) const {
    for (std::size_t input = 0; input < plan_.src_elements.size(); ++input) {
      const std::size_t elements = plan_.src_elements[input];
      float* to = instance.src_buffers[input].flat().data();
      for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i, to += elements) {
        const std::size_t from = i < instance.batch.size() ? i : 0;  // a copy is valid where zeros may not be
        std::memcpy(to, requests_[instance.batch[from]].src[input], elements * sizeof(float));
      }
    }
  }

  void scatter(const Instance& instance) const {
    for (std::size_t output = 0; output < plan_.dst_elements.size(); ++output) {
      const std::size_t elements = plan_.dst_elements[output];
      for (std::size_t i = 0; i < instance.batch.size(); ++i) {
        const QueuedRequest& request = requests_[instance.batch[i]];
        if (request.has_dst)
          std::memcpy(request.dst[output], instance.dst[output] + i * elements, elements * sizeof(float));
      }
    }
  }

  RunnerPlan plan_;
  BatchPolicy batching_;  // with the delay as it is, under the mutex
  BatchDelay delay_;      // under the mutex
  QueuePolicy policy_;
  bool spins_;                             // where instances have CPUs of their own
  bool quietly_;                           // are instances made
  std::atomic<std::uint64_t> changes_{0};  // of what threads wait for
  std::latch ready_;
  mutable std::mutex mutex_;
  std::condition_variable work_;  // something waits
  std::condition_variable room_;  // something else may
  // Under the mutex; a request that an instance took is that instance's until it gives the slot back.
  std::vector<QueuedRequest> requests_;
  std::vector<std::size_t> free_;
  std::vector<std::size_t> ring_;  // slots, in order of arrival
  std::size_t head_ = 0;
  std::size_t waiting_ = 0;
  std::vector<Instance*> idle_;  // whose threads wait for work
  int lent_ = 0;
  bool stopping_ = false;
  std::vector<std::exception_ptr> failures_;  // of each instance, until all are ready
  std::vector<std::thread> threads_;
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE QueuedRunner::QueuedRunner(const Model<float>& model, const RunConfig& given,
                                          const RunnerOptions& options)
    : sizes_(executor_batches((validate(options.batching), options.batching))) {
  validate(options.queue);
  RunConfig config = given;
  config.batch = 1;
  validate(config);
  expect_threads(std::int64_t{config.threads} * config.instances);
  detail::RunnerPlan plan;
  plan.sizes = sizes_;
  for (const std::int64_t size : sizes_) {
    if (size > 1 && !samples_are_independent(model, size, 1)) {
      throw Error("model '" + model.name() + "'", "does not keep the samples of a batch apart, or is not known to",
                  "run it without batching");
    }
  }
  const std::vector<Shape> shapes = infer_shapes(model, 1);
  for (const NodeId id : model.inputs()) src_shapes_.push_back(shapes[id]);
  for (const NodeId id : model.outputs()) dst_shapes_.push_back(shapes[id]);
  for (const Shape& shape : src_shapes_) plan.src_elements.push_back(static_cast<std::size_t>(element_count(shape)));
  for (const Shape& shape : dst_shapes_) plan.dst_elements.push_back(static_cast<std::size_t>(element_count(shape)));
  plan.ranges = source_ranges(model, shapes);
  plan.one_thread = config.threads == 1;

  std::optional<OnednnModelCache> cache;
  if (!options.executors) cache.emplace(model, config);
  for (const std::int64_t size : sizes_) {
    config.batch = size;
    plan.prepared.push_back(cache ? prepared_model(cache->at(size)) : options.executors(model, config));
  }
  notes_ = plan.prepared.front().notes;

  const Environment environment = onednn_environment();
  const auto wanted = static_cast<std::size_t>(config.instances) * static_cast<std::size_t>(config.threads);
  if (wanted > static_cast<std::size_t>(environment.cores)) {
    notes_.push_back(std::to_string(wanted) + " threads share " + std::to_string(environment.cores) +
                     " usable core(s): they wait for one another, and nothing was pinned");
  } else if (options.pin && wanted <= environment.affinity.size()) {
    auto next = environment.affinity.begin();
    for (int i = 0; i < config.instances; ++i, next += config.threads)
      plan.cpus.emplace_back(next, next + config.threads);
    cpus_.assign(environment.affinity.begin(), next);
  }
  detail::release_team();  // the caller's threads would wait among the instances'
  queue_ = std::make_shared<detail::RequestQueue>(std::move(plan), config.instances, options);
}

FULCRUM_LINKAGE QueuedRunner::~QueuedRunner() = default;

FULCRUM_DEFINE void QueuedRunner::expect_arrays(std::span<const float* const> src, std::span<float* const> dst) const {
  if (src.size() == src_shapes_.size() && (dst.empty() || dst.size() == dst_shapes_.size())) return;
  throw Error(
      "submit()",
      "was given " + std::to_string(src.size()) + " source(s) and " + std::to_string(dst.size()) + " result(s)",
      "give " + std::to_string(src_shapes_.size()) + " and " + std::to_string(dst_shapes_.size()) + ", or no result");
}

FULCRUM_DEFINE bool QueuedRunner::submit(std::span<const float* const> src, std::span<float* const> dst,
                                         Completion done,
                                         std::optional<std::chrono::steady_clock::time_point> deadline) {
  expect_arrays(src, dst);
  return queue_->submit(src, dst, done, deadline);
}

FULCRUM_DEFINE bool QueuedRunner::run_here(std::span<const float* const> src, std::span<float* const> dst,
                                           Completion done,
                                           std::optional<std::chrono::steady_clock::time_point> deadline) {
  expect_arrays(src, dst);
  return queue_->run_here(src, dst, done, deadline);
}

FULCRUM_DEFINE int QueuedRunner::lent() const { return queue_->lent(); }

FULCRUM_DEFINE RequestOutcome QueuedRunner::infer(std::span<const float* const> src, std::span<float* const> dst) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable ended;
    bool done = false;
    RequestOutcome outcome;
  } wait;
  const bool accepted = submit(src, dst, [&wait](const RequestOutcome& outcome) {
    const std::lock_guard lock(wait.mutex);  // notified under it: `wait` is gone as soon as the other thread knows
    wait.outcome = outcome;
    wait.done = true;
    wait.ended.notify_one();
  });
  if (!accepted) {
    wait.outcome.status = RequestStatus::rejected;
    wait.outcome.submitted = wait.outcome.started = wait.outcome.finished = std::chrono::steady_clock::now();
    return wait.outcome;
  }
  std::unique_lock lock(wait.mutex);
  wait.ended.wait(lock, [&] { return wait.done; });
  wait.outcome.dst = {};
  if (wait.outcome.error) std::rethrow_exception(wait.outcome.error);
  return wait.outcome;
}

FULCRUM_DEFINE std::int64_t QueuedRunner::waiting() const { return queue_->waiting(); }

FULCRUM_DEFINE std::chrono::nanoseconds QueuedRunner::batch_delay() const { return queue_->batch_delay(); }

}  // namespace fulcrum
