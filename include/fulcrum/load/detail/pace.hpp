#pragma once
/// \file
/// Draws service times that are slow together, as a machine's are.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>

#include <fulcrum/core/random.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/run/persistence.hpp>

namespace fulcrum::detail {

/// Uniform numbers of which those drawn soon after one another are alike, as Persistence says: a sum of Ornstein and
/// Uhlenbeck's processes, normally distributed, taken to its own quantiles (a Gaussian copula). So the distribution of
/// service times stays what it is, and only their order follows the machine's pace.
class Pace {
public:
  /// \param now  not before that of the last call
  double uniform(Random& random, const Persistence& lasts, Seconds now) {
    if (lasts.none()) return random.uniform();
    double sum = 0.0;
    double rest = 1.0;
    for (std::size_t i = 0; i < state_.size(); ++i) {
      const double share = lasts.share[i];
      rest -= share;
      if (share > 0.0) sum += std::sqrt(share) * moved(random, i, now);
    }
    if (rest > 0.0) sum += std::sqrt(rest) * random.normal();
    constexpr double below_one = 1.0 - 0x1.0p-53;
    return std::min(0.5 * std::erfc(-sum / std::numbers::sqrt2), below_one);
  }

private:
  struct Part {
    double value = 0.0;  // standard normal
    Seconds at{-1.0};    // below 0: not drawn yet
  };

  double moved(Random& random, std::size_t part, Seconds now) {
    Part& p = state_[part];
    const double stays = p.at.count() < 0.0 ? 0.0 : std::exp(-(now - p.at).count() / Persistence::scale_s[part]);
    p.value = stays * p.value + std::sqrt(1.0 - stays * stays) * random.normal();
    p.at = now;
    return p.value;
  }

  std::array<Part, Persistence::scale_s.size()> state_{};
};

}  // namespace fulcrum::detail
