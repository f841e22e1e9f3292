#pragma once
/// \file
/// Waiting for a point in time, to some microseconds.

#include <chrono>
#include <thread>

#include <sys/prctl.h>

namespace fulcrum::detail {

/// While it lives, the calling thread's sleeps end when they are to: Linux else adds up to 50 µs to save wake-ups.
class PreciseTimer {
public:
  PreciseTimer() : before_(prctl(PR_GET_TIMERSLACK)) { prctl(PR_SET_TIMERSLACK, 1UL); }
  PreciseTimer(const PreciseTimer&) = delete;
  PreciseTimer& operator=(const PreciseTimer&) = delete;
  ~PreciseTimer() {
    if (before_ > 0) prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(before_));
  }

  /// Sleeps until shortly before and spins for the rest.
  static void wait_until(std::chrono::steady_clock::time_point time) {
    constexpr std::chrono::microseconds spin(100);  // longer than most threads take to wake
    if (time - std::chrono::steady_clock::now() > spin) std::this_thread::sleep_until(time - spin);
    while (std::chrono::steady_clock::now() < time) {
    }
  }

private:
  int before_;
};

}  // namespace fulcrum::detail
