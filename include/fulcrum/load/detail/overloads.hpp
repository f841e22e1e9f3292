#pragma once
/// \file
/// What the load's headers share.

#include <array>
#include <cstdio>
#include <string>

namespace fulcrum::detail {

/// A visitor made of functions, one for each alternative of a variant.
template <class... F>
struct LoadOverloads : F... {
  using F::operator()...;
};
template <class... F>
LoadOverloads(F...) -> LoadOverloads<F...>;

/// "0.5", "200", "1e+06": as few digits as say it, six at most.
inline std::string plain_figure(double figure) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", figure);
  return text.data();
}

/// Four significant digits: "12.34".
inline std::string short_figure(double figure) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", figure);
  return text.data();
}

}  // namespace fulcrum::detail
