#pragma once
/// \file
/// One CPU for each thread of an OpenMP team.

#include <cstddef>
#include <span>

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail {

/// Puts the calling thread on cpus[0] and the others of its team of cpus.size() threads on the rest, one each. Left to
/// itself the scheduler now and then puts two threads that wait for each other on one CPU, and a step then takes as
/// long as a time slice. The team keeps its CPUs as long as the calling thread lives; restore the caller's own with
/// PinnedThread.
inline void pin_team(std::span<const int> cpus) {
  fulcrum_gomp_parallel(
      [](void* data) {
        const auto& own = *static_cast<const std::span<const int>*>(data);
        const auto thread = static_cast<std::size_t>(fulcrum_omp_get_thread_num());
        if (thread < own.size()) static_cast<void>(set_affinity(own.subspan(thread, 1)));
      },
      &cpus, static_cast<unsigned>(cpus.size()), 0);
}

}  // namespace fulcrum::detail
