#pragma once
/// \file
/// What became of a request, measured or simulated.

#include <chrono>
#include <cstdint>
#include <string_view>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

enum class RequestStatus : std::uint8_t {
  done,
  rejected,  ///< the queue was full
  dropped,   ///< it left a full queue for a newer one
  expired,   ///< it waited beyond its deadline
  failed,    ///< the executor threw, or nobody answered
};

/// "done", "rejected", "dropped", "expired", "failed"
[[nodiscard]] constexpr std::string_view name_of(RequestStatus status) noexcept {
  switch (status) {
    case RequestStatus::done: return "done";
    case RequestStatus::rejected: return "rejected";
    case RequestStatus::dropped: return "dropped";
    case RequestStatus::expired: return "expired";
    case RequestStatus::failed: return "failed";
  }
  return "?";
}

/// One sample's way through a queue. All times count from the start of the run.
struct RequestRecord {
  std::chrono::nanoseconds scheduled{};  ///< when it was to arrive: latency counts from here
  std::chrono::nanoseconds submitted{};  ///< when it entered the queue
  std::chrono::nanoseconds started{};    ///< when its batch began to run
  std::chrono::nanoseconds finished{};   ///< when its result was there, or it was turned away
  std::int32_t batch = 0;                ///< requests that ran together; 0: it did not run
  RequestStatus status = RequestStatus::failed;

  [[nodiscard]] std::chrono::nanoseconds latency() const noexcept { return finished - scheduled; }
  [[nodiscard]] std::chrono::nanoseconds queued() const noexcept { return started - scheduled; }
  [[nodiscard]] std::chrono::nanoseconds service() const noexcept { return finished - started; }
};

}  // namespace fulcrum
