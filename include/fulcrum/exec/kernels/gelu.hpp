#pragma once
/// \file
/// Gelu in vectors, to 3e-7 of its argument: behind sums in f32, which are no more exact.

#include <cstdint>
#include <cstring>

#include <fulcrum/exec/kernels/elementwise_vectors.hpp>
#include <fulcrum/layers/activation.hpp>

namespace fulcrum::detail::onednn {

namespace vectors {

/// Of a float or of eight.
template <ActivationKind kind, class X>
__attribute__((always_inline)) inline void gelu(const X& x, X& r) {
  const X zero{};
  X power;
  if constexpr (kind == ActivationKind::gelu) {
    // 1 − erf of |x| / √2 (Abramowitz and Stegun, "Handbook of mathematical functions", 7.1.26)
    const X z = (x < zero ? -x : x) * 0.707106781F;
    const X t = 1.0F / (z * 0.3275911F + 1.0F);
    X p = t * 1.061405429F - 1.453152027F;
    p = p * t + 1.421413741F;
    p = p * t - 0.284496736F;
    p = p * t + 0.254829592F;
    exponential(static_cast<X>(-z * z), power);
    const X rest = p * t * power * 0.5F;
    r = x < zero ? x * rest : x - x * rest;
  } else {
    // ½(1 + tanh u) is 1 / (1 + e^(−2u)).
    exponential(static_cast<X>(x * (x * x * 0.044715F + 1.0F) * -1.59576912F), power);
    r = x / (power + 1.0F);
  }
}

template <ActivationKind kind>
__attribute__((always_inline)) inline void run_gelu(const float* src, float* dst, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    EightFloats x, r;
    load(src + i, x);
    gelu<kind>(x, r);
    store(r, dst + i);
  }
  for (; i < count; ++i) gelu<kind>(src[i], dst[i]);
}

template <ActivationKind kind>
void run_gelu_anywhere(const Activation& /*activation*/, const float* src, float* dst, std::int64_t count) {
  run_gelu<kind>(src, dst, count);
}
#if defined(__x86_64__)
template <ActivationKind kind>
__attribute__((target("avx2"))) void run_gelu_avx2(const Activation& /*activation*/, const float* src, float* dst,
                                                   std::int64_t count) {
  run_gelu<kind>(src, dst, count);
}
#endif

template <ActivationKind kind>
[[nodiscard]] ActivationRun gelu_run_of() {
#if defined(__x86_64__)
  if (cpu_has_avx2()) return &run_gelu_avx2<kind>;
#endif
  return &run_gelu_anywhere<kind>;
}

}  // namespace vectors

/// activation_run(), with Gelu as above.
[[nodiscard]] inline ActivationRun run_on_sums(ActivationKind function) {
  if (function == ActivationKind::gelu) return vectors::gelu_run_of<ActivationKind::gelu>();
  if (function == ActivationKind::gelu_tanh) return vectors::gelu_run_of<ActivationKind::gelu_tanh>();
  return activation_run(function);
}

}  // namespace fulcrum::detail::onednn
