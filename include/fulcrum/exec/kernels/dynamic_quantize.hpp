#pragma once
/// \file
/// Rounding over a range that is found at run time, and what makes reals of sums of products of such integers, in loops
/// of Fulcrum's own on all threads.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <fulcrum/exec/kernels/elementwise_vectors.hpp>
#include <fulcrum/exec/kernels/pointed_product.hpp>
#include <fulcrum/tensor/quantization.hpp>

namespace fulcrum::detail::onednn {

/// The smallest and the largest of some elements and 0. A NaN is neither.
struct ValueRange {
  float least = 0.0F, largest = 0.0F;

  void add(const float* from, std::int64_t count);
  void add(const ValueRange& other) {
    least = std::min(least, other.least);
    largest = std::max(largest, other.largest);
  }
};

/// round_half_even(x / scale) + zero point, within 0 … 255; of a NaN, the zero point.
inline void quantize_run(const AffineMap& map, const float* src, std::uint8_t* dst, std::int64_t count);
/// (q − zero point) · scale
inline void dequantize_run(const AffineMap& map, const std::uint8_t* src, float* dst, std::int64_t count);

/// From the first pointer, f32, to the third, u8, by the map of what is there, which goes to the second (AffineMap).
[[nodiscard]] inline NativeFunction dynamic_quantize_function(std::int64_t count, int threads);
/// The same, and back to f32 at the third pointer, which may be the first.
[[nodiscard]] inline NativeFunction dynamic_rounding_function(std::int64_t count, int threads);
/// From the first pointer, u8, by the map at the second, to the third, f32.
[[nodiscard]] inline NativeFunction dequantize_function(std::int64_t count, int threads);

/// One axis of a window that slides over a source: its taps that lie in the source are a range that depends on where it
/// is, one of a few.
struct WindowTaps {
  std::int64_t src = 1, dst = 1, kernel = 1, stride = 1, dilation = 1, before = 0;
};

/// A product of integers u8 · s8 and what makes reals of it. Weights w stand for w − weights_zero.
struct IntegerProductPlan {
  std::array<WindowTaps, 3> axes;  ///< depth, rows, columns
  std::int64_t images = 1, groups = 1, ic = 1, oc = 1;
  std::vector<float> weights_scales;        ///< (oc)
  std::vector<std::int32_t> weights_zeros;  ///< (oc); or empty: all are 0
  std::vector<std::int32_t> sums;           ///< (places of a window, oc): of the weights w whose taps lie in the source
  std::array<std::vector<int>, 3> place_of;  ///< of each axis: which of its ranges a window has, by its index
  std::array<std::vector<std::pair<int, int>>, 3> ranges;  ///< of each axis: taps [first, last)
  std::vector<float> bias;                                 ///< (oc)
  std::vector<Activation> before, after;                   ///< functions on the result, before and after the addend
  bool has_addend = false;

  [[nodiscard]] std::int64_t src_pixels() const noexcept { return images * axes[0].src * axes[1].src * axes[2].src; }
  [[nodiscard]] std::int64_t dst_rows() const noexcept { return images * axes[0].dst * axes[1].dst; }
  /// Integers of the scratch: sums of each source pixel's channels, then of what each window sees.
  [[nodiscard]] std::int64_t scratch_elements() const noexcept {
    return weights_zeros.empty() ? 0 : (src_pixels() + dst_rows() * axes[2].dst) * groups;
  }
};

/// Fills in places, ranges and sums.
/// \param weights  (oc, ic / groups, taps)
inline void set_window_sums(IntegerProductPlan& plan, std::span<const std::int8_t> weights);

/// The step's function: (src u8, its AffineMap, weights, [addend f32], scratchpad of the product, scratch, dst), dst
/// and addend with channels last. Sums stand in dst before they are reals.
class IntegerProductFunction {
public:
  IntegerProductFunction(std::shared_ptr<const IntegerProductPlan> plan, PointedProduct product, int threads)
      : plan_(std::move(plan)), product_(std::move(product)), threads_(threads), stream_(cpu_engine()) {
    for (const Activation& activation : plan_->before)
      before_.push_back({activation, activation_run(activation.function)});
    for (const Activation& activation : plan_->after)
      after_.push_back({activation, activation_run(activation.function)});
    corrections_.resize(plan_->sums.size());
    scales_.resize(plan_->weights_scales.size());
  }
  IntegerProductFunction(const IntegerProductFunction& other)
      : IntegerProductFunction(other.plan_, other.product_, other.threads_) {}
  IntegerProductFunction& operator=(const IntegerProductFunction&) = delete;

  void operator()(std::span<void* const> pointers);

private:
  using Functions = std::vector<std::pair<Activation, ActivationRun>>;
  /// Sums of channels, less the zero point each, of source pixels [first, last): (pixel, group).
  void sum_channels(const AffineMap& map, const std::uint8_t* src, std::int32_t* sums, std::int64_t first,
                    std::int64_t last) const;
  /// For each column of a row and each group: the sum of what the window sees.
  void sum_windows(const std::int32_t* sums, std::int64_t row, std::int32_t* windows) const;
  void make_reals(const std::int32_t* sums, const float* addend, float* dst, std::int64_t row,
                  std::int32_t* windows) const;

  std::shared_ptr<const IntegerProductPlan> plan_;
  PointedProduct product_;
  int threads_ = 1;
  dnnl::stream stream_;
  Functions before_, after_;
  std::vector<std::int32_t> corrections_;  // (places, oc): zero point times sum of weights
  std::vector<float> scales_;              // (oc): of the source times of the weights
};

// --- runs of elements ---------------------------------------------------------------------------------------------

/// Channels of one pixel: dst[c] = float(dst's integer − correction − weights_zero · window) · scale + bias.
struct PixelToReals {
  const std::int32_t* corrections = nullptr;
  const std::int32_t* zeros = nullptr;  ///< of the weights; null: 0
  const float* scales = nullptr;
  const float* bias = nullptr;
};

inline void pixel_to_reals(const PixelToReals& p, std::int32_t window, float* dst, std::int64_t begin,
                           std::int64_t end) {
  for (std::int64_t c = begin; c < end; ++c) {
    std::int32_t sum = 0;
    std::memcpy(&sum, dst + c, sizeof sum);
    sum -= p.corrections[c];
    if (p.zeros != nullptr) sum -= p.zeros[c] * window;
    const float scaled = static_cast<float>(sum) * p.scales[c];
    dst[c] = scaled + p.bias[c];
  }
}

inline void range_run(ValueRange& range, const float* from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    if (from[i] < range.least) range.least = from[i];
    if (from[i] > range.largest) range.largest = from[i];
  }
}

#if defined(__x86_64__)

__attribute__((target("avx2"), always_inline)) inline __m256i load_words(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

__attribute__((target("avx2"))) inline void pixel_to_reals_avx2(const PixelToReals& p, std::int32_t window, float* dst,
                                                                std::int64_t whole) {
  const __m256i seen = _mm256_set1_epi32(window);
  for (std::int64_t c = 0; c < whole; c += 8) {
    __m256i sum = _mm256_sub_epi32(load_words(dst + c), load_words(p.corrections + c));
    if (p.zeros != nullptr) sum = _mm256_sub_epi32(sum, _mm256_mullo_epi32(load_words(p.zeros + c), seen));
    const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(p.scales + c));
    _mm256_storeu_ps(dst + c, _mm256_add_ps(scaled, _mm256_loadu_ps(p.bias + c)));
  }
}

__attribute__((target("avx2"))) inline void range_run_avx2(ValueRange& range, const float* from, std::int64_t whole) {
  __m256 least[4], largest[4];
  for (int v = 0; v < 4; ++v) {
    least[v] = _mm256_set1_ps(range.least);
    largest[v] = _mm256_set1_ps(range.largest);
  }
  for (std::int64_t i = 0; i < whole; i += 32) {
    for (int v = 0; v < 4; ++v) {  // the second operand is the result where the first is NaN
      const __m256 x = _mm256_loadu_ps(from + i + 8 * v);
      least[v] = _mm256_min_ps(x, least[v]);
      largest[v] = _mm256_max_ps(x, largest[v]);
    }
  }
  alignas(32) float lane[8];
  for (int v = 0; v < 4; ++v) {
    _mm256_store_ps(lane, least[v]);
    for (const float x : lane) range.least = std::min(range.least, x);
    _mm256_store_ps(lane, largest[v]);
    for (const float x : lane) range.largest = std::max(range.largest, x);
  }
}

/// Of 32 elements at a time.
__attribute__((target("avx2"))) inline void quantize_run_avx2(const AffineMap& map, const float* src, std::uint8_t* dst,
                                                              std::int64_t whole) {
  const __m256 scale = _mm256_set1_ps(map.scale);
  const __m256 least = _mm256_set1_ps(static_cast<float>(-map.zero_point));
  const __m256 most = _mm256_set1_ps(static_cast<float>(255 - map.zero_point));
  const __m256i zero_point = _mm256_set1_epi32(map.zero_point);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  for (std::int64_t i = 0; i < whole; i += 32) {
    __m256i q[4];
    for (int v = 0; v < 4; ++v) {
      __m256 x = _mm256_div_ps(_mm256_loadu_ps(src + i + 8 * v), scale);
      x = _mm256_and_ps(x, _mm256_cmp_ps(x, x, _CMP_ORD_Q));
      x = _mm256_max_ps(_mm256_min_ps(x, most), least);
      q[v] = _mm256_add_epi32(_mm256_cvtps_epi32(x), zero_point);
    }
    const __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + i), _mm256_permutevar8x32_epi32(bytes, order));
  }
}

__attribute__((target("avx2"))) inline void dequantize_run_avx2(const AffineMap& map, const std::uint8_t* src,
                                                                float* dst, std::int64_t whole) {
  const __m256 scale = _mm256_set1_ps(map.scale);
  const __m256i zero_point = _mm256_set1_epi32(map.zero_point);
  for (std::int64_t i = 0; i < whole; i += 8) {
    const __m256i q = _mm256_sub_epi32(load_eight(src + i), zero_point);
    _mm256_storeu_ps(dst + i, _mm256_mul_ps(_mm256_cvtepi32_ps(q), scale));
  }
}

/// The sum of bytes.
__attribute__((target("avx2"))) inline std::int32_t sum_of_bytes_avx2(const std::uint8_t* from, std::int64_t whole) {
  __m256i sums = _mm256_setzero_si256();
  for (std::int64_t i = 0; i < whole; i += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    sums = _mm256_add_epi64(sums, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
  }
  alignas(32) std::int64_t lane[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lane), sums);
  return static_cast<std::int32_t>(lane[0] + lane[1] + lane[2] + lane[3]);
}

#endif

inline void ValueRange::add(const float* from, std::int64_t count) {
  std::int64_t done = 0;
#if defined(__x86_64__)
  if (cpu_has_avx2()) {
    done = count / 32 * 32;
    range_run_avx2(*this, from, done);
  }
#endif
  range_run(*this, from + done, count - done);
}

inline void quantize_run(const AffineMap& map, const float* src, std::uint8_t* dst, std::int64_t count) {
  std::int64_t i = 0;
#if defined(__x86_64__)
  if (cpu_has_avx2()) {
    i = count / 32 * 32;
    quantize_run_avx2(map, src, dst, i);
  }
#endif
  for (; i < count; ++i)
    dst[i] = static_cast<std::uint8_t>(fulcrum::quantize(src[i], map.scale, map.zero_point, DType::u8));
}

inline void dequantize_run(const AffineMap& map, const std::uint8_t* src, float* dst, std::int64_t count) {
  std::int64_t i = 0;
#if defined(__x86_64__)
  if (cpu_has_avx2()) {
    i = count / 8 * 8;
    dequantize_run_avx2(map, src, dst, i);
  }
#endif
  for (; i < count; ++i) dst[i] = dequantize(src[i], map.scale, map.zero_point);
}

// --- steps --------------------------------------------------------------------------------------------------------

/// The map of all elements, found in parts.
[[nodiscard]] inline AffineMap dynamic_map_of(const float* src, std::int64_t count, int threads,
                                              std::vector<ValueRange>& parts) {
  std::fill(parts.begin(), parts.end(), ValueRange{});
  const std::int64_t pieces = static_cast<std::int64_t>(parts.size());
  for_parts(threads, pieces, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t begin = count * i / pieces, end = count * (i + 1) / pieces;
      ValueRange own;  // threads write to one cache line once each
      own.add(src + begin, end - begin);
      parts[static_cast<std::size_t>(i)] = own;
    }
  });
  ValueRange all;
  for (const ValueRange& part : parts) all.add(part);
  return dynamic_map(all.least, all.largest);
}

inline NativeFunction dynamic_quantize_function(std::int64_t count, int threads) {
  return [count, threads, parts = std::vector<ValueRange>(static_cast<std::size_t>(std::max(threads, 1)))](
             std::span<void* const> pointers) mutable {
    const auto* src = static_cast<const float*>(pointers[0]);
    const AffineMap map = dynamic_map_of(src, count, threads, parts);
    std::memcpy(pointers[1], &map, sizeof map);
    auto* dst = static_cast<std::uint8_t*>(pointers[2]);
    for_parts(threads, count, [&](std::int64_t first, std::int64_t last) {
      quantize_run(map, src + first, dst + first, last - first);
    });
  };
}

inline NativeFunction dynamic_rounding_function(std::int64_t count, int threads) {
  return [count, threads, parts = std::vector<ValueRange>(static_cast<std::size_t>(std::max(threads, 1)))](
             std::span<void* const> pointers) mutable {
    const auto* src = static_cast<const float*>(pointers[0]);
    const AffineMap map = dynamic_map_of(src, count, threads, parts);
    auto* dst = static_cast<float*>(pointers[1]);
    for_parts(threads, count, [&](std::int64_t first, std::int64_t last) {
      constexpr std::int64_t most = 1024;
      std::array<std::uint8_t, most> integers;
      for (std::int64_t at = first; at < last; at += most) {
        const std::int64_t some = std::min(most, last - at);
        quantize_run(map, src + at, integers.data(), some);
        dequantize_run(map, integers.data(), dst + at, some);
      }
    });
  };
}

inline NativeFunction dequantize_function(std::int64_t count, int threads) {
  return [count, threads](std::span<void* const> pointers) {
    AffineMap map;
    std::memcpy(&map, pointers[1], sizeof map);
    const auto* src = static_cast<const std::uint8_t*>(pointers[0]);
    auto* dst = static_cast<float*>(pointers[2]);
    for_parts(threads, count, [&](std::int64_t first, std::int64_t last) {
      dequantize_run(map, src + first, dst + first, last - first);
    });
  };
}

inline void set_window_sums(IntegerProductPlan& plan, std::span<const std::int8_t> weights) {
  std::int64_t taps = 1;
  for (std::size_t a = 0; a < 3; ++a) {
    const WindowTaps& axis = plan.axes[a];
    taps *= axis.kernel;
    plan.ranges[a].clear();
    plan.place_of[a].clear();
    for (std::int64_t at = 0; at < axis.dst; ++at) {
      const std::int64_t begin = at * axis.stride - axis.before;  // of tap 0, in the source
      std::pair<int, int> range{0, 0};
      for (std::int64_t tap = axis.kernel; tap-- > 0;) {
        const std::int64_t place = begin + tap * axis.dilation;
        if (place < 0 || place >= axis.src) continue;
        if (range.second == 0) range.second = static_cast<int>(tap) + 1;
        range.first = static_cast<int>(tap);
      }
      const auto known = std::find(plan.ranges[a].begin(), plan.ranges[a].end(), range);
      plan.place_of[a].push_back(static_cast<int>(known - plan.ranges[a].begin()));
      if (known == plan.ranges[a].end()) plan.ranges[a].push_back(range);
    }
  }
  const std::int64_t channels = plan.ic / plan.groups;
  std::vector<std::int32_t> of_taps(static_cast<std::size_t>(plan.oc * taps), 0);
  for (std::int64_t i = 0; i < plan.oc * channels * taps; ++i)
    of_taps[static_cast<std::size_t>(i / (channels * taps) * taps + i % taps)] += weights[static_cast<std::size_t>(i)];
  plan.sums.clear();
  for (const auto& [d0, d1] : plan.ranges[0]) {
    for (const auto& [h0, h1] : plan.ranges[1]) {
      for (const auto& [w0, w1] : plan.ranges[2]) {
        for (std::int64_t c = 0; c < plan.oc; ++c) {
          std::int32_t sum = 0;
          for (std::int64_t d = d0; d < d1; ++d) {
            for (std::int64_t h = h0; h < h1; ++h) {
              for (std::int64_t w = w0; w < w1; ++w)
                sum += of_taps[static_cast<std::size_t>(
                    ((c * plan.axes[0].kernel + d) * plan.axes[1].kernel + h) * plan.axes[2].kernel + w)];
            }
          }
          plan.sums.push_back(sum);
        }
      }
    }
  }
}

inline void IntegerProductFunction::sum_channels(const AffineMap& map, const std::uint8_t* src, std::int32_t* sums,
                                                 std::int64_t first, std::int64_t last) const {
  const std::int64_t channels = plan_->ic / plan_->groups;
  const auto zero = static_cast<std::int32_t>(channels) * map.zero_point;
  for (std::int64_t i = first * plan_->groups; i < last * plan_->groups; ++i) {
    const std::uint8_t* from = src + i * channels;
    std::int32_t sum = -zero;
    std::int64_t c = 0;
#if defined(__x86_64__)
    if (cpu_has_avx2()) {
      c = channels / 32 * 32;
      sum += sum_of_bytes_avx2(from, c);
    }
#endif
    for (; c < channels; ++c) sum += from[c];
    sums[i] = sum;
  }
}

inline void IntegerProductFunction::sum_windows(const std::int32_t* sums, std::int64_t row,
                                                std::int32_t* windows) const {
  const IntegerProductPlan& p = *plan_;
  const auto& [deep, high, wide] = p.axes;
  const std::int64_t y = row % high.dst, z = row / high.dst % deep.dst, image = row / high.dst / deep.dst;
  std::fill_n(windows, wide.dst * p.groups, 0);
  const auto range = [&](std::size_t axis, std::int64_t at) {
    return p.ranges[axis][static_cast<std::size_t>(p.place_of[axis][static_cast<std::size_t>(at)])];
  };
  const auto [d0, d1] = range(0, z);
  const auto [h0, h1] = range(1, y);
  for (std::int64_t d = d0; d < d1; ++d) {
    for (std::int64_t h = h0; h < h1; ++h) {
      const std::int64_t src_z = z * deep.stride - deep.before + d * deep.dilation;
      const std::int64_t src_y = y * high.stride - high.before + h * high.dilation;
      const std::int32_t* line = sums + ((image * deep.src + src_z) * high.src + src_y) * wide.src * p.groups;
      for (std::int64_t tap = 0; tap < wide.kernel; ++tap) {
        const std::int64_t shift = tap * wide.dilation - wide.before;
        const std::int64_t first = shift >= 0 ? 0 : (-shift + wide.stride - 1) / wide.stride;
        const std::int64_t last = std::min(wide.dst, shift < wide.src ? (wide.src - 1 - shift) / wide.stride + 1 : 0);
        for (std::int64_t x = first; x < last; ++x) {
          const std::int32_t* from = line + (x * wide.stride + shift) * p.groups;
          for (std::int64_t g = 0; g < p.groups; ++g) windows[x * p.groups + g] += from[g];
        }
      }
    }
  }
}

inline void IntegerProductFunction::make_reals(const std::int32_t* sums, const float* addend, float* dst,
                                               std::int64_t row, std::int32_t* windows) const {
  constexpr std::int64_t elements_at_once = 2048;  // that functions run on while they are in the nearest cache
  const IntegerProductPlan& p = *plan_;
  const bool has_zeros = !p.weights_zeros.empty();
  if (has_zeros) sum_windows(sums, row, windows);
  const std::int64_t width = p.axes[2].dst, of_group = p.oc / p.groups;
  const std::int64_t y = row % p.axes[1].dst, z = row / p.axes[1].dst % p.axes[0].dst;
  const auto place_of_row = static_cast<std::int64_t>(p.place_of[0][static_cast<std::size_t>(z)]) *
                                static_cast<std::int64_t>(p.ranges[1].size()) +
                            p.place_of[1][static_cast<std::size_t>(y)];
  const std::int64_t most = std::max<std::int64_t>(elements_at_once / p.oc, 1);
  for (std::int64_t begin = 0; begin < width; begin += most) {
    const std::int64_t end = std::min(begin + most, width);
    float* tile = dst + (row * width + begin) * p.oc;
    for (std::int64_t x = begin; x < end; ++x) {
      const std::int64_t place =
          place_of_row * static_cast<std::int64_t>(p.ranges[2].size()) + p.place_of[2][static_cast<std::size_t>(x)];
      float* pixel = dst + (row * width + x) * p.oc;
      for (std::int64_t g = 0; g < (has_zeros ? p.groups : 1); ++g) {
        const std::int64_t c = g * of_group, count = has_zeros ? of_group : p.oc;
        const PixelToReals to_reals{corrections_.data() + place * p.oc + c,
                                    has_zeros ? p.weights_zeros.data() + c : nullptr, scales_.data() + c,
                                    p.bias.data() + c};
        const std::int32_t window = has_zeros ? windows[x * p.groups + g] : 0;
        std::int64_t done = 0;
#if defined(__x86_64__)
        if (cpu_has_avx2()) {
          done = count / 8 * 8;
          pixel_to_reals_avx2(to_reals, window, pixel + c, done);
        }
#endif
        pixel_to_reals(to_reals, window, pixel + c, done, count);
      }
    }
    const std::int64_t count = (end - begin) * p.oc;
    for (const auto& [activation, run] : before_) run(activation, tile, tile, count);
    if (addend != nullptr) {
      const float* other = addend + (row * width + begin) * p.oc;
      for (std::int64_t i = 0; i < count; ++i) tile[i] += other[i];
    }
    for (const auto& [activation, run] : after_) run(activation, tile, tile, count);
  }
}

inline void IntegerProductFunction::operator()(std::span<void* const> pointers) {
  const IntegerProductPlan& p = *plan_;
  std::size_t next = 0;
  auto* src = static_cast<std::uint8_t*>(pointers[next++]);
  AffineMap map;
  std::memcpy(&map, pointers[next++], sizeof map);
  void* weights = pointers[next++];
  const float* addend = p.has_addend ? static_cast<const float*>(pointers[next++]) : nullptr;
  void* scratchpad = pointers[next++];
  auto* sums = static_cast<std::int32_t*>(pointers[next++]);
  auto* dst = static_cast<float*>(pointers[next]);
  product_.run(stream_, src, weights, nullptr, scratchpad, dst);
  stream_.wait();
  for (std::size_t i = 0; i < corrections_.size(); ++i) corrections_[i] = map.zero_point * p.sums[i];
  for (std::size_t c = 0; c < scales_.size(); ++c) scales_[c] = map.scale * p.weights_scales[c];
  const bool has_zeros = !p.weights_zeros.empty();
  if (has_zeros) {
    for_parts(threads_, p.src_pixels(),
              [&](std::int64_t first, std::int64_t last) { sum_channels(map, src, sums, first, last); });
  }
  std::int32_t* windows = has_zeros ? sums + p.src_pixels() * p.groups : nullptr;
  const std::int64_t of_row = has_zeros ? p.axes[2].dst * p.groups : 0;
  for_parts(threads_, p.dst_rows(), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row)
      make_reals(sums, addend, dst, row, has_zeros ? windows + row * of_row : nullptr);
  });
}

}  // namespace fulcrum::detail::onednn
