#pragma once
/// \file
/// How much each channel of a model matters, read off its weights.

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include <fulcrum/analysis/channel_dependencies.hpp>
#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// What says how much a channel matters.
enum class ChannelSaliency : std::uint8_t {
  l1,      ///< mean |w| of the weights that compute it (Li et al. 2017)
  l2,      ///< their root mean square
  bn,      ///< mean |scale| of its batch norms (Liu et al. 2017, "network slimming")
  taylor,  ///< (Σ gradient · weight)² over batches (Molchanov et al. 2019); needs samples, see taylor_saliency()
};

[[nodiscard]] constexpr std::string_view name_of(ChannelSaliency saliency) noexcept {
  switch (saliency) {
    case ChannelSaliency::l1: return "l1";
    case ChannelSaliency::l2: return "l2";
    case ChannelSaliency::bn: return "bn";
    case ChannelSaliency::taylor: return "taylor";
  }
  return "";
}

/// \throws Error when there is no such saliency
[[nodiscard]] inline ChannelSaliency channel_saliency_from(std::string_view name) {
  return enum_from("saliency", name,
                   std::array{ChannelSaliency::l1, ChannelSaliency::l2, ChannelSaliency::bn, ChannelSaliency::taylor});
}

/// A number ≥ 0 for each unit, 0 for what is in no group. Weights count as they compute: one whose result a batch norm
/// alone takes is multiplied by that norm's scale / √(variance + ε). With `bn`, groups without batch norms go by l2.
/// \throws Error when the saliency is taylor, or bn and no group has a batch norm
template <class T>
[[nodiscard]] std::vector<double> channel_saliency(const Model<T>& model, const ChannelDependencies& dependencies,
                                                   ChannelSaliency saliency);

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <cmath>
#include <cstddef>
#include <string>

#include <fulcrum/passes/fold_batch_normalization.hpp>

namespace fulcrum::detail {

/// Sums of a magnitude of weights by unit, and how many there were.
struct UnitSums {
  std::vector<double> sum;
  std::vector<double> count;
  explicit UnitSums(std::size_t units) : sum(units), count(units) {}
};

/// For each output channel of a layer, the factor of the batch norm that alone takes its result; empty: there is none.
template <class T>
std::vector<double> factors_behind(const Model<T>& model, NodeId id,
                                   const std::vector<std::vector<NodeId>>& consumers) {
  if (consumers[id].size() != 1 || model.is_output(id)) return {};
  const NodeId next = consumers[id].front();
  const auto* norm = std::get_if<BatchNormalization<T>>(&model.node(next).layer);
  return norm == nullptr ? std::vector<double>{} : normalization_factors(*norm, model.node(next).name);
}

/// Adds magnitude(w) of every weight to the unit of its index along an axis.
template <class T, class F>
void add_magnitudes(UnitSums& sums, const Tensor<T>& weights, const ChannelAxis& axis,
                    const std::vector<double>& factors, F&& magnitude) {
  const Shape dims = weights.dims();
  std::int64_t inner = 1;
  for (std::size_t i = axis.axis + 1; i < dims.size(); ++i) inner *= dims[i];
  const auto extent = static_cast<std::size_t>(dims[axis.axis]);
  const auto values = weights.flat();
  const bool scaled = factors.size() == extent;
  for (std::size_t first = 0; first < values.size(); first += static_cast<std::size_t>(inner)) {
    const std::size_t index = first / static_cast<std::size_t>(inner) % extent;
    if (axis.units[index] == fixed_channel) continue;
    const auto unit = static_cast<std::size_t>(axis.units[index]);
    const double factor = scaled ? factors[index] : 1.0;
    double sum = 0.0;
    for (std::size_t i = first; i < first + static_cast<std::size_t>(inner); ++i)
      sum += magnitude(factor * static_cast<double>(values[i]));
    sums.sum[unit] += sum;
    sums.count[unit] += static_cast<double>(inner);
  }
}

/// The parameter that an axis is one of.
template <class T>
const Tensor<T>& tensor_of(const Model<T>& model, const ChannelAxis& axis) {
  const Tensor<T>* found = nullptr;
  for_each_parameter(model.node(axis.node).layer, [&](const char* name, const Parameter<T>& parameter) {
    if (axis.parameter == name && !parameter.empty()) found = &*parameter.value;
  });
  if (found == nullptr) throw Error("layer '" + model.node(axis.node).name + "'", "has no " + axis.parameter);
  return *found;
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
std::vector<double> channel_saliency(const Model<T>& model, const ChannelDependencies& dependencies,
                                     ChannelSaliency saliency) {
  if (saliency == ChannelSaliency::taylor)
    throw Error("saliency 'taylor'", "cannot be read off the weights", "find it with taylor_saliency()");
  const auto consumers = model.consumers();
  detail::UnitSums weights(dependencies.units);
  detail::UnitSums norms(dependencies.units);
  const bool l1 = saliency == ChannelSaliency::l1;
  for (const ChannelAxis& axis : dependencies.axes) {
    const auto& layer = model.node(axis.node).layer;
    if (axis.use == ChannelUse::computes && axis.parameter != "bias") {
      const std::vector<double> factors = detail::factors_behind(model, axis.node, consumers);
      const Tensor<T>& tensor = detail::tensor_of(model, axis);
      if (l1)
        detail::add_magnitudes(weights, tensor, axis, factors, [](double w) { return std::abs(w); });
      else
        detail::add_magnitudes(weights, tensor, axis, factors, [](double w) { return w * w; });
    } else if (axis.use == ChannelUse::scales && axis.parameter == "scale" &&
               std::holds_alternative<BatchNormalization<T>>(layer)) {
      detail::add_magnitudes(norms, detail::tensor_of(model, axis), axis, {}, [](double w) { return std::abs(w); });
    }
  }
  std::vector<double> result(dependencies.units);
  bool any_norm = false;
  for (const ChannelGroup& group : dependencies.groups) {
    for (const ChannelUnit unit : group.units) {
      const auto u = static_cast<std::size_t>(unit);
      const bool by_norm = saliency == ChannelSaliency::bn && norms.count[u] > 0.0;
      any_norm = any_norm || by_norm;
      const double mean = by_norm                ? norms.sum[u] / norms.count[u]
                          : weights.count[u] > 0 ? weights.sum[u] / weights.count[u]
                                                 : 0.0;
      result[u] = by_norm || l1 ? mean : std::sqrt(mean);
    }
  }
  if (saliency == ChannelSaliency::bn && !any_norm) {
    throw Error("saliency 'bn'", "finds no batch norm over prunable channels of model '" + model.name() + "'",
                "use l1, l2 or taylor");
  }
  return result;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum {
template std::vector<double> channel_saliency(const Model<float>& model, const ChannelDependencies& dependencies,
                                              ChannelSaliency saliency);
template std::vector<double> channel_saliency(const Model<double>& model, const ChannelDependencies& dependencies,
                                              ChannelSaliency saliency);
}  // namespace fulcrum
#endif

#endif
