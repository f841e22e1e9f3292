#pragma once
/// \file
/// Keeps whoever puts a load on a runner off the runner's CPUs.

#include <optional>

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/queued_runner.hpp>

namespace fulcrum {

/// While it lives, the calling thread keeps to the CPUs that no instance of the runner is kept on, where there are any.
/// A generator that spins before each request else may share an instance's CPU, by whole time slices of some
/// milliseconds, and measures itself.
class BesideRunner {
public:
  FULCRUM_LINKAGE explicit BesideRunner(const QueuedRunner& runner);

private:
  std::optional<PinnedThread> pin_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

#include <algorithm>
#include <vector>

#include <fulcrum/onednn/environment.hpp>

namespace fulcrum {

FULCRUM_LINKAGE BesideRunner::BesideRunner(const QueuedRunner& runner) {
  std::vector<int> free;
  for (const int cpu : onednn_environment().affinity) {
    if (std::find(runner.cpus().begin(), runner.cpus().end(), cpu) == runner.cpus().end()) free.push_back(cpu);
  }
  if (!runner.cpus().empty() && !free.empty()) pin_.emplace(free);
}

}  // namespace fulcrum

#endif
