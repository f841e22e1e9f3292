#pragma once
/// \file
/// How long it lasts when something else takes part of the cores.

#include <chrono>
#include <optional>
#include <span>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/measure/core_watch.hpp>
#include <fulcrum/run/persistence.hpp>

namespace fulcrum {

/// From how alike looks are that are so far apart: a part of some scale counts from where its correlation begins to
/// fall to where it has fallen. What looks did not see twice over, because they ended before, is not known to last.
/// \param looks  in the order of time
/// \param least  what a look at undisturbed cores takes
/// \return no value when there are fewer than a hundred looks; none() when fewer than one in a hundred was disturbed
FULCRUM_DECLARE [[nodiscard]] std::optional<Persistence> persistence_of(std::span<const CoreLook> looks,
                                                                        std::chrono::nanoseconds least);

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace fulcrum::detail {

/// Mean product of deviations that are `lag` apart, up to half of it more or less; nothing where hardly any are.
FULCRUM_DECLARE std::optional<double> covariance_at(std::span<const CoreLook> looks, std::span<const double> deviations,
                                                    Seconds lag);

FULCRUM_DEFINE std::optional<double> covariance_at(std::span<const CoreLook> looks, std::span<const double> deviations,
                                                   Seconds lag) {
  double sum = 0.0;
  std::size_t pairs = 0;
  std::size_t later = 0;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const auto apart = [&](std::size_t at) { return Seconds(looks[at].at - looks[i].at); };
    while (later < looks.size() && apart(later) < lag) ++later;
    if (later == looks.size()) break;
    const std::size_t nearest = later > i + 1 && lag - apart(later - 1) < apart(later) - lag ? later - 1 : later;
    const Seconds off = apart(nearest) - lag;
    if (nearest == i || off > 0.5 * lag || off < -0.5 * lag) continue;
    sum += deviations[i] * deviations[nearest];
    ++pairs;
  }
  constexpr std::size_t enough = 30;
  if (pairs < enough) return std::nullopt;
  return sum / static_cast<double>(pairs);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::optional<Persistence> persistence_of(std::span<const CoreLook> looks,
                                                         std::chrono::nanoseconds least) {
  if (looks.size() < 100) return std::nullopt;
  Persistence result;
  const auto disturbed =
      std::count_if(looks.begin(), looks.end(), [&](const CoreLook& l) { return !is_undisturbed(l.took, least); });
  if (100 * static_cast<std::size_t>(disturbed) < looks.size()) return result;
  // A look that was interrupted says nothing of the cores' pace: none counts as more than three times the least.
  std::vector<double> deviations;
  double mean = 0.0;
  for (const CoreLook& look : looks) {
    deviations.push_back(static_cast<double>(std::min(look.took, 3 * least).count()));
    mean += deviations.back() / static_cast<double>(looks.size());
  }
  double variance = 0.0;
  for (double& d : deviations) d -= mean, variance += d * d / static_cast<double>(looks.size());
  if (!(variance > 0.0)) return result;

  double longer = 0.0;  // correlation at √10 below the next longer scale, beyond which nothing is left
  for (std::size_t i = result.share.size(); i-- > 0;) {
    const Seconds scale(Persistence::scale_s[i]);
    std::optional<double> covariance = detail::covariance_at(looks, deviations, scale / std::sqrt(10.0));
    if (!covariance) covariance = detail::covariance_at(looks, deviations, scale);  // looks that are further apart
    const double correlation = covariance.value_or(0.0) / variance;
    result.share[i] = std::clamp(correlation - longer, 0.0, 1.0 - longer);
    longer += result.share[i];
  }
  return result;
}

}  // namespace fulcrum

#endif
