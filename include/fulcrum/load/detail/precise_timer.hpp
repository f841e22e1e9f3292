#pragma once
/// \file
/// Waiting for a point in time, to some microseconds.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/// While it lives, the calling thread runs when it wakes, where the system lets it. Another one on its CPU else keeps
/// it waiting to the end of a slice of some 3 ms. It asks for slices of 100 µs, which go before longer ones (Linux 6.12
/// and later), and for a higher priority (root, CAP_SYS_NICE).
class UrgentThread {
public:
  UrgentThread() : known_(syscall(SYS_sched_getattr, 0, &before_, sizeof before_, 0) == 0) {
    if (!known_ || before_.policy != SCHED_OTHER) return;
    Attributes urgent = before_;
    urgent.runtime_ns = 100'000;
    urgent.nice = std::min(before_.nice, -15);
    changed_ = set(urgent);
    if (changed_) return;
    urgent.nice = before_.nice;
    changed_ = set(urgent);
  }
  UrgentThread(const UrgentThread&) = delete;
  UrgentThread& operator=(const UrgentThread&) = delete;
  ~UrgentThread() {
    if (changed_) set(before_);
  }

private:
  /// The kernel's struct sched_attr, for which glibc has no name before 2.41.
  struct Attributes {
    std::uint32_t size = sizeof(Attributes);
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
  };

  static bool set(const Attributes& attributes) noexcept { return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0; }

  Attributes before_;
  bool known_ = false;
  bool changed_ = false;
};

}  // namespace fulcrum::detail
