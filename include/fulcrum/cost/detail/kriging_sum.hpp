#pragma once
/// \file
/// What all samples of a model say of one step, in the widest vectors that the CPU has: most of the time of a
/// prediction.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fulcrum::detail {

/// The answer to one step.
struct KrigingSum {
  double weighted = 0.0;        ///< Σᵢ weightᵢ k(|x − xᵢ|)
  double nearest_square = 0.0;  ///< min |x − xᵢ|²
};

/// Samples that lie side by side: as many as four of the widest vectors hold.
inline constexpr std::size_t samples_side_by_side = 64;

using FourFloats = float __attribute__((vector_size(16)));
using EightFloats = float __attribute__((vector_size(32)));
using SixteenFloats = float __attribute__((vector_size(64)));

/// Integers as wide as those floats.
template <class Floats>
struct IntegersOf;
template <>
struct IntegersOf<FourFloats> {
  using Type = std::int32_t __attribute__((vector_size(16)));
};
template <>
struct IntegersOf<EightFloats> {
  using Type = std::int32_t __attribute__((vector_size(32)));
};
template <>
struct IntegersOf<SixteenFloats> {
  using Type = std::int32_t __attribute__((vector_size(64)));
};

/// Square roots of what is not below zero, to some 1e-6: Newton's iteration for 1/√x from its bits.
template <class Floats>
__attribute__((always_inline)) inline void take_root(Floats& x) {
  using Integers = typename IntegersOf<Floats>::Type;
  const Floats half = 0.5F * x;
  Integers bits;
  std::memcpy(&bits, &x, sizeof(x));
  bits = 0x5f3759df - (bits >> 1);
  Floats inverse;
  std::memcpy(&inverse, &bits, sizeof(x));
  for (int i = 0; i < 3; ++i) inverse = inverse * (1.5F - half * inverse * inverse);
  x = x * inverse;
}

/// e^x of what is not above zero, to some 1e-6.
template <class Floats>
__attribute__((always_inline)) inline void take_exponential(Floats& x) {
  using Integers = typename IntegersOf<Floats>::Type;
  constexpr float least = -125.0F;
  Floats power = x * 1.44269504F;
  const Integers too_small = power < least;
  power = too_small ? Floats{} + least : power;
  const Integers whole = __builtin_convertvector(power - 0.5F, Integers);
  const Floats part = (power - __builtin_convertvector(whole, Floats)) * 0.693147181F;  // within ±0.35
  Floats series = 1.0F / 720.0F * part + 1.0F / 120.0F;
  series = series * part + 1.0F / 24.0F;
  series = series * part + 1.0F / 6.0F;
  series = series * part + 0.5F;
  series = series * part + 1.0F;
  series = series * part + 1.0F;
  const Integers bits = (whole + 127) << 23;
  Floats scale;
  std::memcpy(&scale, &bits, sizeof(x));
  x = series * scale;
}

/// What has been added up so far, a lane for each of the samples that lie side by side in a vector.
template <class Floats>
struct KrigingLanes {
  Floats nearest = Floats{} + 1e30F;
  Floats weighted{};

  /// \param squares  of the distances of the next samples
  __attribute__((always_inline)) inline void add(const Floats& squares, const float* weights, float scale) {
    using Integers = typename IntegersOf<Floats>::Type;
    const Integers nearer = squares < nearest;
    nearest = nearer ? squares : nearest;
    Floats d = squares;
    take_root(d);
    d = d * scale;
    Floats decay = -d;
    take_exponential(decay);
    Floats weight;
    std::memcpy(&weight, weights, sizeof(weight));
    weighted = weighted + weight * (1.0F + d) * decay;
  }
};

template <class Floats>
__attribute__((always_inline)) inline void add_square(Floats& squares, const float* samples, float feature) {
  Floats apart;
  std::memcpy(&apart, samples, sizeof(apart));
  apart = apart - feature;
  squares = squares + apart * apart;
}

/// \param blocks    of samples_side_by_side samples: their first features, then their second ones, …
/// \param weights   of all samples; 0 of those that fill up the last block
/// \param features  of the step
/// \param scale     √3 / length_scale
template <class Floats>
__attribute__((always_inline)) inline void sum_kriging(const float* blocks, const float* weights, std::size_t count,
                                                       const float* features, std::size_t width, float scale,
                                                       KrigingSum& result) {
  constexpr std::size_t lanes = sizeof(Floats) / sizeof(float);
  KrigingLanes<Floats> sum;
  for (std::size_t i = 0; i < count; i += samples_side_by_side, blocks += width * samples_side_by_side) {
    // Four vectors at a time, by name so that they stay in registers: no addition waits for the one before.
    for (std::size_t at = 0; at < samples_side_by_side; at += 4 * lanes) {
      Floats first{}, second{}, third{}, fourth{};
      const float* samples = blocks + at;
      for (std::size_t j = 0; j < width; ++j, samples += samples_side_by_side) {
        add_square(first, samples, features[j]);
        add_square(second, samples + lanes, features[j]);
        add_square(third, samples + 2 * lanes, features[j]);
        add_square(fourth, samples + 3 * lanes, features[j]);
      }
      sum.add(first, weights + i + at, scale);
      sum.add(second, weights + i + at + lanes, scale);
      sum.add(third, weights + i + at + 2 * lanes, scale);
      sum.add(fourth, weights + i + at + 3 * lanes, scale);
    }
  }
  result.nearest_square = static_cast<double>(sum.nearest[0]);
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    result.weighted += static_cast<double>(sum.weighted[lane]);
    if (static_cast<double>(sum.nearest[lane]) < result.nearest_square)
      result.nearest_square = static_cast<double>(sum.nearest[lane]);
  }
}

inline void sum_kriging_anywhere(const float* blocks, const float* weights, std::size_t count, const float* features,
                                 std::size_t width, float scale, KrigingSum& result) {
  sum_kriging<FourFloats>(blocks, weights, count, features, width, scale, result);
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) inline void sum_kriging_avx2(const float* blocks, const float* weights,
                                                                 std::size_t count, const float* features,
                                                                 std::size_t width, float scale, KrigingSum& result) {
  sum_kriging<EightFloats>(blocks, weights, count, features, width, scale, result);
}
__attribute__((target("avx512f"))) inline void sum_kriging_avx512(const float* blocks, const float* weights,
                                                                  std::size_t count, const float* features,
                                                                  std::size_t width, float scale, KrigingSum& result) {
  sum_kriging<SixteenFloats>(blocks, weights, count, features, width, scale, result);
}
#endif

/// See above.
[[nodiscard]] inline KrigingSum kriging_sum(const float* blocks, const float* weights, std::size_t count,
                                            const float* features, std::size_t width, float scale) {
  KrigingSum result;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0) {
    sum_kriging_avx512(blocks, weights, count, features, width, scale, result);
    return result;
  }
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) {
    sum_kriging_avx2(blocks, weights, count, features, width, scale, result);
    return result;
  }
#endif
  sum_kriging_anywhere(blocks, weights, count, features, width, scale, result);
  return result;
}

}  // namespace fulcrum::detail
