#pragma once
/// \file
/// The functions of element-wise layers on runs of floats, eight at a time where the CPU has AVX2.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include <fulcrum/exec/kernels/int8_planes.hpp>
#include <fulcrum/layers/activation.hpp>
#include <fulcrum/layers/binary.hpp>

namespace fulcrum::detail::onednn {

// Formulas below are templates of a float or of eight (X): the compiler's vector extension has the operators of both.
// They take vectors by reference, since a call by value would depend on the CPU that is compiled for.
#define FULCRUM_INLINE __attribute__((always_inline)) inline
using EightFloats = float __attribute__((vector_size(32)));
using EightWords = std::uint32_t __attribute__((vector_size(32)));

/// Rows of a result that follow each other in memory, and how the sources go with them.
struct BinaryRows {
  std::int64_t rows = 1;
  std::int64_t next_a = 0, next_b = 0;  ///< from row to row, in elements
  std::int64_t count = 0;               ///< elements of a row
  std::int64_t a = 0, b = 0;            ///< from element to element
};

using BinaryRun = void (*)(const BinaryRows& rows, const float* a, const float* b, float* dst);
using ActivationRun = void (*)(const Activation& activation, const float* src, float* dst, std::int64_t count);

namespace vectors {

template <class X>
FULCRUM_INLINE void load(const float* from, X& to) {
  std::memcpy(&to, from, sizeof(X));
}
template <class X>
FULCRUM_INLINE void store(const X& from, float* to) {
  std::memcpy(to, &from, sizeof(X));
}
template <class X>
FULCRUM_INLINE void fill(float from, X& to) {
  to = X{} + from;
}
FULCRUM_INLINE void fill(float from, float& to) { to = from; }

/// Function of two values: of<kind>(a, b, result). Those without a formula here are Binary's own, one by one.
template <BinaryKind kind>
struct BinaryOf {
  static constexpr bool has_formula = kind != BinaryKind::pow && kind != BinaryKind::remainder &&
                                      kind != BinaryKind::fmod && kind != BinaryKind::bit_and &&
                                      kind != BinaryKind::bit_or && kind != BinaryKind::bit_xor;

  template <class X>
  FULCRUM_INLINE static void run(const X& a, const X& b, X& r) {
    const X zero{};
    const X one = zero + 1.0F;
    if constexpr (kind == BinaryKind::add) r = a + b;
    if constexpr (kind == BinaryKind::mul) r = a * b;
    if constexpr (kind == BinaryKind::sub) r = a - b;
    if constexpr (kind == BinaryKind::div) r = a / b;
    if constexpr (kind == BinaryKind::min) r = ((a < b) | (a != a)) ? a : b;
    if constexpr (kind == BinaryKind::max) r = ((a > b) | (a != a)) ? a : b;
    if constexpr (kind == BinaryKind::prelu) r = a < zero ? b * a : a;
    if constexpr (kind == BinaryKind::equal) r = a == b ? one : zero;
    if constexpr (kind == BinaryKind::less) r = a < b ? one : zero;
    if constexpr (kind == BinaryKind::less_or_equal) r = a <= b ? one : zero;
    if constexpr (kind == BinaryKind::greater) r = a > b ? one : zero;
    if constexpr (kind == BinaryKind::greater_or_equal) r = a >= b ? one : zero;
    if constexpr (kind == BinaryKind::logical_and) r = ((a != zero) & (b != zero)) ? one : zero;
    if constexpr (kind == BinaryKind::logical_or) r = ((a != zero) | (b != zero)) ? one : zero;
    if constexpr (kind == BinaryKind::logical_xor) r = ((a != zero) ^ (b != zero)) ? one : zero;
    if constexpr (!has_formula) r = Binary{kind}(a, b);
  }
};

template <BinaryKind kind>
FULCRUM_INLINE void run_rows(const BinaryRows& rows, const float* a, const float* b, float* dst) {
  using Of = BinaryOf<kind>;
  constexpr std::int64_t width = 8;
  for (std::int64_t row = 0; row < rows.rows; ++row, a += rows.next_a, b += rows.next_b, dst += rows.count) {
    std::int64_t i = 0;
    if constexpr (Of::has_formula) {
      if ((rows.a == 0 || rows.a == 1) && (rows.b == 0 || rows.b == 1)) {
        EightFloats x, y, r;
        fill(*a, x);
        fill(*b, y);
        for (; i + width <= rows.count; i += width) {
          if (rows.a == 1) load(a + i, x);
          if (rows.b == 1) load(b + i, y);
          Of::run(x, y, r);
          store(r, dst + i);
        }
      }
    }
    for (; i < rows.count; ++i) Of::run(a[i * rows.a], b[i * rows.b], dst[i]);
  }
}

/// 2^n of a whole number −126 … 127.
template <class X>
FULCRUM_INLINE void power_of_two(const X& n, X& r) {
  using Bits = std::conditional_t<std::is_same_v<X, float>, std::uint32_t, EightWords>;
  const X biased = n + (8388608.0F + 127.0F);  // 2^23: the number is in the lowest bits
  Bits bits;
  std::memcpy(&bits, &biased, sizeof(X));
  bits = bits << 23U;
  std::memcpy(&r, &bits, sizeof(X));
}

/// e^x to two units in the last place (Cephes' expf); a NaN stays.
template <class X>
FULCRUM_INLINE void exponential(const X& x, X& r) {
  const X most = X{} + 88.72284F;
  const X least = X{} - 103.97208F;
  X within = x > most ? most : x;
  within = within < least ? least : within;
  // n = x / ln 2, rounded by what is left of it beside a large number
  constexpr float large = 12582912.0F;  // 1.5 · 2^23
  const X n = (within * 1.44269504F + large) - large;
  const X f = (within - n * 0.693359375F) + n * 2.12194440e-4F;
  X p = f * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * f + 8.3334519073e-3F;
  p = p * f + 4.1665795894e-2F;
  p = p * f + 1.6666665459e-1F;
  p = p * f + 5.0000001201e-1F;
  p = p * f * f + f + 1.0F;
  // 2^n may be out of range where the result is not.
  const X half = (n * 0.5F + large) - large;
  X first, second;
  power_of_two(half, first);
  power_of_two(static_cast<X>(n - half), second);
  p = p * first * second;
  p = x > most ? X{} + std::numeric_limits<float>::infinity() : p;
  r = x < least ? X{} : p;
}

/// Function of one value with settings α and β. Those without a formula here are Activation's own, one by one.
template <ActivationKind kind>
struct ActivationOf {
  using Kind = ActivationKind;
  static constexpr bool has_formula =
      kind == Kind::relu || kind == Kind::leaky_relu || kind == Kind::clip || kind == Kind::hard_sigmoid ||
      kind == Kind::hard_swish || kind == Kind::linear || kind == Kind::abs || kind == Kind::neg ||
      kind == Kind::softsign || kind == Kind::thresholded_relu || kind == Kind::shrink || kind == Kind::reciprocal ||
      kind == Kind::logical_not || kind == Kind::exp || kind == Kind::sigmoid || kind == Kind::swish;

  template <class X>
  FULCRUM_INLINE static void run(const X& x, float alpha, float beta, X& r) {
    const X zero{};
    const X one = zero + 1.0F;
    const X a = zero + alpha;
    const X b = zero + beta;
    if constexpr (kind == Kind::relu) r = x < zero ? zero : x;
    if constexpr (kind == Kind::leaky_relu) r = x < zero ? a * x : x;
    if constexpr (kind == Kind::clip) {
      const X low = x < a ? a : x;
      r = low > b ? b : low;
    }
    if constexpr (kind == Kind::hard_sigmoid || kind == Kind::hard_swish) {
      const X line = kind == Kind::hard_swish ? x / 6.0F + 0.5F : a * x + b;
      const X low = line < zero ? zero : line;
      const X ramp = low > one ? one : low;
      r = kind == Kind::hard_swish ? x * ramp : ramp;
    }
    if constexpr (kind == Kind::linear) r = a * x + b;
    if constexpr (kind == Kind::abs) r = x < zero ? -x : x + zero;  // −0 + 0 is 0
    if constexpr (kind == Kind::neg) r = -x;
    if constexpr (kind == Kind::softsign) r = x / (one + (x < zero ? -x : x));
    if constexpr (kind == Kind::thresholded_relu) r = x > a ? x : zero;
    if constexpr (kind == Kind::shrink) r = x < -a ? x + b : (x > a ? x - b : zero);
    if constexpr (kind == Kind::reciprocal) r = one / x;
    if constexpr (kind == Kind::logical_not) r = x == zero ? one : zero;
    if constexpr (kind == Kind::exp) exponential(x, r);
    if constexpr (kind == Kind::sigmoid || kind == Kind::swish) {
      X power;
      exponential(static_cast<X>(kind == Kind::swish ? -(a * x) : -x), power);
      r = (kind == Kind::swish ? x : one) / (one + power);
    }
    if constexpr (!has_formula) r = Activation{kind, alpha, beta}(x);
  }
};

template <ActivationKind kind>
FULCRUM_INLINE void run_elements(const Activation& activation, const float* src, float* dst, std::int64_t count) {
  using Of = ActivationOf<kind>;
  const float alpha = activation.alpha;
  const float beta = activation.beta;
  constexpr std::int64_t width = 8;
  std::int64_t i = 0;
  if constexpr (Of::has_formula) {
    for (; i + width <= count; i += width) {
      EightFloats x, r;
      load(src + i, x);
      Of::run(x, alpha, beta, r);
      store(r, dst + i);
    }
  }
  for (; i < count; ++i) Of::run(src[i], alpha, beta, dst[i]);
}

// The same code for CPUs with AVX2 and for any.
template <ActivationKind kind>
void run_elements_anywhere(const Activation& activation, const float* src, float* dst, std::int64_t count) {
  run_elements<kind>(activation, src, dst, count);
}
template <BinaryKind kind>
void run_rows_anywhere(const BinaryRows& rows, const float* a, const float* b, float* dst) {
  run_rows<kind>(rows, a, b, dst);
}
#if defined(__x86_64__)
template <ActivationKind kind>
__attribute__((target("avx2"))) void run_elements_avx2(const Activation& activation, const float* src, float* dst,
                                                       std::int64_t count) {
  run_elements<kind>(activation, src, dst, count);
}
template <BinaryKind kind>
__attribute__((target("avx2"))) void run_rows_avx2(const BinaryRows& rows, const float* a, const float* b, float* dst) {
  run_rows<kind>(rows, a, b, dst);
}
#endif

template <ActivationKind kind>
[[nodiscard]] ActivationRun activation_run_of() {
#if defined(__x86_64__)
  if (cpu_has_avx2()) return &run_elements_avx2<kind>;
#endif
  return &run_elements_anywhere<kind>;
}
template <BinaryKind kind>
[[nodiscard]] BinaryRun binary_rows_of() {
#if defined(__x86_64__)
  if (cpu_has_avx2()) return &run_rows_avx2<kind>;
#endif
  return &run_rows_anywhere<kind>;
}

template <std::size_t... i>
[[nodiscard]] ActivationRun activation_run(ActivationKind function, std::index_sequence<i...> /*kinds*/) {
  ActivationRun run = nullptr;
  static_cast<void>(((function == static_cast<ActivationKind>(i) &&
                      (run = activation_run_of<static_cast<ActivationKind>(i)>()) != nullptr) ||
                     ...));
  return run;
}
template <std::size_t... i>
[[nodiscard]] BinaryRun binary_rows(BinaryKind function, std::index_sequence<i...> /*kinds*/) {
  BinaryRun run = nullptr;
  static_cast<void>(
      ((function == static_cast<BinaryKind>(i) && (run = binary_rows_of<static_cast<BinaryKind>(i)>()) != nullptr) ||
       ...));
  return run;
}

}  // namespace vectors

/// The loop that runs a function on elements; `dst` may be `src`.
[[nodiscard]] inline ActivationRun activation_run(ActivationKind function) {
  return vectors::activation_run(function,
                                 std::make_index_sequence<static_cast<std::size_t>(ActivationKind::linear) + 1>());
}
/// The loop that runs a function on rows; `dst` may be `a` or `b` where those are whole.
[[nodiscard]] inline BinaryRun binary_rows(BinaryKind function) {
  return vectors::binary_rows(function,
                              std::make_index_sequence<static_cast<std::size_t>(BinaryKind::logical_xor) + 1>());
}

#undef FULCRUM_INLINE

}  // namespace fulcrum::detail::onednn
