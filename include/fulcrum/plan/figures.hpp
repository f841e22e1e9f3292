#pragma once
/// \file
/// Latencies, rates and accuracies as people read them.

#include <array>
#include <cmath>
#include <cstdio>
#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>

namespace fulcrum {

namespace detail {
/// printf into a string; for figures only: what is longer than 160 characters is cut.
template <class... Args>
std::string formatted(const char* format, Args... args) {
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), format, args...);
  return text.data();
}
}  // namespace detail

/// Three significant digits with the unit that suits: "55.1 µs", "3.82 ms", "1.20 s".
FULCRUM_DECLARE [[nodiscard]] std::string format_latency(Milliseconds latency);

/// "61,200/s"; three significant digits below 1000.
[[nodiscard]] inline std::string format_rate(double per_s) {
  return per_s >= 999.5 ? format_count(static_cast<long long>(per_s + 0.5)) + "/s" : detail::formatted("%.3g/s", per_s);
}

namespace detail {
/// The figure with a plus or a minus sign (not a hyphen), and with none when it rounds to zero.
FULCRUM_DECLARE std::string signed_figure(const char* format, double value);
}  // namespace detail

/// "+12 %" for 0.12, "−3 %" for −0.03, "0 %" for what rounds to it.
[[nodiscard]] inline std::string format_change(double share) { return detail::signed_figure("%.0f %%", share * 100.0); }

/// "−0.14 points" for −0.14 percentage points.
[[nodiscard]] inline std::string format_points(double points) { return detail::signed_figure("%.2f points", points); }

/// "91.30 %" for 0.913.
[[nodiscard]] inline std::string format_accuracy(double accuracy) {
  return detail::formatted("%.2f %%", accuracy * 100.0);
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

namespace fulcrum {

FULCRUM_DEFINE std::string format_latency(Milliseconds latency) {
  const double ms = latency.count();
  const double size = std::abs(ms);
  const auto digits = [](const char* unit, double value) {
    const double absolute = std::abs(value);
    const int decimals = absolute >= 99.95 ? 0 : absolute >= 9.995 ? 1 : 2;
    return detail::formatted("%.*f %s", decimals, value, unit);
  };
  if (size >= 999.5) return digits("s", ms / 1000.0);
  if (size >= 0.9995) return digits("ms", ms);
  // What is shorter than a hundredth of a microsecond is nobody's latency, but may be somebody's bound.
  return size == 0.0 || size >= 5e-6 ? digits("µs", ms * 1000.0) : detail::formatted("%.3g µs", ms * 1000.0);
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE std::string signed_figure(const char* format, double value) {
  const std::string digits = formatted(format, std::abs(value));
  if (digits.find_first_of("123456789") == std::string::npos) return digits;
  return (value < 0.0 ? "−" : "+") + digits;
}

}  // namespace fulcrum::detail

#endif
