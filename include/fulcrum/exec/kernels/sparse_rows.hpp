#pragma once
/// \file
/// Products of a few rows by weights without their zeros: 16 results lie side by side, and each gathers the elements
/// that its weights multiply. It takes as long as reading the weights does, or the gathering of what they multiply.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/kernels/gelu.hpp>
#include <fulcrum/exec/kernels/sparse_weights.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

/// Results that lie side by side.
inline constexpr std::int64_t sparse_lanes = 16;

/// How the weights (oc, ic) lie: groups of 16 rows of about the same length. A group is as many columns as its longest
/// row has weights, each 16 places and then 16 weights; rows that are shorter end in weights 0 behind the source.
struct GatherLayout {
  std::int64_t oc = 0, ic = 0;
  std::vector<std::int64_t> first_channel;  ///< of each part, and where the last one ends
  std::vector<std::int64_t> first_group;    ///< of each part, and behind the last one
  std::vector<std::int64_t> columns;        ///< of each group
  std::vector<std::int64_t> at;             ///< where a group begins [B]
  std::vector<std::int32_t> channels;       ///< of each group's 16 rows; −1: none

  [[nodiscard]] bool wide() const noexcept { return ic >= 65535; }  ///< places are of 32 bits, else of 16
  [[nodiscard]] std::int64_t column_bytes() const noexcept {
    return sparse_lanes * ((wide() ? 4 : 2) + static_cast<std::int64_t>(sizeof(float)));
  }
  [[nodiscard]] std::int64_t bytes() const noexcept {
    return columns.empty() ? 0 : at.back() + columns.back() * column_bytes();
  }
};

[[nodiscard]] inline GatherLayout gather_layout(std::span<const float> weights, std::int64_t oc, std::int64_t parts) {
  GatherLayout layout;
  layout.oc = oc;
  layout.ic = static_cast<std::int64_t>(weights.size()) / std::max<std::int64_t>(oc, 1);
  layout.first_channel = sparse_parts(weights, oc, parts, sparse_lanes);
  layout.first_group.push_back(0);
  std::int64_t at = 0;
  for (std::size_t part = 0; part + 1 < layout.first_channel.size(); ++part) {
    std::vector<std::pair<std::int64_t, std::int64_t>> rows;  // (weights, channel)
    for (std::int64_t c = layout.first_channel[part]; c < layout.first_channel[part + 1]; ++c) {
      const auto row = weights.begin() + c * layout.ic;
      rows.emplace_back(layout.ic - std::count(row, row + layout.ic, 0.0F), c);
    }
    std::stable_sort(rows.begin(), rows.end(), [](const auto& x, const auto& y) { return x.first > y.first; });
    for (std::size_t first = 0; first < rows.size(); first += sparse_lanes) {
      layout.columns.push_back(rows[first].first);
      layout.at.push_back(at);
      at += layout.columns.back() * layout.column_bytes();
      for (std::size_t lane = 0; lane < sparse_lanes; ++lane) {
        layout.channels.push_back(first + lane < rows.size() ? static_cast<std::int32_t>(rows[first + lane].second)
                                                             : -1);
      }
    }
    layout.first_group.push_back(static_cast<std::int64_t>(layout.columns.size()));
  }
  return layout;
}

/// \param to  layout.bytes()
inline void pack_gathered_weights(const GatherLayout& layout, std::span<const float> weights, std::byte* to) {
  for (std::size_t group = 0; group < layout.columns.size(); ++group) {
    std::byte* first = to + layout.at[group];
    const std::int64_t place_bytes = layout.wide() ? 4 : 2;
    for (std::int64_t lane = 0; lane < sparse_lanes; ++lane) {
      const std::int32_t channel = layout.channels[group * sparse_lanes + static_cast<std::size_t>(lane)];
      std::int64_t column = 0;
      const auto put = [&](std::int64_t place, float weight) {
        std::byte* at = first + column++ * layout.column_bytes();
        if (layout.wide()) {
          const auto wide = static_cast<std::int32_t>(place);
          std::memcpy(at + place_bytes * lane, &wide, sizeof wide);
        } else {
          const auto narrow = static_cast<std::uint16_t>(place);
          std::memcpy(at + place_bytes * lane, &narrow, sizeof narrow);
        }
        std::memcpy(at + sparse_lanes * place_bytes + lane * static_cast<std::int64_t>(sizeof(float)), &weight,
                    sizeof weight);
      };
      for (std::int64_t k = 0; channel >= 0 && k < layout.ic; ++k) {
        const float weight = weights[static_cast<std::size_t>(channel * layout.ic + k)];
        if (weight != 0.0F) put(k, weight);
      }
      while (column < layout.columns[group]) put(layout.ic, 0.0F);
    }
  }
}

/// Sums of a group's columns with a source whose element behind the last is 0.
using GatherSums = void (*)(const std::byte* columns, std::int64_t count, const float* src, float* sums);

template <class Place>
void gather_anywhere(const std::byte* at, std::int64_t count, const float* src, float* sums) {
  std::fill_n(sums, sparse_lanes, 0.0F);
  for (std::int64_t k = 0; k < count; ++k) {
    Place places[sparse_lanes];
    float weights[sparse_lanes];
    std::memcpy(&places, at, sizeof places);
    std::memcpy(&weights, at + sizeof places, sizeof weights);
    for (std::int64_t lane = 0; lane < sparse_lanes; ++lane) sums[lane] += weights[lane] * src[places[lane]];
    at += sizeof places + sizeof weights;
  }
}

#if defined(__x86_64__)

template <class Place>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))) void gather_avx512(const std::byte* at,
                                                                                     std::int64_t count,
                                                                                     const float* src, float* sums) {
  constexpr std::int64_t place_bytes = sparse_lanes * static_cast<std::int64_t>(sizeof(Place));
  constexpr std::int64_t bytes = place_bytes + sparse_lanes * 4;
  // Forms with a mask of all elements: those without one make g++ 12 warn of its own header.
  constexpr __mmask16 all = 0xffff;
  __m512 sum[4];
  for (__m512& s : sum) s = _mm512_setzero_ps();
  const auto add = [&](__m512 & to, const std::byte* column)
      __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"), always_inline)) {
    const __m512i places = sizeof(Place) == 2 ? _mm512_maskz_cvtepu16_epi32(
                                                    all, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(column)))
                                              : _mm512_loadu_si512(column);
    const __m512 x = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), all, places, src, 4);
    to = _mm512_fmadd_ps(_mm512_loadu_ps(column + place_bytes), x, to);
  };
  std::int64_t k = 0;
  for (; k + 4 <= count; k += 4, at += 4 * bytes) {
    add(sum[0], at);
    add(sum[1], at + bytes);
    add(sum[2], at + 2 * bytes);
    add(sum[3], at + 3 * bytes);
  }
  for (; k < count; ++k, at += bytes) add(sum[0], at);
  _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
}

template <class Place>
__attribute__((target("avx2,fma"))) void gather_avx2(const std::byte* at, std::int64_t count, const float* src,
                                                     float* sums) {
  constexpr std::int64_t place_bytes = sparse_lanes * static_cast<std::int64_t>(sizeof(Place));
  __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (std::int64_t k = 0; k < count; ++k, at += place_bytes + sparse_lanes * 4) {
    for (int half = 0; half < 2; ++half) {
      const std::byte* from = at + half * place_bytes / 2;
      const __m256i places = sizeof(Place) == 2
                                 ? _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)))
                                 : _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      const __m256 weights = _mm256_loadu_ps(reinterpret_cast<const float*>(at + place_bytes) + 8 * half);
      const __m256 x =
          _mm256_mask_i32gather_ps(_mm256_setzero_ps(), src, places, _mm256_castsi256_ps(_mm256_set1_epi32(-1)), 4);
      sum[half] = _mm256_fmadd_ps(weights, x, sum[half]);
    }
  }
  _mm256_storeu_ps(sums, sum[0]);
  _mm256_storeu_ps(sums + 8, sum[1]);
}

#endif

/// For the CPU at hand.
template <class Place>
[[nodiscard]] GatherSums gather_sums() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0)
    return &gather_avx512<Place>;
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0) return &gather_avx2<Place>;
#endif
  return &gather_anywhere<Place>;
}

/// What becomes of the sums of a row.
struct GatherTail {
  bool adds = false;                                            ///< dst's earlier content
  float least = 0.0F, largest = 0.0F;                           ///< what results are clamped to
  std::vector<std::pair<Activation, ActivationRun>> functions;  ///< before the clamp; none where `adds`
};

/// The step's function: (src, weights, bias, scratch memory, dst); src (rows, ic), dst (rows, oc).
class GatherFunction {
public:
  GatherFunction(std::int64_t rows, GatherLayout layout, GatherTail tail, int threads)
      : rows_(rows),
        layout_(std::move(layout)),
        tail_(std::move(tail)),
        sums_(layout_.wide() ? gather_sums<std::int32_t>() : gather_sums<std::uint16_t>()),
        threads_(threads) {}

  /// [B] of scratch memory: the rows with a 0 behind each
  [[nodiscard]] static std::int64_t scratch_bytes(std::int64_t rows, std::int64_t ic, int threads) {
    return threads * rows * (ic + 1) * static_cast<std::int64_t>(sizeof(float));
  }

  void operator()(std::span<void* const> pointers) const {
    const auto* src = static_cast<const float*>(pointers[0]);
    const auto* weights = static_cast<const std::byte*>(pointers[1]);
    const auto* bias = static_cast<const float*>(pointers[2]);
    auto* scratch = static_cast<float*>(pointers[3]);
    auto* dst = static_cast<float*>(pointers[4]);
    const auto parts = static_cast<std::int64_t>(layout_.first_channel.size()) - 1;
    const std::int64_t width = layout_.ic + 1;
    for_parts(threads_, parts, [&](std::int64_t first, std::int64_t last) {
      float* own = scratch + first * threads_ / parts * rows_ * width;
      for (std::int64_t row = 0; row < rows_; ++row) {
        std::copy_n(src + row * layout_.ic, layout_.ic, own + row * width);
        own[row * width + layout_.ic] = 0.0F;
      }
      for (std::int64_t part = first; part < last; ++part) run(weights, bias, own, dst, static_cast<std::size_t>(part));
    });
  }

private:
  void run(const std::byte* weights, const float* bias, const float* src, float* dst, std::size_t part) const {
    const std::int64_t width = layout_.ic + 1;
    for (std::int64_t g = layout_.first_group[part]; g < layout_.first_group[part + 1]; ++g) {
      const auto group = static_cast<std::size_t>(g);
      for (std::int64_t row = 0; row < rows_; ++row) {
        float sums[sparse_lanes];
        sums_(weights + layout_.at[group], layout_.columns[group], src + row * width, sums);
        for (std::size_t lane = 0; lane < sparse_lanes; ++lane) {
          const std::int32_t channel = layout_.channels[group * sparse_lanes + lane];
          if (channel < 0) break;
          float& to = dst[row * layout_.oc + channel];
          to = sums[lane] + bias[channel] + (tail_.adds ? to : 0.0F);
        }
      }
    }
    const std::int64_t first = layout_.first_channel[part], count = layout_.first_channel[part + 1] - first;
    for (std::int64_t row = 0; row < rows_; ++row) {
      float* results = dst + row * layout_.oc + first;
      for (const auto& [activation, apply] : tail_.functions) apply(activation, results, results, count);
      for (std::int64_t i = 0; i < count; ++i) {
        const float value = results[i] < tail_.least ? tail_.least : results[i];  // a NaN stays one
        results[i] = value > tail_.largest ? tail_.largest : value;
      }
    }
  }

  std::int64_t rows_ = 1;
  GatherLayout layout_;
  GatherTail tail_;
  GatherSums sums_;
  int threads_ = 1;
};

}  // namespace fulcrum::detail::onednn
