#pragma once
/// \file
/// Which products run by the weights that are not 0 alone.
///
/// Many positions (pixels, rows) of one input channel side by side are multiplied by one weight at a time, so that a
/// weight that is 0 costs nothing, wherever it is (Elsen, Dukhan, Gale and Simonyan, "Fast Sparse ConvNets", CVPR
/// 2020). Against that stands that a multiplication loads one of its operands anew where a dense kernel has it in a
/// register, and that values are brought into that order and back. For a few rows there is nothing to lie side by side:
/// results do, and each gathers the elements that its weights multiply.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/activation.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/schedule/loops.hpp>
#include <fulcrum/schedule/step.hpp>
#include <fulcrum/schedule/winograd.hpp>

namespace fulcrum {

/// The most rows of a dense layer that gather what their weights multiply.
inline constexpr std::int64_t sparse_gathered_rows = 3;

/// Whether machines of these instruction sets (Environment::isa) gain by it: those that it was timed on, with AVX-512
/// or AVX2.
[[nodiscard]] constexpr bool isa_runs_sparse(std::string_view isa) noexcept {
  return isa.starts_with("avx512") || isa.starts_with("avx2");
}

/// [B] of a weight with the place of what it is multiplied by.
/// \param g  of a dense layer or convolution
[[nodiscard]] constexpr std::int64_t sparse_weight_bytes(const StepGeometry& g) noexcept {
  const bool gathers = g.n * g.oh * g.ow <= sparse_gathered_rows;
  return gathers && g.ic < 65535 ? 6 : 8;
}

/// What a sparse product takes over what the dense one takes: below 1 it is the faster one.
/// \param density  share of the weights that are not 0
FULCRUM_DECLARE [[nodiscard]] double sparse_time_ratio(const StepGeometry& g, double density);

/// The share of weights 0 from which on a sparse product is taken; 1 where it never is.
FULCRUM_DECLARE [[nodiscard]] double break_even_sparsity(const StepGeometry& g);

/// Weights that are not 0. \param all  that there are; few are looked at where it is plain that hardly any is 0
FULCRUM_DECLARE [[nodiscard]] std::int64_t count_nonzeros(std::span<const float> all);

namespace detail {

/// Functions that the sparse loops run on their sums.
[[nodiscard]] constexpr bool runs_on_sparse_sums(ActivationKind function) noexcept {
  return runs_in_vectors(function) || function == ActivationKind::gelu || function == ActivationKind::gelu_tanh;
}

/// Whether the sparse loops take what runs after a group's primary: a sum and clamps, or functions in vectors.
template <class T>
[[nodiscard]] bool sparse_takes_tail(const Model<T>& model, const FusionGroup& group) {
  if (range_after_sum(model, group)) return true;
  return std::all_of(group.absorbed.begin(), group.absorbed.end(), [&](NodeId id) {
    const auto* activation = std::get_if<Activation>(&model.node(id).layer);
    return activation != nullptr && runs_on_sparse_sums(activation->function);
  });
}

}  // namespace detail

/// Whether a group in f32 may run as a sparse product: a dense layer or an ungrouped convolution of planes.
template <class T>
[[nodiscard]] bool has_sparse_form(const Model<T>& model, const FusionGroup& group, const StepGeometry& g) {
  const Layer<T>& layer = model.node(group.primary).layer;
  if (!detail::sparse_takes_tail(model, group)) return false;
  if (std::holds_alternative<Dense<T>>(layer)) return g.ic > 0 && g.oc > 0 && g.n > 0;
  const auto* conv = std::get_if<Conv<T>>(&layer);
  if (conv == nullptr || conv->groups != 1 || conv->weights.value->dims().size() != 4) return false;
  return g.n * g.oh * g.ow > sparse_gathered_rows;
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

// Times are in that of a multiplication of 16 floats in a dense kernel with AVX-512, 0.16 ns, from a Xeon of 2023.
FULCRUM_DEFINE double sparse_time_ratio(const StepGeometry& g, double density) {
  const auto real = [](std::int64_t x) { return static_cast<double>(x); };
  const auto up = [](double x, double y) { return std::ceil(x / y); };
  const double ic = real(g.ic), oc = real(g.oc), taps = real(g.kh * g.kw);
  const double weights = ic * oc * taps;
  if (g.n * g.oh * g.ow <= sparse_gathered_rows) {
    // Both take as long as their weights take to come; gathered ones also as long as it takes to gather them.
    const double dense = 4.0 * weights;
    return density * weights * (real(sparse_weight_bytes(g)) + 4.0 * real(g.n)) / dense + 2.0 * oc / weights;
  }
  const bool pointwise = g.kh * g.kw == 1, flat = pointwise && g.stride == 1;
  const double dst = real(g.n * g.oh * g.ow) / 16.0;
  // Vectors of pixels that are taken of a channel: of a row, where windows go over it.
  const double rows = real(g.n * (pointwise ? g.oh : g.ih)), columns = real(pointwise ? g.ow : g.iw);
  const double phases = pointwise ? 1.0 : real(std::min(g.stride, g.kw));
  const double src = flat ? up(dst, 1.0) : rows * phases * up(columns / phases, 16.0);
  constexpr double cache = 1 << 20;  // [B] of a core, about
  const bool far = 64.0 * (ic * src + oc * dst) > 1.25 * cache;
  // Weights that few rows take come no faster than memory gives them.
  const double dense = weights * (dst + (4.0 * weights > cache ? 0.35 : 0.0)) + (far ? 6.0 : 2.0) * (ic + oc) * dst;
  const double units = flat ? src : real(g.n) * up(real(g.oh * (g.ow + g.kw / 2)), 16.0);
  // A weight is loaded for six units of positions at a time; sums are taken up and put down for each block of channels.
  const double of_weight = (flat        ? 1.25
                            : pointwise ? 1.5
                                        : 2.1) *
                               units +
                           1.5 * up(units, 6.0) + (8.0 * density * weights > cache ? 1.0 : 0.0);
  const double of_row = 2.8 * units * up(ic * real(g.kh) * std::min(units, 6.0), 512.0);
  // Values are turned on their way in and out.
  const double taken = flat ? (far ? 18.0 : 8.0) : pointwise ? 20.0 : g.stride == 1 ? 24.0 : 36.0;
  const double given = far ? 20.0 : 11.0;
  return (density * weights * of_weight + oc * of_row + taken * ic * src + given * oc * dst) / dense;
}

FULCRUM_DEFINE double break_even_sparsity(const StepGeometry& g) {
  constexpr double gains = 0.9;
  double least = 0.0, most = 1.0;
  if (sparse_time_ratio(g, 0.0) >= gains) return 1.0;
  for (int i = 0; i < 24; ++i) {
    const double middle = 0.5 * (least + most);
    (sparse_time_ratio(g, 1.0 - middle) < gains ? most : least) = middle;
  }
  return most;
}

FULCRUM_DEFINE std::int64_t count_nonzeros(std::span<const float> all) {
  // Places that no period in the weights can hide from.
  constexpr std::uint64_t looked_at = 2048;
  constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;
  if (all.size() > 16 * looked_at) {
    std::uint64_t nonzeros = 0;
    for (std::uint64_t i = 1; i <= looked_at; ++i) nonzeros += all[(i * golden >> 16U) % all.size()] != 0.0F ? 1 : 0;
    if (16 * nonzeros > 15 * looked_at) return static_cast<std::int64_t>(all.size());
  }
  return std::count_if(all.begin(), all.end(), [](float x) { return x != 0.0F; });
}

}  // namespace fulcrum

#endif
