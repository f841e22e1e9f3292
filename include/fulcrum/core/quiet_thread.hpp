#pragma once
/// \file
/// Work beside what must not be disturbed: on a thread that gets a CPU when nobody else wants it.

#include <chrono>
#include <functional>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// Runs a function on a thread of its own at the lowest priority the system has (SCHED_IDLE), on the CPUs of the
/// caller, and waits for it. A thread cannot raise its priority again, and those it starts inherit it: hence one of its
/// own.
///
/// \throws whatever the function throws
FULCRUM_DECLARE void run_quietly(const std::function<void()>& function);

/// How long the calling thread has waited, ready to run, while others had the CPUs; 0 where the system does not say.
FULCRUM_DECLARE [[nodiscard]] std::chrono::nanoseconds waited_for_cpu();

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

#include <pthread.h>
#include <sched.h>

#include <cstdint>
#include <exception>
#include <sstream>
#include <thread>

#include <fulcrum/core/cpu_limits.hpp>

namespace fulcrum {

FULCRUM_DEFINE void run_quietly(const std::function<void()>& function) {
  std::exception_ptr failure;
  std::thread thread([&] {
    const sched_param none{};
    static_cast<void>(::sched_setscheduler(0, SCHED_IDLE, &none));  // without it, it is only louder
    static_cast<void>(::pthread_setname_np(::pthread_self(), "fulcrum quiet"));
    try {
      function();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

FULCRUM_DEFINE std::chrono::nanoseconds waited_for_cpu() {
  // "time on a CPU, time waiting for one, turns", both in ns
  std::istringstream text(detail::read_system_file("/proc/thread-self/schedstat").value_or(""));
  std::int64_t ran = 0, waited = 0;
  return std::chrono::nanoseconds(text >> ran >> waited ? waited : 0);
}

}  // namespace fulcrum

#endif
