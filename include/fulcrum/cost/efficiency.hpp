#pragma once
/// \file
/// How far from the roofline a step of a given shape stays on a machine: interpolated between steps that were timed.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/efficiency_features.hpp>
#include <fulcrum/cost/roofline.hpp>
#include <fulcrum/schedule/step.hpp>

namespace fulcrum {

/// How often a step takes each part of its roofline: a sum, where the roofline itself takes the larger of computing and
/// moving data. What kernels of one class have in common is in here, so that less is left to interpolate.
struct RooflineParts {
  double overhead = 1.0;
  double compute = 1.0;  ///< with what blocks of 16 channels leave unused
  double memory = 1.0;
  double functions = 0.0;

  friend bool operator==(const RooflineParts&, const RooflineParts&) = default;
};

/// The parts of a step's roofline [µs], in the order of RooflineParts.
FULCRUM_DECLARE [[nodiscard]] std::array<double, 4> parts_of(const Step& step, const RooflinePoint& roofline);

/// A timed step as a point in feature space.
struct EfficiencySample {
  std::vector<double> features;  ///< of efficiency_features()
  double log_slowdown = 0.0;     ///< ln(time / time by the model's parts)
  double weight = 0.0;           ///< in the interpolation; set by fit_efficiency()
  double time_us = 0.0;          ///< that it took, at the calibration's speed; 0: not known, as of older profiles
  std::string what{};            ///< words_of() it; empty: not known

  friend bool operator==(const EfficiencySample&, const EfficiencySample&) = default;
};

/// How far a step stays from its roofline, and how sure that is.
struct Slowdown {
  double log = 0.0;      ///< ln(time / time by the parts of the roofline)
  double sd = 0.0;       ///< standard deviation of `log`
  double nearest = 0.0;  ///< distance in feature space to the nearest step that was timed; 1 is far
};

/// Samples in blocks, as vectors of a CPU take them (cost/detail/kriging_sum.hpp). Nothing that the samples do not say.
struct SampleTable {
  std::size_t count = 0;
  std::vector<std::size_t> columns;  ///< features in which samples differ; whoever is clamped is at one with all others
  std::vector<float> blocks;   ///< of samples: those features of them, one after the other; the last block filled up
  std::vector<float> weights;  ///< of the samples, and 0 of what fills up
  std::vector<std::pair<double, double>> ranges;  ///< the least and the largest of each feature
  std::pair<double, double> logs;                 ///< the least and the largest log_slowdown

  friend bool operator==(const SampleTable&, const SampleTable&) { return true; }
};

/// ln(time / time by `parts`) of the steps of one class, algorithm, precision and thread count, as a function of their
/// features x:
///
///     trend₀ + Σⱼ trendⱼ₊₁ xⱼ + Σᵢ weightᵢ k(|x − xᵢ| / length_scale),   k(d) = (1 + √3 d) e^(−√3 d)
///
/// a ridge regression with kriging of its residuals (Rasmussen and Williams, "Gaussian Processes for Machine
/// Learning", 2006, eq. 2.41 and 4.17). Features are clamped to the range of the samples, so that far from anything
/// timed the efficiency stays that of the nearest edge. Its standard deviation grows with the distance d to the nearest
/// sample as √(noise² + (spread d)²), which is fitted to how far each sample is from what all others predict of it.
struct EfficiencyModel {
  KernelClass kernel = KernelClass::convolution;
  Algorithm algorithm = Algorithm::primitive;
  std::string layer;                     ///< of plain loops: whose ("Gather"); otherwise empty
  Precision precision = Precision::f32;  ///< the step's arithmetic
  int threads = 1;
  std::optional<RooflineParts> parts;  ///< absent: too few steps were timed to tell, and the roofline itself stands in
  double length_scale = 1.0;
  double loo_error = 0.0;  ///< median |predicted / measured − 1| of each sample, predicted from all the others
  double noise = 0.0;      ///< standard deviation of a step like one that was timed
  double spread = 0.0;     ///< standard deviation per distance to the nearest sample
  std::vector<double> trend;
  std::vector<EfficiencySample> samples;
  SampleTable table;  ///< made by prepare()

  friend bool operator==(const EfficiencyModel&, const EfficiencyModel&) = default;

  /// Makes slowdown() quick, once the samples are there. Whoever changes samples later calls it again.
  FULCRUM_DECLARE void prepare();

  /// \param features  of efficiency_features() for a step of this class
  FULCRUM_DECLARE [[nodiscard]] Slowdown slowdown(const std::vector<double>& features) const;

  /// What a step takes by `parts` alone [µs].
  [[nodiscard]] double parts_us(const Step& step, const RooflinePoint& roofline) const {
    return parts_us(parts_of(step, roofline), roofline.time_us());
  }
  /// \param of_step  parts_of() the step
  FULCRUM_DECLARE [[nodiscard]] double parts_us(const std::array<double, 4>& of_step, double roofline_us) const;
};

namespace detail {

/// Matérn covariance with ν = 3/2.
FULCRUM_DECLARE double matern(double distance) noexcept;

FULCRUM_DECLARE double distance(const std::vector<double>& a, const std::vector<double>& b) noexcept;

}  // namespace detail

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

#include <fulcrum/cost/detail/kriging_sum.hpp>

namespace fulcrum::detail {

FULCRUM_DEFINE double matern(double distance) noexcept {
  const double d = std::sqrt(3.0) * distance;
  return (1.0 + d) * std::exp(-d);
}

FULCRUM_DEFINE double distance(const std::vector<double>& a, const std::vector<double>& b) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::array<double, 4> parts_of(const Step& step, const RooflinePoint& roofline) {
  double used = 1.0;
  const bool multiplies = step.kernel == KernelClass::convolution || step.kernel == KernelClass::grouped_convolution ||
                          step.kernel == KernelClass::transposed_convolution || step.kernel == KernelClass::dense ||
                          step.kernel == KernelClass::matmul;
  if (multiplies) {
    constexpr std::int64_t block = 16;
    const StepGeometry& g = step.geometry;
    const std::int64_t groups = std::max<std::int64_t>(g.groups, 1);
    const auto element = static_cast<std::int64_t>(size_of(step.src));
    used = detail::utilization(std::max<std::int64_t>(g.oc / groups, 1), block) *
           detail::utilization(std::max<std::int64_t>(g.ic / groups, 1) * element, block);
  }
  return {roofline.overhead_us, roofline.compute_us / used, roofline.memory_us, roofline.function_us};
}

FULCRUM_DEFINE double EfficiencyModel::parts_us(const std::array<double, 4>& of_step, double roofline_us) const {
  if (!parts) return roofline_us;
  const auto [overhead, compute, memory, functions] = of_step;
  return parts->overhead * overhead + parts->compute * compute + parts->memory * memory + parts->functions * functions;
}

FULCRUM_DEFINE void EfficiencyModel::prepare() {
  table = {};
  if (samples.empty()) return;
  const std::size_t width = samples.front().features.size();
  table.count = samples.size();
  for (std::size_t j = 0; j < width; ++j) {
    std::pair<double, double> range{samples.front().features[j], samples.front().features[j]};
    for (const EfficiencySample& sample : samples)
      range = {std::min(range.first, sample.features[j]), std::max(range.second, sample.features[j])};
    table.ranges.push_back(range);
    if (range.first < range.second) table.columns.push_back(j);
  }
  constexpr std::size_t side = detail::samples_side_by_side;
  for (std::size_t first = 0; first < samples.size(); first += side) {
    for (const std::size_t j : table.columns) {
      for (std::size_t i = first; i < first + side; ++i)  // what fills up is another time the last one
        table.blocks.push_back(static_cast<float>(samples[std::min(i, samples.size() - 1)].features[j]));
    }
  }
  table.logs = {samples.front().log_slowdown, samples.front().log_slowdown};
  for (const EfficiencySample& sample : samples) {
    table.weights.push_back(static_cast<float>(sample.weight));
    table.logs = {std::min(table.logs.first, sample.log_slowdown), std::max(table.logs.second, sample.log_slowdown)};
  }
  table.weights.resize((samples.size() + side - 1) / side * side, 0.0F);
}

FULCRUM_DEFINE Slowdown EfficiencyModel::slowdown(const std::vector<double>& features) const {
  Slowdown result;
  if (samples.empty()) return result;
  if (table.count != samples.size()) {
    EfficiencyModel prepared = *this;
    prepared.prepare();
    return prepared.slowdown(features);
  }
  constexpr std::size_t most = 64;  // features; no class has half as many
  std::array<float, most> at{};     // by column of the table
  double outside = 0.0;             // squared distance from the range of the samples
  result.log = trend.empty() ? 0.0 : trend.front();
  const std::size_t width = std::min({features.size(), table.ranges.size(), most});
  std::size_t column = 0;
  for (std::size_t j = 0; j < width; ++j) {
    const double clamped = std::clamp(features[j], table.ranges[j].first, table.ranges[j].second);
    outside += (features[j] - clamped) * (features[j] - clamped);
    if (j + 1 < trend.size()) result.log += trend[j + 1] * clamped;
    if (column < table.columns.size() && table.columns[column] == j) at[column++] = static_cast<float>(clamped);
  }
  const detail::KrigingSum sum =
      detail::kriging_sum(table.blocks.data(), table.weights.data(), table.weights.size(), at.data(),
                          table.columns.size(), static_cast<float>(std::sqrt(3.0) / length_scale));
  result.log += sum.weighted;
  // Few samples with features that go together can point anywhere: no step is much better or worse than all of them.
  constexpr double beyond = 0.3;
  result.log = std::clamp(result.log, table.logs.first - beyond, table.logs.second + beyond);
  result.nearest = std::sqrt(sum.nearest_square + outside);
  result.sd = std::sqrt(noise * noise + spread * spread * result.nearest * result.nearest);
  return result;
}

}  // namespace fulcrum

#endif
