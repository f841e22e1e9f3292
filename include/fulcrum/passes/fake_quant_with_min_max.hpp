#pragma once
/// \file
/// Fake quantization as TensorFlow defines it: fake_quant_with_min_max_args, _vars and _vars_per_channel, each with its
/// gradient (tensorflow/core/kernels/fake_quant_ops_functor.h).

#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/tensor/quantization.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

/// Which of TensorFlow's two formulas rounds a value.
enum class FakeQuantForm : std::uint8_t {
  zero_exact,  ///< floor((clamp(x) − nmin)/scale − qz + ½) · scale, qz = floor(−nmin·inv + ½): 0 stays 0
  shifted,     ///< floor((clamp(x) − nmin)·inv + ½) · scale + nmin: 0 may become a rounding error
};

/// The integers that values are rounded to.
struct FakeQuantOptions {
  int bits = 8;               ///< 2 … 16
  bool narrow_range = false;  ///< leaves out the lowest integer: [1, 2^bits − 1] instead of [0, 2^bits − 1]
  FakeQuantForm form = FakeQuantForm::zero_exact;
};

/// A range moved so that 0 falls on an integer, and the step between integers.
template <class T>
struct NudgedRange {
  T min{0};
  T max{0};
  T scale{0};          ///< (max − min) / (qmax − qmin); 0 when the range is nothing but 0
  T inverse_scale{0};  ///< (qmax − qmin) / (max − min), computed so rather than as 1 / scale
};

namespace detail {

FULCRUM_DECLARE void validate(const FakeQuantOptions& options);

/// Whether TensorFlow multiplies by the inverse scale or divides by the scale; the last bit may differ.
enum class FakeQuantStep : std::uint8_t { multiply, divide };

/// One value. `options` may hold either form; with the older one TensorFlow always multiplies.
template <class T>
T fake_quant(T x, const NudgedRange<T>& range, const FakeQuantOptions& options, FakeQuantStep step);

/// fake_quant() of each value, bit for bit, in vectors.
template <class T>
void fake_quant_row(std::span<T> values, const NudgedRange<T>& range, const FakeQuantOptions& options,
                    FakeQuantStep step);

}  // namespace detail

/// scale = (max − min)/(qmax − qmin); the zero point qmin − min/scale is clamped to the integers and rounded, and both
/// ends move with it. A range that does not hold 0 is shifted until it does. min = max = 0, and a range so narrow that
/// its steps would be no numbers, give a scale of 0: everything rounds to 0.
/// \throws Error when bits are outside 2 … 16, min ≥ max (both 0 excepted), or a bound or their distance is not finite
template <class T>
[[nodiscard]] NudgedRange<T> nudge(T min, T max, const FakeQuantOptions& options = {});

/// fake_quant_with_min_max_args: a range known when the model is written. src (any shape) → the same shape.
/// \throws Error as nudge()
template <class T>
[[nodiscard]] Tensor<T> fake_quant_with_min_max_args(Tensor<T> src, T min, T max, const FakeQuantOptions& options = {});

/// fake_quant_with_min_max_vars: a range that is trained or observed. src (any shape) → the same shape.
/// \throws Error as nudge()
template <class T>
[[nodiscard]] Tensor<T> fake_quant_with_min_max_vars(Tensor<T> src, T min, T max, const FakeQuantOptions& options = {});

/// fake_quant_with_min_max_vars_per_channel: a range for each index of the last axis. src (…, c), min (c), max (c) →
/// (…, c).
/// \throws Error as nudge(), or when there are not c ranges
template <class T>
[[nodiscard]] Tensor<T> fake_quant_with_min_max_vars_per_channel(Tensor<T> src, std::span<const T> min,
                                                                 std::span<const T> max,
                                                                 const FakeQuantOptions& options = {});

/// Gradients of a loss with respect to what fake quantization took.
template <class T>
struct FakeQuantGradient {
  Tensor<T> src;       ///< where src lies within the nudged range (ends included) dst's gradient, else 0
  std::vector<T> min;  ///< Σ of dst's gradient where src is below the range; one element, or one per channel
  std::vector<T> max;  ///< Σ of dst's gradient where src is above it
};

namespace detail {

template <class T>
FakeQuantGradient<T> fake_quant_gradient(const Tensor<T>& dst_gradient, const Tensor<T>& src, std::int64_t axis,
                                         std::span<const T> min, std::span<const T> max,
                                         const FakeQuantOptions& options);

}  // namespace detail

/// Gradient of fake_quant_with_min_max_args and _vars (which differ only in whether min and max take part).
/// With min = max = 0 everything passes to src.
/// \param dst_gradient  of the loss with respect to the result, shaped as src
/// \throws Error as nudge(), or when the shapes differ
template <class T>
[[nodiscard]] FakeQuantGradient<T> fake_quant_with_min_max_vars_gradient(const Tensor<T>& dst_gradient,
                                                                         const Tensor<T>& src, T min, T max,
                                                                         const FakeQuantOptions& options = {}) {
  return detail::fake_quant_gradient<T>(dst_gradient, src, -1, {&min, 1}, {&max, 1}, options);
}

/// Gradient of fake_quant_with_min_max_vars_per_channel: src (…, c), min (c), max (c).
/// \throws Error as nudge(), or when the shapes do not fit
template <class T>
[[nodiscard]] FakeQuantGradient<T> fake_quant_with_min_max_vars_per_channel_gradient(
    const Tensor<T>& dst_gradient, const Tensor<T>& src, std::span<const T> min, std::span<const T> max,
    const FakeQuantOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include <fulcrum/core/in_parts.hpp>
#include <fulcrum/passes/detail/vectors.hpp>

namespace fulcrum::detail {

FULCRUM_DEFINE void validate(const FakeQuantOptions& options) {
  if (options.bits < 2 || options.bits > 16) {
    throw Error("fake quantization to " + std::to_string(options.bits) + " bits", "is not defined",
                "give a number of bits from 2 to 16");
  }
}

template <class T>
void validate_range(T min, T max) {
  if (!std::isfinite(min) || !std::isfinite(max) || (min >= max && !(min == T{0} && max == T{0}))) {
    throw Error("fake quantization range [" + std::to_string(min) + ", " + std::to_string(max) + "]",
                "is empty or not finite", "give a minimum below the maximum");
  }
}

template <class T>
T fake_quant(T x, const NudgedRange<T>& range, const FakeQuantOptions& options, FakeQuantStep step) {
  if (range.scale == T{0}) return T{0};
  const T half = static_cast<T>(0.5);
  const T shifted = std::max(std::min(x, range.max), range.min) - range.min;
  if (options.form == FakeQuantForm::shifted) {
    return std::floor(shifted * range.inverse_scale + half) * range.scale + range.min;
  }
  const T zero = std::floor(-range.min * range.inverse_scale + half);
  const T steps = step == FakeQuantStep::divide ? shifted / range.scale : shifted * range.inverse_scale;
  return std::floor(steps - zero + half) * range.scale;
}

/// The formula of a row, its branches outside of the loop, in the compiler's vectors.
template <bool shifted_form, bool divide, class T>
void fake_quant_vectors(std::span<T> values, const NudgedRange<T>& range) {
  using Vector = typename VectorOf<T>::Type;
  constexpr std::size_t lanes = 16 / sizeof(T);
  const Vector none{};
  // Between its bounds, the sum with this number has the precision of whole numbers; floor() has no vectors everywhere.
  const Vector whole_numbers =
      none + (std::is_same_v<T, float> ? T(12582912.0) : T(6755399441055744.0));  // 1.5 · 2^23, 2^52
  const Vector half = none + static_cast<T>(0.5), one = none + T{1};
  const Vector low = none + range.min, high = none + range.max;
  const Vector scale = none + range.scale, inverse = none + range.inverse_scale;
  const Vector zero = none + std::floor(-range.min * range.inverse_scale + static_cast<T>(0.5));
  const auto round = [&](std::size_t i, auto here) {
    const std::size_t bytes = here * sizeof(T);
    Vector x = none;
    std::memcpy(&x, values.data() + i, bytes);
    x = high < x ? high : x;
    x = (x < low ? low : x) - low;
    const Vector steps = !shifted_form && divide ? x / scale : x * inverse;
    const Vector exact = shifted_form ? steps + half : steps - zero + half;
    const Vector nearest = exact + whole_numbers - whole_numbers;
    const Vector floored = nearest - (nearest > exact ? one : none);
    x = shifted_form ? floored * scale + low : floored * scale;
    std::memcpy(values.data() + i, &x, bytes);
  };
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) round(i, std::integral_constant<std::size_t, lanes>{});
  if (i < values.size()) round(i, values.size() - i);
}

template <class T>
void fake_quant_row(std::span<T> values, const NudgedRange<T>& range, const FakeQuantOptions& options,
                    FakeQuantStep step) {
  if (range.scale == T{0})
    std::fill(values.begin(), values.end(), T{0});
  else if (options.form == FakeQuantForm::shifted)
    fake_quant_vectors<true, false>(values, range);
  else if (step == FakeQuantStep::divide)
    fake_quant_vectors<false, true>(values, range);
  else
    fake_quant_vectors<false, false>(values, range);
}

/// The same on all cores.
template <class T>
void fake_quant_all(std::span<T> values, const NudgedRange<T>& range, const FakeQuantOptions& options,
                    FakeQuantStep step) {
  constexpr std::size_t least = std::size_t{1} << 18;  // what is worth a thread
  in_parts(values.size(), least, [&](std::size_t first, std::size_t last) {
    fake_quant_row(values.subspan(first, last - first), range, options, step);
  });
}

FULCRUM_DECLARE void expect_channels(const Shape& shape, std::size_t mins, std::size_t maxs) {
  const std::size_t channels = shape.empty() ? 0 : static_cast<std::size_t>(shape.back());
  if (shape.empty() || mins != channels || maxs != channels) {
    throw Error("fake quantization of a tensor " + to_string(shape),
                "was given " + std::to_string(mins) + " minima and " + std::to_string(maxs) + " maxima",
                "give one of each for every channel of the last axis");
  }
}

FULCRUM_DECLARE void expect_same_shape(const Shape& gradient, const Shape& src) {
  if (gradient != src) {
    throw Error("gradient " + to_string(gradient), "does not fit values of shape " + to_string(src));
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
NudgedRange<T> nudge(T min, T max, const FakeQuantOptions& options) {
  detail::validate(options);
  detail::validate_range(min, max);
  if (min == T{0} && max == T{0}) return {};
  const auto quant_min = static_cast<T>(options.narrow_range ? 1 : 0);
  const auto quant_max = static_cast<T>((1 << options.bits) - 1);
  NudgedRange<T> range;
  range.scale = (max - min) / (quant_max - quant_min);
  range.inverse_scale = (quant_max - quant_min) / (max - min);
  if (!std::isfinite(range.scale)) {
    throw Error("fake quantization range [" + std::to_string(min) + ", " + std::to_string(max) + "]",
                "is too wide to divide into steps");
  }
  if (!(range.scale > T{0}) || !std::isfinite(range.inverse_scale)) return {};
  const T zero_point = std::round(std::clamp(quant_min - min / range.scale, quant_min, quant_max));
  range.min = (quant_min - zero_point) * range.scale;
  range.max = (quant_max - zero_point) * range.scale;
  return range;
}

template <class T>
Tensor<T> fake_quant_with_min_max_args(Tensor<T> src, T min, T max, const FakeQuantOptions& options) {
  const NudgedRange<T> range = nudge(min, max, options);
  detail::fake_quant_all(src.flat(), range, options, detail::FakeQuantStep::multiply);
  return src;
}

template <class T>
Tensor<T> fake_quant_with_min_max_vars(Tensor<T> src, T min, T max, const FakeQuantOptions& options) {
  const NudgedRange<T> range = nudge(min, max, options);
  detail::fake_quant_all(src.flat(), range, options, detail::FakeQuantStep::divide);
  return src;
}

template <class T>
Tensor<T> fake_quant_with_min_max_vars_per_channel(Tensor<T> src, std::span<const T> min, std::span<const T> max,
                                                   const FakeQuantOptions& options) {
  const Shape shape = src.dims();
  detail::expect_channels(shape, min.size(), max.size());
  std::vector<NudgedRange<T>> ranges;
  for (std::size_t c = 0; c < min.size(); ++c) ranges.push_back(nudge(min[c], max[c], options));
  const auto axis = static_cast<std::int64_t>(shape.size()) - 1;
  detail::for_each_channel_element(shape, axis, [&](std::size_t i, std::size_t c) {
    src.flat()[i] = detail::fake_quant(src.flat()[i], ranges[c], options, detail::FakeQuantStep::multiply);
  });
  return src;
}

}  // namespace fulcrum

namespace fulcrum::detail {

template <class T>
FakeQuantGradient<T> fake_quant_gradient(const Tensor<T>& dst_gradient, const Tensor<T>& src, std::int64_t axis,
                                         std::span<const T> min, std::span<const T> max,
                                         const FakeQuantOptions& options) {
  expect_same_shape(dst_gradient.dims(), src.dims());
  std::vector<NudgedRange<T>> ranges;
  for (std::size_t c = 0; c < min.size(); ++c) ranges.push_back(nudge(min[c], max[c], options));
  FakeQuantGradient<T> result{dst_gradient, {}, {}};
  std::vector<double> below(min.size(), 0.0);
  std::vector<double> above(min.size(), 0.0);
  for_each_channel_element(src.dims(), axis, [&](std::size_t i, std::size_t c) {
    const T x = src.flat()[i];
    const NudgedRange<T>& range = ranges[c];
    if (range.scale == T{0} || (x >= range.min && x <= range.max)) return;
    result.src.flat()[i] = T{0};
    if (x < range.min) below[c] += static_cast<double>(dst_gradient.flat()[i]);
    if (x > range.max) above[c] += static_cast<double>(dst_gradient.flat()[i]);
  });
  for (std::size_t c = 0; c < min.size(); ++c) {
    result.min.push_back(static_cast<T>(below[c]));
    result.max.push_back(static_cast<T>(above[c]));
  }
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
FakeQuantGradient<T> fake_quant_with_min_max_vars_per_channel_gradient(const Tensor<T>& dst_gradient,
                                                                       const Tensor<T>& src, std::span<const T> min,
                                                                       std::span<const T> max,
                                                                       const FakeQuantOptions& options) {
  detail::expect_channels(src.dims(), min.size(), max.size());
  const auto axis = static_cast<std::int64_t>(src.dimension()) - 1;
  return detail::fake_quant_gradient<T>(dst_gradient, src, axis, min, max, options);
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum::detail {
template float fake_quant(float x, const NudgedRange<float>& range, const FakeQuantOptions& options,
                          FakeQuantStep step);
template double fake_quant(double x, const NudgedRange<double>& range, const FakeQuantOptions& options,
                           FakeQuantStep step);
template void fake_quant_row(std::span<float> values, const NudgedRange<float>& range, const FakeQuantOptions& options,
                             FakeQuantStep step);
template void fake_quant_row(std::span<double> values, const NudgedRange<double>& range,
                             const FakeQuantOptions& options, FakeQuantStep step);
}  // namespace fulcrum::detail
namespace fulcrum {
template NudgedRange<float> nudge(float min, float max, const FakeQuantOptions& options);
template NudgedRange<double> nudge(double min, double max, const FakeQuantOptions& options);
template Tensor<float> fake_quant_with_min_max_args(Tensor<float> src, float min, float max,
                                                    const FakeQuantOptions& options);
template Tensor<double> fake_quant_with_min_max_args(Tensor<double> src, double min, double max,
                                                     const FakeQuantOptions& options);
template Tensor<float> fake_quant_with_min_max_vars(Tensor<float> src, float min, float max,
                                                    const FakeQuantOptions& options);
template Tensor<double> fake_quant_with_min_max_vars(Tensor<double> src, double min, double max,
                                                     const FakeQuantOptions& options);
template Tensor<float> fake_quant_with_min_max_vars_per_channel(Tensor<float> src, std::span<const float> min,
                                                                std::span<const float> max,
                                                                const FakeQuantOptions& options);
template Tensor<double> fake_quant_with_min_max_vars_per_channel(Tensor<double> src, std::span<const double> min,
                                                                 std::span<const double> max,
                                                                 const FakeQuantOptions& options);
}  // namespace fulcrum
namespace fulcrum::detail {
template FakeQuantGradient<float> fake_quant_gradient(const Tensor<float>& dst_gradient, const Tensor<float>& src,
                                                      std::int64_t axis, std::span<const float> min,
                                                      std::span<const float> max, const FakeQuantOptions& options);
template FakeQuantGradient<double> fake_quant_gradient(const Tensor<double>& dst_gradient, const Tensor<double>& src,
                                                       std::int64_t axis, std::span<const double> min,
                                                       std::span<const double> max, const FakeQuantOptions& options);
}  // namespace fulcrum::detail
namespace fulcrum {
template FakeQuantGradient<float> fake_quant_with_min_max_vars_per_channel_gradient(const Tensor<float>& dst_gradient,
                                                                                    const Tensor<float>& src,
                                                                                    std::span<const float> min,
                                                                                    std::span<const float> max,
                                                                                    const FakeQuantOptions& options);
template FakeQuantGradient<double> fake_quant_with_min_max_vars_per_channel_gradient(const Tensor<double>& dst_gradient,
                                                                                     const Tensor<double>& src,
                                                                                     std::span<const double> min,
                                                                                     std::span<const double> max,
                                                                                     const FakeQuantOptions& options);
}  // namespace fulcrum
#endif

#endif
