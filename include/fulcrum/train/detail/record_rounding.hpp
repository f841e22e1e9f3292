#pragma once
/// \file
/// The rounding of a value by a learned step (LSQ) on the tape, recorded after the layer whose value it is.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/train/detail/tape.hpp>
#include <fulcrum/train/value_rounding.hpp>

namespace fulcrum::detail::training {

/// What TrainableParameter calls ln(step) of a value.
inline constexpr std::string_view log_step_name = "log_step";

/// From −q to p: the integers that a value is rounded to.
struct IntegerSpan {
  float q = 0.0F, p = 0.0F;
};
FULCRUM_DECLARE [[nodiscard]] IntegerSpan integer_span(const RoundedValue& value);

/// dst = s · clip(round_half_even(src/s), −q, p)
FULCRUM_DECLARE void round_by_step(std::span<const float> src, float step, IntegerSpan span, float* dst);

/// What ∂loss/∂v̂ makes of ∂loss/∂v, into `dst`.
/// \return Σ ∂loss/∂v̂ · ∂v̂/∂s, not scaled
FULCRUM_DECLARE double differentiate_rounding(std::span<const float> src, std::span<const float> gradient, float step,
                                              IntegerSpan span, float* dst);

/// Rounds the value that the node has so far: whoever takes it from here on takes it rounded.
FULCRUM_DECLARE void record_rounding(Tape& tape, const RoundedValue& value);

}  // namespace fulcrum::detail::training

#if FULCRUM_DEFINES(train)

#include <algorithm>

#include <fulcrum/onednn/team.hpp>
#include <fulcrum/onednn/thread_scope.hpp>

namespace fulcrum::detail::training {

/// Between its bounds, the sum with this number has the precision of whole numbers: it rounds half to even.
inline constexpr float whole_numbers = 12582912.0F;  // 1.5 · 2^23

inline float clipped(float x, IntegerSpan span) { return x < -span.q ? -span.q : x > span.p ? span.p : x; }

FULCRUM_DEFINE IntegerSpan integer_span(const RoundedValue& value) {
  const Range range = range_of(value, 1.0F);
  return {-range.min, range.max};
}

FULCRUM_DEFINE void round_by_step(std::span<const float> src, float step, IntegerSpan span, float* dst) {
  const auto one = [&](float x) { return step * (clipped(x / step, span) + whole_numbers - whole_numbers); };
  constexpr std::size_t block = 16;  // of which compilers make vectors
  std::size_t i = 0;
  for (; i + block <= src.size(); i += block) {
    std::array<float, block> x;
    std::copy_n(src.begin() + static_cast<std::ptrdiff_t>(i), block, x.begin());
    for (float& v : x) v = one(v);
    std::copy(x.begin(), x.end(), dst + i);
  }
  for (; i < src.size(); ++i) dst[i] = one(src[i]);
}

FULCRUM_DEFINE double differentiate_rounding(std::span<const float> src, std::span<const float> gradient, float step,
                                             IntegerSpan span, float* dst) {
  constexpr std::size_t lanes = 16;  // sums side by side, which compilers make vectors of
  double total = 0.0;
  for (std::size_t from = 0; from < src.size(); from += 4096) {
    const std::size_t end = std::min(from + 4096, src.size());
    std::array<float, lanes> sums{};
    const auto one = [&](std::size_t i, float& sum) {
      const float x = src[i] / step;
      const float kept = clipped(x, span);
      const bool inside = kept == x;
      const float slope = kept + whole_numbers - whole_numbers - (inside ? x : 0.0F);
      sum += gradient[i] * slope;
      dst[i] = inside ? gradient[i] : 0.0F;
    };
    std::size_t i = from;
    for (; i + lanes <= end; i += lanes) {
      for (std::size_t k = 0; k < lanes; ++k) one(i + k, sums[k]);
    }
    for (; i < end; ++i) one(i, sums[0]);
    for (const float sum : sums) total += static_cast<double>(sum);
  }
  return total;
}

FULCRUM_DEFINE void record_rounding(Tape& tape, const RoundedValue& value) {
  const memory src = tape.value(value.node);
  const Desc desc = src.get_desc();
  const memory dst = allocate(desc);
  const auto size = static_cast<std::int64_t>(desc.get_size() / sizeof(float));  // with what fills blocks, which is 0
  const std::int64_t elements = element_count(tape.shape(value.node));
  const std::int64_t of_sample = elements / std::max<std::int64_t>(tape.shape(value.node).front(), 1);
  const IntegerSpan integers = integer_span(value);
  const Tape::ParameterMemory log_step =
      tape.train(value.node, log_step_name.data(), Parameter<float>(Tensor<float>(Shape{1})), {1});
  const auto floats = [](const memory& m) { return static_cast<float*>(m.get_data_handle()); };
  const int threads = fulcrum_omp_get_max_threads();
  const auto started = std::make_shared<bool>(false);

  tape.forward.add([=] {
    const std::span<const float> x(floats(src), static_cast<std::size_t>(size));
    if (!*started) {
      double sum = 0.0;
      for (const float v : x) sum += std::abs(static_cast<double>(v));
      const double first = 2.0 * sum / static_cast<double>(std::max<std::int64_t>(elements, 1)) /
                           std::sqrt(static_cast<double>(integers.p));
      *floats(log_step.value) = static_cast<float>(std::log(first > 0.0 ? first : 1.0));
      *started = true;
    }
    const float step = std::exp(*floats(log_step.value));
    for_parts(threads, size, [&](std::int64_t from, std::int64_t end) {
      round_by_step(x.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(end - from)), step, integers,
                    floats(dst) + from);
    });
  });
  tape.set_value(value.node, dst);

  tape.on_backward(value.node, [=, &tape] {
    const memory gradient = tape.gradient_in(value.node, desc);
    const memory diff_src = allocate(desc);
    const double scale = 1.0 / std::sqrt(static_cast<double>(of_sample) * static_cast<double>(integers.p));
    tape.backward.add([=] {
      const float step = std::exp(*floats(log_step.value));
      // Parts of a fixed size, added up in their order: the same sum with any team.
      constexpr std::int64_t part = 1 << 16;
      std::vector<double> sums(static_cast<std::size_t>((size + part - 1) / part));
      for_parts(threads, static_cast<std::int64_t>(sums.size()), [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t k = first; k < last; ++k) {
          const auto from = static_cast<std::size_t>(k * part);
          const auto count = static_cast<std::size_t>(std::min(part, size - k * part));
          sums[static_cast<std::size_t>(k)] = differentiate_rounding(
              {floats(src) + from, count}, {floats(gradient) + from, count}, step, integers, floats(diff_src) + from);
        }
      });
      double of_step = 0.0;
      for (const double sum : sums) of_step += sum;
      *floats(log_step.gradient) = static_cast<float>(of_step * scale * static_cast<double>(step));
    });
    tape.replace_gradient(value.node, diff_src);
  });
}

}  // namespace fulcrum::detail::training

#endif
