#pragma once
/// \file
/// Loops of Fulcrum's own on the OpenMP threads that oneDNN runs on.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum::detail {

// libgomp's own entry points under names of ours, so that <omp.h> of any compiler may be included beside this header.
// GOMP_parallel is what a compiler makes of `#pragma omp parallel`; calling it keeps user code free of -fopenmp.
extern "C" {
void fulcrum_gomp_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags) __asm__("GOMP_parallel");
int fulcrum_omp_get_thread_num() noexcept __asm__("omp_get_thread_num");
int fulcrum_omp_get_num_threads() noexcept __asm__("omp_get_num_threads");
int fulcrum_omp_pause_resource_all(int kind) noexcept __asm__("omp_pause_resource_all");
}

/// Ends the threads that wait for the calling thread's next parallel region; that one starts new ones. libgomp counts
/// waiting threads of every caller: where they and those at work are more than the CPUs, all give up spinning at once
/// and sleep between any two steps, which takes longer than most steps.
FULCRUM_DECLARE void release_team() noexcept;

/// Work that a team does in phases, each after the one before is done: a phase has the same items every time, and
/// thread t begins with those of its own part, which are in its caches, then helps the others. Nobody waits for a
/// thread that has no item at hand: one that the system has taken the CPU from holds up a phase at most once.
class PhasedWork {
public:
  explicit PhasedWork(int threads) : next_(static_cast<std::size_t>(threads)) {}

  /// Before a team starts.
  ///
  /// \param items  of a phase
  void begin(std::int64_t items) noexcept {
    items_ = items;
    done_.count.store(0, std::memory_order_relaxed);
    for (Counter& next : next_) next.count.store(0, std::memory_order_relaxed);
  }

  /// Calls f(item) for items of a phase until all of it is done, by whomever. Phases count from 0. Precondition: f
  /// throws nothing.
  /// \param backwards  the last item of a part first: where phases alternate, each begins with what is still in the
  ///                   caches from the one before
  template <class F>
  void run(std::int64_t thread, std::int64_t phase, bool backwards, const F& f) {
    const auto parts = static_cast<std::int64_t>(next_.size());
    for (std::int64_t k = 0; k < parts; ++k) {
      const std::int64_t part = (thread + k) % parts;
      const std::int64_t first = items_ * part / parts, count = items_ * (part + 1) / parts - first;
      std::atomic<std::int64_t>& next = next_[static_cast<std::size_t>(part)].count;
      for (std::int64_t at = next.load(std::memory_order_relaxed); at < (phase + 1) * count;) {
        if (!next.compare_exchange_weak(at, at + 1, std::memory_order_relaxed)) continue;
        const std::int64_t i = at - phase * count;
        f(backwards ? first + count - 1 - i : first + i);
        done_.count.fetch_add(1, std::memory_order_release);
        at = next.load(std::memory_order_relaxed);
      }
    }
    // Some ten microseconds are less than another thread takes to wake; then whoever has the item may need this CPU.
    constexpr int spins = 2000;
    for (int spin = 0; done_.count.load(std::memory_order_acquire) < (phase + 1) * items_; ++spin) {
      if (spin >= spins) std::this_thread::yield();
    }
  }

private:
  struct alignas(64) Counter {
    std::atomic<std::int64_t> count{0};
  };
  std::int64_t items_ = 0;
  Counter done_;               // items, of all phases
  std::vector<Counter> next_;  // item of each part, counted through all phases
};

/// Calls f(thread) on each of `threads` threads. Precondition: f throws nothing.
template <class F>
void in_team(int threads, const F& f) {
  if (threads <= 1) return f(std::int64_t{0});
  fulcrum_gomp_parallel([](void* data) { (*static_cast<const F*>(data))(std::int64_t{fulcrum_omp_get_thread_num()}); },
                        const_cast<void*>(static_cast<const void*>(&f)), static_cast<unsigned>(threads), 0);
}

/// Calls f(first, last) once on each of `threads` threads at most, for parts of [0, count) of about the same size.
/// Precondition: f throws nothing.
template <class F>
void for_parts(int threads, std::int64_t count, const F& f) {
  if (threads <= 1 || count <= 1) return f(std::int64_t{0}, count);
  struct Work {
    const F& f;
    std::int64_t count;
  } work{f, count};
  fulcrum_gomp_parallel(
      [](void* data) {
        const Work& own = *static_cast<const Work*>(data);
        const std::int64_t team = fulcrum_omp_get_num_threads();
        const std::int64_t thread = fulcrum_omp_get_thread_num();
        const std::int64_t first = own.count * thread / team;
        const std::int64_t last = own.count * (thread + 1) / team;
        if (first < last) own.f(first, last);
      },
      &work, static_cast<unsigned>(threads), 0);
}

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(onednn)

namespace fulcrum::detail {

FULCRUM_DEFINE void release_team() noexcept {
  constexpr int soft = 1;
  static_cast<void>(fulcrum_omp_pause_resource_all(soft));
}

}  // namespace fulcrum::detail

#endif
