#pragma once
/// \file
/// Depthwise convolutions of images in planes: the pixels of a channel lie side by side, as sparse products take and
/// leave them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/exec/kernels/depthwise_nine.hpp>
#include <fulcrum/exec/kernels/depthwise_sums.hpp>
#include <fulcrum/exec/kernels/gelu.hpp>
#include <fulcrum/exec/kernels/sparse_plan.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

/// How the work of a depthwise convolution is cut.
struct DepthwiseCut {
  bool copies = true;          ///< rows of the source, with the padding around them
  std::int64_t row_parts = 1;  ///< that the rows of an image's results are cut into
  std::int64_t group = 1;  ///< channels that are packed, then summed: what one store wrote, another load reads later
};

/// The first row of a part's results: where a cache line begins, if that is near, so that threads share none.
[[nodiscard]] inline std::int64_t depthwise_first_row(const DepthwiseConv& conv, std::int64_t row_parts,
                                                      std::int64_t part) {
  const std::int64_t height = conv.dst_height, exact = height * part / row_parts;
  if (part == 0 || part == row_parts) return exact;
  const std::int64_t step = sparse_unit / std::gcd(conv.dst_width, sparse_unit);
  const std::int64_t near = (exact + step / 2) / step * step;
  // Rows further off are rows of the source that another thread has made.
  return std::abs(near - exact) <= 1 && near > 0 && near < height && row_parts < height / 2 ? near : exact;
}

/// Parts of an image for each thread where a sparse product's threads have parts of it, so that each finds in its own
/// caches what it made; then as small as the nearest cache holds.
[[nodiscard]] inline DepthwiseCut plan_depthwise_cut(DepthwiseConv& conv, int threads) {
  constexpr std::int64_t near_elements = 5 << 10, group_elements = 3 << 10, most_channels = 16;
  DepthwiseCut cut;
  const std::int64_t height = conv.dst_height;
  if (conv.images % threads != 0 && !shares_channels(conv.channels * conv.src_plane()))
    cut.row_parts = std::min<std::int64_t>(threads, height);
  const auto rows_of = [&](std::int64_t parts) {
    std::int64_t most = 0;
    for (std::int64_t part = 0; part < parts; ++part)
      most = std::max(most, depthwise_first_row(conv, parts, part + 1) - depthwise_first_row(conv, parts, part));
    return most;
  };
  conv.tile_rows = rows_of(cut.row_parts);
  if (nine_loops(conv) != nullptr) {
    cut.group = most_channels;
    cut.copies = false;
    return cut;
  }
  const std::int64_t step = cut.row_parts;
  while (conv.channel_elements() > near_elements && conv.tile_rows > 2 * conv.kernel[0] &&
         cut.row_parts + step <= height) {
    cut.row_parts += step;
    conv.tile_rows = rows_of(cut.row_parts);
  }
  cut.group = std::clamp<std::int64_t>(group_elements / conv.channel_elements(), 1, most_channels);
  return cut;
}

/// The step's function: (src, weights (channels, taps), bias, scratch memory, dst).
class DepthwiseFunction {
public:
  /// \param functions  of the sums, before the clamp
  DepthwiseFunction(const DepthwiseConv& conv, std::vector<Activation> functions, const DepthwiseCut& cut, int threads)
      : conv_(conv), cut_(cut), loops_(depthwise_loops()), threads_(threads) {
    if (!cut.copies) loops_ = {nullptr, nine_loops(conv)};
    for (std::int64_t tap = 0; tap < conv.taps(); ++tap) offsets_.push_back(conv.offset_of(tap));
    for (Activation& activation : functions) {
      const ActivationRun apply = run_on_sums(activation.function);
      functions_.emplace_back(std::move(activation), apply);
    }
  }

  /// [B] of scratch memory of all threads
  [[nodiscard]] static std::int64_t scratch_bytes(const DepthwiseConv& conv, const DepthwiseCut& cut, int threads) {
    return threads * copied_elements(conv, cut) * static_cast<std::int64_t>(sizeof(float));
  }

  void operator()(std::span<void* const> pointers) const {
    const auto* src = static_cast<const float*>(pointers[0]);
    const auto* weights = static_cast<const float*>(pointers[1]);
    const auto* bias = static_cast<const float*>(pointers[2]);
    auto* scratch = static_cast<float*>(pointers[3]);
    auto* dst = static_cast<float*>(pointers[4]);
    const std::int64_t groups = (conv_.channels + cut_.group - 1) / cut_.group;
    const std::int64_t items = conv_.images * cut_.row_parts * groups;
    for_parts(threads_, items, [&](std::int64_t begin, std::int64_t end) {
      // Each thread of a team begins elsewhere.
      float* own = scratch + (begin * threads_ + items - 1) / items * copied_elements(conv_, cut_);
      for (std::int64_t item = begin; item < end; ++item) {
        // Threads that share cache lines at the edges of their rows begin with other channels.
        const std::int64_t part = item / groups;
        const std::int64_t group = (item + part % cut_.row_parts * groups / cut_.row_parts) % groups;
        run(src, weights, bias, own, dst, part / cut_.row_parts, part % cut_.row_parts, group * cut_.group);
      }
    });
  }

private:
  /// Of a thread: whole cache lines.
  [[nodiscard]] static std::int64_t copied_elements(const DepthwiseConv& conv, const DepthwiseCut& cut) {
    return cut.copies ? cut.group * conv.channel_elements() : sparse_unit;
  }

  void run(const float* src, const float* weights, const float* bias, float* scratch, float* dst, std::int64_t image,
           std::int64_t part, std::int64_t first_channel) const {
    const std::int64_t last_channel = std::min(first_channel + cut_.group, conv_.channels);
    const std::int64_t first = depthwise_first_row(conv_, cut_.row_parts, part);
    const std::int64_t last = depthwise_first_row(conv_, cut_.row_parts, part + 1);
    const std::int64_t plane = image * conv_.channels + first_channel;
    float* result = dst + plane * conv_.dst_plane();
    const DepthwiseTile tile{conv_,
                             first,
                             last - first,
                             last_channel - first_channel,
                             src + plane * conv_.src_plane(),
                             scratch,
                             weights + first_channel * conv_.taps(),
                             offsets_.data(),
                             bias + first_channel,
                             functions_.empty(),
                             result};
    if (cut_.copies) loops_.pack(tile);
    loops_.sum(tile);
    for (std::int64_t c = 0; c < tile.channels; ++c, result += conv_.dst_plane()) {
      float* begin = result + first * conv_.dst_width;
      for (const auto& [activation, apply] : functions_)
        apply(activation, begin, begin, (last - first) * conv_.dst_width);
      // What makes a plane whole is read, though nobody sees what becomes of it.
      const std::int64_t used = conv_.dst_height * conv_.dst_width;
      for (std::int64_t i = used; last == conv_.dst_height && i < conv_.dst_plane(); ++i) result[i] = 0.0F;
    }
  }

  DepthwiseConv conv_;
  DepthwiseCut cut_;
  DepthwiseLoops loops_;
  std::vector<std::int64_t> offsets_;
  std::vector<std::pair<Activation, ActivationRun>> functions_;
  int threads_ = 1;
};

}  // namespace fulcrum::detail::onednn
