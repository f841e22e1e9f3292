#pragma once
/// \file
/// Places buffers with known lifetimes into one arena. Pure arithmetic.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

/// A buffer that is written in one step and read for the last time in another.
struct BufferLifetime {
  std::size_t bytes = 0;
  std::size_t first_step = 0;  ///< the step that writes it
  std::size_t last_step = 0;   ///< the last step that reads it; ≥ first_step

  [[nodiscard]] bool overlaps(const BufferLifetime& other) const noexcept {
    return first_step <= other.last_step && other.first_step <= last_step;
  }
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  ///< [B] of each buffer, in the order given; multiples of the alignment
  std::size_t total = 0;             ///< [B] of the arena
};

/// The most bytes that live in any one step, each buffer rounded up to the alignment: no plan is smaller.
[[nodiscard]] inline std::size_t largest_live_set(std::span<const BufferLifetime> buffers, std::size_t alignment = 64) {
  std::size_t largest = 0;
  for (const BufferLifetime& at : buffers) {  // the live set only grows where some buffer begins
    std::size_t live = 0;
    for (const BufferLifetime& b : buffers) {
      if (b.first_step <= at.first_step && at.first_step <= b.last_step) {
        live += (b.bytes + alignment - 1) / alignment * alignment;
      }
    }
    largest = std::max(largest, live);
  }
  return largest;
}

namespace detail {
/// Buffers in the order given, each into the smallest gap between those already placed that live at the same time.
inline MemoryPlan place_in_order(std::span<const BufferLifetime> buffers, const std::vector<std::size_t>& order,
                                 std::size_t alignment) {
  MemoryPlan plan{std::vector<std::size_t>(buffers.size(), 0), 0};
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t id : order) {
    const std::size_t bytes = (buffers[id].bytes + alignment - 1) / alignment * alignment;
    std::size_t best = SIZE_MAX;
    std::size_t best_gap = SIZE_MAX;
    std::size_t end = 0;  // of the live buffers below
    for (const std::size_t other : placed) {
      if (!buffers[id].overlaps(buffers[other])) continue;
      if (plan.offsets[other] >= end + bytes && plan.offsets[other] - end < best_gap) {
        best_gap = plan.offsets[other] - end;
        best = end;
      }
      end = std::max(end, plan.offsets[other] + (buffers[other].bytes + alignment - 1) / alignment * alignment);
    }
    plan.offsets[id] = best == SIZE_MAX ? end : best;
    plan.total = std::max(plan.total, plan.offsets[id] + bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), id,
                                   [&](std::size_t a, std::size_t b) { return plan.offsets[a] < plan.offsets[b]; }),
                  id);
  }
  return plan;
}
}  // namespace detail

namespace detail {
/// Buffers in an order of their own, placed; then again with those that reach the end of the arena placed earlier, as
/// long as that helps.
inline MemoryPlan place_and_improve(std::span<const BufferLifetime> buffers, std::vector<std::size_t> order,
                                    std::size_t alignment, std::size_t bound) {
  constexpr int most_rounds = 40;
  MemoryPlan best = place_in_order(buffers, order, alignment);
  MemoryPlan plan = best;
  for (int round = 0; round < most_rounds && best.total > bound; ++round) {
    // The highest one goes halfway to the front: there it finds a gap, and those it displaces move up.
    std::size_t highest = 0;
    for (std::size_t i = 1; i < order.size(); ++i) {
      const auto end = [&](std::size_t id) { return plan.offsets[id] + buffers[id].bytes; };
      if (end(order[i]) > end(order[highest])) highest = i;
    }
    if (highest == 0) break;
    const auto at = static_cast<std::ptrdiff_t>(highest);
    std::rotate(order.begin() + at / 2, order.begin() + at, order.begin() + at + 1);
    plan = place_in_order(buffers, order, alignment);
    if (plan.total < best.total) best = plan;
  }
  return best;
}
}  // namespace detail

/// Offsets such that buffers whose lifetimes overlap never share a byte: greedy by size into the smallest gap that fits
/// (Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference"), by first step and by size
/// times lifetime, each improved by what is in its way; whichever needs least.
/// \param alignment  [B], a power of two
[[nodiscard]] inline MemoryPlan plan_memory(std::span<const BufferLifetime> buffers, std::size_t alignment = 64) {
  const std::size_t bound = largest_live_set(buffers, alignment);
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::optional<MemoryPlan> best;
  const auto by = [&](auto&& goes_before) {
    if (best && best->total <= bound) return;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return goes_before(buffers[a], buffers[b]); });
    MemoryPlan plan = detail::place_and_improve(buffers, order, alignment, bound);
    if (!best || plan.total < best->total) best = std::move(plan);
  };
  const auto area = [](const BufferLifetime& b) { return b.bytes * (b.last_step - b.first_step + 1); };
  by([](const BufferLifetime& a, const BufferLifetime& b) { return a.bytes > b.bytes; });
  by([](const BufferLifetime& a, const BufferLifetime& b) { return a.first_step < b.first_step; });
  by([&](const BufferLifetime& a, const BufferLifetime& b) { return area(a) > area(b); });
  return std::move(*best);
}

}  // namespace fulcrum
