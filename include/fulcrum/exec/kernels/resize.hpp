#pragma once
/// \file
/// Resize in loops of Fulcrum's own, on all threads: row-major, with channels last, or with channels in blocks.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/exec/kernels/elementwise_vectors.hpp>
#include <fulcrum/layers/kernels/resize.hpp>

namespace fulcrum::detail::onednn {

/// An axis of a Resize in memory: each position of the result is a mix of positions of the source.
struct ResizeStage {
  struct Tap {
    std::int64_t index = 0;  ///< −1: outside of the source
    float weight = 1.0F;
  };
  std::int64_t outer = 1, src = 1, dst = 1, inner = 1;
  std::vector<Tap> taps;
  std::vector<std::size_t> first;  ///< of each position of the result, and one more

  [[nodiscard]] std::int64_t src_elements() const noexcept { return outer * src * inner; }
};

/// What a Resize does, axis by axis.
struct ResizePlan {
  std::vector<ResizeStage> stages;
  float outside = 0.0F;
  /// Elements of the values between stages, which lie in two buffers in turns.
  [[nodiscard]] std::array<std::int64_t, 2> buffers() const {
    std::array<std::int64_t, 2> elements{0, 0};
    for (std::size_t i = 1; i < stages.size(); ++i)
      elements[(i - 1) % 2] = std::max(elements[(i - 1) % 2], stages[i].src_elements());
    return elements;
  }
};

/// How the axes lie in memory.
struct AxisOrder {
  std::vector<std::size_t> axes;  ///< from the outermost
  std::int64_t block = 1;         ///< of as many channels (axis 1), innermost; then channels are padded to whole blocks
};

/// Precondition: with blocks, axis 1 stays as it is.
[[nodiscard]] inline ResizePlan resize_plan(const Resize& layer, const Shape& src, const Shape& dst,
                                            const AxisOrder& order);

/// (src, two buffers, dst)
[[nodiscard]] inline NativeFunction resize_function(ResizePlan plan, int threads);

// ------------------------------------------------------------------------------------------------------------------

/// Each position of an axis as a mix; of the nearest, one position whole.
[[nodiscard]] inline kernels::ResizeMix mix_of(const Resize& layer, const kernels::ResizeAxis& axis) {
  if (layer.mode != ResizeKind::nearest) return kernels::resize_mix(layer, axis);
  kernels::ResizeMix mix;
  mix.taps = 1;
  const double last = static_cast<double>(axis.src - 1);
  for (std::int64_t i = 0; i < axis.dst; ++i) {
    const double x = kernels::source_position(layer.coordinates, axis, i);
    const bool outside = layer.coordinates == ResizeCoordinates::tf_crop_and_resize && (x < 0.0 || x > last);
    const double nearest = std::clamp(kernels::nearest_position(layer.rounding, x), 0.0, last);
    mix.index.push_back(outside ? -1 : static_cast<std::int64_t>(nearest));
    mix.weight.push_back(1.0);
  }
  return mix;
}

inline ResizePlan resize_plan(const Resize& layer, const Shape& src, const Shape& dst, const AxisOrder& order) {
  ResizePlan plan;
  plan.outside = layer.extrapolation;
  Shape shape = src;
  for (std::size_t a = src.size(); a-- > 0;) {  // the last axis first, as the definition has it
    const kernels::ResizeAxis axis = kernels::resize_axis(layer, src, dst, a);
    const bool nothing_else = plan.stages.empty() && a == 0;
    if (kernels::is_kept(layer, axis) && !nothing_else) continue;
    ResizeStage stage;
    stage.src = src[a];
    stage.dst = dst[a];
    std::int64_t* side = &stage.outer;
    for (const std::size_t other : order.axes) {
      if (other == a)
        side = &stage.inner;
      else
        *side *= other == 1 ? (shape[1] + order.block - 1) / order.block : shape[other];
    }
    stage.inner *= order.block;
    const kernels::ResizeMix mix = mix_of(layer, axis);
    for (std::int64_t i = 0; i < dst[a]; ++i) {
      stage.first.push_back(stage.taps.size());
      for (std::size_t k = static_cast<std::size_t>(i) * mix.taps; k < static_cast<std::size_t>(i + 1) * mix.taps;
           ++k) {
        const auto weight = static_cast<float>(mix.weight[k]);
        const bool outside = mix.index[k] < 0;
        if (outside && stage.taps.size() > stage.first.back()) break;  // all of a position's are
        if (outside || weight != 0.0F) stage.taps.push_back({mix.index[k], weight});
      }
    }
    stage.first.push_back(stage.taps.size());
    shape[a] = dst[a];
    plan.stages.push_back(std::move(stage));
  }
  return plan;
}

/// dst[j] = Σ weight · src[index · count + j]; 0 without taps.
template <class X>
__attribute__((always_inline)) inline std::int64_t mix_elements(const float* src,
                                                                std::span<const ResizeStage::Tap> taps,
                                                                std::int64_t from, std::int64_t count, float* dst) {
  constexpr auto width = static_cast<std::int64_t>(sizeof(X) / sizeof(float));
  std::int64_t j = from;
  for (; j + width <= count; j += width) {
    X sum{}, x;
    for (const ResizeStage::Tap& tap : taps) {
      std::memcpy(&x, src + tap.index * count + j, sizeof(X));
      sum += x * tap.weight;
    }
    std::memcpy(dst + j, &sum, sizeof(X));
  }
  return j;
}

inline void mix_elements_anywhere(const float* src, std::span<const ResizeStage::Tap> taps, std::int64_t count,
                                  float* dst) {
  mix_elements<float>(src, taps, mix_elements<EightFloats>(src, taps, 0, count, dst), count, dst);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) inline void mix_elements_avx2(const float* src, std::span<const ResizeStage::Tap> taps,
                                                              std::int64_t count, float* dst) {
  mix_elements<float>(src, taps, mix_elements<EightFloats>(src, taps, 0, count, dst), count, dst);
}
#endif

/// Positions [first, last) of the result, counted through all outer ones.
inline void run_stage(const ResizeStage& stage, float outside, const float* src, float* dst, std::int64_t first,
                      std::int64_t last) {
#if defined(__x86_64__)
  const auto mix = cpu_has_avx2() ? mix_elements_avx2 : mix_elements_anywhere;
#else
  const auto mix = mix_elements_anywhere;
#endif
  const std::int64_t size = stage.src * stage.inner;
  const float* from = src + first / stage.dst * size;
  std::int64_t at = first % stage.dst;
  for (std::int64_t i = first; i < last; ++i) {
    const std::span taps(stage.taps.data() + stage.first[static_cast<std::size_t>(at)],
                         stage.taps.data() + stage.first[static_cast<std::size_t>(at) + 1]);
    float* to = dst + i * stage.inner;
    if (!taps.empty() && taps.front().index < 0) {
      std::fill_n(to, stage.inner, outside);
    } else if (taps.size() == 1 && taps.front().weight == 1.0F) {
      std::copy_n(from + taps.front().index * stage.inner, stage.inner, to);
    } else if (stage.inner == 1) {
      float sum = 0.0F;
      for (const ResizeStage::Tap& tap : taps) sum += tap.weight * from[tap.index];
      *to = sum;
    } else {
      mix(from, taps, stage.inner, to);
    }
    if (++at == stage.dst) {
      at = 0;
      from += size;
    }
  }
}

inline NativeFunction resize_function(ResizePlan plan, int threads) {
  return [plan = std::move(plan), threads](std::span<void* const> pointers) {
    const auto* src = static_cast<const float*>(pointers[0]);
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      const ResizeStage& stage = plan.stages[i];
      auto* dst = static_cast<float*>(i + 1 == plan.stages.size() ? pointers[3] : pointers[1 + i % 2]);
      for_parts(threads, stage.outer * stage.dst,
                [&](std::int64_t first, std::int64_t last) { run_stage(stage, plan.outside, src, dst, first, last); });
      src = dst;
    }
  };
}

}  // namespace fulcrum::detail::onednn
