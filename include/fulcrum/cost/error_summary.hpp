#pragma once
/// \file
/// How good predictions from a profile were when they were last compared with measurements: what a profile keeps of an
/// error card (validate/error_card.hpp).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/run_config.hpp>

namespace fulcrum {

/// Errors of predicted medians of one precision and batch size; see ErrorFigures (validate/statistics.hpp).
struct ErrorSummaryGroup {
  Precision precision = Precision::f32;
  std::int64_t batch = 1;
  std::int64_t cases = 0;
  double within_10 = 0.0;  ///< share [0, 1]
  double within_20 = 0.0;  ///< share [0, 1]
  double mape = 0.0;       ///< as a share
  double bias = 0.0;       ///< as a share

  friend bool operator==(const ErrorSummaryGroup&, const ErrorSummaryGroup&) = default;
};

struct ErrorSummary {
  std::string created_utc;  ///< of the comparison
  std::vector<ErrorSummaryGroup> groups;

  friend bool operator==(const ErrorSummary&, const ErrorSummary&) = default;
};

/// "on this machine predictions of f32 at batch 1 were within ±10 % in 91 % of 24 cases": of the batch size that is
/// nearest among those that were compared. Nothing where the precision never was.
FULCRUM_DECLARE [[nodiscard]] std::optional<std::string> error_note(const ErrorSummary& summary,
                                                                    const RunConfig& config);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum {

FULCRUM_DEFINE std::optional<std::string> error_note(const ErrorSummary& summary, const RunConfig& config) {
  const ErrorSummaryGroup* nearest = nullptr;
  const auto distance = [&](const ErrorSummaryGroup& g) {
    return std::abs(
        std::log(static_cast<double>(g.batch) / static_cast<double>(std::max<std::int64_t>(config.batch, 1))));
  };
  for (const ErrorSummaryGroup& group : summary.groups) {
    if (group.precision != config.precision || group.cases < 1) continue;
    if (nearest == nullptr || distance(group) < distance(*nearest)) nearest = &group;
  }
  if (nearest == nullptr) return std::nullopt;
  return "on this machine predictions of " + std::string(name_of(nearest->precision)) + " at batch " +
         std::to_string(nearest->batch) + " were within ±10 % in " +
         std::to_string(std::lround(100.0 * nearest->within_10)) + " % of " + std::to_string(nearest->cases) +
         (nearest->cases == 1 ? " case" : " cases");
}

}  // namespace fulcrum

#endif
