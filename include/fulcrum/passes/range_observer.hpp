#pragma once
/// \file
/// Watch the values that go by and say which range to quantize. Memory does not grow with the number of values.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// The interval that quantization has to cover; always holds 0.
struct Range {
  float min = 0.0F;  ///< ≤ 0
  float max = 0.0F;  ///< ≥ 0

  friend bool operator==(const Range&, const Range&) = default;
};

/// The smallest and largest value seen.
class MinMaxObserver {
public:
  /// Precondition: the values are finite.
  FULCRUM_DECLARE void observe(std::span<const float> values);
  [[nodiscard]] Range range() const { return range_; }

private:
  Range range_;
};

/// Leaves out the largest magnitudes: covers `percentile` percent of all |x| seen.
///
/// |x| goes into a histogram of 2048 bins over the first values' range; larger values later add bins of the same width
/// (as PyTorch's and ONNX Runtime's calibrators do). Past 16 × 2048 bins, pairs of bins merge, so memory stays bounded
/// however much larger the later values are. The threshold is the upper edge of the bin in which the percentile falls,
/// so it is exact to one bin and never cuts too much.
class PercentileObserver {
public:
  /// \param percentile  (0, 100]
  /// \throws Error when out of that range
  FULCRUM_DECLARE explicit PercentileObserver(double percentile = 99.99);

  /// Precondition: the values are finite.
  FULCRUM_DECLARE void observe(std::span<const float> values);

  FULCRUM_DECLARE [[nodiscard]] Range range() const;

  [[nodiscard]] std::size_t bin_count() const noexcept { return bins_.size(); }

private:
  static constexpr std::size_t first_bins = 2048;
  static constexpr std::size_t most_bins = 16 * first_bins;

  [[nodiscard]] double largest_magnitude() const {
    const Range all = all_.range();
    return std::max(-static_cast<double>(all.min), static_cast<double>(all.max));
  }

  /// Bin i holds (i · width, (i + 1) · width].
  [[nodiscard]] std::size_t bin_of(double magnitude) const {
    const double edge = std::ceil(magnitude / width_);
    return edge < 1.0 ? 0 : static_cast<std::size_t>(edge) - 1;
  }

  FULCRUM_DECLARE void merge_pairs();

  double percentile_;
  double width_ = 0.0;  // of a bin; 0: nothing but zeros seen
  std::vector<std::uint64_t> bins_;
  std::uint64_t total_ = 0;  // values seen, zeros included
  MinMaxObserver all_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <string>
#include <utility>

namespace fulcrum {

FULCRUM_DEFINE void MinMaxObserver::observe(std::span<const float> values) {
  for (const float x : values) {
    range_.min = std::min(range_.min, x);
    range_.max = std::max(range_.max, x);
  }
}

FULCRUM_DEFINE PercentileObserver::PercentileObserver(double percentile) : percentile_(percentile) {
  if (!(percentile > 0.0 && percentile <= 100.0)) {
    throw Error("percentile " + std::to_string(percentile), "is outside (0, 100]", "99.99 is usual");
  }
}

FULCRUM_DEFINE void PercentileObserver::observe(std::span<const float> values) {
  all_.observe(values);
  const double largest = largest_magnitude();
  total_ += values.size();
  if (largest == 0.0) return;  // zeros only so far: they need no bin
  if (width_ == 0.0) width_ = largest / static_cast<double>(first_bins);
  while (largest / width_ > static_cast<double>(most_bins)) merge_pairs();
  const std::size_t needed = bin_of(largest) + 1;
  if (bins_.size() < needed) bins_.resize(needed, 0);
  for (const float x : values) {
    if (x != 0.0F) ++bins_[bin_of(std::abs(static_cast<double>(x)))];
  }
}

FULCRUM_DEFINE Range PercentileObserver::range() const {
  const Range all = all_.range();
  const auto wanted = percentile_ / 100.0 * static_cast<double>(total_);
  std::uint64_t counted = total_;
  for (const std::uint64_t n : bins_) counted -= n;  // the zeros
  double threshold = 0.0;
  for (std::size_t i = 0; i < bins_.size() && static_cast<double>(counted) < wanted; ++i) {
    counted += bins_[i];
    threshold = static_cast<double>(i + 1) * width_;
  }
  // Zeros alone can reach the percentile; a range of nothing would then clip every other value.
  if (threshold == 0.0) return all;
  const auto limit = static_cast<float>(threshold);
  return {std::max(all.min, -limit), std::min(all.max, limit)};
}

FULCRUM_DEFINE void PercentileObserver::merge_pairs() {
  std::vector<std::uint64_t> merged((bins_.size() + 1) / 2, 0);
  for (std::size_t i = 0; i < bins_.size(); ++i) merged[i / 2] += bins_[i];
  bins_ = std::move(merged);
  width_ *= 2.0;
}

}  // namespace fulcrum

#endif
