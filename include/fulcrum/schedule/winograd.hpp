#pragma once
/// \file
/// Which convolutions run by Winograd's algorithm, and what work is left of them.
///
/// F(4×4, 3×3) computes a tile of 4×4 results from 6×6 elements of the source. Both and the weights are transformed
/// linearly so that 36 products per pair of channels do the work of 144 (Lavin and Gray, "Fast algorithms for
/// convolutional neural networks", CVPR 2016). The transforms cost time per channel, and transformed weights are four
/// times as large, so that it pays for many channels and large images.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/schedule/step.hpp>

namespace fulcrum {

inline constexpr std::int64_t winograd_tile = 4;       ///< rows and columns of results of a tile
inline constexpr std::int64_t winograd_products = 36;  ///< of a tile, per pair of channels
inline constexpr std::int64_t winograd_channels = 8;   ///< channels are whole multiples of it

/// Tiles that cover the planes of all samples.
[[nodiscard]] constexpr std::int64_t winograd_tiles(const StepGeometry& g) noexcept {
  const auto tiles = [](std::int64_t extent) { return (extent + winograd_tile - 1) / winograd_tile; };
  return g.n * tiles(g.oh) * tiles(g.ow);
}

/// FLOP that a step executes: those of its layer, but for taps in the padding, weights that are 0 in a sparse product
/// and what Winograd's algorithm spares.
FULCRUM_DECLARE [[nodiscard]] double executed_flops(const Step& step);

/// Elements of the transformed weights.
[[nodiscard]] constexpr std::int64_t winograd_weight_elements(const StepGeometry& g) noexcept {
  return winograd_products * g.ic * g.oc;
}

/// Rows of tiles that go through transform, products and transform back at a time: as many as fill about 8 MB with
/// transformed tiles, in passes of equal size.
/// \param rows     of tiles, of all samples; ≥ 1
/// \param columns  tiles of a row; ≥ 1
[[nodiscard]] constexpr std::int64_t winograd_pass_rows(std::int64_t rows, std::int64_t columns, std::int64_t ic,
                                                        std::int64_t oc) noexcept {
  constexpr std::int64_t most_bytes = std::int64_t{8} << 20;
  const std::int64_t row_bytes = winograd_products * (ic + oc) * columns * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t most = std::clamp<std::int64_t>(most_bytes / row_bytes, 1, rows);
  const std::int64_t passes = (rows + most - 1) / most;
  return (rows + passes - 1) / passes;
}

/// Tiles of a pass, which hold winograd_products · (ic + oc) floats each.
[[nodiscard]] constexpr std::int64_t winograd_pass_tiles(const StepGeometry& g) noexcept {
  const std::int64_t rows = g.n * ((g.oh + winograd_tile - 1) / winograd_tile);
  const std::int64_t columns = (g.ow + winograd_tile - 1) / winograd_tile;
  return winograd_pass_rows(rows, columns, g.ic, g.oc) * columns;
}

/// Whether machines of these instruction sets (Environment::isa) run convolutions so: those with AVX2 alone, on which
/// it was timed.
[[nodiscard]] constexpr bool isa_runs_winograd(std::string_view isa) noexcept { return isa.starts_with("avx2"); }

/// Bounds that a result is clamped to.
struct ResultRange {
  float least = -std::numeric_limits<float>::infinity();
  float largest = std::numeric_limits<float>::infinity();
};

namespace detail {

/// The range that a group's activations leave, when it runs nothing but a sum and, after it, such functions.
template <class T>
std::optional<ResultRange> range_after_sum(const Model<T>& model, const FusionGroup& group) {
  ResultRange range;
  bool clamped = false;
  const auto clamp = [&](float least, float largest) {
    range.least = std::min(std::max(range.least, least), largest);
    range.largest = std::min(std::max(range.largest, least), largest);
    clamped = true;
  };
  for (const NodeId id : group.absorbed) {
    const Layer<T>& layer = model.node(id).layer;
    if (const auto* activation = std::get_if<Activation>(&layer)) {
      if (activation->function == ActivationKind::relu) {
        clamp(0.0F, std::numeric_limits<float>::infinity());
      } else if (activation->function == ActivationKind::clip) {
        clamp(activation->alpha, activation->beta);
      } else {
        return std::nullopt;
      }
      continue;
    }
    const auto* sum = std::get_if<Binary>(&layer);
    if (sum == nullptr || sum->function != BinaryKind::add || clamped) return std::nullopt;
  }
  return range;
}

/// Whether the transforms cost less than the products they spare, for one image. In FLOP of a direct convolution that
/// take as long, from a Zen 3 with oneDNN 2.6: a product of transformed tiles runs at 0.7 of the rate, a tile's
/// transform takes 2000 per channel, and weights four times as large, which come from memory, 1000 per pair of
/// channels. The batch does not count, so that an image's result does not depend on the images beside it.
constexpr bool winograd_pays(StepGeometry g) noexcept {
  g.n = 1;
  const auto tiles = static_cast<double>(winograd_tiles(g));
  const double pairs = static_cast<double>(g.ic) * static_cast<double>(g.oc);
  const double direct = 18.0 * pairs * static_cast<double>(g.oh * g.ow);
  const double transformed = tiles * (100.0 * pairs + 2000.0 * static_cast<double>(g.ic + g.oc)) + 1000.0 * pairs;
  return transformed < 0.9 * direct;
}

}  // namespace detail

/// Whether a group in f32 runs by Winograd's algorithm where isa_runs_winograd(): a convolution of dense 3×3 windows,
/// channels in whole vectors, after which only a sum and clamps follow, and large enough to gain by it or always to run
/// so.
/// \param g  of the group's step
template <class T>
[[nodiscard]] bool runs_winograd(const Model<T>& model, const FusionGroup& group, const StepGeometry& g,
                                 UseAlgorithm use) {
  if (use == UseAlgorithm::never) return false;
  const auto* conv = std::get_if<Conv<T>>(&model.node(group.primary).layer);
  if (conv == nullptr || conv->groups != 1 || conv->weights.value->dims().size() != 4) return false;
  const Window& w = conv->window;
  const bool dense = w.kernel == Extent2{3, 3} && w.stride == Extent2{1, 1} && w.dilation == Extent2{1, 1};
  return dense && g.ic % winograd_channels == 0 && g.oc % winograd_channels == 0 &&
         (use == UseAlgorithm::always || detail::winograd_pays(g)) && detail::range_after_sum(model, group).has_value();
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

FULCRUM_DEFINE double executed_flops(const Step& step) {
  const StepGeometry& g = step.geometry;
  if (step.kernel != KernelClass::winograd_convolution) return step.flops * g.inside * step.density;
  return 2.0 * static_cast<double>(winograd_products * winograd_tiles(g) * g.ic * g.oc);
}

}  // namespace fulcrum

#endif
