#pragma once
/// \file
/// How many OpenMP threads oneDNN uses while a scope lasts.

#include <string>

#include <fulcrum/core/error.hpp>

namespace fulcrum::detail {

// The OpenMP calls under names of our own, so that <omp.h> of any compiler may be included beside this header.
extern "C" {
int fulcrum_omp_get_max_threads() noexcept __asm__("omp_get_max_threads");
void fulcrum_omp_set_num_threads(int threads) noexcept __asm__("omp_set_num_threads");
}

/// Sets the calling thread's OpenMP thread count and restores it at the end. Every std::thread has a count and a pool
/// of its own in libgomp, so instances that run side by side do not disturb one another.
class ThreadScope {
public:
  /// \throws Error when `threads` is below 1
  explicit ThreadScope(int threads) : before_(fulcrum_omp_get_max_threads()) {
    if (threads < 1) throw Error("threads", "is " + std::to_string(threads), "give a number of 1 or more");
    if (threads != before_) fulcrum_omp_set_num_threads(threads);
  }
  ~ThreadScope() {
    if (fulcrum_omp_get_max_threads() != before_) fulcrum_omp_set_num_threads(before_);
  }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

private:
  int before_;
};

}  // namespace fulcrum::detail
