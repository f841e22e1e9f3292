#pragma once
/// \file
/// Loops of Fulcrum's own on the OpenMP threads that oneDNN runs on.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum::detail {

// libgomp's own entry points under names of ours, so that <omp.h> of any compiler may be included beside this header.
// GOMP_parallel is what a compiler makes of `#pragma omp parallel`; calling it keeps user code free of -fopenmp.
extern "C" {
void fulcrum_gomp_parallel(void (*body)(void*), void* data, unsigned threads, unsigned flags) __asm__("GOMP_parallel");
void fulcrum_gomp_barrier() __asm__("GOMP_barrier");
int fulcrum_omp_get_thread_num() noexcept __asm__("omp_get_thread_num");
int fulcrum_omp_get_num_threads() noexcept __asm__("omp_get_num_threads");
int fulcrum_omp_pause_resource_all(int kind) noexcept __asm__("omp_pause_resource_all");
}

/// Ends the threads that wait for the calling thread's next parallel region; that one starts new ones. libgomp counts
/// waiting threads of every caller: where they and those at work are more than the CPUs, all give up spinning at once
/// and sleep between any two steps, which takes longer than most steps.
FULCRUM_DECLARE void release_team() noexcept;

/// A thread of a team, which works with the others on one thing in phases.
class TeamMember {
public:
  TeamMember(std::int64_t thread, std::int64_t team) noexcept : thread_(thread), team_(team) {}

  /// Calls f(first, last) for this thread's part of [0, count), where it has one.
  template <class F>
  void for_part(std::int64_t count, const F& f) const {
    const std::int64_t first = count * thread_ / team_;
    const std::int64_t last = count * (thread_ + 1) / team_;
    if (first < last) f(first, last);
  }
  /// Waits until all of the team are here.
  void wait() const {
    if (team_ > 1) fulcrum_gomp_barrier();
  }

private:
  std::int64_t thread_, team_;
};

/// Calls f(member) on each of `threads` threads. Precondition: f throws nothing, and all wait() as often as one does.
template <class F>
void in_team(int threads, const F& f) {
  if (threads <= 1) return f(TeamMember(0, 1));
  fulcrum_gomp_parallel(
      [](void* data) {
        (*static_cast<const F*>(data))(TeamMember(fulcrum_omp_get_thread_num(), fulcrum_omp_get_num_threads()));
      },
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
