#pragma once
/// \file
/// Time is std::chrono; amounts are printed with a prefix people can read.

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

using Seconds = std::chrono::duration<double>;
using Milliseconds = std::chrono::duration<double, std::milli>;
using Microseconds = std::chrono::duration<double, std::micro>;

namespace detail {
template <std::size_t N>
std::string scaled(double value, double base, const std::array<const char*, N>& prefixes, const char* unit) {
  // What rounds up to the base belongs to the next prefix: 999,999 FLOP is "1.00 MFLOP", not "1000.00 kFLOP".
  const auto rounded = [](double x, std::size_t step) {
    return step == 0 ? std::round(std::abs(x)) : std::round(std::abs(x) * 100.0) / 100.0;
  };
  std::size_t step = 0;
  while (step + 1 < N && rounded(value, step) >= base) {
    value /= base;
    ++step;
  }
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), step == 0 ? "%.0f %s%s" : "%.2f %s%s", value, prefixes[step], unit);
  return text.data();
}
}  // namespace detail

/// "8.08 MFLOP": decimal prefixes.
[[nodiscard]] inline std::string format_flops(double flops) {
  return detail::scaled(flops, 1e3, std::array{"", "k", "M", "G", "T", "P"}, "FLOP");
}

/// "1.25 MiB": binary prefixes.
[[nodiscard]] inline std::string format_bytes(double bytes) {
  return detail::scaled(bytes, 1024.0, std::array{"", "Ki", "Mi", "Gi", "Ti"}, "B");
}

/// "1,234,567"
FULCRUM_DECLARE [[nodiscard]] std::string format_count(long long count);

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

namespace fulcrum {

FULCRUM_DEFINE std::string format_count(long long count) {
  std::string text = std::to_string(count);
  for (auto at = static_cast<long long>(text.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

}  // namespace fulcrum

#endif
