#pragma once
/// \file
/// Low rank: a layer as two smaller ones.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/prune_channels.hpp>

namespace fulcrum {

/// How a layer becomes two.
enum class LowRankScheme : std::uint8_t {
  dense,    ///< (oc, ic) as (rank, ic) and (oc, rank)
  channel,  ///< (oc, ic, kh, kw) as (rank, ic, kh, kw) and (oc, rank, 1, 1) (Zhang et al. 2016)
  spatial,  ///< (oc, ic, kh, kw) as (rank, ic, kh, 1) and (oc, rank, 1, kw) (Jaderberg et al. 2014)
};

[[nodiscard]] constexpr std::string_view name_of(LowRankScheme scheme) noexcept {
  return scheme == LowRankScheme::dense ? "dense" : scheme == LowRankScheme::channel ? "channel" : "spatial";
}

struct LowRankOptions {
  double energy = 0.9;         ///< share of Σσ², σ the singular values of a layer's weights, that is kept; (0, 1]
  std::int64_t multiple = 16;  ///< ranks are multiples of it, as far as they are below the full rank; ≥ 1
  std::vector<std::string> skip;  ///< names of convolutions and dense layers that are left as they are
};

struct LowRankReport {
  struct Layer {
    std::string name;
    LowRankScheme scheme = LowRankScheme::dense;
    std::int64_t rank = 0;
    std::int64_t full_rank = 0;
    double energy = 0.0;                         ///< kept
    double cost_before = 0.0, cost_after = 0.0;  ///< of the whole model, with this layer as it was and as two
  };
  struct Kept {
    std::string name;
    std::string reason;
  };
  std::vector<Layer> layers;
  std::vector<Kept> kept;  ///< layers that stay one, and why
  double flops_before = 0.0, flops_after = 0.0;
  std::int64_t parameters_before = 0, parameters_after = 0;
};

struct LowRankResult {
  Model<float> model;
  LowRankReport report;
};

/// Replaces convolutions (of one group) and dense layers by two layers of the smallest rank that keeps the energy, by
/// truncated singular value decomposition, which of all matrices of that rank is the nearest. Of a convolution's two
/// schemes the cheaper one is taken. A layer stays one where two would cost as much or more; the report says how much.
/// \param cost  what the model costs: FLOPs where none is given, or a predicted latency
/// \throws Error when an option is out of range, the model is quantized or has weights that are not finite
FULCRUM_DECLARE [[nodiscard]] LowRankResult low_rank(const Model<float>& model, const LowRankOptions& options,
                                                     const ModelCost<float>& cost = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/passes/detail/layer_weights.hpp>
#include <fulcrum/passes/detail/truncated_svd.hpp>

namespace fulcrum::detail {

/// A layer as two, with what that keeps.
template <std::floating_point T>
struct TwoLayers {
  Layer<T> first, second;
  LowRankScheme scheme = LowRankScheme::dense;
  std::int64_t rank = 0, full_rank = 0;
  double energy = 0.0;
};

/// How a weight's indices lie in the matrix that is decomposed.
template <std::floating_point T>
std::optional<TwoLayers<T>> as_two_layers(const Layer<T>& layer, LowRankScheme scheme, const LowRankOptions& options) {
  const auto* dense = std::get_if<Dense<T>>(&layer);
  const auto* conv = std::get_if<Conv<T>>(&layer);
  const Parameter<T>& weights = dense != nullptr ? dense->weights : conv->weights;
  const Shape w = weights.value->dims();
  const auto values = weights.value->flat();
  const bool spatial = scheme == LowRankScheme::spatial;
  const std::int64_t kh = w.size() == 4 ? w[2] : 1;
  const std::int64_t kw = w.size() == 4 ? w[3] : 1;
  if (spatial && (kh == 1 || kw == 1)) return std::nullopt;
  // Rows and columns of the matrix: (oc, ic·kh·kw), or (oc·kw, ic·kh).
  const std::int64_t rows = spatial ? w[0] * kw : w[0];
  const std::int64_t columns = spatial ? w[1] * kh : w[1] * kh * kw;
  std::vector<double> a(values.size());
  std::size_t at = 0;
  for (std::int64_t o = 0; o < w[0]; ++o) {
    for (std::int64_t i = 0; i < w[1]; ++i) {
      for (std::int64_t y = 0; y < kh; ++y) {
        for (std::int64_t x = 0; x < kw; ++x) {
          const std::int64_t row = spatial ? o * kw + x : o;
          const std::int64_t column = spatial ? i * kh + y : (i * kh + y) * kw + x;
          a[static_cast<std::size_t>(row * columns + column)] = static_cast<double>(values[at++]);
        }
      }
    }
  }
  const Factors factors = truncated_svd(a, rows, columns, options.energy, options.multiple);
  const std::int64_t rank = factors.rank;
  TwoLayers<T> result;
  result.scheme = scheme;
  result.rank = rank;
  result.full_rank = std::min(rows, columns);
  result.energy = factors.energy;
  const auto copied = [](const std::vector<double>& from, const Shape& dims) {
    Tensor<T> tensor(dims);
    std::transform(from.begin(), from.end(), tensor.flat().begin(), [](double x) { return static_cast<T>(x); });
    return tensor;
  };
  if (dense != nullptr) {
    result.first = Dense<T>{copied(factors.first, {rank, w[1]}), {}};
    result.second = Dense<T>{copied(factors.second, {w[0], rank}), dense->bias};
    return result;
  }
  Conv<T> first;
  Conv<T> second;
  second.bias = conv->bias;
  first.window = conv->window;
  if (!spatial) {
    first.weights = copied(factors.first, {rank, w[1], kh, kw});
    second.weights = copied(factors.second, {w[0], rank, 1, 1});
  } else {
    const Window& window = conv->window;
    first.window = {{kh, 1},
                    {window.stride[0], 1},
                    {window.padding.top, 0, window.padding.bottom, 0},
                    {window.dilation[0], 1},
                    false,
                    {}};
    second.window = {{1, kw},
                     {1, window.stride[1]},
                     {0, window.padding.left, 0, window.padding.right},
                     {1, window.dilation[1]},
                     false,
                     {}};
    first.weights = copied(factors.first, {rank, w[1], kh, 1});
    Tensor<T> across(Shape{w[0], rank, 1, kw});
    for (std::int64_t o = 0; o < w[0]; ++o) {
      for (std::int64_t r = 0; r < rank; ++r) {
        for (std::int64_t x = 0; x < kw; ++x)
          across.flat()[static_cast<std::size_t>((o * rank + r) * kw + x)] =
              static_cast<T>(factors.second[static_cast<std::size_t>((o * kw + x) * rank + r)]);
      }
    }
    second.weights = std::move(across);
  }
  result.first = std::move(first);
  result.second = std::move(second);
  return result;
}

/// The model with a layer as two.
template <std::floating_point T>
Model<T> with_two_layers(const Model<T>& model, NodeId layer, const TwoLayers<T>& two) {
  Model<T> result(model.name());
  std::vector<NodeId> at;  // of the model's nodes, in the result
  for (NodeId id = 0; id < model.size(); ++id) {
    Node<T> node = model.node(id);
    for (NodeId& src : node.src) src = at[src];
    if (id == layer) {
      std::string name = node.name + ".low_rank";
      while (model.find(name)) name += "_";
      node.src = {result.add({std::move(name), two.first, node.src, {}})};
      node.layer = two.second;
    }
    at.push_back(result.add(std::move(node)));
  }
  std::vector<NodeId> outputs;
  for (const NodeId id : model.outputs()) outputs.push_back(at[id]);
  result.set_outputs(std::move(outputs), model.output_names());
  return result;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE LowRankResult low_rank(const Model<float>& model, const LowRankOptions& options,
                                      const ModelCost<float>& given) {
  if (!(options.energy > 0.0 && options.energy <= 1.0))
    throw Error("low rank's energy", "is " + std::to_string(options.energy), "give a share above 0, up to 1");
  if (options.multiple < 1)
    throw Error("low rank's multiple", "is " + std::to_string(options.multiple), "give 1 or more");
  detail::refuse_quantized(model, "make layers of low rank before quantizing");
  detail::refuse_not_finite(model);
  detail::expect_weighted_layers(model, options.skip);
  const auto flops = [](const Model<float>& m) { return total_work(m, 1).flops; };
  const ModelCost<float> cost = given ? given : ModelCost<float>(flops);
  LowRankResult result{model, {}};
  double now = cost(model);
  std::vector<std::string> names;
  for (const Node<float>& node : model.nodes()) {
    if (detail::weights_of(node.layer) != nullptr && !detail::contains(options.skip, node.name))
      names.push_back(node.name);
  }
  for (const std::string& name : names) {
    const NodeId id = *result.model.find(name);
    const Layer<float>& layer = result.model.node(id).layer;
    const auto* conv = std::get_if<Conv<float>>(&layer);
    if (conv != nullptr && (conv->groups != 1 || conv->weights.value->dims().size() != 4)) {
      result.report.kept.push_back({name, conv->groups != 1 ? "it is grouped" : "it is no convolution over planes"});
      continue;
    }
    const std::vector<LowRankScheme> schemes = conv == nullptr
                                                   ? std::vector{LowRankScheme::dense}
                                                   : std::vector{LowRankScheme::channel, LowRankScheme::spatial};
    std::optional<Model<float>> best;
    LowRankReport::Layer row;
    for (const LowRankScheme scheme : schemes) {
      const auto two = detail::as_two_layers(layer, scheme, options);
      if (!two) continue;
      Model<float> changed = detail::with_two_layers(result.model, id, *two);
      const double then = cost(changed);
      if (best && then >= row.cost_after) continue;
      row = {name, scheme, two->rank, two->full_rank, two->energy, now, then};
      best = std::move(changed);
    }
    if (!best) continue;
    if (row.cost_after >= now) {
      std::array<char, 96> text{};
      std::snprintf(text.data(), text.size(), "rank %lld of %lld would cost %.4g times as much",
                    static_cast<long long>(row.rank), static_cast<long long>(row.full_rank), row.cost_after / now);
      result.report.kept.push_back({name, text.data()});
      continue;
    }
    result.model = *std::move(best);
    now = row.cost_after;
    result.report.layers.push_back(std::move(row));
  }
  result.report.flops_before = flops(model);
  result.report.flops_after = flops(result.model);
  result.report.parameters_before = parameter_count(model);
  result.report.parameters_after = parameter_count(result.model);
  return result;
}

}  // namespace fulcrum

#endif
