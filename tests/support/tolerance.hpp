#pragma once
// How far an executor's result may be from the reference's: the one place for these figures.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum::test {

/// Largest |a − b| allowed, as a part of the largest |reference|, for networks of some ten layers.
///
/// f32: sums in another order, 2^-24 each. bf16: values are rounded to 8 bits (2^-9) between layers. int8: the
/// reference rounds at the same places, so results differ where a sum lies near a rounding boundary, by one step of
/// 1/127 or 1/255 there, and by what later layers make of it.
constexpr double relative_tolerance(Precision precision) {
  switch (precision) {
    case Precision::f32: return 2e-5;
    case Precision::bf16: return 4e-2;
    case Precision::int8: return 4e-2;
  }
  return 0.0;
}

/// Steps of its scale by which one quantized value may be off: an exact half may be rounded either way.
inline constexpr double int8_steps = 1.001;

/// max|a − b| / max|b|; infinite when the shapes differ or a value is NaN in one of them only.
inline double relative_difference(const Tensor<float>& a, const Tensor<float>& b) {
  if (a.dims() != b.dims()) return HUGE_VAL;
  double largest = 0.0;
  double difference = 0.0;
  for (std::size_t i = 0; i < a.flat().size(); ++i) {
    const double x = a.flat()[i];
    const double y = b.flat()[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) {
      if (std::isfinite(y)) largest = std::max(largest, std::abs(y));
      continue;
    }
    if (!std::isfinite(x) || !std::isfinite(y)) return HUGE_VAL;
    largest = std::max(largest, std::abs(y));
    difference = std::max(difference, std::abs(x - y));
  }
  return difference == 0.0 ? 0.0 : difference / largest;
}

}  // namespace fulcrum::test
