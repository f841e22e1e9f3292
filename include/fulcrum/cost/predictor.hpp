#pragma once
/// \file
/// Whatever predicts: a cost model with what it knows of the machine.

#include <concepts>
#include <functional>
#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/predict.hpp>

namespace fulcrum {

/// Gives a LatencyReport for a model and a configuration. Throws an Error where it cannot.
template <class P>
concept Predictor = requires(const P& predictor, const Model<float>& model, const RunConfig& config) {
  { predictor(model, config) } -> std::convertible_to<LatencyReport>;
};

/// A predictor of any type; empty: none.
using AnyPredictor = std::function<LatencyReport(const Model<float>&, const RunConfig&)>;

/// What steps like those of the model took on the machine: predict().
class CalibratedPredictor {
public:
  explicit CalibratedPredictor(MachineProfile profile) : profile_(std::move(profile)) {}

  /// \throws Error as predict()
  FULCRUM_DECLARE [[nodiscard]] LatencyReport operator()(const Model<float>& model, const RunConfig& config) const;

private:
  MachineProfile profile_;
};

/// The roofline alone: the machine's rates, bandwidths and overheads, as if every kernel ran at them and nothing else
/// ran beside: an upper bound of speed, as good as the rates. How far a measurement stays behind is what the efficiency
/// of kernels and contention cost.
class RooflinePredictor {
public:
  FULCRUM_DECLARE explicit RooflinePredictor(MachineProfile profile);

  /// Every order statistic is the same: the roofline knows no interruptions.
  /// \throws Error as predict()
  FULCRUM_DECLARE [[nodiscard]] LatencyReport operator()(const Model<float>& model, const RunConfig& config) const;

private:
  MachineProfile profile_;
};

/// What each step takes alone, as kriging between timed steps has it, added up: without what was learnt of whole
/// networks, of instances side by side and of the tail. How far CalibratedPredictor is from it is what these are worth.
class KrigingPredictor {
public:
  FULCRUM_DECLARE explicit KrigingPredictor(MachineProfile profile);

  /// Every order statistic is the same.
  /// \throws Error as predict()
  FULCRUM_DECLARE [[nodiscard]] LatencyReport operator()(const Model<float>& model, const RunConfig& config) const;

private:
  MachineProfile profile_;
};

static_assert(Predictor<KrigingPredictor> && Predictor<AnyPredictor> && Predictor<CalibratedPredictor> &&
              Predictor<RooflinePredictor>);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE LatencyReport CalibratedPredictor::operator()(const Model<float>& model, const RunConfig& config) const {
  return predict(model, config, profile_);
}

FULCRUM_DEFINE RooflinePredictor::RooflinePredictor(MachineProfile profile) : profile_(std::move(profile)) {
  profile_.efficiency.clear();
  profile_.composition.clear();
  profile_.contention.clear();
  profile_.jitter.clear();
}

FULCRUM_DEFINE LatencyReport RooflinePredictor::operator()(const Model<float>& model, const RunConfig& config) const {
  LatencyReport report = predict(model, config, profile_);
  report.interval.reset();
  report.notes.emplace_back(
      "roofline alone: an upper bound of speed, as if every kernel reached the rates that calibration found");
  return report;
}

FULCRUM_DEFINE KrigingPredictor::KrigingPredictor(MachineProfile profile) : profile_(std::move(profile)) {
  profile_.composition.clear();
  profile_.contention.clear();
  profile_.jitter.clear();
}

FULCRUM_DEFINE LatencyReport KrigingPredictor::operator()(const Model<float>& model, const RunConfig& config) const {
  LatencyReport report = predict(model, config, profile_);
  report.interval.reset();
  report.notes.emplace_back(
      "the steps alone, added up: without what calibration found of whole networks, instances side by side and the "
      "tail");
  return report;
}

}  // namespace fulcrum

#endif
