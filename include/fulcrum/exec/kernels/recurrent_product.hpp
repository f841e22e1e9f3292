#pragma once
/// \file
/// The product of a recurrent layer's state and its recurrent weights: one vector, or a few, by a matrix that is read
/// from end to end in every step of a sequence. It takes as long as reading does, so that weights are kept in as few
/// bytes as they may be (schedule/recurrent.hpp).

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/core/bf16.hpp>
#include <fulcrum/schedule/recurrent.hpp>

namespace fulcrum::detail::onednn {

/// Columns of a panel that lie together: of a unit, two bf16 in 32 bits; four integers of 24 bits in three times 32,
/// the first three in the upper bits, the fourth in what is left below them, its upper byte first.
[[nodiscard]] constexpr int recurrent_columns(RecurrentWeights weights) noexcept {
  return weights == RecurrentWeights::bf16 ? 2 : weights == RecurrentWeights::s24 ? 4 : 1;
}

/// Recurrent weights as they lie in memory: panels of the gates of 16 units, then those of the next 16; after them, of
/// the next direction. Units that make up the last 16 have weights 0.
struct RecurrentPanels {
  RecurrentWeights weights = RecurrentWeights::f32;
  std::int64_t directions = 1, gates = 1, hidden = 0;

  [[nodiscard]] std::int64_t blocks() const noexcept { return (hidden + recurrent_units - 1) / recurrent_units; }
  /// Columns that make up the last of those that lie together have weights 0.
  [[nodiscard]] std::int64_t panel_bytes() const noexcept {
    const std::int64_t together = recurrent_columns(weights);
    return (hidden + together - 1) / together * together * recurrent_units * bytes_of(weights);
  }
  [[nodiscard]] std::int64_t panel_at(std::int64_t direction, std::int64_t block, std::int64_t gate) const noexcept {
    return ((direction * blocks() + block) * gates + gate) * panel_bytes();
  }
  [[nodiscard]] std::int64_t bytes() const noexcept { return panel_at(directions, 0, 0); }
  /// Scales, padded like the units: of (direction, block, gate, unit).
  [[nodiscard]] std::int64_t padded_rows() const noexcept { return directions * blocks() * gates * recurrent_units; }
};

/// What a row's integers are multiplied by: of (direction, gate, unit), as the weights' rows lie; 1 in floating point.
/// Precondition: not s8, whose scales are the model's.
[[nodiscard]] inline std::vector<float> recurrent_scales(const RecurrentPanels& panels, std::span<const float> weights);

/// Weights (directions, gates · hidden, hidden) as panels. Precondition: not s8.
/// \param scales  of recurrent_scales()
/// \param to      panels.bytes()
inline void pack_recurrent_weights(const RecurrentPanels& panels, std::span<const float> weights,
                                   std::span<const float> scales, std::byte* to);
/// The same of weights that are s8 already.
inline void pack_recurrent_weights(const RecurrentPanels& panels, std::span<const std::int8_t> weights, std::byte* to);

/// Sums of `gates` panels that follow one another, for `samples` states of `hidden` elements each:
/// sums (samples, gates, 16), before the scales.
using RecurrentProduct = void (*)(const RecurrentPanels& panels, const std::byte* panel, int gates,
                                  const float* const* states, int samples, float* sums);
/// The most samples of one call.
inline constexpr int recurrent_samples = 4;

/// For the CPU at hand.
[[nodiscard]] inline RecurrentProduct recurrent_product(RecurrentWeights weights);

/// In blocks that compilers make vectors of.
[[nodiscard]] inline float largest_magnitude(std::span<const float> row) {
  constexpr std::size_t block = 16;
  std::array<float, block> largest{};
  const auto take = [&](float w, std::size_t i) {
    const float magnitude = std::abs(w);
    largest[i] = magnitude > largest[i] ? magnitude : largest[i];
  };
  for (; row.size() >= block; row = row.subspan(block)) {
    for (std::size_t i = 0; i < block; ++i) take(row[i], i);
  }
  for (std::size_t i = 0; i < row.size(); ++i) take(row[i], i);
  return *std::max_element(largest.begin(), largest.end());
}

/// Four integers of 24 bits of one unit as they lie: recurrent_columns().
[[nodiscard]] inline std::array<std::uint32_t, 3> packed_columns(const std::array<std::uint32_t, 4>& q) {
  return {q[0] << 8U | (q[3] >> 16U & 0xffU), q[1] << 8U | (q[3] >> 8U & 0xffU), q[2] << 8U | (q[3] & 0xffU)};
}

inline std::vector<float> recurrent_scales(const RecurrentPanels& panels, std::span<const float> weights) {
  const auto rows = static_cast<std::size_t>(panels.directions * panels.gates * panels.hidden);
  std::vector<float> scales(rows, 1.0F);
  if (panels.weights != RecurrentWeights::s24) return scales;
  const auto hidden = static_cast<std::size_t>(panels.hidden);
  for (std::size_t row = 0; row < rows; ++row) {
    const float largest = largest_magnitude(weights.subspan(row * hidden, hidden));
    // Of integers that stand in the upper 24 bits of 32.
    if (largest > 0.0F) scales[row] = largest / (256.0F * static_cast<float>((1 << 23) - 1));
  }
  return scales;
}

/// Calls one(row, panel, lane) for every row of the weights.
template <class F>
void for_each_recurrent_row(const RecurrentPanels& p, std::byte* to, const F& one) {
  for (std::int64_t row = 0; row < p.directions * p.gates * p.hidden; ++row) {
    const std::int64_t unit = row % p.hidden, gate = row / p.hidden % p.gates, direction = row / p.hidden / p.gates;
    one(row, to + p.panel_at(direction, unit / recurrent_units, gate), unit % recurrent_units);
  }
}

inline void pack_recurrent_weights(const RecurrentPanels& p, std::span<const std::int8_t> weights, std::byte* to) {
  std::memset(to, 0, static_cast<std::size_t>(p.bytes()));
  for_each_recurrent_row(p, to, [&](std::int64_t row, std::byte* panel, std::int64_t lane) {
    const std::int8_t* const from = weights.data() + row * p.hidden;
    for (std::int64_t k = 0; k < p.hidden; ++k) panel[k * recurrent_units + lane] = static_cast<std::byte>(from[k]);
  });
}

inline void pack_recurrent_weights(const RecurrentPanels& p, std::span<const float> weights,
                                   std::span<const float> scales, std::byte* to) {
  std::memset(to, 0, static_cast<std::size_t>(p.bytes()));
  const auto put = [](std::byte* at, const auto& value) { std::memcpy(at, &value, sizeof value); };
  // Calls one(panel, lane, weights, 1 / scale) for every row.
  const auto for_each_row = [&](const auto& one) {
    for_each_recurrent_row(p, to, [&](std::int64_t row, std::byte* panel, std::int64_t lane) {
      one(panel, lane, weights.data() + row * p.hidden,
          1.0 / static_cast<double>(scales[static_cast<std::size_t>(row)]));
    });
  };
  // Calls one(panel, column, lane, weight, 1 / scale) for every weight.
  const auto for_each = [&](const auto& one) {
    for_each_row([&](std::byte* panel, std::int64_t lane, const float* from, double scale) {
      for (std::int64_t k = 0; k < p.hidden; ++k) one(panel, k, lane, from[k], scale);
    });
  };
  constexpr std::int64_t units = recurrent_units;
  switch (p.weights) {
    case RecurrentWeights::f32:
      return for_each([&](std::byte* panel, std::int64_t k, std::int64_t lane, float w, double /*scale*/) {
        put(panel + 4 * (k * units + lane), w);
      });
    case RecurrentWeights::bf16:
      return for_each([&](std::byte* panel, std::int64_t k, std::int64_t lane, float w, double /*scale*/) {
        put(panel + 4 * (k / 2 * units + lane) + 2 * (k % 2), finite_bf16(w));
      });
    case RecurrentWeights::s8: return;  // of integers alone
    case RecurrentWeights::s24:
      return for_each_row([&](std::byte* panel, std::int64_t lane, const float* from, double scale) {
        // Adding it leaves a number of less than 2^31 rounded, ties to even, in the low bits.
        constexpr double rounds = 0x1.8p52;
        for (std::int64_t k = 0; k < p.hidden; k += 4) {
          std::array<std::uint32_t, 4> q{};
          for (std::int64_t i = 0; i < std::min<std::int64_t>(4, p.hidden - k); ++i)
            q[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(
                std::bit_cast<std::uint64_t>(static_cast<double>(from[k + i]) * scale / 256.0 + rounds));
          const std::array<std::uint32_t, 3> words = packed_columns(q);
          for (std::int64_t i = 0; i < 3; ++i)
            put(panel + 4 * units * (k / 4 * 3 + i) + 4 * lane, words[static_cast<std::size_t>(i)]);
        }
      });
  }
}

#if defined(__x86_64__)

[[nodiscard]] inline bool has_recurrent_avx512() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}
[[nodiscard]] inline bool has_recurrent_avx2() {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}

/// The columns that lie together at `at`, of 16 units.
template <RecurrentWeights weights>
__attribute__((target("avx512f"), always_inline)) inline void load_columns(const std::byte* at, __m512* columns) {
  // Forms with a mask of all elements: those without one make g++ 12 warn of its own header.
  constexpr __mmask16 all = 0xffff;
  if constexpr (weights == RecurrentWeights::f32) {
    columns[0] = _mm512_loadu_ps(at);
  } else if constexpr (weights == RecurrentWeights::bf16) {
    const __m512i pairs = _mm512_loadu_si512(at);
    columns[0] = _mm512_castsi512_ps(_mm512_maskz_slli_epi32(all, pairs, 16));
    columns[1] = _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
  } else if constexpr (weights == RecurrentWeights::s8) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    columns[0] = _mm512_maskz_cvtepi32_ps(all, _mm512_maskz_cvtepi8_epi32(all, bytes));
  } else {
    const __m512i a = _mm512_loadu_si512(at), b = _mm512_loadu_si512(at + 64), c = _mm512_loadu_si512(at + 128);
    const __m512i upper = _mm512_set1_epi32(-256);
    columns[0] = _mm512_maskz_cvtepi32_ps(all, _mm512_and_si512(a, upper));
    columns[1] = _mm512_maskz_cvtepi32_ps(all, _mm512_and_si512(b, upper));
    columns[2] = _mm512_maskz_cvtepi32_ps(all, _mm512_and_si512(c, upper));
    // Bits of the third operand say which of the other two is taken.
    constexpr int choose = 0xe4;
    const __m512i from_b =
        _mm512_ternarylogic_epi32(_mm512_maskz_slli_epi32(all, a, 24), _mm512_maskz_slli_epi32(all, b, 16),
                                  _mm512_set1_epi32(-(1 << 24)), choose);
    const __m512i last =
        _mm512_ternarylogic_epi32(from_b, _mm512_maskz_slli_epi32(all, c, 8), _mm512_set1_epi32(-(1 << 16)), choose);
    columns[3] = _mm512_maskz_cvtepi32_ps(all, last);
  }
}

/// The same of units 8 half … 8 half + 7.
template <RecurrentWeights weights>
__attribute__((target("avx2"), always_inline)) inline void load_columns(const std::byte* at, int half,
                                                                        __m256* columns) {
  const auto eight = [](const std::byte* from) __attribute__((target("avx2"), always_inline)) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  };
  if constexpr (weights == RecurrentWeights::f32) {
    columns[0] = _mm256_loadu_ps(reinterpret_cast<const float*>(at) + 8 * half);
  } else if constexpr (weights == RecurrentWeights::bf16) {
    const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at) + half);
    columns[0] = _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
    columns[1] = _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-65536)));
  } else if constexpr (weights == RecurrentWeights::s8) {
    columns[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight(at + 8 * half)));
  } else {
    const auto* three = reinterpret_cast<const __m256i*>(at) + half;
    const __m256i a = _mm256_loadu_si256(three), b = _mm256_loadu_si256(three + 2), c = _mm256_loadu_si256(three + 4);
    const __m256i upper = _mm256_set1_epi32(-256), lower = _mm256_set1_epi32(255);
    columns[0] = _mm256_cvtepi32_ps(_mm256_and_si256(a, upper));
    columns[1] = _mm256_cvtepi32_ps(_mm256_and_si256(b, upper));
    columns[2] = _mm256_cvtepi32_ps(_mm256_and_si256(c, upper));
    const __m256i from_b = _mm256_slli_epi32(_mm256_and_si256(b, lower), 16);
    const __m256i from_c = _mm256_slli_epi32(_mm256_and_si256(c, lower), 8);
    columns[3] = _mm256_cvtepi32_ps(_mm256_or_si256(_mm256_slli_epi32(a, 24), _mm256_or_si256(from_b, from_c)));
  }
}

/// RecurrentProduct for a fixed number of gates and samples.
template <RecurrentWeights weights, int gates, int samples>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))) void sum_panels_avx512(const RecurrentPanels& p,
                                                                                         const std::byte* panel,
                                                                                         const float* const* states,
                                                                                         float* sums) {
  constexpr int together = recurrent_columns(weights);
  // Additions to one sum wait for one another: eight sums at least keep the units busy.
  constexpr int chains = std::clamp(8 / (gates * samples), 1, 4);
  constexpr int unrolled = std::max(1, chains / together);
  constexpr std::int64_t bytes = together * recurrent_units * bytes_of(weights);
  const std::int64_t panel_bytes = p.panel_bytes();
  __m512 sum[chains][gates][samples];
  for (auto& of_column : sum) {
    for (auto& of_gate : of_column) {
      for (__m512& x : of_gate) x = _mm512_setzero_ps();
    }
  }
  std::int64_t k = 0;
  for (; k + unrolled * together <= p.hidden; k += unrolled * together, panel += unrolled * bytes) {
#pragma GCC unroll 8
    for (int u = 0; u < unrolled; ++u) {
#pragma GCC unroll 4
      for (int gate = 0; gate < gates; ++gate) {
        __m512 columns[together];
        load_columns<weights>(panel + gate * panel_bytes + u * bytes, columns);
#pragma GCC unroll 4
        for (int c = 0; c < together; ++c) {
          const int at = u * together + c;
#pragma GCC unroll 4
          for (int s = 0; s < samples; ++s) {
            __m512& total = sum[at % chains][gate][s];
            total = _mm512_fmadd_ps(columns[c], _mm512_set1_ps(states[s][k + at]), total);
          }
        }
      }
    }
  }
  for (; k < p.hidden; k += together, panel += bytes) {
    const int left = static_cast<int>(std::min<std::int64_t>(together, p.hidden - k));
#pragma GCC unroll 4
    for (int gate = 0; gate < gates; ++gate) {
      __m512 columns[together];
      load_columns<weights>(panel + gate * panel_bytes, columns);
#pragma GCC unroll 4
      for (int c = 0; c < together; ++c) {
#pragma GCC unroll 4
        for (int s = 0; s < samples; ++s) {
          const __m512 state = _mm512_set1_ps(c < left ? states[s][k + c] : 0.0F);
          sum[c % chains][gate][s] = _mm512_fmadd_ps(columns[c], state, sum[c % chains][gate][s]);
        }
      }
    }
  }
#pragma GCC unroll 4
  for (int s = 0; s < samples; ++s) {
#pragma GCC unroll 4
    for (int gate = 0; gate < gates; ++gate) {
      __m512 total = sum[0][gate][s];
#pragma GCC unroll 8
      for (int c = 1; c < chains; ++c) total = _mm512_add_ps(total, sum[c][gate][s]);
      _mm512_storeu_ps(sums + (s * gates + gate) * recurrent_units, total);
    }
  }
}

/// The same, one gate after the other: AVX2 has half as many registers, of half the width.
template <RecurrentWeights weights, int gates, int samples>
__attribute__((target("avx2,fma"))) void sum_panels_avx2(const RecurrentPanels& p, const std::byte* panel,
                                                         const float* const* states, float* sums) {
  constexpr int together = recurrent_columns(weights);
  constexpr int unrolled = std::max(1, 4 / (samples * together));
  constexpr std::int64_t bytes = together * recurrent_units * bytes_of(weights);
  for (int gate = 0; gate < gates; ++gate) {
    const std::byte* at = panel + gate * p.panel_bytes();
    __m256 sum[unrolled][samples][2];
    for (auto& of_column : sum) {
      for (auto& of_sample : of_column) of_sample[0] = of_sample[1] = _mm256_setzero_ps();
    }
    std::int64_t k = 0;
    for (; k + unrolled * together <= p.hidden; k += unrolled * together, at += unrolled * bytes) {
#pragma GCC unroll 4
      for (int u = 0; u < unrolled; ++u) {
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          __m256 columns[together];
          load_columns<weights>(at + u * bytes, half, columns);
#pragma GCC unroll 4
          for (int c = 0; c < together; ++c) {
#pragma GCC unroll 4
            for (int s = 0; s < samples; ++s) {
              const __m256 state = _mm256_set1_ps(states[s][k + u * together + c]);
              sum[u][s][half] = _mm256_fmadd_ps(columns[c], state, sum[u][s][half]);
            }
          }
        }
      }
    }
    for (; k < p.hidden; k += together, at += bytes) {
      const int left = static_cast<int>(std::min<std::int64_t>(together, p.hidden - k));
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        __m256 columns[together];
        load_columns<weights>(at, half, columns);
#pragma GCC unroll 4
        for (int c = 0; c < together; ++c) {
#pragma GCC unroll 4
          for (int s = 0; s < samples; ++s) {
            const __m256 state = _mm256_set1_ps(c < left ? states[s][k + c] : 0.0F);
            sum[0][s][half] = _mm256_fmadd_ps(columns[c], state, sum[0][s][half]);
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int s = 0; s < samples; ++s) {
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        __m256 total = sum[0][s][half];
#pragma GCC unroll 4
        for (int u = 1; u < unrolled; ++u) total = _mm256_add_ps(total, sum[u][s][half]);
        _mm256_storeu_ps(sums + (s * gates + gate) * recurrent_units + 8 * half, total);
      }
    }
  }
}

struct RecurrentAvx512 {
  template <RecurrentWeights weights, int gates, int samples>
  static void sum(const RecurrentPanels& p, const std::byte* panel, const float* const* states, float* sums) {
    sum_panels_avx512<weights, gates, samples>(p, panel, states, sums);
  }
};
struct RecurrentAvx2 {
  template <RecurrentWeights weights, int gates, int samples>
  static void sum(const RecurrentPanels& p, const std::byte* panel, const float* const* states, float* sums) {
    sum_panels_avx2<weights, gates, samples>(p, panel, states, sums);
  }
};

#endif

/// In plain loops.
struct RecurrentAnywhere {
  template <RecurrentWeights weights>
  [[nodiscard]] static float element(const std::byte* panel, std::int64_t k, int unit) {
    const auto get = [](const std::byte* at, auto value) {
      std::memcpy(&value, at, sizeof value);
      return value;
    };
    const std::byte* column = panel + k * recurrent_units * bytes_of(weights);
    if constexpr (weights == RecurrentWeights::f32) return get(column + 4 * unit, 0.0F);
    if constexpr (weights == RecurrentWeights::bf16)
      return static_cast<float>(get(panel + k / 2 * 4 * recurrent_units + 4 * unit + 2 * (k % 2), bf16()));
    if constexpr (weights == RecurrentWeights::s8) return static_cast<float>(get(column + unit, std::int8_t{0}));
    const std::byte* at = panel + k / 4 * 3 * 4 * recurrent_units + 4 * unit;
    const auto part = [&](int i) { return get(at + 4 * recurrent_units * i, std::uint32_t{0}); };
    const std::uint32_t q = k % 4 < 3 ? part(static_cast<int>(k % 4)) & ~0xffU
                                      : (part(0) << 24U) | ((part(1) & 0xffU) << 16U) | ((part(2) & 0xffU) << 8U);
    return static_cast<float>(static_cast<std::int32_t>(q));
  }

  template <RecurrentWeights weights, int gates, int samples>
  static void sum(const RecurrentPanels& p, const std::byte* panel, const float* const* states, float* sums) {
    std::fill_n(sums, samples * gates * recurrent_units, 0.0F);
    for (int gate = 0; gate < gates; ++gate) {
      for (std::int64_t k = 0; k < p.hidden; ++k) {
        float column[recurrent_units];
        for (int u = 0; u < recurrent_units; ++u) column[u] = element<weights>(panel + gate * p.panel_bytes(), k, u);
        for (int s = 0; s < samples; ++s) {
          float* to = sums + (s * gates + gate) * recurrent_units;
          for (int u = 0; u < recurrent_units; ++u) to[u] += column[u] * states[s][k];
        }
      }
    }
  }
};

template <class Isa, RecurrentWeights weights, int gates>
void sum_recurrent_gates(const RecurrentPanels& p, const std::byte* panel, const float* const* states, int samples,
                         float* sums) {
  if (samples == recurrent_samples) return Isa::template sum<weights, gates, recurrent_samples>(p, panel, states, sums);
  for (int s = 0; s < samples; ++s)
    Isa::template sum<weights, gates, 1>(p, panel, states + s, sums + s * gates * recurrent_units);
}

template <class Isa, RecurrentWeights weights>
void sum_recurrent_panels(const RecurrentPanels& p, const std::byte* panel, int gates, const float* const* states,
                          int samples, float* sums) {
  switch (gates) {
    case 1: return sum_recurrent_gates<Isa, weights, 1>(p, panel, states, samples, sums);
    case 2: return sum_recurrent_gates<Isa, weights, 2>(p, panel, states, samples, sums);
    case 3: return sum_recurrent_gates<Isa, weights, 3>(p, panel, states, samples, sums);
    default: return sum_recurrent_gates<Isa, weights, 4>(p, panel, states, samples, sums);
  }
}

template <RecurrentWeights weights>
[[nodiscard]] RecurrentProduct recurrent_product_of() {
#if defined(__x86_64__)
  if (has_recurrent_avx512()) return &sum_recurrent_panels<RecurrentAvx512, weights>;
  if (has_recurrent_avx2()) return &sum_recurrent_panels<RecurrentAvx2, weights>;
#endif
  return &sum_recurrent_panels<RecurrentAnywhere, weights>;
}

inline RecurrentProduct recurrent_product(RecurrentWeights weights) {
  switch (weights) {
    case RecurrentWeights::f32: return recurrent_product_of<RecurrentWeights::f32>();
    case RecurrentWeights::s24: return recurrent_product_of<RecurrentWeights::s24>();
    case RecurrentWeights::bf16: return recurrent_product_of<RecurrentWeights::bf16>();
    case RecurrentWeights::s8: break;
  }
  return recurrent_product_of<RecurrentWeights::s8>();
}

}  // namespace fulcrum::detail::onednn
