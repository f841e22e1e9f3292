#pragma once
/// \file
/// What becomes of requests that find no room in a queue, or wait in it for too long.

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// What to do with a request when the queue is full.
enum class WhenFull : std::uint8_t {
  reject,       ///< it is turned away
  block,        ///< whoever submits it waits until there is room
  drop_oldest,  ///< the one that waited longest is turned away in its place
};

/// "reject", "block", "drop_oldest"
[[nodiscard]] constexpr std::string_view name_of(WhenFull when) noexcept {
  switch (when) {
    case WhenFull::reject: return "reject";
    case WhenFull::block: return "block";
    case WhenFull::drop_oldest: return "drop_oldest";
  }
  return "?";
}

/// \throws Error when there is no such word
[[nodiscard]] inline WhenFull when_full_from(std::string_view name) {
  return enum_from("policy of a full queue", name,
                   std::array{WhenFull::reject, WhenFull::block, WhenFull::drop_oldest});
}

/// A bounded queue: an unbounded one only hides for a while that the rate is too high.
struct QueuePolicy {
  std::int64_t capacity = 1024;  ///< requests that may wait; 1 … 2²⁴
  WhenFull when_full = WhenFull::reject;
  std::chrono::nanoseconds timeout{0};  ///< a request that waited for longer is not run any more; 0: all are

  friend bool operator==(const QueuePolicy&, const QueuePolicy&) = default;
};

/// \throws Error naming what is out of range
FULCRUM_DECLARE void validate(const QueuePolicy& policy);

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

namespace fulcrum {

FULCRUM_DEFINE void validate(const QueuePolicy& policy) {
  if (policy.capacity < 1 || policy.capacity > (std::int64_t{1} << 24U)) {
    throw Error("the capacity of the queue", "is " + std::to_string(policy.capacity),
                "give a number from 1 to 16,777,216");
  }
  if (policy.timeout.count() < 0) throw Error("the timeout of a request", "is negative", "give a time, or 0 for none");
}

}  // namespace fulcrum

#endif
