#pragma once
/// \file
/// The time of day, for the provenance of figures.

#include <ctime>
#include <string>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// UTC in ISO 8601: "2026-01-31T12:00:00Z".
FULCRUM_DECLARE [[nodiscard]] std::string utc_text(std::time_t time);

/// The same of this moment.
[[nodiscard]] inline std::string utc_now() { return utc_text(std::time(nullptr)); }

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

#include <array>

namespace fulcrum {

FULCRUM_DEFINE std::string utc_text(std::time_t time) {
  std::tm utc{};
  gmtime_r(&time, &utc);
  std::array<char, 32> text{};
  static_cast<void>(std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc));
  return text.data();
}

}  // namespace fulcrum

#endif
