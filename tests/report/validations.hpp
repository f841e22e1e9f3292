#pragma once
// A validation to show.

#include <validate/small_validation.hpp>

namespace fulcrum::synthetic {

inline Validation validation() {
  Validation v;
  v.created_utc = "2026-01-31T12:00:00Z";
  v.profile_created_utc = "2026-01-30T12:00:00Z";
  v.duration_s = 12.0;
  v.environment.cpu = "a CPU";
  v.cases = {validation_case("net <b>", config(1, 1, 1), 1.04, 1.0, 0.02),
             validation_case("net <b>", config(4, 2, 1, Precision::int8), 2.5, 5.0, 0.04),
             validation_case("other, net", config(1, 1, 1), 3.0, 3.0)};
  v.cases[0].p50_range = {0.9, 1.2};
  v.cases[0].steps.push_back({"in", "Reorder", "movement", {}, 12.5});
  v.cases[2].rounds.clear();
  v.cases[2].steps.clear();
  v.cases[2].why_not = "could not be measured: \"no\" kernel";
  v.drifts = {{1.125, 0.75, 0.0625}, {1.0, 1.0, 0.0625}};
  for (ValidationRound& round : v.cases[0].rounds) round.slowdown = 1.25;
  v.notes = {"a note"};
  return v;
}

}  // namespace fulcrum::synthetic
