#pragma once
/// \file
/// An inference on its way: the memory it reads and writes, and how its samples end.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/serve/detail/aligned_bytes.hpp>
#include <fulcrum/serve/inference_protocol.hpp>
#include <fulcrum/serve/served_version.hpp>

namespace fulcrum::detail {

using ServeClock = std::chrono::steady_clock;

struct InferenceCall;
struct ModelTraffic;

/// Who is told that all samples of a call are back.
class CallOwner {
public:
  CallOwner() = default;
  CallOwner(const CallOwner&) = delete;
  CallOwner& operator=(const CallOwner&) = delete;
  virtual ~CallOwner() = default;
  virtual void all_ended(InferenceCall& call) = 0;
};

/// How a call ended.
struct CallOutcome {
  int status = 200;     // of HTTP
  std::string message;  // unless it is 200
  std::chrono::nanoseconds queued{0}, computed{0};
  std::int64_t batch = 0;
  bool cached = false;
};

/// It keeps itself while samples are with a runner, so that one that hangs writes to memory which is still there.
struct InferenceCall : std::enable_shared_from_this<InferenceCall> {
  AlignedBytes body;  // of the request; binary tensors begin at a cache line
  std::string_view json;
  std::span<const std::byte> binary;
  InferenceRequest request;
  // In this order: a version's runner is let go before the version, which is freed once nobody has it (see
  // ModelRepository::collect()); a runner must not be freed on a thread of its own.
  std::shared_ptr<ServedVersion> version;
  std::shared_ptr<WatchedRunner> runner;
  std::int64_t samples = 0;
  std::vector<std::vector<float>> converted;  // inputs that came as another type
  std::vector<const float*> src;              // of each input, the first sample
  std::vector<AlignedBytes> results;          // of each output
  ServeClock::time_point arrived, submitted;
  std::optional<ServeClock::time_point> deadline;
  std::shared_ptr<ModelTraffic> traffic;  // is told how it fared; empty: nobody is
  bool is_new = false;                    // of a canary's versions, the new one
  std::shared_ptr<InferenceCall> source;  // of a shadow: whose body it reads
  std::optional<Sha256Digest> cache_key;
  std::function<void()> done;  // called once, from any thread, when the outcome is set

  std::shared_ptr<CallOwner> owner;
  std::shared_ptr<InferenceCall> self;        // while a runner has samples
  std::list<InferenceCall*>::iterator place;  // among those on their way
  std::atomic<std::int64_t> left{0};          // samples, and one for who submits

  [[nodiscard]] std::span<const float> result(std::size_t output) noexcept {
    return {reinterpret_cast<const float*>(results[output].data()), results[output].size() / sizeof(float)};
  }

  /// Takes the right to set the outcome; false when another has it.
  [[nodiscard]] bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }
  /// Precondition: claimed.
  void end(int status, std::string message) {
    {
      const std::lock_guard lock(mutex_);
      outcome_.status = status;
      outcome_.message = std::move(message);
      answer_ = outcome_;
    }
    std::exchange(done, nullptr)();
  }
  void set_cached() noexcept { outcome_.cached = true; }
  /// How it ended, once done() was called.
  [[nodiscard]] CallOutcome outcome() const {
    const std::lock_guard lock(mutex_);
    return answer_;
  }

  [[nodiscard]] std::chrono::nanoseconds compute_time() const {
    const std::lock_guard lock(mutex_);
    return outcome_.computed;
  }

  /// Of one sample, on the runner's thread.
  void end_sample(const RequestOutcome& sample) {
    {
      const auto longer = [](std::chrono::nanoseconds& time, auto other) {
        time = std::max(time, std::chrono::duration_cast<std::chrono::nanoseconds>(other));
      };
      const std::lock_guard lock(mutex_);
      longer(outcome_.queued, sample.started - sample.submitted);
      longer(outcome_.computed, sample.finished - sample.started);
      outcome_.batch = std::max(outcome_.batch, sample.batch);
      worst_ = std::max(worst_, sample.status);
      if (sample.error && error_.empty()) error_ = text_of(sample.error);
    }
    end_part();
  }
  void end_part() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) owner->all_ended(*this);
  }

  /// What is known of all samples; to be asked when they are back.
  [[nodiscard]] const CallOutcome& measured() const noexcept { return outcome_; }
  [[nodiscard]] RequestStatus worst() const noexcept { return worst_; }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

private:
  static std::string text_of(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& thrown) {
      return thrown.what();
    } catch (...) {
      return "an exception of no known type";
    }
  }

  std::atomic<bool> claimed_{false};
  mutable std::mutex mutex_;
  CallOutcome outcome_, answer_;
  RequestStatus worst_ = RequestStatus::done;
  std::string error_;
};

}  // namespace fulcrum::detail
