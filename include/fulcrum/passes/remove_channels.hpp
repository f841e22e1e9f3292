#pragma once
/// \file
/// Channels taken out of a model, with all that depends on them, or set to 0 in it.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <fulcrum/analysis/channel_dependencies.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// The model without some channels: smaller weights, biases, statistics and constants, fewer groups of convolutions,
/// and what layers say about extents put right. Computes what mask_channels() gives computes.
///
/// \param dependencies  of
/// this model
/// \param removed       by unit; not all of a group
/// \throws Error when there is not one entry for each unit,
/// the model is quantized, or a layer would be left with no
///         channel
template <class T>
[[nodiscard]] Model<T> remove_channels(const Model<T>& model, const ChannelDependencies& dependencies,
                                       const std::vector<bool>& removed);

/// The model with the weights of some channels 0: those that compute them and those that take them. Nothing becomes
/// smaller; it is what pruning them costs in accuracy.
template <class T>
[[nodiscard]] Model<T> mask_channels(const Model<T>& model, const ChannelDependencies& dependencies,
                                     const std::vector<bool>& removed);

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <string>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE void expect_units(const ChannelDependencies& dependencies, const std::vector<bool>& removed);

FULCRUM_DEFINE void expect_units(const ChannelDependencies& dependencies, const std::vector<bool>& removed) {
  if (removed.size() != dependencies.units) {
    throw Error("channels to remove",
                "are said for " + std::to_string(removed.size()) + " units of " + std::to_string(dependencies.units),
                "give one entry for each unit of the model's channel dependencies");
  }
}

/// The indices along an axis that stay.
inline std::vector<std::int64_t> kept_indices(const ChannelUnits& units, const std::vector<bool>& removed) {
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i] == fixed_channel || !removed[static_cast<std::size_t>(units[i])])
      kept.push_back(static_cast<std::int64_t>(i));
  }
  return kept;
}

/// How many slices of one size lie along an axis, and before it.
struct AxisStrides {
  std::int64_t outer = 1, extent = 1, inner = 1;
  AxisStrides(const Shape& dims, std::size_t axis) : extent(dims[axis]) {
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (i < axis) outer *= dims[i];
      if (i > axis) inner *= dims[i];
    }
  }
};

/// The slices of a tensor at some indices along an axis.
template <class E>
Tensor<E> slices_at(const Tensor<E>& tensor, std::size_t axis, const std::vector<std::int64_t>& kept) {
  Shape dims = tensor.dims();
  const AxisStrides strides(dims, axis);
  dims[axis] = static_cast<std::int64_t>(kept.size());
  Tensor<E> result(dims);
  const auto from = tensor.flat();
  auto to = result.flat().begin();
  for (std::int64_t o = 0; o < strides.outer; ++o) {
    for (const std::int64_t i : kept) {
      const auto first = from.begin() + (o * strides.extent + i) * strides.inner;
      to = std::copy(first, first + strides.inner, to);
    }
  }
  return result;
}

/// Calls f with the parameter that an axis is one of.
template <class T, class F>
void with_parameter(Model<T>& model, const ChannelAxis& axis, F&& f) {
  for_each_parameter(model.edit_layer(axis.node), [&](const char* name, Parameter<T>& parameter) {
    if (axis.parameter == name && !parameter.empty()) f(parameter);
  });
}

/// Puts right what layers say about extents.
template <class T>
class ExtentEdit {
public:
  ExtentEdit(Model<T>& model, const ChannelDependencies& dependencies, const std::vector<bool>& removed)
      : model_(model), dependencies_(dependencies), removed_(removed) {}

  void run() {
    for (NodeId id = 0; id < model_.size(); ++id) {
      id_ = id;
      Layer<T>& layer = model_.edit_layer(id);
      if (auto* conv = std::get_if<Conv<T>>(&layer)) edit_groups(conv->groups);
      if (auto* conv = std::get_if<ConvTranspose<T>>(&layer)) edit_groups(conv->groups);
      if (auto* reshape = std::get_if<Reshape>(&layer)) edit(*reshape);
      if (auto* expand = std::get_if<Expand>(&layer)) edit(*expand);
      if (auto* slice = std::get_if<Slice>(&layer)) edit(*slice);
      if (auto* resize = std::get_if<Resize>(&layer)) edit(*resize);
    }
  }

private:
  [[nodiscard]] const ChannelUnits& units(NodeId id, std::size_t axis) const {
    return dependencies_.of_value[id][axis];
  }
  [[nodiscard]] std::int64_t kept(NodeId id, std::size_t axis) const {
    return static_cast<std::int64_t>(kept_indices(units(id, axis), removed_).size());
  }
  [[nodiscard]] bool narrower(NodeId id, std::size_t axis) const {
    const ChannelUnits& along = units(id, axis);
    return !along.empty() && kept(id, axis) < static_cast<std::int64_t>(along.size());
  }

  /// Groups go as a whole: as many are left as of their channels.
  void edit_groups(std::int64_t& groups) {
    if (groups == 1 || !narrower(id_, 1)) return;
    groups = groups * kept(id_, 1) / static_cast<std::int64_t>(units(id_, 1).size());
  }
  void edit(Reshape& layer) {
    const NodeId src = model_.node(id_).src[0];
    for (std::size_t axis = 0; axis < layer.dims.size(); ++axis) {
      const bool copies = layer.dims[axis] == 0 && !layer.allow_zero;
      if (layer.dims[axis] == -1) continue;
      if (narrower(id_, axis)) {
        if (!copies || kept(src, axis) != kept(id_, axis)) layer.dims[axis] = kept(id_, axis);
      } else if (copies && narrower(src, axis)) {
        layer.dims[axis] = shapes_[id_][axis];
      }
    }
  }
  void edit(Expand& layer) {
    const std::size_t more = dependencies_.of_value[id_].size() - layer.dims.size();
    for (std::size_t i = 0; i < layer.dims.size(); ++i) {
      if (layer.dims[i] > 1 && narrower(id_, i + more)) layer.dims[i] = kept(id_, i + more);
    }
  }
  void edit(Slice& layer) {
    const NodeId src = model_.node(id_).src[0];
    const std::size_t rank = dependencies_.of_value[src].size();
    for (std::size_t i = 0; i < layer.axes.size(); ++i) {
      const std::size_t axis = normalized_axis(layer.axes[i], rank);
      if (!narrower(src, axis)) continue;
      const ChannelUnits& along = units(src, axis);
      const auto extent = static_cast<std::int64_t>(along.size());
      const auto place = [&](std::int64_t at) {
        at = std::clamp<std::int64_t>(at < 0 ? at + extent : at, 0, extent);
        const ChannelUnits before(along.begin(), along.begin() + at);
        return static_cast<std::int64_t>(kept_indices(before, removed_).size());
      };
      layer.starts[i] = place(layer.starts[i]);
      layer.ends[i] = place(layer.ends[i]);
    }
  }
  void edit(Resize& layer) {
    for (std::size_t axis = 0; axis < layer.sizes.size(); ++axis) {
      if (narrower(id_, axis)) layer.sizes[axis] = -1;
    }
  }

  Model<T>& model_;
  const ChannelDependencies& dependencies_;
  const std::vector<bool>& removed_;
  std::vector<Shape> shapes_ = infer_shapes(model_, 1);  // before any edit
  NodeId id_ = 0;
};

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
Model<T> remove_channels(const Model<T>& model, const ChannelDependencies& dependencies,
                         const std::vector<bool>& removed) {
  detail::expect_units(dependencies, removed);
  detail::refuse_quantized(model, "prune before quantizing");
  Model<T> result = model;
  detail::ExtentEdit<T>(result, dependencies, removed).run();
  for (const ChannelAxis& axis : dependencies.axes) {
    const std::vector<std::int64_t> kept = detail::kept_indices(axis.units, removed);
    if (kept.size() == axis.units.size()) continue;
    if (kept.empty())
      throw Error("layer '" + model.node(axis.node).name + "'", "would be left with no channel", "keep one or more");
    detail::with_parameter(result, axis, [&](Parameter<T>& parameter) {
      parameter.value = detail::slices_at(*parameter.value, axis.axis, kept);
      if (!parameter.mask.empty()) parameter.mask = detail::slices_at(*parameter.mask, axis.axis, kept);
    });
  }
  const std::vector<Shape> shapes = infer_shapes(result, 1);
  for (NodeId id = 0; id < result.size(); ++id) {
    for (std::size_t i = 0; i < shapes[id].size(); ++i) {
      const ChannelUnits& units = dependencies.of_value[id][i];
      if (units.empty() || shapes[id][i] == static_cast<std::int64_t>(detail::kept_indices(units, removed).size()))
        continue;
      throw Error("layer '" + model.node(id).name + "'", "has another shape than its channels call for",
                  "leave out the layers before it");
    }
  }
  return result;
}

template <class T>
Model<T> mask_channels(const Model<T>& model, const ChannelDependencies& dependencies,
                       const std::vector<bool>& removed) {
  detail::expect_units(dependencies, removed);
  Model<T> result = model;
  for (const ChannelAxis& axis : dependencies.axes) {
    if (axis.use == ChannelUse::statistics) continue;
    if (detail::kept_indices(axis.units, removed).size() == axis.units.size()) continue;
    detail::with_parameter(result, axis, [&](Parameter<T>& parameter) {
      Tensor<T>& values = parameter.value.edit();
      const detail::AxisStrides strides(values.dims(), axis.axis);
      for (std::int64_t i = 0; i < strides.outer * strides.extent; ++i) {
        const ChannelUnit unit = axis.units[static_cast<std::size_t>(i % strides.extent)];
        if (unit == fixed_channel || !removed[static_cast<std::size_t>(unit)]) continue;
        std::fill_n(values.flat().begin() + i * strides.inner, strides.inner, T{0});
      }
    });
  }
  return result;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum {
template Model<float> remove_channels(const Model<float>& model, const ChannelDependencies& dependencies,
                                      const std::vector<bool>& removed);
template Model<double> remove_channels(const Model<double>& model, const ChannelDependencies& dependencies,
                                       const std::vector<bool>& removed);
template Model<float> mask_channels(const Model<float>& model, const ChannelDependencies& dependencies,
                                    const std::vector<bool>& removed);
template Model<double> mask_channels(const Model<double>& model, const ChannelDependencies& dependencies,
                                     const std::vector<bool>& removed);
}  // namespace fulcrum
#endif

#endif
