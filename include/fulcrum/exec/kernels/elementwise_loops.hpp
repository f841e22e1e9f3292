#pragma once
/// \file
/// Element-wise layers in loops of Fulcrum's own, on all threads and in any layout whose memory has no gaps. A NaN in a
/// source is one in the result, which oneDNN does not see to where a function is a maximum or minimum.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/layers/activation.hpp>
#include <fulcrum/layers/binary.hpp>
#include <fulcrum/layers/kernels/strided.hpp>
#include <fulcrum/onednn/layout.hpp>

namespace fulcrum::detail::onednn {

/// Two sources of f32 broadcast against each other, as loops over the result in the order of its memory.
struct BroadcastLoops {
  kernels::Loops<2> loops;  ///< extents, and how far one step along each moves in the sources
  std::int64_t count = 0;   ///< elements of the result's memory, padding included
};

/// Nothing where the result's memory has gaps, or a source lies otherwise than its loops can read.
/// Precondition: descriptors of one rank, each axis of a source as long as the result's or 1.
FULCRUM_DECLARE [[nodiscard]] std::optional<BroadcastLoops> broadcast_loops(const Desc& dst, const Desc& a,
                                                                            const Desc& b);

/// Whether the layout has no gaps: as many elements of memory as of its (padded) extents.
FULCRUM_DECLARE [[nodiscard]] bool is_dense(const Desc& desc);

/// What a result's layout pads its channels with, which has to stay 0: the last `tail` elements of the last block of
/// every row of blocks.
struct ChannelPadding {
  std::int64_t images = 0, pixels = 0, blocks = 0, block = 0, tail = 0;
};
/// tail 0 where nothing is padded; nothing where another axis than the channels is.
FULCRUM_DECLARE [[nodiscard]] std::optional<ChannelPadding> channel_padding(const Desc& desc);

/// functions(a ∘ b), from the first two pointers to the third, which may be the first.
FULCRUM_DECLARE [[nodiscard]] NativeFunction binary_function(BinaryKind function, const BroadcastLoops& loops,
                                                             std::vector<Activation> functions,
                                                             const ChannelPadding& padding, int threads);

/// functions(a), one after another, from the first pointer to the second, which may be the same.
FULCRUM_DECLARE [[nodiscard]] NativeFunction activation_function(std::vector<Activation> functions, std::int64_t count,
                                                                 const ChannelPadding& padding, int threads);

}  // namespace fulcrum::detail::onednn

#if FULCRUM_DEFINES(exec_compile)

#include <algorithm>
#include <utility>

#include <fulcrum/exec/kernels/elementwise_vectors.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

/// One loop over the memory of a layout.
struct MemoryLoop {
  std::size_t axis = 0;
  std::int64_t extent = 0;
  std::int64_t stride = 0;  ///< in memory, in elements
  std::int64_t unit = 0;    ///< one step in the axis' index
};

/// All loops, from the outermost in memory to the innermost, those of one step left out.
FULCRUM_DECLARE [[nodiscard]] std::vector<MemoryLoop> memory_loops(const Desc& desc) {
  const Blocking b = blocking_of(desc);
  std::vector<MemoryLoop> loops;
  std::vector<std::int64_t> unit(b.dims.size(), 1);
  std::int64_t stride = 1;
  for (std::size_t i = b.inner_blocks.size(); i-- > 0;) {
    const auto axis = static_cast<std::size_t>(b.inner_axes[i]);
    loops.push_back({axis, b.inner_blocks[i], stride, unit[axis]});
    unit[axis] *= b.inner_blocks[i];
    stride *= b.inner_blocks[i];
  }
  for (std::size_t axis = 0; axis < b.dims.size(); ++axis)
    loops.push_back({axis, b.padded_dims[axis] / unit[axis], b.strides[axis], unit[axis]});
  std::erase_if(loops, [](const MemoryLoop& loop) { return loop.extent == 1; });
  std::stable_sort(loops.begin(), loops.end(), [](const auto& x, const auto& y) { return x.stride > y.stride; });
  return loops;
}

/// How far one step of a loop over another layout moves in this one; nothing where it does not move evenly.
FULCRUM_DECLARE [[nodiscard]] std::optional<std::int64_t> stride_of(const Blocking& b, const MemoryLoop& loop) {
  if (b.dims[loop.axis] == 1) return 0;
  std::int64_t unit = 1;
  std::int64_t stride = 1;
  for (std::size_t i = b.inner_blocks.size(); i-- > 0;) {
    if (static_cast<std::size_t>(b.inner_axes[i]) == loop.axis) {
      // Blocks that follow one another are no blocks.
      const bool goes_on = b.inner_blocks.size() == 1 && b.strides[loop.axis] == stride * b.inner_blocks[i];
      if (unit == loop.unit && (loop.extent <= b.inner_blocks[i] || goes_on)) return stride;
      unit *= b.inner_blocks[i];
    }
    stride *= b.inner_blocks[i];
  }
  if (loop.unit % unit != 0 || loop.extent * loop.unit > b.padded_dims[loop.axis]) return std::nullopt;
  return b.strides[loop.axis] * (loop.unit / unit);
}

FULCRUM_DEFINE std::optional<BroadcastLoops> broadcast_loops(const Desc& dst, const Desc& a, const Desc& b) {
  if (!is_dense(dst)) return std::nullopt;
  const Blocking first = blocking_of(a);
  const Blocking second = blocking_of(b);
  kernels::Steps extents;
  std::array<kernels::Steps, 2> strides;
  for (const MemoryLoop& loop : memory_loops(dst)) {
    const std::optional<std::int64_t> of_first = stride_of(first, loop);
    const std::optional<std::int64_t> of_second = stride_of(second, loop);
    if (!of_first || !of_second) return std::nullopt;
    extents.push_back(loop.extent);
    strides[0].push_back(*of_first);
    strides[1].push_back(*of_second);
  }
  BroadcastLoops result{kernels::merged<2>(extents, strides), 1};
  for (const std::int64_t extent : result.loops.extents) result.count *= extent;
  return result;
}

FULCRUM_DEFINE bool is_dense(const Desc& desc) {
  std::int64_t stride = 1;
  const std::vector<MemoryLoop> loops = memory_loops(desc);
  for (std::size_t i = loops.size(); i-- > 0;) {
    if (loops[i].stride != stride) return false;
    stride *= loops[i].extent;
  }
  return true;
}

FULCRUM_DEFINE std::optional<ChannelPadding> channel_padding(const Desc& desc) {
  const Blocking b = blocking_of(desc);
  if (b.dims == b.padded_dims) return ChannelPadding{};
  const std::int64_t block = channel_block_of(desc);
  if (block == 0 || !is_dense(desc)) return std::nullopt;
  for (std::size_t axis = 0; axis < b.dims.size(); ++axis) {
    if (axis != 1 && b.dims[axis] != b.padded_dims[axis]) return std::nullopt;
  }
  ChannelPadding padding{b.dims[0], 1, b.padded_dims[1] / block, block, b.padded_dims[1] - b.dims[1]};
  for (std::size_t axis = 2; axis < b.dims.size(); ++axis) padding.pixels *= b.dims[axis];
  return same_layout(desc, blocked_channels_desc(shape_of(desc), DType::f32, block)) ? std::optional(padding)
                                                                                     : std::nullopt;
}

/// Zeros where the layout pads channels.
template <class T>
void clear(const ChannelPadding& padding, T* dst) {
  if (padding.tail == 0) return;
  for (std::int64_t image = 0; image < padding.images; ++image) {
    T* end = dst + (image * padding.blocks + padding.blocks - 1) * padding.pixels * padding.block + padding.block;
    for (std::int64_t pixel = 0; pixel < padding.pixels; ++pixel, end += padding.block)
      std::fill(end - padding.tail, end, T{});
  }
}

/// Elements that functions run on while they are in the nearest cache.
inline constexpr std::int64_t elements_of_tile = 2048;

/// Elements [first, last) of the result, which begin and end with whole rows of the innermost loop where there is
/// another loop around it.
class BinaryPart {
public:
  BinaryPart(BinaryKind function, const BroadcastLoops& loops, std::vector<Activation> functions)
      : loops_(loops.loops), run_(binary_rows(function)) {
    for (const Activation& activation : functions)
      functions_.push_back({activation, activation_run(activation.function)});
    const std::size_t outer = loops_.extents.size();
    rows_ = {1, 0, 0, loops_.extents[outer - 1], loops_.strides[0][outer - 1], loops_.strides[1][outer - 1]};
    if (outer < 2) return;
    middle_ = loops_.extents[outer - 2];
    rows_.next_a = loops_.strides[0][outer - 2];
    rows_.next_b = loops_.strides[1][outer - 2];
  }

  /// What may be shared out: rows of the innermost loop, or, where there is no other loop, its elements.
  [[nodiscard]] std::int64_t units() const noexcept { return is_flat() ? rows_.count : count_of_rows(); }

  void operator()(const float* a, const float* b, float* dst, std::int64_t first, std::int64_t last) const {
    if (is_flat()) return run_row(rows_, a, b, dst, first, last);
    const std::int64_t most = std::max<std::int64_t>(elements_of_tile / rows_.count, 1);
    for (std::int64_t row = first; row < last;) {
      const std::int64_t in_middle = row % middle_;
      BinaryRows rows = rows_;
      rows.rows = std::min({middle_ - in_middle, last - row, most});
      std::int64_t at_a = in_middle * rows_.next_a;
      std::int64_t at_b = in_middle * rows_.next_b;
      std::int64_t left = row / middle_;
      for (std::size_t axis = loops_.extents.size() - 2; axis-- > 0;) {
        const std::int64_t index = left % loops_.extents[axis];
        at_a += index * loops_.strides[0][axis];
        at_b += index * loops_.strides[1][axis];
        left /= loops_.extents[axis];
      }
      if (rows.rows == 1)
        run_row(rows, a + at_a, b + at_b, dst + row * rows_.count, 0, rows_.count);
      else
        run_rows(rows, a + at_a, b + at_b, dst + row * rows_.count);
      row += rows.rows;
    }
  }

private:
  [[nodiscard]] bool is_flat() const noexcept { return loops_.extents.size() < 2; }
  [[nodiscard]] std::int64_t count_of_rows() const noexcept {
    std::int64_t rows = 1;
    for (std::size_t axis = 0; axis + 1 < loops_.extents.size(); ++axis) rows *= loops_.extents[axis];
    return rows;
  }
  void run_rows(const BinaryRows& rows, const float* a, const float* b, float* dst) const {
    run_(rows, a, b, dst);
    for (const auto& [activation, run] : functions_) run(activation, dst, dst, rows.rows * rows.count);
  }
  /// Elements [first, last) of one row, a tile at a time.
  void run_row(BinaryRows row, const float* a, const float* b, float* dst, std::int64_t first,
               std::int64_t last) const {
    const std::int64_t most = functions_.empty() ? last - first : elements_of_tile;
    for (std::int64_t at = first; at < last; at += row.count) {
      row.rows = 1;
      row.count = std::min(most, last - at);
      run_rows(row, a + at * row.a, b + at * row.b, dst + at);
    }
  }

  kernels::Loops<2> loops_;
  BinaryRun run_;
  std::vector<std::pair<Activation, ActivationRun>> functions_;
  BinaryRows rows_;
  std::int64_t middle_ = 1;
};

FULCRUM_DEFINE NativeFunction binary_function(BinaryKind function, const BroadcastLoops& loops,
                                              std::vector<Activation> functions, const ChannelPadding& padding,
                                              int threads) {
  return [part = BinaryPart(function, loops, std::move(functions)), padding, threads](std::span<void* const> pointers) {
    const auto* a = static_cast<const float*>(pointers[0]);
    const auto* b = static_cast<const float*>(pointers[1]);
    auto* dst = static_cast<float*>(pointers[2]);
    for_parts(threads, part.units(), [&](std::int64_t first, std::int64_t last) { part(a, b, dst, first, last); });
    clear(padding, dst);
  };
}

FULCRUM_DEFINE NativeFunction activation_function(std::vector<Activation> functions, std::int64_t count,
                                                  const ChannelPadding& padding, int threads) {
  std::vector<std::pair<Activation, ActivationRun>> runs;
  for (const Activation& activation : functions) runs.push_back({activation, activation_run(activation.function)});
  return [runs = std::move(runs), count, padding, threads](std::span<void* const> pointers) {
    const auto* src = static_cast<const float*>(pointers[0]);
    auto* dst = static_cast<float*>(pointers[1]);
    for_parts(threads, count, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t at = first; at < last; at += elements_of_tile) {
        const std::int64_t elements = std::min(elements_of_tile, last - at);
        const float* from = src + at;
        for (const auto& [activation, run] : runs) {
          run(activation, from, dst + at, elements);
          from = dst + at;
        }
      }
    });
    clear(padding, dst);
  };
}

}  // namespace fulcrum::detail::onednn

#endif
