#pragma once
/// \file
/// Work on many elements, side by side on all cores.

#include <algorithm>
#include <cstddef>
#include <thread>
#include <vector>

#include <fulcrum/core/cpu_limits.hpp>

namespace fulcrum::detail {

/// Calls f(first, last) for parts of [0, count) side by side, on as many threads as the process has cores for, each
/// with `least` elements or more, and returns when all are done. Which parts there are depends on the machine: what f
/// adds up must not. Precondition: f throws nothing, and least ≥ 1.
template <class F>
void in_parts(std::size_t count, std::size_t least, const F& f) {
  if (count < 2 * least) return f(std::size_t{0}, count);
  const auto cores =
      static_cast<std::size_t>(usable_cores(static_cast<int>(current_affinity().size()), current_cpu_quota()));
  const std::size_t parts = std::clamp<std::size_t>(count / least, 1, std::max<std::size_t>(cores, 1));
  const auto part = [&](std::size_t i) { f(count * i / parts, count * (i + 1) / parts); };
  std::vector<std::jthread> others;  // which are waited for wherever this is left
  for (std::size_t i = 1; i < parts; ++i) others.emplace_back(part, i);
  part(0);
}

}  // namespace fulcrum::detail
