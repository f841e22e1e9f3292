#pragma once
/// \file
/// The roofline's two sides and the floor: how fast a machine computes, how fast it moves bytes, what a step costs at
/// the least.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// The highest rate that any kernel of a precision reached.
struct PeakRate {
  Precision precision = Precision::f32;
  int threads = 1;
  double flop_per_s = 0.0;

  friend bool operator==(const PeakRate&, const PeakRate&) = default;
};

/// How fast bytes are read that stay in a level of the memory hierarchy.
struct Bandwidth {
  std::string level;            ///< "L1", "L2", "L3" or "DRAM"
  double capacity_bytes = 0.0;  ///< of all threads' caches together; 0 for the last level: no end
  int threads = 1;
  double byte_per_s = 0.0;

  friend bool operator==(const Bandwidth&, const Bandwidth&) = default;
};

/// The floor under every step and every inference.
struct Overhead {
  int threads = 1;
  double step_us = 0.0;       ///< of a step that has next to nothing to do
  double inference_us = 0.0;  ///< of one inference beside its steps

  friend bool operator==(const Overhead&, const Overhead&) = default;
};

namespace detail {

/// Interpolates a positive figure between the calibrated thread counts, linear in log-log; outside them the nearest.
class ThreadInterpolation {
public:
  explicit ThreadInterpolation(int threads) : threads_(threads) {}

  /// What is known, in any order.
  void add(int threads, double figure) noexcept {
    if (threads <= threads_ && threads > below_.first) below_ = {threads, figure};
    if (threads >= threads_ && (above_.first == 0 || threads < above_.first)) above_ = {threads, figure};
  }
  [[nodiscard]] bool empty() const noexcept { return below_.first == 0 && above_.first == 0; }
  /// Precondition: not empty.
  FULCRUM_DECLARE [[nodiscard]] double value() const;

private:
  int threads_;
  std::pair<int, double> below_{0, 0.0}, above_{0, 0.0};  // thread count, 0: none, and figure
};

}  // namespace detail

/// All rates of a machine.
struct MachineRates {
  std::vector<PeakRate> peaks;
  std::vector<Bandwidth> bandwidths;  ///< per thread count from the nearest level to the farthest
  std::vector<Overhead> overheads;

  friend bool operator==(const MachineRates&, const MachineRates&) = default;

  FULCRUM_DECLARE [[nodiscard]] bool knows(Precision precision) const;

  /// [FLOP/s]
  /// \throws Error when the precision was not calibrated
  FULCRUM_DECLARE [[nodiscard]] double peak(Precision precision, int threads) const;

  /// [B/s] for data of which `working_set` bytes are touched between two uses. A level of capacity C serves the share
  /// 1 / (1 + (working_set / 1.05 C)⁶) and the next ones the rest: data that is used in turn falls out of a cache
  /// almost at once when there is more of it than fits, and some of it before, for not every set fills evenly.
  ///
  /// \param copies  programs on `threads` threads each that do so side by side: each has its own L1 and L2 and its part
  ///                of what all share, where `shared_set` bytes are touched by them all
  /// \throws Error when no bandwidth was calibrated
  FULCRUM_DECLARE [[nodiscard]] double bandwidth(double working_set, int threads, int copies = 1,
                                                 double shared_set = 0.0) const;

  /// The caches that bandwidths were calibrated for, as one core sees them; 0: none.
  FULCRUM_DECLARE [[nodiscard]] CacheSizes caches() const;

  /// [µs]
  [[nodiscard]] double step_overhead_us(int threads) const { return overhead(threads, &Overhead::step_us); }
  /// [µs]
  [[nodiscard]] double inference_overhead_us(int threads) const { return overhead(threads, &Overhead::inference_us); }

private:
  FULCRUM_DECLARE [[nodiscard]] double bandwidth_of_calibrated(double working_set, double shared_set,
                                                               int threads) const;

  FULCRUM_DECLARE [[nodiscard]] double overhead(int threads, double Overhead::*figure) const;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE bool MachineRates::knows(Precision precision) const {
  return std::any_of(peaks.begin(), peaks.end(), [&](const PeakRate& p) { return p.precision == precision; });
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE double ThreadInterpolation::value() const {
  if (below_.first == 0 || above_.first == threads_) return above_.second;
  if (above_.first == 0) return below_.second;
  const double share = std::log(static_cast<double>(threads_) / below_.first) /
                       std::log(static_cast<double>(above_.first) / below_.first);
  constexpr double tiny = 1e-12;
  return std::exp((1.0 - share) * std::log(below_.second + tiny) + share * std::log(above_.second + tiny));
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE double MachineRates::peak(Precision precision, int threads) const {
  detail::ThreadInterpolation known(threads);
  for (const PeakRate& p : peaks) {
    if (p.precision == precision) known.add(p.threads, p.flop_per_s);
  }
  if (known.empty()) {
    throw Error(
        "the machine profile", "has no figures for " + std::string(name_of(precision)),
        "choose another precision, or run `fulcrum calibrate` again if this CPU runs it (`fulcrum info` tells)");
  }
  return known.value();
}

FULCRUM_DEFINE double MachineRates::bandwidth(double working_set, int threads, int copies, double shared_set) const {
  if (bandwidths.empty()) throw Error("the machine profile", "has no memory bandwidth", "run `fulcrum calibrate`");
  const int all = threads * copies;
  const double private_set = working_set * copies;
  const double shared = copies > 1 ? shared_set : working_set;
  // Interpolated between the calibrated thread counts, linear in log-log.
  int below = 0, above = 0;
  for (const Bandwidth& b : bandwidths) {
    if (b.threads <= all) below = std::max(below, b.threads);
    if (b.threads >= all && (above == 0 || b.threads < above)) above = b.threads;
  }
  if (below == 0) below = above;
  if (above == 0) above = below;
  double rate = bandwidth_of_calibrated(private_set, shared, below);
  if (above != below) {
    const double share = std::log(static_cast<double>(all) / below) / std::log(static_cast<double>(above) / below);
    rate = std::exp((1.0 - share) * std::log(rate) +
                    share * std::log(bandwidth_of_calibrated(private_set, shared, above)));
  }
  return rate / copies;
}

FULCRUM_DEFINE CacheSizes MachineRates::caches() const {
  CacheSizes result;
  int threads = 0;
  for (const Bandwidth& b : bandwidths) {
    if (threads == 0 || b.threads < threads) threads = b.threads;
  }
  for (const Bandwidth& b : bandwidths) {
    if (b.threads != threads) continue;
    const auto capacity = static_cast<std::int64_t>(b.capacity_bytes);
    if (b.level == "L1") result.l1d = capacity / threads;
    if (b.level == "L2") result.l2 = capacity / threads;
    if (b.level == "L3") result.l3 = capacity;
  }
  return result;
}

FULCRUM_DEFINE double MachineRates::bandwidth_of_calibrated(double working_set, double shared_set, int threads) const {
  double seconds_per_byte = 0.0;
  double left = 1.0;  // share of the traffic that the nearer levels do not serve
  for (const Bandwidth& b : bandwidths) {
    if (b.threads != threads || left <= 0.0) continue;
    const double set = b.level == "L3" ? shared_set : working_set;
    const double fullness = b.capacity_bytes > 0.0 ? set / (1.05 * b.capacity_bytes) : 0.0;
    const double cube = fullness * fullness * fullness;
    const double share = left / (1.0 + cube * cube);
    seconds_per_byte += share / b.byte_per_s;
    left -= share;
  }
  return (1.0 - std::max(left, 0.0)) / seconds_per_byte;
}

FULCRUM_DEFINE double MachineRates::overhead(int threads, double Overhead::*figure) const {
  detail::ThreadInterpolation known(threads);
  for (const Overhead& o : overheads) known.add(o.threads, o.*figure);
  if (known.empty()) throw Error("the machine profile", "has no overheads", "run `fulcrum calibrate`");
  return known.value();
}

}  // namespace fulcrum

#endif
