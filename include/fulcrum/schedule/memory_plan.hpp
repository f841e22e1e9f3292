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

namespace detail {
[[nodiscard]] constexpr std::size_t aligned_bytes(const BufferLifetime& buffer, std::size_t alignment) noexcept {
  return (buffer.bytes + alignment - 1) / alignment * alignment;
}
}  // namespace detail

/// The most bytes that live in any one step, each buffer rounded up to the alignment: no plan is smaller.
[[nodiscard]] inline std::size_t largest_live_set(std::span<const BufferLifetime> buffers, std::size_t alignment = 64) {
  std::vector<std::pair<std::size_t, std::size_t>> begins, ends;  // step and bytes
  for (const BufferLifetime& b : buffers) {
    const std::size_t bytes = detail::aligned_bytes(b, alignment);
    begins.emplace_back(b.first_step, bytes);
    ends.emplace_back(b.last_step, bytes);
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  std::size_t largest = 0;
  std::size_t live = 0;
  auto end = ends.begin();
  for (const auto& [step, bytes] : begins) {  // the live set only grows where some buffer begins
    for (; end->first < step; ++end) live -= end->second;
    live += bytes;
    largest = std::max(largest, live);
  }
  return largest;
}

namespace detail {
/// Places buffers in an order of its caller's. It looks only at those that live at the same time, so that a network of
/// many steps costs no more for each than one of few.
class BufferPlacer {
public:
  BufferPlacer(std::span<const BufferLifetime> buffers, std::size_t alignment)
      : buffers_(buffers), ranks_(buffers.size()) {
    for (const BufferLifetime& b : buffers) bytes_.push_back(aligned_bytes(b, alignment));
    find_neighbors();
  }

  /// Buffers from place `from` of the order on, each into the smallest gap between those before it in the order that
  /// live at the same time. Those before `from` stay where `plan` has them.
  void place(const std::vector<std::size_t>& order, std::size_t from, MemoryPlan& plan) {
    plan.offsets.resize(order.size());
    plan.total = 0;
    for (std::size_t i = from; i < order.size(); ++i) ranks_[order[i]] = i;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i >= from) plan.offsets[order[i]] = smallest_gap(order[i], plan);
      plan.total = std::max(plan.total, plan.offsets[order[i]] + bytes_[order[i]]);
    }
  }

  /// The place in the order of the buffer that reaches highest.
  [[nodiscard]] std::size_t highest(const std::vector<std::size_t>& order, const MemoryPlan& plan) const {
    const auto end = [&](std::size_t id) { return plan.offsets[id] + buffers_[id].bytes; };
    const auto at =
        std::max_element(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return end(a) < end(b); });
    return static_cast<std::size_t>(at - order.begin());
  }

private:
  void find_neighbors() {
    std::vector<std::size_t> by_begin(buffers_.size()), live;
    std::iota(by_begin.begin(), by_begin.end(), std::size_t{0});
    std::sort(by_begin.begin(), by_begin.end(),
              [&](std::size_t a, std::size_t b) { return buffers_[a].first_step < buffers_[b].first_step; });
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (const std::size_t id : by_begin) {
      std::erase_if(live, [&](std::size_t other) { return !buffers_[id].overlaps(buffers_[other]); });
      for (const std::size_t other : live) pairs.emplace_back(id, other);
      live.push_back(id);
    }
    first_neighbor_.assign(buffers_.size() + 1, 0);
    for (const auto& [a, b] : pairs) ++first_neighbor_[a + 1], ++first_neighbor_[b + 1];
    std::partial_sum(first_neighbor_.begin(), first_neighbor_.end(), first_neighbor_.begin());
    neighbors_.resize(2 * pairs.size());
    std::vector<std::size_t> next(first_neighbor_.begin(), first_neighbor_.end() - 1);
    for (const auto& [a, b] : pairs) neighbors_[next[a]++] = b, neighbors_[next[b]++] = a;
  }

  /// The offset of a buffer that is placed next.
  [[nodiscard]] std::size_t smallest_gap(std::size_t id, const MemoryPlan& plan) {
    taken_.clear();
    for (std::size_t i = first_neighbor_[id]; i < first_neighbor_[id + 1]; ++i) {
      const std::size_t other = neighbors_[i];
      if (ranks_[other] < ranks_[id]) taken_.emplace_back(plan.offsets[other], plan.offsets[other] + bytes_[other]);
    }
    std::sort(taken_.begin(), taken_.end());
    std::size_t best = SIZE_MAX;
    std::size_t best_gap = SIZE_MAX;
    std::size_t free = 0;  // where the taken bytes below end
    for (const auto& [begin, end] : taken_) {
      if (begin >= free + bytes_[id] && begin - free < best_gap) {
        best_gap = begin - free;
        best = free;
      }
      free = std::max(free, end);
    }
    return best == SIZE_MAX ? free : best;
  }

  std::span<const BufferLifetime> buffers_;
  std::vector<std::size_t> bytes_;
  std::vector<std::size_t> ranks_;           // places in the order
  std::vector<std::size_t> first_neighbor_;  // of each buffer in neighbors_, and one past the last one's
  std::vector<std::size_t> neighbors_;       // that live at the same time
  std::vector<std::pair<std::size_t, std::size_t>> taken_;
};

/// Buffers in an order of their own, placed; then again with those that reach the end of the arena placed earlier, as
/// long as that helps.
inline MemoryPlan place_and_improve(BufferPlacer& placer, std::vector<std::size_t> order, std::size_t bound) {
  constexpr int most_rounds = 40;
  constexpr int most_in_vain = 20;  // more of them hardly ever help
  MemoryPlan plan;
  placer.place(order, 0, plan);
  MemoryPlan best = plan;
  int in_vain = 0;
  for (int round = 0; round < most_rounds && in_vain < most_in_vain && best.total > bound; ++round, ++in_vain) {
    // The highest one goes halfway to the front: there it finds a gap, and those it displaces move up.
    const std::size_t highest = placer.highest(order, plan);
    if (highest == 0) break;
    const auto at = static_cast<std::ptrdiff_t>(highest);
    std::rotate(order.begin() + at / 2, order.begin() + at, order.begin() + at + 1);
    placer.place(order, highest / 2, plan);
    if (plan.total < best.total) best = plan, in_vain = 0;
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
  detail::BufferPlacer placer(buffers, alignment);
  std::optional<MemoryPlan> best;
  const auto by = [&](auto&& goes_before) {
    if (best && best->total <= bound) return;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return goes_before(buffers[a], buffers[b]); });
    MemoryPlan plan = detail::place_and_improve(placer, order, bound);
    if (!best || plan.total < best->total) best = std::move(plan);
  };
  const auto area = [](const BufferLifetime& b) { return b.bytes * (b.last_step - b.first_step + 1); };
  by([](const BufferLifetime& a, const BufferLifetime& b) { return a.bytes > b.bytes; });
  by([](const BufferLifetime& a, const BufferLifetime& b) { return a.first_step < b.first_step; });
  by([&](const BufferLifetime& a, const BufferLifetime& b) { return area(a) > area(b); });
  return std::move(*best);
}

}  // namespace fulcrum
