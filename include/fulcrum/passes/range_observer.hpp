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

/// How often magnitudes |x| > 0 occurred.
///
/// 2048 bins over the first values' range; larger values later add bins of the same width (as PyTorch's and ONNX
/// Runtime's calibrators do). Past 16 × 2048 bins, pairs of bins merge, so memory stays bounded however much larger the
/// later values are.
class MagnitudeHistogram {
public:
  /// Precondition: the values are finite.
  FULCRUM_DECLARE void observe(std::span<const float> values);

  /// Of bins (i · width, (i + 1) · width].
  [[nodiscard]] const std::vector<std::uint64_t>& bins() const noexcept { return bins_; }
  [[nodiscard]] double width() const noexcept { return width_; }         ///< 0: nothing but zeros seen
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }  ///< values seen, zeros included
  [[nodiscard]] Range all() const { return all_.range(); }
  /// What is seen, cut off at a magnitude.
  FULCRUM_DECLARE [[nodiscard]] Range within(double magnitude) const;
  /// The histogram with bins so wide that there are at most `most`.
  FULCRUM_DECLARE [[nodiscard]] MagnitudeHistogram with_at_most(std::size_t most) const;

private:
  static constexpr std::size_t first_bins = 2048;
  static constexpr std::size_t most_bins = 16 * first_bins;

  [[nodiscard]] double largest_magnitude() const {
    return std::max(-static_cast<double>(all().min), static_cast<double>(all().max));
  }
  [[nodiscard]] std::size_t bin_of(double magnitude) const {
    const double edge = std::ceil(magnitude / width_);
    return edge < 1.0 ? 0 : static_cast<std::size_t>(edge) - 1;
  }
  FULCRUM_DECLARE void merge_pairs();

  double width_ = 0.0;
  std::vector<std::uint64_t> bins_;
  std::uint64_t total_ = 0;
  MinMaxObserver all_;
};

/// Leaves out the largest magnitudes: covers `percentile` percent of all |x| seen. The threshold is the upper edge of
/// the bin in which the percentile falls, so it is exact to one bin and never cuts too much.
class PercentileObserver {
public:
  /// \param percentile  (0, 100]
  /// \throws Error when out of that range
  FULCRUM_DECLARE explicit PercentileObserver(double percentile = 99.99);

  /// Precondition: the values are finite.
  void observe(std::span<const float> values) { histogram_.observe(values); }
  FULCRUM_DECLARE [[nodiscard]] Range range() const;
  [[nodiscard]] std::size_t bin_count() const noexcept { return histogram_.bins().size(); }

private:
  double percentile_;
  MagnitudeHistogram histogram_;
};

/// The range whose quantized distribution tells most about the one seen: of all windows of 128 bins or more the one
/// with the smallest Kullback-Leibler divergence KL(P ‖ Q) (Migacz, "8-bit inference with TensorRT", 2017). P is the
/// histogram in the window, with what lies outside added to its last bin; Q the window alone, merged to 128 levels (256
/// where no value is negative) and each level spread evenly over the bins that P has something in. Zeros, which every
/// scale has exactly, do not count.
class EntropyObserver {
public:
  /// Precondition: the values are finite.
  void observe(std::span<const float> values) { histogram_.observe(values); }
  FULCRUM_DECLARE [[nodiscard]] Range range() const;

private:
  MagnitudeHistogram histogram_;
};

/// The range with the smallest squared error of its rounding: Σ count · (q(c) − c)² over the middles c of the bins, q
/// having 127 steps (255 where no value is negative).
class MseObserver {
public:
  /// Precondition: the values are finite.
  void observe(std::span<const float> values) { histogram_.observe(values); }
  FULCRUM_DECLARE [[nodiscard]] Range range() const;

private:
  MagnitudeHistogram histogram_;
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

FULCRUM_DEFINE void MagnitudeHistogram::observe(std::span<const float> values) {
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

FULCRUM_DEFINE Range MagnitudeHistogram::within(double magnitude) const {
  const auto limit = static_cast<float>(magnitude);
  return {std::max(all().min, -limit), std::min(all().max, limit)};
}

FULCRUM_DEFINE MagnitudeHistogram MagnitudeHistogram::with_at_most(std::size_t most) const {
  MagnitudeHistogram result = *this;
  while (result.bins_.size() > most) result.merge_pairs();
  return result;
}

FULCRUM_DEFINE void MagnitudeHistogram::merge_pairs() {
  std::vector<std::uint64_t> merged((bins_.size() + 1) / 2, 0);
  for (std::size_t i = 0; i < bins_.size(); ++i) merged[i / 2] += bins_[i];
  bins_ = std::move(merged);
  width_ *= 2.0;
}

FULCRUM_DEFINE PercentileObserver::PercentileObserver(double percentile) : percentile_(percentile) {
  if (!(percentile > 0.0 && percentile <= 100.0)) {
    throw Error("percentile " + std::to_string(percentile), "is outside (0, 100]", "99.99 is usual");
  }
}

FULCRUM_DEFINE Range PercentileObserver::range() const {
  const std::vector<std::uint64_t>& bins = histogram_.bins();
  const auto wanted = percentile_ / 100.0 * static_cast<double>(histogram_.total());
  std::uint64_t counted = histogram_.total();
  for (const std::uint64_t n : bins) counted -= n;  // the zeros
  double threshold = 0.0;
  for (std::size_t i = 0; i < bins.size() && static_cast<double>(counted) < wanted; ++i) {
    counted += bins[i];
    threshold = static_cast<double>(i + 1) * histogram_.width();
  }
  // Zeros alone can reach the percentile; a range of nothing would then clip every other value.
  return threshold == 0.0 ? histogram_.all() : histogram_.within(threshold);
}

namespace detail {

/// KL(P ‖ Q) of a window of the first `size` bins, as EntropyObserver has it. Both are smoothed: an empty bin of theirs
/// counts as a small share.
FULCRUM_DECLARE double window_divergence(const std::vector<std::uint64_t>& bins, std::size_t size, std::size_t levels);

FULCRUM_DEFINE double window_divergence(const std::vector<std::uint64_t>& bins, std::size_t size, std::size_t levels) {
  constexpr double smallest = 1e-4;  // of a bin with something in it, before both are normalized
  std::vector<double> p(bins.begin(), bins.begin() + static_cast<std::ptrdiff_t>(size));
  for (std::size_t i = size; i < bins.size(); ++i) p.back() += static_cast<double>(bins[i]);
  std::vector<double> q(size, 0.0);
  for (std::size_t level = 0; level < levels; ++level) {
    const std::size_t from = level * size / levels;
    const std::size_t to = (level + 1) * size / levels;
    double sum = 0.0;
    double occupied = 0.0;
    for (std::size_t i = from; i < to; ++i) {
      sum += static_cast<double>(bins[i]);
      occupied += p[i] > 0.0 ? 1.0 : 0.0;
    }
    for (std::size_t i = from; i < to; ++i) q[i] = p[i] > 0.0 ? sum / occupied : 0.0;
  }
  double total_p = 0.0;
  double total_q = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    p[i] = std::max(p[i], smallest);
    q[i] = std::max(q[i], smallest);
    total_p += p[i];
    total_q += q[i];
  }
  double divergence = 0.0;
  for (std::size_t i = 0; i < size; ++i) divergence += p[i] / total_p * std::log((p[i] / total_p) / (q[i] / total_q));
  return divergence;
}

/// Σ count · (q(c) − c)² for a threshold.
FULCRUM_DECLARE double rounding_error(const MagnitudeHistogram& histogram, double threshold, double steps);

FULCRUM_DEFINE double rounding_error(const MagnitudeHistogram& histogram, double threshold, double steps) {
  const double scale = threshold / steps;
  double error = 0.0;
  for (std::size_t i = 0; i < histogram.bins().size(); ++i) {
    const double c = (static_cast<double>(i) + 0.5) * histogram.width();
    const double off = std::min(std::nearbyint(c / scale), steps) * scale - c;
    error += static_cast<double>(histogram.bins()[i]) * off * off;
  }
  return error;
}

}  // namespace detail

FULCRUM_DEFINE Range EntropyObserver::range() const {
  constexpr std::size_t narrowest = 128;
  const MagnitudeHistogram histogram = histogram_.with_at_most(4096);
  const std::vector<std::uint64_t>& bins = histogram.bins();
  if (bins.size() <= narrowest) return histogram.all();
  const std::size_t levels = histogram.all().min < 0.0F ? 128 : 256;
  std::size_t best = bins.size();
  double least = HUGE_VAL;
  for (std::size_t size = std::max(narrowest, levels); size <= bins.size(); ++size) {
    const double divergence = detail::window_divergence(bins, size, levels);
    if (divergence < least) {
      least = divergence;
      best = size;
    }
  }
  return histogram.within(static_cast<double>(best) * histogram.width());
}

FULCRUM_DEFINE Range MseObserver::range() const {
  constexpr std::size_t candidates = 256;
  const MagnitudeHistogram histogram = histogram_.with_at_most(4096);
  if (histogram.bins().empty()) return histogram.all();
  const double largest = static_cast<double>(histogram.bins().size()) * histogram.width();
  const double steps = histogram.all().min < 0.0F ? 127.0 : 255.0;
  double best = largest;
  double least = HUGE_VAL;
  for (std::size_t i = candidates; i > 0; --i) {
    const double threshold = largest * static_cast<double>(i) / static_cast<double>(candidates);
    const double error = detail::rounding_error(histogram, threshold, steps);
    if (error < least) {
      least = error;
      best = threshold;
    }
  }
  return histogram.within(best);
}

}  // namespace fulcrum

#endif
