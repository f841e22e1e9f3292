#pragma once
/// \file
/// The events of simulate(): a request arrives, an instance is free, a batch need not wait any longer.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/load/batch_delay.hpp>
#include <fulcrum/load/detail/pace.hpp>
#include <fulcrum/load/simulate.hpp>

namespace fulcrum::detail {

class QueueSimulation {
public:
  using Time = std::chrono::nanoseconds;

  QueueSimulation(const Scenario& scenario, const ServiceModel& service, const SimulationOptions& options,
                  const std::vector<std::int64_t>& sizes)
      : service_(service),
        options_(options),
        sizes_(sizes),
        random_(options.seed ^ 0x5e41c3a1d0f7b296ULL),  // other numbers than the arrivals'
        duration_(std::chrono::duration_cast<Time>(options.duration)),
        batching_(options.batching),
        delay_(options.batching),
        free_at_(static_cast<std::size_t>(options.instances), Time{0}),
        running_(static_cast<std::size_t>(options.instances)),
        pace_(static_cast<std::size_t>(options.instances)) {
    if (const auto* server = std::get_if<Server>(&scenario)) {
      stream_.emplace(server->arrivals, options.seed);
      const double expected = rate_of(server->arrivals) * options.duration.count();
      records_.reserve(static_cast<std::size_t>(std::min(1.05 * expected + 16.0, 1e8)));
      queue_.reserve(records_.capacity());
      next_query();
    } else if (const auto* offline = std::get_if<Offline>(&scenario)) {
      arrival_ = Time{0};
      samples_ = offline->samples;
    } else {
      arrival_ = Time{0};
      samples_ = samples_per_query(scenario);
      closed_ = true;
    }
  }

  std::vector<RequestRecord> run() {
    for (;;) {
      if (head_ == queue_.size()) {
        if (!arrival_) break;
        now_ = *arrival_;
        arrive();
        continue;
      }
      const auto instance = std::min_element(free_at_.begin(), free_at_.end());
      Time event = *instance;
      if (event <= now_) {
        adapt();
        expire();
        if (head_ == queue_.size()) continue;
        const auto waiting = static_cast<std::int64_t>(entered_ - head_);
        const BatchDecision decision = decide(batching_, waiting, queue_[head_].entered, now_);
        if (decision.take > 0) {
          running_[static_cast<std::size_t>(instance - free_at_.begin())] = {
              head_, head_ + static_cast<std::size_t>(decision.take)};
          dispatch(decision.take, static_cast<std::size_t>(instance - free_at_.begin()));
          continue;
        }
        event = decision.wake_at;
      }
      if (arrival_ && *arrival_ <= event) {
        now_ = *arrival_;
        arrive();
      } else {
        now_ = event;
      }
    }
    return std::move(records_);
  }

private:
  struct Waiting {
    Time entered{};
    std::size_t record = 0;
  };

  /// When the next query of an open loop comes; none after the end.
  void next_query() {
    arrival_.reset();
    const std::optional<Seconds> time = stream_->next();
    if (time && *time < options_.duration) arrival_ = std::chrono::duration_cast<Time>(*time);
  }

  void arrive() {
    const Time scheduled = *arrival_;
    arrival_.reset();
    for (std::int64_t sample = 0; sample < samples_; ++sample) {
      if (options_.max_requests > 0 && static_cast<std::int64_t>(records_.size()) >= options_.max_requests) return;
      if (records_.size() >= 100'000'000)
        throw Error("a simulation", "has more than 100,000,000 requests", "shorten it");
      records_.push_back({scheduled, now_, now_, now_, 0, RequestStatus::failed});
      ++open_;
      const bool full = static_cast<std::int64_t>(queue_.size() - head_) >= options_.queue.capacity;
      if (full && options_.queue.when_full == WhenFull::reject) {
        end(records_.size() - 1, RequestStatus::rejected);
        continue;
      }
      if (full && options_.queue.when_full == WhenFull::drop_oldest)
        end(queue_[head_++].record, RequestStatus::dropped);
      queue_.push_back({now_, records_.size() - 1});
      enter();
    }
    if (stream_) next_query();
  }

  /// Those that stand outside go in while there is room.
  void enter() {
    entered_ = std::max(entered_, head_);
    for (; entered_ < queue_.size() && static_cast<std::int64_t>(entered_ - head_) < options_.queue.capacity;
         ++entered_) {
      queue_[entered_].entered = now_;
      records_[queue_[entered_].record].submitted = now_;
    }
  }

  void expire() {
    if (options_.queue.timeout.count() == 0) return;
    while (head_ < entered_ && now_ - queue_[head_].entered > options_.queue.timeout) {
      end(queue_[head_++].record, RequestStatus::expired);
      enter();
    }
  }

  /// What the batches that are done say of the delay of those to come.
  void adapt() {
    if (!delay_.adapts()) return;
    for (std::size_t i = 0; i < free_at_.size(); ++i) {
      if (free_at_[i] > now_) continue;
      for (auto& [next, end] = running_[i]; next < end; ++next) delay_.done(free_at_[i] - queue_[next].entered);
    }
    batching_.max_delay = delay_.now();
  }

  void dispatch(std::int64_t count, std::size_t instance) {
    const std::int64_t size = sizes_[executor_index(sizes_, count)];
    const double u = pace_[instance].uniform(random_, service_.lasts(), Seconds(now_));
    const Time service = options_.overhead + std::chrono::duration_cast<Time>(service_.quantile(size, u));
    Time& free_at = free_at_[instance];
    free_at = now_ + std::max(service, Time{1});
    for (std::int64_t i = 0; i < count; ++i) {
      const std::size_t index = queue_[head_++].record;
      RequestRecord& record = records_[index];
      record.started = now_;
      record.finished = free_at;
      record.batch = static_cast<std::int32_t>(count);
      close(index, RequestStatus::done);
    }
    enter();
  }

  /// A request that does not run.
  void end(std::size_t index, RequestStatus status) {
    records_[index].started = records_[index].finished = now_;
    close(index, status);
  }

  void close(std::size_t index, RequestStatus status) {
    records_[index].status = status;
    query_ends_ = std::max(query_ends_, records_[index].finished);
    if (--open_ > 0 || !closed_) return;
    if (query_ends_ < duration_) arrival_ = query_ends_;
  }

  const ServiceModel& service_;
  const SimulationOptions& options_;
  const std::vector<std::int64_t>& sizes_;
  Random random_;
  Time duration_;
  BatchPolicy batching_;  // with the delay as it is
  BatchDelay delay_;
  std::vector<Time> free_at_;                                 // of each instance
  std::vector<std::pair<std::size_t, std::size_t>> running_;  // of each, what it has of queue_
  std::vector<Pace> pace_;                                    // of each: they have cores of their own
  std::optional<ArrivalStream> stream_;                       // of an open loop
  std::optional<Time> arrival_;                               // of the next query
  std::int64_t samples_ = 1;                                  // of a query
  bool closed_ = false;                                       // the next query comes when the last one is done
  std::int64_t open_ = 0;                                     // samples that have no end yet
  Time query_ends_{};                                         // of the samples of a query that have one
  Time now_{};
  std::vector<RequestRecord> records_;
  std::vector<Waiting> queue_;  // everything that ever waited
  std::size_t head_ = 0;        // the first that still does
  std::size_t entered_ = 0;     // the first that stands outside
};

}  // namespace fulcrum::detail
