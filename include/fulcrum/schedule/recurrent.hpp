#pragma once
/// \file
/// How recurrent layers run: one product of the engine for what the source gives to all steps, then Fulcrum's own loops
/// step by step, which read the recurrent weights from end to end in each.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/layers/recurrent.hpp>
#include <fulcrum/schedule/step.hpp>
#include <fulcrum/tensor/quantization.hpp>

namespace fulcrum {

/// How recurrent weights lie in memory. Sums are in f32 whatever it is.
enum class RecurrentWeights : std::uint8_t {
  f32,
  s24,   ///< f32 whose rows are near enough to one another in size: integers, with a scale for each row
  bf16,  ///< in bf16
  s8,    ///< quantized ones in int8: weights as the model rounds them
};

/// [B] of an element.
[[nodiscard]] constexpr std::int64_t bytes_of(RecurrentWeights weights) noexcept {
  switch (weights) {
    case RecurrentWeights::f32: return 4;
    case RecurrentWeights::s24: return 3;
    case RecurrentWeights::bf16: return 2;
    case RecurrentWeights::s8: return 1;
  }
  return 4;
}

/// Hidden units side by side: a panel is all weights of one gate of as many units, (columns, units).
inline constexpr int recurrent_units = 16;

/// The steps that one product with the source is for: as many as fill some MB with what it gives.
/// \param rows  that it gives for each step of a sample: gates · hidden units, in whole panels
[[nodiscard]] constexpr std::int64_t recurrent_chunk(std::int64_t steps, std::int64_t samples,
                                                     std::int64_t rows) noexcept {
  constexpr std::int64_t most_floats = std::int64_t{4} << 20;
  const std::int64_t most = std::clamp<std::int64_t>(most_floats / (samples * rows), 1, steps);
  const std::int64_t chunks = (steps + most - 1) / most;
  return (steps + chunks - 1) / chunks;
}

/// Floats that the loops hold in between: what the source gives, cell states (or update gates), reset states.
/// \param src  (steps, samples, input)
[[nodiscard]] inline std::int64_t recurrent_scratch_floats(const Recurrent<float>& layer, const Shape& src) {
  const std::int64_t padded = (layer.hidden() + recurrent_units - 1) / recurrent_units * recurrent_units;
  const std::int64_t rows = gates_of(layer.cell) * padded;
  const std::int64_t chunk = layer.with_lengths ? src[0] : recurrent_chunk(src[0], src[1], rows);
  return layer.directions() * src[1] * (chunk * rows + padded + layer.hidden()) + layer.hidden();
}

namespace detail {

/// The scales of weights (directions, rows, …) that are s8 with zero point 0: one for each row of each direction.
/// Nothing when they are quantized otherwise, or not at all.
[[nodiscard]] inline std::optional<std::vector<float>> scales_of_rows(const Parameter<float>& weights) {
  if (weights.empty() || !weights.quantization) return std::nullopt;
  const Quantization& q = *weights.quantization;
  const auto is_zero = [](std::int32_t z) { return z == 0; };
  if (q.dtype != DType::s8 || q.axis > 1 || !std::all_of(q.zero_point.begin(), q.zero_point.end(), is_zero))
    return std::nullopt;
  const Shape dims = weights.value->dims();
  std::vector<float> scales;
  for (std::int64_t direction = 0; direction < dims[0]; ++direction) {
    for (std::int64_t row = 0; row < dims[1]; ++row) {
      const std::int64_t at = q.scale.size() == 1 ? 0 : q.axis == 1 ? row : direction;
      scales.push_back(q.scale[static_cast<std::size_t>(at)]);
    }
  }
  return scales;
}

/// Whether 24 bits of a row's largest element are as good as f32 for all of the row's: where that is at most 32 times
/// the mean of those that are not 0, what rounding changes in a sum is as little as rounding in the sum itself.
[[nodiscard]] inline bool rows_fit_24_bits(std::span<const float> weights, std::int64_t columns) {
  constexpr float most = 32.0F;
  const auto width = static_cast<std::size_t>(columns);
  for (std::size_t first = 0; first + width <= weights.size(); first += width) {
    // In blocks that compilers make vectors of.
    constexpr std::size_t block = 16;
    std::array<float, block> most_of{}, sums{}, counts{};
    const auto take = [&](float w, std::size_t i) {
      const float magnitude = std::abs(w);
      most_of[i] = magnitude > most_of[i] ? magnitude : most_of[i];
      sums[i] += magnitude;
      counts[i] += magnitude > 0.0F ? 1.0F : 0.0F;
    };
    std::span<const float> row = weights.subspan(first, width);
    for (; row.size() >= block; row = row.subspan(block)) {
      for (std::size_t i = 0; i < block; ++i) take(row[i], i);
    }
    for (std::size_t i = 0; i < row.size(); ++i) take(row[i], i);
    const float largest = *std::max_element(most_of.begin(), most_of.end());
    const float sum = std::accumulate(sums.begin(), sums.end(), 0.0F);
    const float count = std::accumulate(counts.begin(), counts.end(), 0.0F);
    if (!std::isfinite(sum) || largest * count > most * sum) return false;
    if (largest > 0.0F && largest < 1e-30F) return false;  // the scale would be next to 0
  }
  return true;
}

}  // namespace detail

/// In which form a layer keeps its recurrent weights. Those in f32 are narrowed where there are so many that each step
/// waits for them: from 8 MiB on they are in no core's own cache.
/// \param precision  what the layer computes in
[[nodiscard]] inline RecurrentWeights recurrent_weights(const Recurrent<float>& layer, Precision precision) {
  constexpr std::int64_t elements_in_caches = std::int64_t{2} << 20;
  if (precision == Precision::bf16) return RecurrentWeights::bf16;
  if (precision == Precision::int8 && detail::scales_of_rows(layer.recurrent_weights)) return RecurrentWeights::s8;
  if (layer.recurrent_weights.size() < elements_in_caches) return RecurrentWeights::f32;
  const std::span<const float> weights = layer.recurrent_weights.value->flat();
  return detail::rows_fit_24_bits(weights, layer.hidden()) ? RecurrentWeights::s24 : RecurrentWeights::f32;
}

/// Says in a step how often weights are read: those of the input once, the others in every step of the sequence.
/// \param input      what the product for all steps computes in
/// \param recurrent  recurrent_weights()
inline void set_recurrent_traffic(Step& step, const Recurrent<float>& layer, std::int64_t steps, Precision input,
                                  RecurrentWeights recurrent) {
  const auto state = static_cast<double>(layer.recurrent_weights.size() * bytes_of(recurrent));
  step.weight_bytes = static_cast<double>(layer.weights.size()) * static_cast<double>(size_of(input)) +
                      sizeof(float) * static_cast<double>(layer.bias.size() + layer.peepholes.size()) + state;
  step.reread_bytes = static_cast<double>(std::max<std::int64_t>(steps - 1, 0)) * state;
  step.reread_set = state;
}

}  // namespace fulcrum
