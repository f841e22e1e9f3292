#pragma once
// Catch2 2 (Debian 12) and 3 (Debian 13) differ in their headers; tests include this one.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>

#include <utility>

#include <fulcrum/tensor/tensor.hpp>

namespace Catch::Matchers {
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Catch::Matchers
using Catch::Matchers::ContainsSubstring;

// CHECK(tensor == other) begins with `Decomposer() <= tensor`, which xtensor's element-wise operator<= would take for
// itself; these are more specialized.
namespace Catch {
template <class T>
auto operator<=(Decomposer decomposer, const fulcrum::Tensor<T>& tensor) {
  return decomposer.operator<=(tensor);
}
template <class T>
auto operator<=(Decomposer decomposer, fulcrum::Tensor<T>& tensor) {
  return decomposer <= std::as_const(tensor);
}
template <class T>
auto operator<=(Decomposer decomposer, fulcrum::Tensor<T>&& tensor) {
  return decomposer <= std::as_const(tensor);
}
}  // namespace Catch
#endif
