#pragma once
/// \file
/// quantize() and dequantize() of many elements, in vectors: weights of a model pass through them while it is loaded.

#include <cstddef>
#include <cstdint>
#include <span>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum::detail {

/// quantize() of each element, bit for bit.
/// \param dst  as many s8 or u8
FULCRUM_DECLARE void quantize_elements(std::span<const float> src, float scale, std::int32_t zero_point,
                                       std::int8_t* dst);
FULCRUM_DECLARE void quantize_elements(std::span<const float> src, float scale, std::int32_t zero_point,
                                       std::uint8_t* dst);

/// dequantize() of each element.
/// \param dst  as many floats
FULCRUM_DECLARE void dequantize_elements(std::span<const std::int8_t> src, float scale, std::int32_t zero_point,
                                         float* dst);
FULCRUM_DECLARE void dequantize_elements(std::span<const std::uint8_t> src, float scale, std::int32_t zero_point,
                                         float* dst);

/// The same with a scale and a zero point of its own for each element.
FULCRUM_DECLARE void dequantize_elements(std::span<const std::int8_t> src, const float* scale,
                                         const std::int32_t* zero_point, float* dst);
FULCRUM_DECLARE void dequantize_elements(std::span<const std::uint8_t> src, const float* scale,
                                         const std::int32_t* zero_point, float* dst);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(tensor)

#include <cstring>
#include <limits>

namespace fulcrum::detail {

namespace integer_vectors {

// The compiler's vector extension, and functions that say which instructions they may use: those of the CPU that runs
// are chosen, whatever the library was compiled for. Vectors go by reference: a call by value would depend on it.
#define FULCRUM_INLINE __attribute__((always_inline)) inline

/// Vectors of as many elements.
template <std::size_t lanes>
struct Lanes;
template <>
struct Lanes<8> {
  using Floats = float __attribute__((vector_size(32)));
  using Words = std::int32_t __attribute__((vector_size(32)));
  using Signed = std::int8_t __attribute__((vector_size(8)));
  using Unsigned = std::uint8_t __attribute__((vector_size(8)));
};
template <>
struct Lanes<16> {
  using Floats = float __attribute__((vector_size(64)));
  using Words = std::int32_t __attribute__((vector_size(64)));
  using Signed = std::int8_t __attribute__((vector_size(16)));
  using Unsigned = std::uint8_t __attribute__((vector_size(16)));
};
template <std::size_t lanes, class Integer>
struct BytesOf {
  using Type = typename Lanes<lanes>::Unsigned;
};
template <std::size_t lanes>
struct BytesOf<lanes, std::int8_t> {
  using Type = typename Lanes<lanes>::Signed;
};

/// Elements in whole vectors; what is left at the end in one more, of which the rest is nobody's.
template <std::size_t lanes, class From, class To, class F>
FULCRUM_INLINE void for_each_vector(const From* src, std::size_t count, To* dst, const F& f) {
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) f(i, src + i, dst + i);
  if (i == count) return;
  From from[lanes] = {};
  To to[lanes];
  std::memcpy(from, src + i, (count - i) * sizeof(From));
  f(i, from, to);
  std::memcpy(dst + i, to, (count - i) * sizeof(To));
}

template <std::size_t lanes, class Integer>
FULCRUM_INLINE void quantize(const float* src, std::size_t count, float scale, std::int32_t zero_point, Integer* dst) {
  using Floats = typename Lanes<lanes>::Floats;
  using Words = typename Lanes<lanes>::Words;
  using Bytes = typename BytesOf<lanes, Integer>::Type;
  // Between these bounds, the sum with this number has the precision of whole numbers: it rounds half to even.
  constexpr float whole_steps = 12582912.0F;  // 1.5 · 2^23
  const Floats low = Floats{} + static_cast<float>(std::numeric_limits<Integer>::min() - zero_point);
  const Floats high = Floats{} + static_cast<float>(std::numeric_limits<Integer>::max() - zero_point);
  const Floats scales = Floats{} + scale;
  for_each_vector<lanes>(
      src, count, dst, [&](std::size_t, const float* from, Integer* to) __attribute__((always_inline)) {
        Floats q;
        std::memcpy(&q, from, sizeof(q));
        q = q / scales;
        q = q == q ? q : Floats{};  // a NaN gives the zero point
        q = q < low ? low : q;
        q = q > high ? high : q;
        const Words words = __builtin_convertvector(q + whole_steps - whole_steps, Words) + zero_point;
        const Bytes bytes = __builtin_convertvector(words, Bytes);
        std::memcpy(to, &bytes, sizeof(bytes));
      });
}

/// \tparam each  every element has its own scale and zero point; else the first is that of all
template <std::size_t lanes, bool each, class Integer>
FULCRUM_INLINE void dequantize(const Integer* src, std::size_t count, const float* scale,
                               const std::int32_t* zero_point, float* dst) {
  using Floats = typename Lanes<lanes>::Floats;
  using Words = typename Lanes<lanes>::Words;
  using Bytes = typename BytesOf<lanes, Integer>::Type;
  Floats scales = Floats{} + *scale;
  Words zeros = Words{} + *zero_point;
  for_each_vector<lanes>(
      src, count, dst, [&](std::size_t i, const Integer* from, float* to) __attribute__((always_inline)) {
        Bytes bytes;
        std::memcpy(&bytes, from, sizeof(bytes));
        if constexpr (each) {
          const std::size_t here = count - i < lanes ? count - i : lanes;
          std::memcpy(&scales, scale + i, here == lanes ? sizeof(scales) : here * sizeof(float));
          std::memcpy(&zeros, zero_point + i, here == lanes ? sizeof(zeros) : here * sizeof(std::int32_t));
        }
        const Floats x = __builtin_convertvector(__builtin_convertvector(bytes, Words) - zeros, Floats) * scales;
        std::memcpy(to, &x, sizeof(x));
      });
}

#undef FULCRUM_INLINE

template <class Integer>
void quantize_anywhere(const float* src, std::size_t count, float scale, std::int32_t zero_point, Integer* dst) {
  quantize<8>(src, count, scale, zero_point, dst);
}
template <bool each, class Integer>
void dequantize_anywhere(const Integer* src, std::size_t count, const float* scale, const std::int32_t* zero_point,
                         float* dst) {
  dequantize<8, each>(src, count, scale, zero_point, dst);
}
#if defined(__x86_64__)
template <class Integer>
__attribute__((target("avx2"))) void quantize_avx2(const float* src, std::size_t count, float scale,
                                                   std::int32_t zero_point, Integer* dst) {
  quantize<8>(src, count, scale, zero_point, dst);
}
template <class Integer>
__attribute__((target("avx512f"))) void quantize_avx512(const float* src, std::size_t count, float scale,
                                                        std::int32_t zero_point, Integer* dst) {
  quantize<16>(src, count, scale, zero_point, dst);
}
template <bool each, class Integer>
__attribute__((target("avx2"))) void dequantize_avx2(const Integer* src, std::size_t count, const float* scale,
                                                     const std::int32_t* zero_point, float* dst) {
  dequantize<8, each>(src, count, scale, zero_point, dst);
}
template <bool each, class Integer>
__attribute__((target("avx512f"))) void dequantize_avx512(const Integer* src, std::size_t count, const float* scale,
                                                          const std::int32_t* zero_point, float* dst) {
  dequantize<16, each>(src, count, scale, zero_point, dst);
}
#endif

template <class Integer>
void quantize_here(std::span<const float> src, float scale, std::int32_t zero_point, Integer* dst) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0) return quantize_avx512(src.data(), src.size(), scale, zero_point, dst);
  if (__builtin_cpu_supports("avx2") != 0) return quantize_avx2(src.data(), src.size(), scale, zero_point, dst);
#endif
  quantize_anywhere(src.data(), src.size(), scale, zero_point, dst);
}
template <bool each, class Integer>
void dequantize_here(std::span<const Integer> src, const float* scale, const std::int32_t* zero_point, float* dst) {
  if (src.empty()) return;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0)
    return dequantize_avx512<each>(src.data(), src.size(), scale, zero_point, dst);
  if (__builtin_cpu_supports("avx2") != 0) return dequantize_avx2<each>(src.data(), src.size(), scale, zero_point, dst);
#endif
  dequantize_anywhere<each>(src.data(), src.size(), scale, zero_point, dst);
}

}  // namespace integer_vectors

FULCRUM_DEFINE void quantize_elements(std::span<const float> src, float scale, std::int32_t zero_point,
                                      std::int8_t* dst) {
  integer_vectors::quantize_here(src, scale, zero_point, dst);
}
FULCRUM_DEFINE void quantize_elements(std::span<const float> src, float scale, std::int32_t zero_point,
                                      std::uint8_t* dst) {
  integer_vectors::quantize_here(src, scale, zero_point, dst);
}
FULCRUM_DEFINE void dequantize_elements(std::span<const std::int8_t> src, float scale, std::int32_t zero_point,
                                        float* dst) {
  integer_vectors::dequantize_here<false>(src, &scale, &zero_point, dst);
}
FULCRUM_DEFINE void dequantize_elements(std::span<const std::uint8_t> src, float scale, std::int32_t zero_point,
                                        float* dst) {
  integer_vectors::dequantize_here<false>(src, &scale, &zero_point, dst);
}
FULCRUM_DEFINE void dequantize_elements(std::span<const std::int8_t> src, const float* scale,
                                        const std::int32_t* zero_point, float* dst) {
  integer_vectors::dequantize_here<true>(src, scale, zero_point, dst);
}
FULCRUM_DEFINE void dequantize_elements(std::span<const std::uint8_t> src, const float* scale,
                                        const std::int32_t* zero_point, float* dst) {
  integer_vectors::dequantize_here<true>(src, scale, zero_point, dst);
}

}  // namespace fulcrum::detail

#endif
