#pragma once
/// \file
/// How far an approximation is from what it stands for.

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// Energy of a signal and of the noise on it, summed over as many pieces as one likes.
struct SignalToNoise {
  double signal = 0.0;  ///< Σx²
  double noise = 0.0;   ///< Σ(x − x')²

  /// \throws Error when the sizes differ
  template <class T>
  void add(std::span<const T> exact, std::span<const T> approximation) {
    if (exact.size() != approximation.size()) {
      throw Error("signal-to-noise ratio", "was given " + std::to_string(exact.size()) + " and " +
                                               std::to_string(approximation.size()) + " values");
    }
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const double x = static_cast<double>(exact[i]);
      const double error = x - static_cast<double>(approximation[i]);
      signal += x * x;
      noise += error * error;
    }
  }

  /// Adds what another piece has.
  SignalToNoise& operator+=(const SignalToNoise& other) {
    signal += other.signal;
    noise += other.noise;
    return *this;
  }

  /// 10 · log10(Σx² / Σ(x − x')²) [dB]; infinity when the approximation is exact.
  [[nodiscard]] double decibels() const {
    if (noise == 0.0) return std::numeric_limits<double>::infinity();
    return 10.0 * std::log10(signal / noise);
  }
};

/// \copydoc SignalToNoise::decibels
template <class T>
[[nodiscard]] double sqnr_db(std::span<const T> exact, std::span<const T> approximation);

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

namespace fulcrum {

template <class T>
double sqnr_db(std::span<const T> exact, std::span<const T> approximation) {
  SignalToNoise ratio;
  ratio.add(exact, approximation);
  return ratio.decibels();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum {
template double sqnr_db(std::span<const float> exact, std::span<const float> approximation);
template double sqnr_db(std::span<const double> exact, std::span<const double> approximation);
}  // namespace fulcrum
#endif

#endif
