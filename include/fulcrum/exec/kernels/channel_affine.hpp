#pragma once
/// \file
/// Batch normalization in loops of Fulcrum's own: a factor and a shift per channel, of one value or of several that are
/// joined along their channels on the way.

#include <cstdint>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/elementwise_loops.hpp>
#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/layers/activation.hpp>

namespace fulcrum::detail::onednn {

/// Values of `channels` each, next to one another in a result of as many as they have together. All lie alike: with
/// channels last, or in planes of `block` channels (1: row-major), of which the last may be padded with zeros.
struct ChannelAffine {
  std::vector<std::int64_t> channels;  ///< of each source, padding included
  std::int64_t images = 0, pixels = 0;
  std::int64_t block = 0;             ///< 0: channels last
  std::vector<float> factor, shift;   ///< by channel of the result; 0 for padding
  std::vector<Activation> functions;  ///< on the result, one after another; in bf16 none but a ReLU
};

/// functions(factor · src + shift), from all pointers but the last to the last, all in f32 or all in bf16. With one
/// source they may be the same.
FULCRUM_DECLARE [[nodiscard]] NativeFunction channel_affine_function(ChannelAffine affine, DType dtype,
                                                                     const ChannelPadding& padding, int threads);

}  // namespace fulcrum::detail::onednn

#if FULCRUM_DEFINES(exec_compile)

#include <algorithm>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

#include <fulcrum/core/bf16.hpp>
#include <fulcrum/exec/kernels/bf16_rounding.hpp>
#include <fulcrum/exec/kernels/elementwise_vectors.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

/// Elements of a row: factor · src + shift with a factor for each (step 1), or the first for every `step` of them.
template <class T>
struct AffineRow {
  const T* src;
  const float* factor;
  const float* shift;
  T* dst;
  std::int64_t count;
};

template <class T>
using AffineRun = void (*)(const AffineRow<T>& row, std::int64_t block);

namespace vectors {

template <bool relu, class X>
__attribute__((always_inline)) inline void affine(const X& x, const X& factor, const X& shift, X& r) {
  r = x * factor + shift;
  if constexpr (relu) r = r < X{} ? X{} : r;
}

/// block 0: every element has a factor of its own; else those of a block have, block after block.
template <bool relu, class X, class T>
__attribute__((always_inline)) inline void affine_row(const AffineRow<T>& row, std::int64_t block) {
  constexpr auto width = static_cast<std::int64_t>(sizeof(X) / sizeof(float));
  std::int64_t i = 0;
  X x, factor, shift, r;
  if (block == 0) {
    for (; i + width <= row.count; i += width) {
      load(row.src + i, x);
      load(row.factor + i, factor);
      load(row.shift + i, shift);
      affine<relu>(x, factor, shift, r);
      store(r, row.dst + i);
    }
  } else if (block == 1 || block == width) {
    factor = X{} + *row.factor;
    shift = X{} + *row.shift;
    if (block == width) {
      load(row.factor, factor);
      load(row.shift, shift);
    }
    for (; i + width <= row.count; i += width) {
      load(row.src + i, x);
      affine<relu>(x, factor, shift, r);
      store(r, row.dst + i);
    }
  }
  for (; i < row.count; ++i) {
    const std::int64_t at = block == 0 ? i : i % block;
    float one, result;
    load(row.src + i, one);
    affine<relu>(one, row.factor[at], row.shift[at], result);
    store(result, row.dst + i);
  }
}

template <bool relu, class T>
void affine_row_anywhere(const AffineRow<T>& row, std::int64_t block) {
  affine_row<relu, EightFloats>(row, block);
}
#if defined(__x86_64__)
template <bool relu, class T>
__attribute__((target("avx2,fma"))) void affine_row_avx2(const AffineRow<T>& row, std::int64_t block) {
  affine_row<relu, EightFloats>(row, block);
}
template <bool relu, class T>
__attribute__((target("avx512f"))) void affine_row_avx512(const AffineRow<T>& row, std::int64_t block) {
  affine_row<relu, SixteenFloats>(row, block);
}
#endif

template <bool relu, class T>
[[nodiscard]] AffineRun<T> affine_run(std::int64_t block) {
#if defined(__x86_64__)
  if (block != 8 && __builtin_cpu_supports("avx512f") != 0) return &affine_row_avx512<relu, T>;
  if (block != 16 && __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
    return &affine_row_avx2<relu, T>;
#endif
  static_cast<void>(block);
  return &affine_row_anywhere<relu, T>;
}

}  // namespace vectors

/// Runs a ChannelAffine on parts of its result.
/// \tparam T  float or bf16
template <class T>
class ChannelAffineLoops {
public:
  explicit ChannelAffineLoops(ChannelAffine affine) : affine_(std::move(affine)) {
    for (const std::int64_t count : affine_.channels) all_ += count;
    const bool relu = !affine_.functions.empty() && affine_.functions.front().function == ActivationKind::relu;
    run_ = relu ? vectors::affine_run<true, T>(affine_.block) : vectors::affine_run<false, T>(affine_.block);
    for (std::size_t i = relu ? 1 : 0; i < affine_.functions.size(); ++i)
      functions_.push_back({affine_.functions[i], activation_run(affine_.functions[i].function)});
  }

  /// What may be shared out: pixels, or planes.
  [[nodiscard]] std::int64_t units() const noexcept {
    return affine_.images * (affine_.block == 0 ? affine_.pixels : all_ / affine_.block);
  }

  void operator()(std::span<void* const> pointers, std::int64_t first, std::int64_t last) const {
    if (affine_.block == 0)
      run_pixels(pointers, first, last);
    else
      run_planes(pointers, first, last);
  }

private:
  /// Some pixels at a time, so that every source is read in long runs.
  void run_pixels(std::span<void* const> pointers, std::int64_t first, std::int64_t last) const {
    constexpr std::int64_t pixels_of_tile = 16;
    auto* dst = static_cast<T*>(pointers.back());
    for (std::int64_t at = first; at < last; at += pixels_of_tile) {
      const std::int64_t end = std::min(at + pixels_of_tile, last);
      std::int64_t channel = 0;
      for (std::size_t i = 0; i < affine_.channels.size(); ++i) {
        const std::int64_t count = affine_.channels[i];
        const auto* src = static_cast<const T*>(pointers[i]);
        for (std::int64_t pixel = at; pixel < end; ++pixel) {
          run_({src + pixel * count, affine_.factor.data() + channel, affine_.shift.data() + channel,
                dst + pixel * all_ + channel, count},
               0);
        }
        channel += count;
      }
      run_functions(dst + at * all_, (end - at) * all_);
    }
  }

  void run_planes(std::span<void* const> pointers, std::int64_t first, std::int64_t last) const {
    const std::int64_t block = affine_.block;
    const std::int64_t elements = affine_.pixels * block;
    const std::int64_t planes = all_ / block;
    auto* dst = static_cast<T*>(pointers.back());
    for (std::int64_t unit = first; unit < last; ++unit) {
      const std::int64_t image = unit / planes;
      std::int64_t plane = unit % planes;
      std::size_t source = 0;
      for (; plane >= affine_.channels[source] / block; ++source) plane -= affine_.channels[source] / block;
      const std::int64_t channel = unit % planes * block;
      const auto* src =
          static_cast<const T*>(pointers[source]) + (image * (affine_.channels[source] / block) + plane) * elements;
      run_({src, affine_.factor.data() + channel, affine_.shift.data() + channel, dst + unit * elements, elements},
           block);
      run_functions(dst + unit * elements, elements);
    }
  }

  void run_functions([[maybe_unused]] T* dst, [[maybe_unused]] std::int64_t count) const {
    if constexpr (std::is_same_v<T, float>) {
      if (functions_.empty()) return;
      for (std::int64_t at = 0; at < count; at += elements_of_tile) {
        for (const auto& [activation, run] : functions_)
          run(activation, dst + at, dst + at, std::min(elements_of_tile, count - at));
      }
    }
  }

  ChannelAffine affine_;
  std::int64_t all_ = 0;  ///< channels of the result
  AffineRun<T> run_ = nullptr;
  std::vector<std::pair<Activation, ActivationRun>> functions_;
};

template <class T>
[[nodiscard]] NativeFunction channel_affine_of(ChannelAffine affine, const ChannelPadding& padding, int threads) {
  return [loops = ChannelAffineLoops<T>(std::move(affine)), padding, threads](std::span<void* const> pointers) {
    for_parts(threads, loops.units(), [&](std::int64_t first, std::int64_t last) { loops(pointers, first, last); });
    clear(padding, static_cast<T*>(pointers.back()));
  };
}

FULCRUM_DEFINE NativeFunction channel_affine_function(ChannelAffine affine, DType dtype, const ChannelPadding& padding,
                                                      int threads) {
  return dtype == DType::bf16 ? channel_affine_of<bf16>(std::move(affine), padding, threads)
                              : channel_affine_of<float>(std::move(affine), padding, threads);
}

}  // namespace fulcrum::detail::onednn

#endif
