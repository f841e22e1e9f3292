#pragma once
/// \file
/// A product with weights of 4 or 8 bits as a step: on all threads, with what runs on its results.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/exec/kernels/gelu.hpp>
#include <fulcrum/exec/kernels/packed_fixed_point.hpp>
#include <fulcrum/exec/kernels/packed_sums.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

/// What becomes of a sum with its bias: a function of it, or (no function) the sum with dst's earlier content.
struct PackedOperation {
  Activation activation{};
  ActivationRun function = nullptr;  ///< null: dst's earlier content is added
};

/// The step's function: (src, weights, bias, scratch memory, dst); src (rows, ic), dst (rows, oc).
class PackedFunction {
public:
  PackedFunction(std::int64_t rows, const PackedPanels& panels, std::vector<PackedOperation> tail, int threads,
                 PackedKernels kernels, FixedKernels fixed = {})
      : rows_(rows),
        panels_(panels),
        tail_(std::move(tail)),
        threads_(threads),
        kernels_(std::move(kernels)),
        fixed_(std::move(fixed)),
        form_(fixed_rows(panels)),
        at_a_time_(rows_at_a_time(rows, panels, threads)) {
    if (!has_fixed_rows(panels)) fixed_ = {};
  }

  /// [B] of scratch memory of all threads
  [[nodiscard]] static std::int64_t scratch_bytes(std::int64_t rows, const PackedPanels& panels, int threads) {
    return threads * thread_floats(rows_at_a_time(rows, panels, threads), panels) *
           static_cast<std::int64_t>(sizeof(float));
  }

  void operator()(std::span<void* const> pointers) const {
    const auto* src = static_cast<const float*>(pointers[0]);
    const auto* weights = static_cast<const std::byte*>(pointers[1]);
    const auto* bias = static_cast<const float*>(pointers[2]);
    auto* scratch = static_cast<float*>(pointers[3]);
    auto* dst = static_cast<float*>(pointers[4]);
    const std::int64_t panels = panels_.panels();
    const std::int64_t items = (rows_ + at_a_time_ - 1) / at_a_time_ * panels;
    for_parts(threads_, items, [&](std::int64_t begin, std::int64_t end) {
      // Each thread of a team begins elsewhere.
      float* own = scratch + (begin * threads_ + items - 1) / items * thread_floats(at_a_time_, panels_);
      std::int64_t prepared = -1;  // the rows that were taken last
      bool is_fixed = false;
      for (std::int64_t item = begin; item < end; ++item) {
        const std::int64_t first = item / panels * at_a_time_, panel = item % panels;
        const std::int64_t rows = std::min(at_a_time_, rows_ - first);
        if (first != std::exchange(prepared, first)) {
          if (panels_.zeros) sum_blocks(src + first * panels_.ic, rows, own);
          is_fixed = fix(src + first * panels_.ic, rows, own);
        }
        run(src + first * panels_.ic, weights + panel * panels_.panel_bytes(), bias, own, dst + first * panels_.oc,
            rows, panel, is_fixed);
      }
    });
  }

private:
  static constexpr std::int64_t columns_at_a_time = 64, most_fixed_rows = 2;

  /// Rows that share what is unpacked: few enough that their sums stay in a near cache, and as few as keep all threads
  /// busy where there are few panels.
  [[nodiscard]] static std::int64_t rows_at_a_time(std::int64_t rows, const PackedPanels& panels, int threads) {
    constexpr std::int64_t most = 192, group = 6;
    if (panels.panels() >= 4 * threads || rows <= 2 * group) return std::min(rows, most);
    return std::min((rows + threads * group - 1) / (threads * group) * group, most);
  }
  /// Whole cache lines of a thread: sums, unpacked weights, sums of blocks, and rows in fixed point.
  [[nodiscard]] static std::int64_t thread_floats(std::int64_t rows, const PackedPanels& panels) {
    const std::int64_t of_fixed = rows <= most_fixed_rows ? rows * fixed_rows(panels).row_bytes() / 4 : 0;
    return (rows + columns_at_a_time) * packed_lanes + block_sum_floats(rows, panels) + (of_fixed + 15) / 16 * 16;
  }
  [[nodiscard]] static std::int64_t block_sum_floats(std::int64_t rows, const PackedPanels& panels) {
    return panels.zeros ? (rows * panels.blocks() + 15) / 16 * 16 : 0;
  }

  [[nodiscard]] float* block_sums(float* own) const { return own + (at_a_time_ + columns_at_a_time) * packed_lanes; }

  [[nodiscard]] std::byte* fixed(float* own) const {
    return reinterpret_cast<std::byte*>(block_sums(own) + block_sum_floats(at_a_time_, panels_));
  }

  /// Brings rows into fixed point where they have that form and there are kernels for as many.
  [[nodiscard]] bool fix(const float* src, std::int64_t rows, float* own) const {
    if (at_a_time_ > most_fixed_rows || rows > static_cast<std::int64_t>(fixed_.sums.size())) return false;
    for (std::int64_t row = 0; row < rows; ++row) {
      if (!fixed_.fix(form_, src + row * panels_.ic, 1 << (panels_.bits - 1), fixed(own) + row * form_.row_bytes()))
        return false;
    }
    return true;
  }

  void sum_blocks(const float* src, std::int64_t rows, float* own) const {
    float* to = block_sums(own);
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t which = 0; which < panels_.blocks(); ++which) {
        const float* from = src + row * panels_.ic + which * panels_.block;
        std::array<float, 8> parts{};
        std::int64_t i = 0;
        for (; i + 8 <= panels_.inputs_of(which); i += 8) {
          for (std::size_t k = 0; k < 8; ++k) parts[k] += from[i + static_cast<std::int64_t>(k)];
        }
        for (; i < panels_.inputs_of(which); ++i) parts[0] += from[i];
        *to++ = ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
      }
    }
  }

  void run(const float* src, const std::byte* panel, const float* bias, float* own, float* dst, std::int64_t rows,
           std::int64_t which, bool is_fixed) const {
    if (is_fixed)
      fixed_.sums[static_cast<std::size_t>(rows - 1)](panels_, panel, form_, fixed(own), block_sums(own), own);
    else if (rows <= static_cast<std::int64_t>(kernels_.sums.size()))
      kernels_.sums[static_cast<std::size_t>(rows - 1)](panels_, panel, src, block_sums(own), own);
    else
      multiply_unpacked(src, panel, own, rows);
    const std::int64_t first = which * packed_lanes, count = std::min(packed_lanes, panels_.oc - first);
    for (std::int64_t row = 0; row < rows; ++row) {
      float* sums = own + row * packed_lanes;
      float* to = dst + row * panels_.oc + first;
      for (std::int64_t i = 0; i < count; ++i) sums[i] += bias[first + i];
      for (const PackedOperation& operation : tail_) {
        if (operation.function != nullptr)
          operation.function(operation.activation, sums, sums, count);
        else
          for (std::int64_t i = 0; i < count; ++i) sums[i] += to[i];
      }
      std::copy_n(sums, count, to);
    }
  }

  void multiply_unpacked(const float* src, const std::byte* panel, float* own, std::int64_t rows) const {
    float* weights = own + at_a_time_ * packed_lanes;
    std::fill_n(own, rows * packed_lanes, 0.0F);
    std::int64_t waiting = 0, first = 0;  // columns that are unpacked, and the first of them
    const auto multiply = [&](std::int64_t columns) {
      kernels_.multiply(weights, columns, src + first, panels_.ic, rows, own);
      first += columns;
      waiting = 0;
    };
    for (std::int64_t which = 0; which < panels_.blocks(); ++which) {
      const std::byte* words = panel + panels_.head_bytes();
      const std::int64_t count = panels_.words_of(which);
      for (std::int64_t w = 0; w < count;) {
        const std::int64_t fit = std::min(count - w, (columns_at_a_time - waiting) / panels_.columns());
        kernels_.unpack(panels_, panel, words + w * PackedPanels::word_bytes(), fit, weights + waiting * packed_lanes);
        w += fit;
        waiting += fit * panels_.columns();
        if (waiting == columns_at_a_time) multiply(std::min(waiting, panels_.ic - first));
      }
      panel = words + count * PackedPanels::word_bytes();
    }
    if (waiting > 0) multiply(std::min(waiting, panels_.ic - first));
  }

  std::int64_t rows_ = 1;
  PackedPanels panels_;
  std::vector<PackedOperation> tail_;
  int threads_ = 1;
  PackedKernels kernels_;
  FixedKernels fixed_;
  FixedRows form_;
  std::int64_t at_a_time_ = 1;
};

}  // namespace fulcrum::detail::onednn
