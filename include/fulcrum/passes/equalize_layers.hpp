#pragma once
/// \file
/// Cross-layer equalization: the ranges of a channel's weights made equal in the layers before and behind it.

#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

struct EqualizeOptions {
  int iterations = 100;                ///< over all layers at most, ≥ 1
  double tolerance = 1e-3;             ///< ends when no factor is farther from 1 than this; > 0
  bool clips_as_relu = false;          /**< functions min(max(x, 0), h) (ReLU6) become ReLUs where that lets channels be
                                            equalized: the model then computes something else where a value was above h */
  std::vector<std::string> skip = {};  ///< names of convolutions and dense layers whose channels stay as they are
};

struct EqualizeReport {
  /// A layer whose channels were scaled.
  struct Layer {
    std::string name;                ///< the first that computes them
    std::vector<std::string> tied;   ///< others that do: a sum ties them
    std::vector<std::string> takes;  ///< those that take them
    std::int64_t channels = 0;       ///< as many
    double scale_min = 0.0;          ///< what a channel's values were divided by, the smallest
    double scale_max = 0.0;
    /// Mean over the channels of p₁ · p₂, p the share that the range of a channel's weights has of the layer's (Nagel,
    /// equation 8), in the layers that compute and those that take them: 1 when all channels use all of the range.
    double precision_before = 0.0;
    double precision_after = 0.0;
  };
  struct Kept {
    std::string name;
    std::string reason;
  };
  std::vector<Layer> layers;
  std::vector<Kept> kept;            ///< convolutions and dense layers none of whose channels were scaled
  std::vector<std::string> as_relu;  ///< functions that became ReLUs
  int iterations = 0;                ///< that were done
  bool converged = true;             ///< they ended by the tolerance
};

struct EqualizeResult {
  Model<float> model;
  EqualizeReport report;
};

/// Divides each channel between convolutions and dense layers by a factor s, in the weights and biases that compute it,
/// and multiplies the weights that take it by s, so that both have the same range (Nagel et al., "Data-Free
/// Quantization Through Weight Equalization and Bias Correction", 2019):
///
///     s_i = √(r₁ᵢ · r₂ᵢ) / r₂ᵢ,   r₁ᵢ = max |row i of the weights before|, r₂ᵢ = max |column i of those behind|
///
/// Weights of one scale for a layer then lose less to rounding, and so do values, whose channels come to have more
/// equal ranges. Between the layers may stand what a positive factor goes through: ReLU, leaky ReLU, pooling, sums of
/// such values, joins, slices, Flatten and the like. Where several layers compute or take a channel, r is the largest
/// of theirs. A depthwise convolution has a factor before and another behind it, so the sweep over all layers is
/// repeated until nothing changes. Arithmetic is simplified and batch normalization folded first. Channels whose range
/// is 0 on one side stay. Computed in double; the model's function is the same to f32 rounding, and pruned weights stay
/// 0.
///
/// \throws Error when an option is out of its range, a name in `skip` is no convolution or dense layer, or the model
/// is
///         quantized or has weights that are not finite
FULCRUM_DECLARE [[nodiscard]] EqualizeResult equalize_layers(const Model<float>& model,
                                                             const EqualizeOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/passes/detail/homogeneous_channels.hpp>
#include <fulcrum/passes/detail/layer_weights.hpp>
#include <fulcrum/passes/fold_batch_normalization.hpp>
#include <fulcrum/passes/simplify_arithmetic.hpp>

namespace fulcrum::detail {

/// The factors of a model's channels, and the ranges that they follow from.
class LayerEqualizer {
public:
  FULCRUM_DECLARE LayerEqualizer(const Model<float>& model, const HomogeneousChannels& channels);

  /// Makes the ranges of each set of channels equal, one after another.
  /// \return ln of the factor that is farthest from 1
  FULCRUM_DECLARE double sweep();
  /// The layers whose channels have factors, with `precision_after` as it is now.
  FULCRUM_DECLARE [[nodiscard]] std::vector<EqualizeReport::Layer> layers() const;
  /// Convolutions and dense layers none of whose channels have a factor.
  FULCRUM_DECLARE [[nodiscard]] std::vector<NodeId> kept() const;
  /// Puts the factors into weights and biases.
  FULCRUM_DECLARE void apply(Model<float>& model) const;

private:
  /// A convolution or dense layer.
  struct Product {
    NodeId id = 0;
    std::size_t oc = 0, ic = 0, groups = 1;           // ic: of a group
    std::vector<double> largest;                      // (oc, ic): |weight|, of all taps
    std::vector<std::optional<std::size_t>> out, in;  // places in sets_ of its channels
  };
  /// A row or a column of a product's weights.
  struct Place {
    std::size_t product = 0;
    std::size_t channel = 0;  // of the result, or of the source
  };
  /// Channels of one factor.
  struct Set {
    std::vector<Place> rows, columns;
    double scale = 1.0;
    [[nodiscard]] bool usable() const noexcept { return !rows.empty() && !columns.empty(); }
  };

  [[nodiscard]] double scale(const std::optional<std::size_t>& set) const { return set ? sets_[*set].scale : 1.0; }
  /// What a weight of output channel o and input channel i of its group is multiplied by.
  [[nodiscard]] double factor(const Product& p, std::size_t o, std::size_t i) const {
    return scale(p.in[o / (p.oc / p.groups) * p.ic + i]) / scale(p.out[o]);
  }
  [[nodiscard]] double element(const Product& p, std::size_t o, std::size_t i) const {
    return p.largest[o * p.ic + i] * factor(p, o, i);
  }
  FULCRUM_DECLARE [[nodiscard]] double row_range(const Place& row) const;
  FULCRUM_DECLARE [[nodiscard]] double column_range(const Place& column) const;

  const Model<float>& model_;
  std::vector<Product> products_;
  std::vector<Set> sets_;  // in the order of the layers that compute them
};

FULCRUM_DEFINE LayerEqualizer::LayerEqualizer(const Model<float>& model, const HomogeneousChannels& channels)
    : model_(model) {
  std::map<std::size_t, std::size_t> places;  // of a set of channels, in sets_
  const auto place = [&](std::optional<std::size_t> set) -> std::optional<std::size_t> {
    if (!set) return std::nullopt;
    const auto [at, is_new] = places.emplace(*set, sets_.size());
    if (is_new) sets_.emplace_back();
    return at->second;
  };
  for (NodeId id = 0; id < model.size(); ++id) {
    const Parameter<float>* weights = weights_of(model.node(id).layer);
    if (weights == nullptr || weights->size() == 0) continue;
    Product p;
    p.id = id;
    p.oc = static_cast<std::size_t>(weights->value->dim(0));
    p.ic = static_cast<std::size_t>(weights->value->dim(1));
    const auto* conv = std::get_if<Conv<float>>(&model.node(id).layer);
    if (conv != nullptr) p.groups = static_cast<std::size_t>(conv->groups);
    const auto values = weights->value->flat();
    const std::size_t taps = values.size() / (p.oc * p.ic);
    p.largest.resize(p.oc * p.ic, 0.0);
    for (std::size_t i = 0; i < values.size(); ++i)
      p.largest[i / taps] = std::max(p.largest[i / taps], std::abs(static_cast<double>(values[i])));
    for (std::size_t i = 0; i < p.ic * p.groups; ++i) {
      p.in.push_back(place(channels.taken(id, static_cast<std::int64_t>(i))));
      if (p.in.back()) sets_[*p.in.back()].columns.push_back({products_.size(), i});
    }
    for (std::size_t o = 0; o < p.oc; ++o) {
      p.out.push_back(place(channels.computed(id, static_cast<std::int64_t>(o))));
      if (p.out.back()) sets_[*p.out.back()].rows.push_back({products_.size(), o});
    }
    products_.push_back(std::move(p));
  }
}

FULCRUM_DEFINE double LayerEqualizer::row_range(const Place& row) const {
  const Product& p = products_[row.product];
  double largest = 0.0;
  for (std::size_t i = 0; i < p.ic; ++i) largest = std::max(largest, element(p, row.channel, i));
  return largest;
}

FULCRUM_DEFINE double LayerEqualizer::column_range(const Place& column) const {
  const Product& p = products_[column.product];
  const std::size_t of_group = p.oc / p.groups;
  const std::size_t first = column.channel / p.ic * of_group;
  double largest = 0.0;
  for (std::size_t o = first; o < first + of_group; ++o)
    largest = std::max(largest, element(p, o, column.channel % p.ic));
  return largest;
}

FULCRUM_DEFINE double LayerEqualizer::sweep() {
  double farthest = 0.0;
  for (Set& set : sets_) {
    if (!set.usable()) continue;
    double before = 0.0;
    double behind = 0.0;
    for (const Place& row : set.rows) before = std::max(before, row_range(row));
    for (const Place& column : set.columns) behind = std::max(behind, column_range(column));
    if (!(before > 0.0) || !(behind > 0.0)) continue;
    const double factor = std::sqrt(before / behind);  // √(r₁ r₂) / r₂
    set.scale *= factor;
    farthest = std::max(farthest, std::abs(std::log(factor)));
  }
  return farthest;
}

FULCRUM_DEFINE std::vector<EqualizeReport::Layer> LayerEqualizer::layers() const {
  std::vector<double> of_layer;  // the range of each product's weights
  for (std::size_t k = 0; k < products_.size(); ++k) {
    double largest = std::numeric_limits<double>::min();
    for (std::size_t o = 0; o < products_[k].oc; ++o) largest = std::max(largest, row_range({k, o}));
    of_layer.push_back(largest);
  }
  std::vector<EqualizeReport::Layer> result;
  std::map<std::size_t, std::size_t> entries;  // of a product, in result
  const auto note = [&](std::vector<std::string>& names, std::size_t product) {
    const std::string& name = model_.node(products_[product].id).name;
    if (!contains(names, name)) names.push_back(name);
  };
  for (const Set& set : sets_) {
    if (!set.usable()) continue;
    const std::size_t first = set.rows.front().product;
    const auto [at, is_new] = entries.emplace(first, result.size());
    if (is_new) {
      result.emplace_back();
      result.back().name = model_.node(products_[first].id).name;
      result.back().scale_min = set.scale;
    }
    EqualizeReport::Layer& layer = result[at->second];
    double before = 0.0;
    double behind = 0.0;
    for (const Place& row : set.rows) {
      before = std::max(before, row_range(row) / of_layer[row.product]);
      if (row.product != first) note(layer.tied, row.product);
    }
    for (const Place& column : set.columns) {
      behind = std::max(behind, column_range(column) / of_layer[column.product]);
      note(layer.takes, column.product);
    }
    ++layer.channels;
    layer.scale_min = std::min(layer.scale_min, set.scale);
    layer.scale_max = std::max(layer.scale_max, set.scale);
    layer.precision_after += before * behind;
  }
  for (EqualizeReport::Layer& layer : result) layer.precision_after /= static_cast<double>(layer.channels);
  return result;
}

FULCRUM_DEFINE std::vector<NodeId> LayerEqualizer::kept() const {
  std::vector<NodeId> result;
  for (const Product& p : products_) {
    const bool scaled =
        std::any_of(p.out.begin(), p.out.end(), [&](const auto& set) { return set && sets_[*set].usable(); });
    if (!scaled) result.push_back(p.id);
  }
  return result;
}

FULCRUM_DEFINE void LayerEqualizer::apply(Model<float>& model) const {
  for (const Product& p : products_) {
    Layer<float>& layer = model.edit_layer(p.id);
    const auto weights = weights_of(layer)->value.edit().flat();
    const std::size_t taps = weights.size() / (p.oc * p.ic);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::size_t row = i / taps / p.ic;
      weights[i] = static_cast<float>(static_cast<double>(weights[i]) * factor(p, row, i / taps % p.ic));
    }
    auto* conv = std::get_if<Conv<float>>(&layer);
    Parameter<float>& bias = conv != nullptr ? conv->bias : std::get<Dense<float>>(layer).bias;
    if (bias.empty()) continue;
    const auto shifts = bias.value.edit().flat();
    for (std::size_t o = 0; o < p.oc; ++o)
      shifts[o] = static_cast<float>(static_cast<double>(shifts[o]) / scale(p.out[o]));
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE EqualizeResult equalize_layers(const Model<float>& model, const EqualizeOptions& options) {
  if (options.iterations < 1)
    throw Error("equalization", "was asked for " + std::to_string(options.iterations) + " iterations",
                "give 1 or more");
  if (!(options.tolerance > 0.0))
    throw Error("equalization's tolerance", "is " + std::to_string(options.tolerance), "give one above 0");
  detail::refuse_quantized(model, "equalize the float model");
  detail::refuse_not_finite(model);
  detail::expect_weighted_layers(model, options.skip);
  EqualizeResult result{fold_batch_normalization(simplify_arithmetic(model)).model, {}};
  const Model<float> folded = result.model;
  const detail::HomogeneousChannels channels(folded, options.clips_as_relu, options.skip);
  detail::LayerEqualizer equalizer(folded, channels);
  const std::vector<EqualizeReport::Layer> before = equalizer.layers();
  EqualizeReport& report = result.report;
  report.converged = false;
  while (!report.converged && report.iterations < options.iterations) {
    report.converged = equalizer.sweep() <= options.tolerance;
    ++report.iterations;
  }
  report.layers = equalizer.layers();
  for (std::size_t i = 0; i < before.size(); ++i) report.layers[i].precision_before = before[i].precision_after;
  for (const NodeId id : equalizer.kept()) report.kept.push_back({folded.node(id).name, channels.why_fixed(id)});
  equalizer.apply(result.model);
  if (options.clips_as_relu) {
    for (const NodeId id : channels.clips()) {
      result.model.edit_layer(id) = Activation{};
      report.as_relu.push_back(folded.node(id).name);
    }
  }
  return result;
}

}  // namespace fulcrum

#endif
