#pragma once
/// \file
/// The generator behind generate_load().

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fulcrum/load/detail/overloads.hpp>
#include <fulcrum/load/detail/precise_timer.hpp>
#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/measure/statistics.hpp>

namespace fulcrum::detail {

/// What the completions of a run write to. It owns itself while some are still to come after the generator lost
/// patience.
class LoadRecords : public std::enable_shared_from_this<LoadRecords> {
public:
  using Clock = std::chrono::steady_clock;

  explicit LoadRecords(std::size_t capacity) : records_(capacity) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return records_.size(); }
  void start_at(Clock::time_point start) noexcept { start_ = start; }
  [[nodiscard]] std::chrono::nanoseconds since_start(Clock::time_point time) const noexcept { return time - start_; }

  /// The next request; only the generator calls it.
  RequestRecord& begin(std::chrono::nanoseconds scheduled) {
    RequestRecord& record = records_[begun_++];
    record.scheduled = record.submitted = record.started = record.finished = scheduled;
    return record;
  }

  void end(std::size_t index, const RequestOutcome& outcome) {
    std::shared_ptr<LoadRecords> self;  // destroyed after the lock
    const std::lock_guard lock(mutex_);
    ++ended_;
    if (closed_) {
      if (ended_ == begun_) self = std::move(self_);
      return;
    }
    RequestRecord& record = records_[index];
    record.submitted = since_start(outcome.submitted);
    record.started = since_start(outcome.started);
    record.finished = since_start(outcome.finished);
    record.batch = static_cast<std::int32_t>(outcome.batch);
    record.status = outcome.status;
    if (ended_ >= wanted_) all_ended_.notify_one();
  }

  /// Waits until so many have ended; false when they have not by then.
  bool wait_for(std::size_t count, Clock::time_point until) {
    std::unique_lock lock(mutex_);
    wanted_ = count;
    const bool good = all_ended_.wait_until(lock, until, [&] { return ended_ >= count; });
    wanted_ = ~std::size_t{0};
    return good;
  }

  /// The records of the requests that were begun; what ends later is not written any more.
  [[nodiscard]] std::span<RequestRecord> close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (ended_ < begun_) self_ = shared_from_this();
    return std::span(records_).first(begun_);
  }

private:
  std::vector<RequestRecord> records_;
  std::size_t begun_ = 0;
  Clock::time_point start_;
  std::mutex mutex_;
  std::condition_variable all_ended_;
  std::size_t ended_ = 0;
  std::size_t wanted_ = ~std::size_t{0};
  bool closed_ = false;
  std::shared_ptr<LoadRecords> self_;
};

/// One run of the generator, on the thread that calls.
class LoadGenerator {
public:
  using Clock = LoadRecords::Clock;
  using Time = std::chrono::nanoseconds;

  LoadGenerator(const SubmitFunction& submit, const LoadOptions& options, const ProgressSink& progress)
      : submit_(submit), options_(options), progress_(progress), length_(options.warm_up + options.duration) {}

  void run(const Server& server) {
    std::vector<Seconds> due = arrival_times(server.arrivals, length_, options_.seed);
    if (options_.max_requests > 0) due.resize(std::min(due.size(), static_cast<std::size_t>(options_.max_requests)));
    prepare(due.size());
    for (const Seconds time : due) send(std::chrono::duration_cast<Time>(time));
    wait();
  }

  void run(const Offline& offline) {
    const std::int64_t most =
        options_.max_requests > 0 ? std::min(options_.max_requests, offline.samples) : offline.samples;
    prepare(static_cast<std::size_t>(most));
    for (std::int64_t i = 0; i < most; ++i) send(Time{0}, false);
    wait();
  }

  /// Both closed loops.
  void run_closed(std::int64_t samples) {
    // Room for a query every 10 µs is more than any loop through threads needs.
    const double most = std::min(1e5 * length_.count() * static_cast<double>(samples), 5e6);
    const auto limit = options_.max_requests > 0 ? options_.max_requests : static_cast<std::int64_t>(most);
    prepare(static_cast<std::size_t>(std::max(limit / samples, std::int64_t{1}) * samples));
    while (begun_ + static_cast<std::size_t>(samples) <= records_->capacity()) {
      const Time now = records_->since_start(Clock::now());
      if (now >= std::chrono::duration_cast<Time>(length_)) break;
      for (std::int64_t i = 0; i < samples; ++i) send(now, false);
      if (!wait()) break;
      report_progress(now, Time{0});
    }
  }

  [[nodiscard]] std::span<const RequestRecord> records() { return records_->close(); }

  [[nodiscard]] GeneratorLag lag() const {
    if (lags_.empty()) return {};
    std::vector<Time> sorted = lags_;
    std::sort(sorted.begin(), sorted.end());
    const std::span<const Time> all(sorted);
    return {percentile(all, 0.5), percentile(all, 0.99), all.back()};
  }

private:
  void prepare(std::size_t capacity) {
    records_ = std::make_shared<LoadRecords>(capacity);
    lags_.reserve(capacity);
    start_ = Clock::now() + std::chrono::milliseconds(1);
    records_->start_at(start_);
    free_ = start_;
  }

  /// Sends a request when it is due.
  /// \param paced  whether its time was given by the clock
  void send(Time due, bool paced = true) {
    const Clock::time_point at = start_ + due;
    report_progress(due, at - Clock::now());
    PreciseTimer::wait_until(at);
    const Clock::time_point now = Clock::now();
    const Clock::time_point ideal = std::max(at, free_);
    if (paced && due >= std::chrono::duration_cast<Time>(options_.warm_up)) lags_.push_back(now - ideal);
    records_->begin(due);
    const std::size_t index = begun_++;
    LoadRecords* records = records_.get();
    const bool accepted = submit_(static_cast<std::int64_t>(index),
                                  [records, index](const RequestOutcome& outcome) { records->end(index, outcome); });
    const Clock::time_point taken = Clock::now();
    free_ = ideal + (taken - now);
    if (!accepted) {
      RequestOutcome outcome;
      outcome.status = RequestStatus::rejected;
      outcome.submitted = outcome.started = outcome.finished = taken;
      records_->end(index, outcome);
    }
  }

  bool wait() {
    return records_->wait_for(begun_, Clock::now() + std::chrono::duration_cast<Clock::duration>(options_.patience));
  }

  void report_progress(Time now, Time left) {
    constexpr std::chrono::milliseconds room(3), pause(100);
    if (!progress_ || (left.count() != 0 && left < room) || Clock::now() - reported_ < pause) return;
    reported_ = Clock::now();
    const bool warm = Seconds(now) < options_.warm_up;
    progress_({std::clamp(Seconds(now) / length_, 0.0, 1.0), warm ? "warming up" : "under load",
               format_count(static_cast<long long>(begun_)) + " requests"});
  }

  const SubmitFunction& submit_;
  const LoadOptions& options_;
  const ProgressSink& progress_;
  Seconds length_;
  PreciseTimer timer_;
  UrgentThread urgent_;
  std::shared_ptr<LoadRecords> records_;
  Clock::time_point start_;
  Clock::time_point free_;  // when the request before would have been taken, had the generator always been in time
  Clock::time_point reported_{};
  std::size_t begun_ = 0;
  std::vector<Time> lags_;
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE LoadReport generate_load(const SubmitFunction& submit, const Scenario& scenario,
                                        const LoadOptions& options, const ProgressSink& progress) {
  validate(scenario);
  validate(options.tail);
  const auto check = [](const char* what, Seconds time, double least) {
    if (!(time.count() >= least && time.count() <= 1e6))
      throw Error(what, "is " + detail::plain_figure(time.count()) + " s", "give a time up to 1e6 s");
  };
  check("the duration of a load", options.duration, 1e-6);
  check("the warm-up of a load", options.warm_up, 0.0);
  check("the patience of a load", options.patience, 0.0);
  if (options.max_requests < 0) throw Error("the number of requests", "is negative", "give one, or 0 for no limit");
  detail::LoadGenerator generator(submit, options, progress);
  AssessOptions assess{
      std::chrono::duration_cast<std::chrono::nanoseconds>(options.warm_up), options.tail, options.slo, {}};
  std::visit(detail::LoadOverloads{[&](const SingleStream&) { generator.run_closed(1); },
                                   [&](const MultiStream& s) { generator.run_closed(s.samples_per_query); },
                                   [&](const Server& s) { generator.run(s); },
                                   [&](const Offline& s) {
                                     assess.from = std::chrono::nanoseconds{0};
                                     generator.run(s);
                                   }},
             scenario);
  assess.lag = generator.lag();
  return assess_load(generator.records(), scenario, assess);
}

}  // namespace fulcrum
