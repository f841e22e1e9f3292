#pragma once
/// \file
/// What a calibration has timed so far: enough to fit a profile, and to go on after an interruption
/// (calibration_data_json.hpp keeps it).

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/calibrate/fit_profile.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/drift.hpp>
#include <fulcrum/cost/machine_rates.hpp>
#include <fulcrum/measure/core_watch.hpp>
#include <fulcrum/schedule/layout_change.hpp>

namespace fulcrum {

/// What looks at so many cores saw, one as each timing began.
struct SeenCores {
  int threads = 1;
  std::int64_t looks = 0;
  std::int64_t disturbed = 0;
  std::chrono::nanoseconds least = std::chrono::nanoseconds::max();  ///< of all looks
};

/// Timed steps and what was seen beside them.
struct CalibrationData {
  std::int64_t probes = 0;  ///< drawn so far
  double seconds = 0.0;     ///< spent on them so far
  std::vector<Bandwidth> bandwidths;
  std::vector<TimedStep> steps;
  std::vector<TimedNetwork> networks;          ///< probes as a whole
  std::vector<std::vector<DriftProbe>> drift;  ///< turns of the drift probe between them
  std::vector<SeenCores> cores;                ///< by thread count, ascending
  std::vector<LayoutChange> layout_changes;    ///< `reorders` is the mean of what was seen
  std::vector<int> seen;                       ///< how often each of them was looked at

  /// One value on its way.
  FULCRUM_DECLARE void add(const LayoutChange& change);

  /// What was seen of so many cores; new where nothing was.
  FULCRUM_DECLARE [[nodiscard]] SeenCores& cores_of(int threads);
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(calibrate)

#include <algorithm>

namespace fulcrum {

FULCRUM_DEFINE void CalibrationData::add(const LayoutChange& change) {
  const auto known = std::find_if(layout_changes.begin(), layout_changes.end(),
                                  [&](const LayoutChange& c) { return c.same_place(change); });
  if (known == layout_changes.end()) {
    layout_changes.push_back(change);
    seen.push_back(1);
    return;
  }
  int& count = seen[static_cast<std::size_t>(known - layout_changes.begin())];
  ++count;
  known->reorders += (change.reorders - known->reorders) / count;
}

FULCRUM_DEFINE SeenCores& CalibrationData::cores_of(int threads) {
  const auto at = std::lower_bound(cores.begin(), cores.end(), threads,
                                   [](const SeenCores& c, int count) { return c.threads < count; });
  if (at != cores.end() && at->threads == threads) return *at;
  return *cores.insert(at, SeenCores{.threads = threads});
}

}  // namespace fulcrum

#endif
