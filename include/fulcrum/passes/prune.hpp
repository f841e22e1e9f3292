#pragma once
/// \file
/// Pruning by magnitude (Han et al. 2015, "Learning both weights and connections for efficient neural networks").

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/signal_to_noise.hpp>

namespace fulcrum {

enum class PruneScope : std::uint8_t {
  layer,   ///< each layer reaches the sparsity
  global,  ///< all layers together reach it: one threshold over all their weights
};

[[nodiscard]] constexpr std::string_view name_of(PruneScope scope) noexcept {
  return scope == PruneScope::layer ? "layer" : "global";
}

/// \throws Error when the name is neither layer nor global
[[nodiscard]] inline PruneScope prune_scope_from(std::string_view name) {
  return enum_from("pruning scope", name, std::array{PruneScope::layer, PruneScope::global});
}

/// Of every `group` weights one after another along the input channels (at the same output channel and place of a
/// kernel) the `keep` of largest magnitude stay, so that Σ|w| of what stays is as large as it can be. The last group of
/// a layer may have fewer; it keeps as many of them at most. (Others call it N:M, and mean different things by it.)
struct PruneGroups {
  std::int64_t keep = 2;   ///< ≥ 1, below `group`
  std::int64_t group = 4;  ///< ≥ 2

  friend bool operator==(const PruneGroups&, const PruneGroups&) = default;
};

/// What to prune: give a threshold, a sparsity or groups.
struct PruneOptions {
  std::optional<double> threshold = {};    ///< keeps |w| > threshold; ≥ 0
  std::optional<double> sparsity = {};     ///< of N weights keeps max(round(N · (1 − sparsity)), 1); [0, 1)
  PruneScope scope = PruneScope::layer;    ///< what N counts; a threshold is the same for all layers anyway
  std::optional<PruneGroups> groups = {};  ///< a pattern in every layer
  std::vector<std::string> skip = {};      ///< names of convolutions and dense layers that are left as they are
};

struct PruneReport {
  struct Layer {
    std::string name;
    std::int64_t elements = 0;  ///< weights of the layer
    std::int64_t kept = 0;      ///< weights that may be other than 0
    double sparsity = 0.0;      ///< 1 − kept / elements
    double threshold = 0.0;     ///< the threshold given or else the smallest |w| that was kept
    double sqnr_db = 0.0;       ///< weights before against after [dB]; see SignalToNoise
  };
  std::vector<Layer> layers;
  std::int64_t elements = 0;  ///< of all layers above
  std::int64_t kept = 0;
  double sparsity = 0.0;
  double sqnr_db = 0.0;
};

template <class T>
struct PruneResult {
  Model<T> model;
  PruneReport report;
};

namespace detail {

FULCRUM_DECLARE void validate(const PruneOptions& options);

}  // namespace detail

/// Sets the weights of smallest magnitude to 0 and keeps a mask of the others with the model (Parameter::mask).
/// Biases stay. Weights pruned before stay pruned and count as removed; of equal magnitudes those with the lowest index
/// (in the order of the layers) are kept.
///
/// \param model  one that is moved here and shares its weights with none is pruned in place
/// \throws Error when the options are out of range, a weight is not finite, a name in `skip` is no convolution or dense
///         layer, or the model is quantized already
template <class T>
[[nodiscard]] PruneResult<T> prune(Model<T> model, const PruneOptions& options);

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <span>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/in_parts.hpp>
#include <fulcrum/passes/detail/layer_weights.hpp>
#include <fulcrum/passes/detail/vectors.hpp>

namespace fulcrum::detail {

FULCRUM_DEFINE void validate(const PruneOptions& options) {
  const int given = (options.threshold ? 1 : 0) + (options.sparsity ? 1 : 0) + (options.groups ? 1 : 0);
  if (given != 1) {
    throw Error("pruning",
                given == 0       ? "was given nothing to go by"
                : options.groups ? "was given groups and something else"
                                 : "was given a threshold and a sparsity",
                "give either a threshold or a sparsity, or groups");
  }
  if (options.groups && (options.groups->keep < 1 || options.groups->keep >= options.groups->group)) {
    throw Error("pruning groups that keep " + std::to_string(options.groups->keep) + " of " +
                    std::to_string(options.groups->group),
                "prune nothing or everything", "keep 1 or more, and fewer than a group has");
  }
  if (options.threshold && !(*options.threshold >= 0.0)) {
    throw Error("pruning threshold " + std::to_string(*options.threshold), "is negative or NaN",
                "give the magnitude that weights must exceed, 0 or more");
  }
  if (options.sparsity && !(*options.sparsity >= 0.0 && *options.sparsity < 1.0)) {
    throw Error("pruning sparsity " + std::to_string(*options.sparsity), "is outside [0, 1)",
                "give the fraction of weights to remove");
  }
}

/// Weights to choose among together, in order; those pruned before are no candidates and stay pruned.
template <class T>
using PruneGroup = std::vector<const Parameter<T>*>;

template <class T>
bool pruned_before(const Parameter<T>& weights, std::size_t i) {
  return !weights.mask.empty() && weights.mask->flat()[i] == 0;
}

/// Magnitudes above `threshold` are kept and, of those equal to it, the first `ties`.
struct PruneCut {
  double threshold = 0.0;
  std::size_t ties = 0;
};

/// The cut that keeps exactly max(round(N · (1 − sparsity)), 1) of the group's N weights, or all candidates when fewer
/// are left.
template <class T>
PruneCut cut_for_sparsity(const PruneGroup<T>& group, double sparsity) {
  std::vector<T> magnitudes;
  std::size_t total = 0;
  for (const Parameter<T>* weights : group) {
    total += weights->value->flat().size();
    for (std::size_t i = 0; i < weights->value->flat().size(); ++i) {
      if (!pruned_before(*weights, i)) magnitudes.push_back(std::abs(weights->value->flat()[i]));
    }
  }
  if (magnitudes.empty()) return {};
  const auto wanted = static_cast<std::size_t>(std::llround(static_cast<double>(total) * (1.0 - sparsity)));
  const std::size_t keep = std::min(std::max<std::size_t>(wanted, 1), magnitudes.size());
  const auto smallest_kept = magnitudes.begin() + static_cast<std::ptrdiff_t>(keep - 1);
  std::nth_element(magnitudes.begin(), smallest_kept, magnitudes.end(), std::greater<>());
  const T threshold = *smallest_kept;
  const auto above = std::count_if(magnitudes.begin(), smallest_kept, [&](T m) { return m > threshold; });
  return {static_cast<double>(threshold), keep - static_cast<std::size_t>(above)};
}

/// 1 for the weights above the cut, 0 for the others; takes its ties from `cut`.
template <class T>
Tensor<std::uint8_t> mask_of_cut(const Parameter<T>& weights, PruneCut& cut) {
  Tensor<std::uint8_t> mask(weights.value->dims());
  for (std::size_t i = 0; i < mask.flat().size(); ++i) {
    if (pruned_before(weights, i)) continue;
    const auto magnitude = static_cast<double>(std::abs(weights.value->flat()[i]));
    const bool tied = magnitude == cut.threshold && cut.ties > 0;
    if (tied) --cut.ties;
    mask.flat()[i] = tied || magnitude > cut.threshold ? 1 : 0;
  }
  return mask;
}

/// 1 for the weights that their groups keep, of equal magnitudes the first; 0 for the others and those pruned before.
template <class T>
Tensor<std::uint8_t> mask_of_groups(const Parameter<T>& weights, const PruneGroups& groups) {
  const Shape dims = weights.value->dims();
  Tensor<std::uint8_t> mask(dims);
  const auto channels = static_cast<std::size_t>(dims[1]);
  std::size_t inner = 1;  // places of a kernel
  for (std::size_t i = 2; i < dims.size(); ++i) inner *= static_cast<std::size_t>(dims[i]);
  std::vector<std::size_t> members;
  for (std::size_t o = 0; o < static_cast<std::size_t>(dims[0]) * inner; ++o) {
    const std::size_t start = o / inner * channels * inner + o % inner;
    for (std::size_t first = 0; first < channels; first += static_cast<std::size_t>(groups.group)) {
      members.clear();
      for (std::size_t c = first; c < std::min(first + static_cast<std::size_t>(groups.group), channels); ++c) {
        if (const std::size_t at = start + c * inner; !pruned_before(weights, at)) members.push_back(at);
      }
      std::stable_sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
        return std::abs(weights.value->flat()[a]) > std::abs(weights.value->flat()[b]);
      });
      members.resize(std::min(members.size(), static_cast<std::size_t>(groups.keep)));
      for (const std::size_t at : members) mask.flat()[at] = 1;
    }
  }
  return mask;
}

/// Zeroes the weights that a mask leaves out.
template <class T>
PruneReport::Layer apply_mask(Parameter<T>& weights, const std::string& name, Tensor<std::uint8_t> mask,
                              SignalToNoise& total) {
  const Tensor<T> before = *weights.value;
  Tensor<T>& after = weights.value.edit();
  PruneReport::Layer row;
  row.name = name;
  row.elements = weights.size();
  row.threshold = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < before.flat().size(); ++i) {
    const bool keep = mask.flat()[i] != 0;
    row.kept += keep ? 1 : 0;
    if (keep)
      row.threshold = std::min(row.threshold, static_cast<double>(std::abs(before.flat()[i])));
    else
      after.flat()[i] = T{0};
  }
  if (row.kept == 0) row.threshold = 0.0;
  weights.mask = std::move(mask);
  row.sparsity = 1.0 - static_cast<double>(row.kept) / static_cast<double>(row.elements);
  SignalToNoise ratio;
  ratio.add<T>(before.flat(), after.flat());
  row.sqnr_db = ratio.decibels();
  total += ratio;
  return row;
}

/// What a mask leaves of weights.
struct MaskedSums {
  double signal = 0.0, noise = 0.0;  ///< Σw², and of those that are masked
  std::int64_t kept = 0;
  bool finite = true;  ///< no weight was NaN or infinite
};

/// dst = |src| > threshold ? src : 0, and 1 or 0 in the mask, which is whether dst is 0, for a threshold is 0 or more.
/// In the compiler's vectors, in steps of mask_step. Each of the pointers to read from may be one to write to.
///
/// \param before  what it masks stays masked; null: nothing
template <class T>
MaskedSums mask_row(const T* src, const std::uint8_t* before, std::size_t count, T threshold, T* dst,
                    std::uint8_t* mask) {
  using Vector = typename VectorOf<T>::Type;
  using Bits = MaskBits;
  constexpr std::size_t lanes = 16 / sizeof(T);
  constexpr std::size_t stretch = 4096;  // of sums in the weights' own type
  const Vector none{}, one = none + T{1}, least = none + threshold;
  MaskedSums total;
  Vector signal{}, noise{}, kept{}, naught{};  // the last stays 0, unless something is not finite
  const auto step = [&](const T* from, const std::uint8_t* was, T* to, std::uint8_t* bits) {
    Vector all{}, masked{}, number{}, zero{};  // in registers
    for (std::size_t k = 0; k < mask_step; k += lanes) {
      Vector w{};
      std::memcpy(&w, from + k, sizeof(w));
      const auto keep = (w < none ? -w : w) > least;
      const Vector left = keep ? w : none;
      std::memcpy(to + k, &left, sizeof(left));
      all += w * w;
      masked += (w - left) * (w - left);
      number += keep ? one : none;
      zero += w - w;
    }
    signal += all;
    noise += masked;
    kept += number;
    naught += zero;
    Bits now{};
    put_mask(to, now.data());
    if (was != nullptr && takes_back(was, now)) {  // what is masked mostly is 0 already
      for (std::size_t k = 0; k < mask_step; ++k) {
        if (now[k] == 0 || was[k] != 0) continue;
        now[k] = 0;
        noise[0] += to[k] * to[k];
        kept[0] -= T{1};
        to[k] = T{0};
      }
    }
    std::memcpy(bits, now.data(), mask_step);
  };
  for (std::size_t i = 0; i < count;) {
    signal = noise = kept = none;
    const std::size_t end = std::min(count, i + stretch);
    for (; i + mask_step <= end; i += mask_step)
      step(src + i, before == nullptr ? nullptr : before + i, dst + i, mask + i);
    if (i < end) {
      std::array<T, mask_step> last{};
      Bits was{}, bits{};
      std::copy(src + i, src + end, last.begin());
      if (before != nullptr) std::copy(before + i, before + end, was.begin());
      step(last.data(), before == nullptr ? nullptr : was.data(), last.data(), bits.data());
      std::copy_n(last.begin(), end - i, dst + i);
      std::copy_n(bits.begin(), end - i, mask + i);
      i = end;
    }
    for (std::size_t k = 0; k < lanes; ++k) {
      total.signal += static_cast<double>(signal[k]);
      total.noise += static_cast<double>(noise[k]);
      total.kept += static_cast<std::int64_t>(kept[k]);
      total.finite = total.finite && naught[k] == T{0};
    }
  }
  return total;
}

/// What takes a tensor's place: the tensor itself where nobody else has it, else memory not yet written.
template <class T>
SharedTensor<T> to_overwrite(SharedTensor<T>& tensor, const Shape& dims) {
  if (tensor.sole_owner()) return std::move(tensor);
  return Tensor<T>::for_overwrite(dims);
}

/// Masks and zeroes weights up to a threshold in one go, on all cores.
/// \throws Error when a weight is not finite: looking at all of them before would take half as long again
template <class T>
PruneReport::Layer apply_threshold(Parameter<T>& weights, const std::string& name, T threshold, SignalToNoise& total) {
  const auto src = weights.value->flat();
  const std::uint8_t* const before = weights.mask.empty() ? nullptr : weights.mask->flat().data();
  const Shape dims = weights.value->dims();
  SharedTensor<T> after = to_overwrite(weights.value, dims);
  SharedTensor<std::uint8_t> mask = to_overwrite(weights.mask, dims);
  T* const to = after.edit().flat().data();
  std::uint8_t* const to_mask = mask.edit().flat().data();
  constexpr std::size_t part = std::size_t{1} << 16;
  std::vector<MaskedSums> sums((src.size() + part - 1) / part);  // added in their order: the same on any machine
  in_parts(sums.size(), 4, [&](std::size_t first, std::size_t last) {
    for (std::size_t k = first; k < last; ++k) {
      const std::size_t from = k * part, count = std::min(part, src.size() - from);
      sums[k] = mask_row(src.data() + from, before == nullptr ? nullptr : before + from, count, threshold, to + from,
                         to_mask + from);
    }
  });
  PruneReport::Layer row;
  row.name = name;
  row.elements = static_cast<std::int64_t>(src.size());
  SignalToNoise ratio;
  for (const MaskedSums& s : sums) {
    if (!s.finite) throw not_finite(name, "weights");
    ratio += {s.signal, s.noise};
    row.kept += s.kept;
  }
  weights.value = std::move(after);
  weights.mask = std::move(mask);
  row.sparsity = 1.0 - static_cast<double>(row.kept) / static_cast<double>(row.elements);
  row.sqnr_db = ratio.decibels();
  total += ratio;
  return row;
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
PruneResult<T> prune(Model<T> model, const PruneOptions& options) {
  detail::validate(options);
  detail::refuse_quantized(model, "prune before quantizing");
  detail::expect_weighted_layers(model, options.skip);
  PruneResult<T> result{std::move(model), {}};
  // Ranks are among the weights as they were; a threshold looks at each once, so that it needs no copy of them.
  const Model<T> before = options.threshold ? Model<T>{} : result.model;
  const Model<T>& compared = options.threshold ? result.model : before;

  std::vector<NodeId> layers;
  detail::PruneGroup<T> all;
  for (NodeId id = 0; id < compared.size(); ++id) {
    const Parameter<T>* weights = detail::weights_of(compared.node(id).layer);
    if (weights == nullptr || weights->size() == 0 || detail::contains(options.skip, compared.node(id).name)) continue;
    layers.push_back(id);
    all.push_back(weights);
  }
  detail::refuse_not_finite(compared, options.threshold ? std::span<const NodeId>(layers) : std::span<const NodeId>());

  const bool local = options.sparsity && options.scope == PruneScope::layer;
  detail::PruneCut cut;
  if (options.sparsity && !local) cut = detail::cut_for_sparsity(all, *options.sparsity);
  SignalToNoise total;
  PruneReport& report = result.report;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (local) cut = detail::cut_for_sparsity<T>({all[i]}, *options.sparsity);
    Parameter<T>& weights = *detail::weights_of(result.model.edit_layer(layers[i]));
    const std::string& name = result.model.node(layers[i]).name;
    if (options.threshold)
      // In the weights' own type, so that a weight written as 0.1 does not exceed a threshold written as 0.1.
      report.layers.push_back(detail::apply_threshold(weights, name, static_cast<T>(*options.threshold), total));
    else
      report.layers.push_back(detail::apply_mask(
          weights, name,
          options.groups ? detail::mask_of_groups(*all[i], *options.groups) : detail::mask_of_cut(*all[i], cut),
          total));
    if (options.sparsity) report.layers.back().threshold = cut.threshold;
    if (options.threshold) report.layers.back().threshold = *options.threshold;
    report.elements += report.layers.back().elements;
    report.kept += report.layers.back().kept;
  }
  if (report.elements > 0) {
    report.sparsity = 1.0 - static_cast<double>(report.kept) / static_cast<double>(report.elements);
  }
  report.sqnr_db = total.decibels();
  return result;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum {
template PruneResult<float> prune(Model<float> model, const PruneOptions& options);
template PruneResult<double> prune(Model<double> model, const PruneOptions& options);
}  // namespace fulcrum
#endif

#endif
