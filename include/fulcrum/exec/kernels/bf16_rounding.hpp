#pragma once
/// \file
/// Rounding to bf16 that keeps finite numbers finite. oneDNN's reorders make infinities of what lies beyond bf16's
/// largest number, of which float's lowest one is in use: as the score of what a mask hides.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include <fulcrum/core/bf16.hpp>
#include <fulcrum/exec/kernels/elementwise_vectors.hpp>
#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

namespace vectors {

using SixteenFloats = float __attribute__((vector_size(64)));

/// The bits of as many floats.
template <class X>
struct BitsOf;
template <>
struct BitsOf<EightFloats> {
  using Words = std::uint32_t __attribute__((vector_size(32)));
  using Halves = std::uint16_t __attribute__((vector_size(16)));
};
template <>
struct BitsOf<SixteenFloats> {
  using Words = std::uint32_t __attribute__((vector_size(64)));
  using Halves = std::uint16_t __attribute__((vector_size(32)));
};

template <class X>
__attribute__((always_inline)) inline void load(const bf16* src, X& x) {
  if constexpr (std::is_same_v<X, float>) {
    x = static_cast<float>(*src);
  } else {
    typename BitsOf<X>::Halves halves;
    std::memcpy(&halves, &src->bits, sizeof(halves));
    const auto words = __builtin_convertvector(halves, typename BitsOf<X>::Words) << 16;
    std::memcpy(&x, &words, sizeof(X));
  }
}
/// As finite_bf16().
template <class X>
__attribute__((always_inline)) inline void store(const X& x, bf16* dst) {
  if constexpr (std::is_same_v<X, float>) {
    *dst = finite_bf16(x);
  } else {
    using Words = typename BitsOf<X>::Words;
    constexpr std::uint32_t infinity = 0x7f800000U;
    Words bits;
    std::memcpy(&bits, &x, sizeof(X));
    const Words magnitude = bits & 0x7fffffffU;
    const Words rounded = bits + 0x7fffU + ((bits >> 16) & 1U);
    // What would become infinite, or is no finite number, is cut; a NaN stays one.
    const Words cut = bits | (magnitude > infinity ? Words{} + 0x400000U : Words{});
    const Words result = magnitude >= 0x7f7f8000U ? cut : rounded;
    const auto halves = __builtin_convertvector(result >> 16, typename BitsOf<X>::Halves);
    std::memcpy(&dst->bits, &halves, sizeof(halves));
  }
}

template <class X>
__attribute__((always_inline)) inline void round_elements(const float* src, bf16* dst, std::int64_t count) {
  constexpr auto width = static_cast<std::int64_t>(sizeof(X) / sizeof(float));
  std::int64_t i = 0;
  for (X x; i + width <= count; i += width) {
    load(src + i, x);
    store(x, dst + i);
  }
  for (; i < count; ++i) dst[i] = finite_bf16(src[i]);
}

/// Whether is_finite_beyond_bf16() holds of an element.
template <class X>
[[nodiscard]] __attribute__((always_inline)) inline bool reach_beyond(const float* src, std::int64_t count) {
  using Words = typename BitsOf<X>::Words;
  constexpr auto width = static_cast<std::int64_t>(sizeof(X) / sizeof(float));
  Words any{};
  std::int64_t i = 0;
  for (Words bits; i + width <= count; i += width) {
    std::memcpy(&bits, src + i, sizeof(bits));
    const Words magnitude = bits & 0x7fffffffU;
    // One comparison: less the least of them, those beyond are the few smallest numbers.
    any |= magnitude - 0x7f7f8000U < 0x8000U ? Words{} + 1U : Words{};
  }
  std::uint32_t found = 0;
  for (std::int64_t k = 0; k < width; ++k) found |= any[k];
  return found != 0 || std::any_of(src + i, src + count, is_finite_beyond_bf16);
}

inline void round_anywhere(const float* src, bf16* dst, std::int64_t count) {
  round_elements<EightFloats>(src, dst, count);
}
[[nodiscard]] inline bool reach_beyond_anywhere(const float* src, std::int64_t count) {
  return reach_beyond<EightFloats>(src, count);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) inline void round_avx2(const float* src, bf16* dst, std::int64_t count) {
  round_elements<EightFloats>(src, dst, count);
}
__attribute__((target("avx512f"))) inline void round_avx512(const float* src, bf16* dst, std::int64_t count) {
  round_elements<SixteenFloats>(src, dst, count);
}
[[nodiscard]] __attribute__((target("avx2"))) inline bool reach_beyond_avx2(const float* src, std::int64_t count) {
  return reach_beyond<EightFloats>(src, count);
}
[[nodiscard]] __attribute__((target("avx512f"))) inline bool reach_beyond_avx512(const float* src, std::int64_t count) {
  return reach_beyond<SixteenFloats>(src, count);
}
#endif

}  // namespace vectors

/// Whether is_finite_beyond_bf16() holds of an element. Asked of all weights of a model.
[[nodiscard]] inline bool reaches_beyond_bf16(std::span<const float> elements) {
  const auto count = static_cast<std::int64_t>(elements.size());
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0) return vectors::reach_beyond_avx512(elements.data(), count);
  if (__builtin_cpu_supports("avx2") != 0) return vectors::reach_beyond_avx2(elements.data(), count);
#endif
  return vectors::reach_beyond_anywhere(elements.data(), count);
}

/// finite_bf16() of each element.
inline void round_to_bf16(const float* src, bf16* dst, std::int64_t count) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0) return vectors::round_avx512(src, dst, count);
  if (__builtin_cpu_supports("avx2") != 0) return vectors::round_avx2(src, dst, count);
#endif
  vectors::round_anywhere(src, dst, count);
}

/// The same on a number of threads, from the first pointer to the second.
[[nodiscard]] inline NativeFunction bf16_rounding_function(std::int64_t count, int threads) {
  return [count, threads](std::span<void* const> pointers) {
    const auto* src = static_cast<const float*>(pointers[0]);
    auto* dst = static_cast<bf16*>(pointers[1]);
    for_parts(threads, count,
              [&](std::int64_t first, std::int64_t last) { round_to_bf16(src + first, dst + first, last - first); });
  };
}

}  // namespace fulcrum::detail::onednn
