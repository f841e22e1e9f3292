#pragma once
/// \file
/// What the prediction of a step rests on: its place under the roof, and the timed steps that say how far from it such
/// steps stay.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/cost/roofline.hpp>
#include <fulcrum/schedule/schedule.hpp>

namespace fulcrum {

/// Whose timed steps a prediction was made from.
enum class BasisKind : std::uint8_t {
  same_kind,        ///< of its class, algorithm and precision
  f32,              ///< of its class and algorithm in f32
  other_loops,      ///< of other layers' plain loops
  other_algorithm,  ///< of its class, by other algorithms
  roofline,         ///< nobody's: the machine's rates alone
  data_sheet,       ///< nobody's: what kernels of its class usually reach
};

inline constexpr std::array all_basis_kinds{BasisKind::same_kind,       BasisKind::f32,      BasisKind::other_loops,
                                            BasisKind::other_algorithm, BasisKind::roofline, BasisKind::data_sheet};

[[nodiscard]] constexpr std::string_view name_of(BasisKind kind) noexcept {
  switch (kind) {
    case BasisKind::same_kind: return "same_kind";
    case BasisKind::f32: return "f32";
    case BasisKind::other_loops: return "other_loops";
    case BasisKind::other_algorithm: return "other_algorithm";
    case BasisKind::roofline: return "roofline";
    case BasisKind::data_sheet: return "data_sheet";
  }
  return "?";
}

/// A step that was timed when the machine was calibrated, as seen from one that is predicted.
struct NearProbe {
  std::string what;  ///< words_of() it; empty: the profile does not say
  Precision precision = Precision::f32;
  int threads = 1;
  double time_us = 0.0;   ///< that it took; 0: the profile does not say
  double distance = 0.0;  ///< in the space of efficiency_features(); 1 is far
  double likeness = 0.0;  ///< 0 … 1: the covariance that the model takes for this distance
};

/// A step's prediction and its reasons.
struct StepBasis {
  std::string name;  ///< of the step
  std::string kind;
  std::string what;  ///< words_of() the step
  double flops = 0.0;
  double bytes = 0.0;
  RooflinePoint roofline;
  double time_us = 0.0;  ///< predicted, alone on the machine
  double sd = 0.0;       ///< standard deviation of ln(time)
  Bound bound = Bound::compute;
  double of_roof = 0.0;  ///< the least time by the machine's rates over the predicted one
  BasisKind basis = BasisKind::roofline;
  std::size_t samples = 0;          ///< timed steps that have a say
  double beyond = 0.0;              ///< distance from the range of all of them; 0: inside
  std::vector<NearProbe> probes{};  ///< the nearest of them first
};

/// \param probes  how many of the nearest timed steps to name
/// \throws Error when the profile lacks the step's precision
FULCRUM_DECLARE [[nodiscard]] StepBasis basis_of(const Step& step, const MachineProfile& profile,
                                                 std::size_t probes = 3);

/// Of every step that predict() charges, in order.
/// \throws Error when the profile lacks the precision
FULCRUM_DECLARE [[nodiscard]] std::vector<StepBasis> basis_of(const Schedule& schedule, const MachineProfile& profile,
                                                              std::size_t probes = 3);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

#include <algorithm>
#include <cmath>
#include <limits>

#include <fulcrum/cost/predict.hpp>
#include <fulcrum/cost/step_words.hpp>
#include <fulcrum/schedule/movement.hpp>

namespace fulcrum::detail {

/// Adds all samples of a model, as the model sees them from the features of a step.
FULCRUM_DECLARE void add_probes(const EfficiencyModel& model, const std::vector<double>& features, StepBasis& basis);

FULCRUM_DEFINE void add_probes(const EfficiencyModel& model, const std::vector<double>& features, StepBasis& basis) {
  std::vector<double> clamped = features;
  double outside = 0.0;
  for (std::size_t j = 0; j < features.size(); ++j) {
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (const EfficiencySample& sample : model.samples) {
      least = std::min(least, sample.features.at(j));
      most = std::max(most, sample.features.at(j));
    }
    clamped[j] = std::clamp(features[j], least, most);
    outside += (features[j] - clamped[j]) * (features[j] - clamped[j]);
  }
  basis.samples += model.samples.size();
  basis.beyond = std::max(basis.beyond, std::sqrt(outside));
  for (const EfficiencySample& sample : model.samples) {
    const double inside = distance(clamped, sample.features);
    basis.probes.push_back({sample.what, model.precision, model.threads, sample.time_us,
                            std::hypot(inside, std::sqrt(outside)), matern(inside / model.length_scale)});
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE StepBasis basis_of(const Step& step, const MachineProfile& profile, std::size_t probes) {
  const StepPrediction predicted = predict_step(step, profile);
  StepBasis basis{.name = step.name,
                  .kind = step.kind,
                  .what = words_of(step),
                  .flops = step.flops,
                  .bytes = step.bytes(),
                  .roofline = predicted.roofline,
                  .time_us = predicted.time_us,
                  .sd = predicted.sd,
                  .bound = bound_of(predicted.roofline, predicted.time_us),
                  .of_roof = predicted.roofline.time_us() / predicted.time_us};
  const EfficiencyChoice choice = profile.choose_efficiency(step, step.threads);
  if (choice.below == nullptr) return basis;
  if (profile.from_data_sheet) {
    basis.basis = BasisKind::data_sheet;
    return basis;
  }
  constexpr std::array by_loans{BasisKind::same_kind, BasisKind::f32, BasisKind::other_loops,
                                BasisKind::other_algorithm};
  basis.basis = by_loans.at(static_cast<std::size_t>(choice.loans));
  const std::vector<double> features = efficiency_features(step, predicted.roofline);
  detail::add_probes(*choice.below, features, basis);
  if (choice.above != choice.below) detail::add_probes(*choice.above, features, basis);
  const std::size_t kept = std::min(probes, basis.probes.size());
  std::partial_sort(basis.probes.begin(), basis.probes.begin() + static_cast<std::ptrdiff_t>(kept), basis.probes.end(),
                    [](const NearProbe& a, const NearProbe& b) { return a.distance < b.distance; });
  basis.probes.resize(kept);
  return basis;
}

FULCRUM_DEFINE std::vector<StepBasis> basis_of(const Schedule& schedule, const MachineProfile& profile,
                                               std::size_t probes) {
  std::vector<StepBasis> result;
  const ExpectedSteps steps(schedule, profile.layout_changes);
  for (const ScheduledStep* entry : steps.in_order()) result.push_back(basis_of(entry->step, profile, probes));
  return result;
}

}  // namespace fulcrum

#endif
