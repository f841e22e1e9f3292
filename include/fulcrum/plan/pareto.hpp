#pragma once
/// \file
/// Which of many points are worth having when several figures count at once.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

/// Whether less or more of a figure is better.
enum class Direction : std::uint8_t { minimize, maximize };

/// Whether `a` is at least as good as `b` in every objective and better in one. A point with a NaN neither dominates
/// nor is dominated.
template <std::size_t N>
[[nodiscard]] constexpr bool dominates(const std::array<double, N>& a, const std::array<double, N>& b,
                                       const std::array<Direction, N>& directions) noexcept {
  bool better = false;
  for (std::size_t i = 0; i < N; ++i) {
    const double x = directions[i] == Direction::maximize ? a[i] : -a[i];
    const double y = directions[i] == Direction::maximize ? b[i] : -b[i];
    if (!(x >= y)) return false;
    better = better || x > y;
  }
  return better;
}

/// Indices of the points that no other point dominates, in their order. Points that are equal in every objective stay
/// or go together; a point with a NaN is never on the front. O(n²·N).
template <std::size_t N>
[[nodiscard]] std::vector<std::size_t> pareto_front(std::span<const std::array<double, N>> points,
                                                    const std::array<Direction, N>& directions) {
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < points.size(); ++i) {
    bool stays = true;
    for (const double value : points[i]) stays = stays && !std::isnan(value);
    for (std::size_t j = 0; stays && j < points.size(); ++j) stays = !dominates(points[j], points[i], directions);
    if (stays) front.push_back(i);
  }
  return front;
}

}  // namespace fulcrum
