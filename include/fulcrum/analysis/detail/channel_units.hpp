#pragma once
/// \file
/// Sets of channels that grow as layers tie them, and the mapping of axes through a change of shape.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/shape.hpp>

namespace fulcrum::detail {

/// Disjoint sets of channels; a set may be fixed, for a reason.
class UnitSets {
public:
  using Units = std::vector<std::int32_t>;

  [[nodiscard]] Units make(std::int64_t count) {
    Units units(static_cast<std::size_t>(count));
    std::iota(units.begin(), units.end(), static_cast<std::int32_t>(parent_.size()));
    for (const std::int32_t unit : units) {
      parent_.push_back(unit);
      reason_.emplace_back();
    }
    return units;
  }

  [[nodiscard]] std::int32_t find(std::int32_t unit) {
    const auto at = [this](std::int32_t u) -> std::int32_t& { return parent_[static_cast<std::size_t>(u)]; };
    while (at(unit) != unit) unit = at(unit) = at(at(unit));
    return unit;
  }

  void tie(std::int32_t a, std::int32_t b) {
    a = find(a);
    b = find(b);
    if (a == b) return;
    if (a > b) std::swap(a, b);
    parent_[static_cast<std::size_t>(b)] = a;
    if (reason(a).empty()) reason(a) = std::move(reason(b));
  }
  /// Index by index. Precondition: as many of both.
  void tie(const Units& a, const Units& b) {
    for (std::size_t i = 0; i < a.size(); ++i) tie(a[i], b[i]);
  }

  void fix(const Units& units, const std::string& why) {
    for (const std::int32_t unit : units) {
      if (std::string& known = reason(find(unit)); known.empty()) known = why;
    }
  }

  /// Why a set stays; empty: it need not. Precondition: `root` is one that find() gave.
  [[nodiscard]] std::string& reason(std::int32_t root) { return reason_[static_cast<std::size_t>(root)]; }
  [[nodiscard]] std::size_t size() const noexcept { return parent_.size(); }

private:
  std::vector<std::int32_t> parent_;
  std::vector<std::string> reason_;
};

/// Axes of a source and of its reshaped result that hold the same elements; without those of extent 1.
struct AxisBlock {
  std::vector<std::size_t> src, dst;
};

/// The finest such blocks, in order. Precondition: as many elements, more than none.
FULCRUM_DECLARE std::vector<AxisBlock> axis_blocks(const Shape& src, const Shape& dst);

/// The units along the axes of a value under another shape. Where an axis is split: a last axis gives its outermost
/// part (heads), another one its innermost (places within parts), unless one part only has to repeat units. Units are
/// tied and fixed as that takes.
///
/// \param units  along each axis of the source; none: no channels
/// \param here   the layer
/// that reshapes, for the reason
FULCRUM_DECLARE std::vector<UnitSets::Units> reshaped_units(UnitSets& sets, const std::vector<UnitSets::Units>& units,
                                                            const Shape& src, const Shape& dst,
                                                            const std::string& here);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(analysis)

namespace fulcrum::detail {

FULCRUM_DEFINE std::vector<AxisBlock> axis_blocks(const Shape& src, const Shape& dst) {
  std::vector<AxisBlock> blocks;
  std::size_t i = 0;
  std::size_t j = 0;
  const auto take = [](const Shape& shape, std::size_t& at, std::vector<std::size_t>& axes) {
    const std::int64_t extent = shape[at];
    if (extent != 1) axes.push_back(at);
    ++at;
    return extent;
  };
  while (i < src.size() || j < dst.size()) {
    AxisBlock block;
    std::int64_t a = i < src.size() ? take(src, i, block.src) : 1;
    std::int64_t b = j < dst.size() ? take(dst, j, block.dst) : 1;
    while (a != b) {
      if (a < b)
        a *= take(src, i, block.src);
      else
        b *= take(dst, j, block.dst);
    }
    if (!block.src.empty()) blocks.push_back(std::move(block));
  }
  return blocks;
}

FULCRUM_DEFINE std::vector<UnitSets::Units> reshaped_units(UnitSets& sets, const std::vector<UnitSets::Units>& units,
                                                           const Shape& src, const Shape& dst,
                                                           const std::string& here) {
  std::vector<UnitSets::Units> result(dst.size());
  for (const AxisBlock& block : axis_blocks(src, dst)) {
    std::vector<std::size_t> held;
    for (const std::size_t axis : block.src) {
      if (!units[axis].empty()) held.push_back(axis);
    }
    if (held.empty()) continue;
    if (held.size() > 1) {
      for (const std::size_t axis : held) sets.fix(units[axis], here + " lays two kinds of channels into one another");
      continue;
    }
    const UnitSets::Units& from = units[held[0]];
    std::size_t inner = 1;
    std::size_t total = 1;
    for (const std::size_t axis : block.src) {
      if (axis > held[0]) inner *= static_cast<std::size_t>(src[axis]);
      total *= static_cast<std::size_t>(src[axis]);
    }
    const auto unit_of = [&](std::size_t element) { return from[element / inner % from.size()]; };
    const auto extent_of = [&](std::size_t axis) { return static_cast<std::size_t>(dst[axis]); };
    const auto within = [&](std::size_t axis) {  // elements of the block in one index of an axis
      std::size_t count = 1;
      for (const std::size_t other : block.dst) count *= other > axis ? extent_of(other) : 1;
      return count;
    };
    const auto repeats = [&](std::size_t axis) {
      const std::size_t step = within(axis);
      for (std::size_t i = 0; i < total; ++i) {
        if (sets.find(unit_of(i)) != sets.find(unit_of(i / step % extent_of(axis) * step))) return false;
      }
      return true;
    };
    const auto free = std::find_if(block.dst.begin(), block.dst.end(), repeats);
    const bool last = held[0] + 1 == src.size();
    const std::size_t chosen = free != block.dst.end() ? *free : last ? block.dst.front() : block.dst.back();
    UnitSets::Units& along = result[chosen];
    const std::size_t step = within(chosen);
    for (std::size_t i = 0; i < extent_of(chosen); ++i) along.push_back(unit_of(i * step));
    for (std::size_t i = 0; i < total; ++i) sets.tie(along[i / step % along.size()], unit_of(i));
  }
  return result;
}

}  // namespace fulcrum::detail

#endif
