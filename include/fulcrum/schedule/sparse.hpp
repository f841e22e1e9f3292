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
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string_view>
#include <variant>

#include <fulcrum/analysis/fusion.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/activation.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/run/sparse_costs.hpp>
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

/// By which loops a dense layer's or convolution's product by sparse weights runs.
[[nodiscard]] constexpr SparseKind sparse_kind(const StepGeometry& g) noexcept {
  if (g.n * g.oh * g.ow <= sparse_gathered_rows) return SparseKind::gathered;
  if (g.kh * g.kw != 1 || g.stride != 1 || g.ih != g.oh) return SparseKind::windows;
  return g.oh * g.ow == 1 ? SparseKind::rows : SparseKind::pointwise;
}

/// What a time is made of: factors of these are in SparseCosts.
struct SparseTermsPair {
  SparseTerms dense{};   ///< a call, multiplications in whole vectors, values, weights from beyond caches
  SparseTerms sparse{};  ///< a call, multiplications, loads of weights, sums put down, values that are turned
};

/// Of the dense and the sparse product.
/// \param density  share of the weights that are not 0
/// \param threads  of the step
FULCRUM_DECLARE [[nodiscard]] SparseTermsPair sparse_terms(const StepGeometry& g, double density, int threads);

/// What both cost where nobody has calibrated.
FULCRUM_DECLARE [[nodiscard]] const SparseCosts& default_sparse_costs(SparseKind kind, int threads);

/// What a product takes on a machine [µs], about: costs are fitted for their ratio.
struct SparseTimes {
  double dense = 0.0;
  double sparse = 0.0;
  double taken = 0.0;  ///< of that: turning the source, which is spared where it lies in planes
  double given = 0.0;  ///< and the result
};

/// \param density  share of the weights that are not 0
/// \param threads  of the step
/// \param known    of the machine (AlgorithmPolicy::sparse_costs): those of the nearest number of threads count
FULCRUM_DECLARE [[nodiscard]] SparseTimes sparse_times(const StepGeometry& g, double density, int threads,
                                                       std::span<const SparseCosts> known = {});

/// A layer runs sparse where that takes less than this part of the dense product's time.
inline constexpr double sparse_gain = 0.9;

/// What a sparse product takes over what the dense one takes: below 1 it is the faster one. Infinite for products of
/// fewer multiplications than any that was timed.
/// \param density  share of the weights that are not 0
/// \param threads  of the step
/// \param known    of the machine (AlgorithmPolicy::sparse_costs): those of the nearest number of threads count
FULCRUM_DECLARE [[nodiscard]] double sparse_time_ratio(const StepGeometry& g, double density, int threads = 1,
                                                       std::span<const SparseCosts> known = {});

/// The share of weights 0 from which on a sparse product is taken; 1 where it never is.
FULCRUM_DECLARE [[nodiscard]] double break_even_sparsity(const StepGeometry& g, int threads = 1,
                                                         std::span<const SparseCosts> known = {});

/// Weights that are not 0.
///
/// \param all  that there are; few are looked at where it is plain that hardly any is 0
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

// Terms are in thousands; their factors in µs. From a Xeon of 2023 with AVX-512.
FULCRUM_DEFINE SparseTermsPair sparse_terms(const StepGeometry& g, double density, int threads) {
  const auto real = [](std::int64_t x) { return static_cast<double>(x); };
  const auto up = [](double x, double y) { return std::ceil(x / y); };
  // Share of a set of bytes that a cache of some size does not hold (cost/machine_rates.hpp has the same form).
  const auto beyond = [](double bytes, double capacity) {
    const double ratio = bytes / (0.8 * capacity);
    return 1.0 - 1.0 / (1.0 + ratio * ratio * ratio * ratio * ratio * ratio);
  };
  constexpr double near = 32 << 10, core = 2 << 20, outer = 16 << 20;  // [B] of caches, about
  const double team = std::max(threads, 1);
  const double ic = real(g.ic), oc = real(g.oc), taps = real(g.kh * g.kw);
  const double weights = ic * oc * taps, nonzeros = density * weights;
  const double far_weights = weights / team * beyond(4.0 * weights, core);
  SparseTermsPair result;
  const auto in_thousands = [](SparseTerms terms) {
    for (std::size_t i = 1; i < terms.size(); ++i) terms[i] *= 1e-3;
    return terms;
  };
  const double n = real(g.n);
  if (sparse_kind(g) == SparseKind::gathered) {
    const double bytes = real(sparse_weight_bytes(g)) * nonzeros, own = nonzeros / team;
    // Rows of the weights that run side by side all take as long as the longest of them.
    const double uneven = std::sqrt(std::max(density * (1.0 - density) * ic, 0.0));
    result.dense = in_thousands({1.0, weights * n / team, far_weights, weights / team * beyond(4.0 * weights, outer)});
    result.sparse = in_thousands(
        {1.0, own * n, own * beyond(bytes, near), own * beyond(bytes, core), oc * n / team, oc * n * uneven / team});
    return result;
  }
  const bool pointwise = taps == 1.0, flat = sparse_kind(g) != SparseKind::windows;
  const double pixels = n * real(g.oh * g.ow), dst = pixels / 16.0;
  // Vectors of pixels that are taken of a channel: of a row, where windows go over it.
  const double phases = pointwise ? 1.0 : real(std::min(g.stride, g.kw));
  const double columns = real(pointwise ? g.ow : g.iw);
  const double src = flat ? up(dst, 1.0) : n * real(pointwise ? g.oh : g.ih) * phases * up(columns / phases, 16.0);
  const double values = (ic * src + oc * dst) / team, far = beyond(64.0 * values, core);
  const double products = ic * taps * dst / team, lanes = 16.0 * up(oc, 16.0);
  const bool is_dense = sparse_kind(g) == SparseKind::rows;
  result.dense =
      in_thousands({1.0, lanes * products, 64.0 * up(oc, 64.0) * products, values, values * far, lanes * dst / team,
                    far_weights, is_dense ? weights / team * beyond(4.0 * weights, outer) : 0.0});
  // Of a thread: units of positions and pieces of up to six of them, for each of which a weight is loaded.
  double units = 0.0, pieces = 0.0, blocks = 0.0;
  if (flat) {
    const double all = up(pixels, 16.0);
    double tiles = up(all, 6.0);
    if (tiles > 1.0) tiles = up(tiles, team) * team;
    const double of_tile = up(all, tiles);
    pieces = tiles / team;
    units = tiles > 1.0 ? up(all, team) : all / team;
    blocks = up(64.0 * ic * of_tile, near);
  } else {
    const double all = n * up(real(g.oh * (g.ow + g.kw / 2)), 16.0);
    units = all / team;
    pieces = up(all, 6.0) / team;
    blocks = up(96.0 * ic * real(g.kh) * std::min(all, 6.0), near);
  }
  // Sums are put down and taken up for each block of channels; values are turned on their way in and out.
  const double taken = ic * src / team, given = oc * dst / team;
  result.sparse =
      in_thousands({1.0, nonzeros * units, nonzeros * pieces, nonzeros * pieces * beyond(8.0 * nonzeros, core),
                    oc * blocks * units, oc * blocks * pieces, taken, taken * far, given, given * far,
                    !flat && g.stride > 1 ? taken : 0.0, pointwise ? 0.0 : nonzeros * units});
  return result;
}

FULCRUM_DEFINE const SparseCosts& default_sparse_costs(SparseKind kind, int threads) {
  // Of 280 random layers each, from a Xeon of 2023 with AVX-512; terms that few of them have were set by hand.
  static const std::array<SparseCosts, 8> costs{{
      {SparseKind::pointwise,
       1,
       {0.755, 0.174, 0, 0, 0, 1.21, 0.0343, 0},
       {0.874, 0.18, 0.585, 0.176, 1.46, 0, 1.94, 0, 1.82, 1.32}},
      {SparseKind::windows,
       1,
       {0.926, 0.18, 0, 0.683, 2.21, 2.7, 0.192, 0},
       {0.312, 0.24, 0.361, 0.114, 0.623, 0, 5.84, 0, 3.8, 5.59, 1.76, 0.168}},
      {SparseKind::rows,
       1,
       {1.14, 0.172, 0, 0, 2.68, 2.96, 0.0829, 0.1},
       {0, 0.167, 0.684, 0.151, 0, 0, 3.38, 0, 3.51, 3.37}},
      {SparseKind::gathered, 1, {1.91, 0.0148, 0.0789, 0.0961}, {0, 0.157, 0, 0.0709, 0, 0.354}},
      {SparseKind::pointwise,
       2,
       {2.16, 0.184, 0, 0, 0, 2.37, 0.0577, 0},
       {2.81, 0.325, 0.0687, 0.306, 1.95, 0, 2.13, 0, 3.71, 0}},
      {SparseKind::windows,
       2,
       {1.87, 0.204, 0, 0.471, 0.634, 6.5, 0.195, 0},
       {1.87, 0.236, 1.03, 0, 0.881, 0, 7.53, 0, 7.77, 2.14, 0.276, 0.119}},
      {SparseKind::rows,
       2,
       {2.24, 0.152, 0.0509, 0, 0, 6.32, 0.03, 0.0856},
       {1.5, 0.275, 0.648, 0, 0, 0, 7.01, 0, 7.14, 0}},
      {SparseKind::gathered, 2, {3.47, 0.012, 0.0475, 0.128}, {0.826, 0.186, 0, 0, 2.24, 0.2}},
  }};
  return *std::find_if(costs.begin(), costs.end(),
                       [&](const SparseCosts& c) { return c.kind == kind && c.threads == (threads > 1 ? 2 : 1); });
}

FULCRUM_DEFINE SparseTimes sparse_times(const StepGeometry& g, double density, int threads,
                                        std::span<const SparseCosts> known) {
  const SparseKind kind = sparse_kind(g);
  const SparseCosts* costs = &default_sparse_costs(kind, threads);
  double nearest = std::numeric_limits<double>::infinity();
  for (const SparseCosts& c : known) {
    const double distance = std::abs(std::log(static_cast<double>(c.threads) / std::max(threads, 1)));
    if (c.kind != kind || distance >= nearest) continue;
    nearest = distance;
    costs = &c;
  }
  const SparseTermsPair terms = sparse_terms(g, density, threads);
  const auto part = [&](std::size_t first, std::size_t count) {
    return std::inner_product(terms.sparse.begin() + static_cast<std::ptrdiff_t>(first),
                              terms.sparse.begin() + static_cast<std::ptrdiff_t>(first + count),
                              costs->sparse.begin() + static_cast<std::ptrdiff_t>(first), 0.0);
  };
  SparseTimes result;
  result.dense = std::inner_product(terms.dense.begin(), terms.dense.end(), costs->dense.begin(), 0.0);
  result.sparse = part(0, terms.sparse.size());
  // Windows copy their source in any case.
  if (kind == SparseKind::pointwise) result.taken = part(6, 1);
  // What no near cache holds is as far away in planes.
  const double far = terms.sparse[8] > 0.0 ? terms.sparse[9] / terms.sparse[8] : 0.0;
  if (kind == SparseKind::pointwise || kind == SparseKind::windows) result.given = part(8, 1) * (1.0 - 0.5 * far);
  return result;
}

FULCRUM_DEFINE double sparse_time_ratio(const StepGeometry& g, double density, int threads,
                                        std::span<const SparseCosts> known) {
  // What a call takes is all there is to smaller products, and of that the terms were not fitted.
  constexpr double least_products = 5e4;
  if (static_cast<double>(g.n * g.oh * g.ow) * static_cast<double>(g.ic * g.oc * g.kh * g.kw) < least_products)
    return std::numeric_limits<double>::infinity();
  const SparseTimes times = sparse_times(g, density, threads, known);
  return times.dense > 0.0 ? times.sparse / times.dense : std::numeric_limits<double>::infinity();
}

FULCRUM_DEFINE double break_even_sparsity(const StepGeometry& g, int threads, std::span<const SparseCosts> known) {
  double least = 0.0, most = 1.0;
  if (sparse_time_ratio(g, 0.0, threads, known) >= sparse_gain) return 1.0;
  for (int i = 0; i < 24; ++i) {
    const double middle = 0.5 * (least + most);
    (sparse_time_ratio(g, 1.0 - middle, threads, known) < sparse_gain ? most : least) = middle;
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
