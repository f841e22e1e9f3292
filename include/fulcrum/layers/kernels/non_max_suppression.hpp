#pragma once
/// \file
/// NonMaxSuppression.

#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/non_max_suppression.hpp>

namespace fulcrum::kernels {

template <class T>
void run(const NonMaxSuppression& layer, std::span<const Source<T>> src, const Result<T>& dst);

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fulcrum::kernels {

/// A box by its sides.
template <class T>
struct Box {
  T top{}, left{}, bottom{}, right{};

  /// \param numbers  four, as NonMaxSuppression::centered says
  [[nodiscard]] static Box of(const T* numbers, bool centered) {
    if (!centered) {
      return {std::min(numbers[0], numbers[2]), std::min(numbers[1], numbers[3]), std::max(numbers[0], numbers[2]),
              std::max(numbers[1], numbers[3])};
    }
    const T half_width = numbers[2] / T{2}, half_height = numbers[3] / T{2};
    return {numbers[1] - half_height, numbers[0] - half_width, numbers[1] + half_height, numbers[0] + half_width};
  }
  [[nodiscard]] T area() const noexcept { return (bottom - top) * (right - left); }
};

/// Whether the intersection of two boxes is more than a part of their union. A box without an area overlaps nothing.
template <class T>
[[nodiscard]] bool overlap(const Box<T>& a, const Box<T>& b, float threshold) {
  const T height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const T width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (!(height > T{0} && width > T{0}) || !(a.area() > T{0} && b.area() > T{0})) return false;
  const T intersection = height * width;
  const T both = a.area() + b.area() - intersection;
  return both > T{0} && intersection / both > static_cast<T>(threshold);
}

template <class T>
void run(const NonMaxSuppression& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  const std::int64_t images = src[1].shape[0], classes = src[1].shape[1], boxes = src[1].shape[2];
  std::vector<std::int64_t> order;
  std::vector<Box<T>> kept;
  T* to = dst.elements.data();
  for (std::int64_t image = 0; image < images; ++image) {
    const T* corners = src[0].elements.data() + image * boxes * 4;
    for (std::int64_t label = 0; label < classes; ++label) {
      const T* scores = src[1].elements.data() + (image * classes + label) * boxes;
      order.clear();
      for (std::int64_t box = 0; box < boxes; ++box) {
        const bool counts =
            layer.score_threshold ? scores[box] > static_cast<T>(*layer.score_threshold) : !std::isnan(scores[box]);
        if (counts) order.push_back(box);
      }
      // A heap: of thousands of boxes only the best are asked for.
      const auto comes_later = [&](std::int64_t a, std::int64_t b) {
        return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
      };
      std::make_heap(order.begin(), order.end(), comes_later);
      kept.clear();
      while (!order.empty() && static_cast<std::int64_t>(kept.size()) < layer.most_per_class) {
        std::pop_heap(order.begin(), order.end(), comes_later);
        const std::int64_t best = order.back();
        order.pop_back();
        const Box<T> box = Box<T>::of(corners + best * 4, layer.centered);
        const auto hides = [&](const Box<T>& other) { return overlap(box, other, layer.iou_threshold); };
        if (std::any_of(kept.begin(), kept.end(), hides)) continue;
        kept.push_back(box);
        *to++ = static_cast<T>(image);
        *to++ = static_cast<T>(label);
        *to++ = static_cast<T>(best);
      }
    }
  }
  std::fill(to, dst.elements.data() + dst.elements.size(), T{-1});
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const NonMaxSuppression& layer, std::span<const Source<float>> src, const Result<float>& dst);
template void run(const NonMaxSuppression& layer, std::span<const Source<double>> src, const Result<double>& dst);
}  // namespace fulcrum::kernels
#endif

#endif
