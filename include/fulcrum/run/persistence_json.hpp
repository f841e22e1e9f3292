#pragma once
/// \file
/// Persistence <-> JSON.

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/persistence.hpp>

namespace fulcrum {

/// The shares for each of Persistence::scale_s, as a list.
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const Persistence& persistence);

/// \throws Error when there are not as many, one is no number from 0 to 1, or all together are above 1
FULCRUM_DECLARE [[nodiscard]] Persistence persistence_from_json(const JsonReader& j);

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const Persistence& persistence) { return persistence.share; }

FULCRUM_DEFINE Persistence persistence_from_json(const JsonReader& j) {
  const std::vector<JsonReader> shares = j.elements();
  Persistence persistence;
  if (shares.size() != persistence.share.size()) j.fail("a list of " + std::to_string(persistence.share.size()));
  double all = 0.0;
  for (std::size_t i = 0; i < shares.size(); ++i) all += persistence.share[i] = shares[i].number(0.0, 1.0);
  if (all > 1.0 + 1e-6) j.fail("shares of at most 1 together");
  return persistence;
}

}  // namespace fulcrum

#endif
