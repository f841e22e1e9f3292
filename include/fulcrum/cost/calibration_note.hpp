#pragma once
/// \file
/// What a calibration says of itself, for whoever reads a prediction from it.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/machine_profile.hpp>

namespace fulcrum {

/// One sentence each when the calibration was shorter than predictions are usually made from (45 s), or the machine was
/// not quiet while it ran (its probe of fixed work was more than 10 % apart between its turns), or when there was none,
/// as of a profile from a data sheet. Empty when nothing speaks against it or the profile does not say.
FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> calibration_notes(const MachineProfile& profile);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE std::vector<std::string> calibration_notes(const MachineProfile& profile) {
  constexpr double usual_s = 45.0;
  constexpr double noisy = 0.1;
  std::vector<std::string> notes;
  if (profile.from_data_sheet) {
    notes.emplace_back(
        "the profile is made from a data sheet: nothing was measured, and times are known to a factor of about two; "
        "run fulcrum calibrate on that machine");
    return notes;
  }
  if (profile.duration_s > 0.0 && profile.duration_s < usual_s) {
    notes.push_back("the calibration took " + std::to_string(std::lround(std::max(profile.duration_s, 1.0))) +
                    " s: predictions are rougher than from one of " + std::to_string(std::lround(usual_s)) +
                    " s or more; run fulcrum calibrate");
  }
  double apart = 0.0;
  for (const DriftProbe& probe : profile.drift_probe) apart = std::max(apart, probe.noise);
  if (apart > noisy) {
    notes.push_back("the machine was busy when it was calibrated: the same work took up to " +
                    std::to_string(std::lround(100.0 * apart)) +
                    " % more or less time; stop other work and run fulcrum calibrate");
  }
  return notes;
}

}  // namespace fulcrum

#endif
