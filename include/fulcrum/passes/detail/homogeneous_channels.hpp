#pragma once
/// \file
/// Which channels of a model may be multiplied by a positive number in the layers that compute them and by its inverse
/// in those that take them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum::detail {

/// The channels of the values between convolutions and dense layers. Those that a layer ties (a sum, a join, a pooling,
/// a function) have one set; a set is fixed where something reads it that a factor does not go through.
class HomogeneousChannels {
public:
  /// \param clips  functions min(max(x, 0), h) count as ReLUs
  /// \param stay   names of layers whose channels are fixed
  FULCRUM_DECLARE HomogeneousChannels(const Model<float>& model, bool clips, const std::vector<std::string>& stay = {});

  /// The set of a channel that a convolution or dense layer computes; nothing where it is fixed.
  [[nodiscard]] std::optional<std::size_t> computed(NodeId id, std::int64_t channel) const {
    return free_set(values_[id], channel);
  }
  /// The same of a channel that one takes.
  [[nodiscard]] std::optional<std::size_t> taken(NodeId id, std::int64_t channel) const {
    return free_set(values_[model_.node(id).src[0]], channel);
  }
  /// Sets are numbered below this.
  [[nodiscard]] std::size_t size() const noexcept { return parent_.size(); }
  /// Why the channels that a layer computes are fixed; empty: they are not.
  FULCRUM_DECLARE [[nodiscard]] std::string why_fixed(NodeId id) const;
  /// The functions min(max(x, 0), h) that channels which are not fixed go through, where those count as ReLUs.
  FULCRUM_DECLARE [[nodiscard]] std::vector<NodeId> clips() const;

private:
  struct Channels {
    std::size_t axis = 0;
    std::size_t first = 0;  ///< the set of channel i is that of first + i
    std::int64_t count = 0;
  };
  using Value = std::optional<Channels>;  // nothing: no channels that are followed

  [[nodiscard]] std::size_t find(std::size_t i) const {
    while (parent_[i] != i) i = parent_[i];
    return i;
  }
  void unite(std::size_t a, std::size_t b) {
    a = find(a);
    b = find(b);
    if (a == b) return;
    if (a > b) std::swap(a, b);
    parent_[b] = a;  // the first layer's numbers stay
    if (why_[a] == 0) why_[a] = why_[b];
  }
  [[nodiscard]] std::optional<std::size_t> free_set(const Value& value, std::int64_t channel) const {
    if (!value || channel >= value->count) return std::nullopt;  // read along another axis: fixed as well
    const std::size_t set = find(value->first + static_cast<std::size_t>(channel));
    return why_[set] == 0 ? std::optional(set) : std::nullopt;
  }
  /// Channels of their own along an axis of the value at hand.
  FULCRUM_DECLARE Channels make(std::size_t axis);
  FULCRUM_DECLARE void fix(const Channels& channels, const std::string& why);
  FULCRUM_DECLARE void fix_sources(const std::string& what);
  FULCRUM_DECLARE void trace(const Layer<float>& layer);

  [[nodiscard]] const Value& src(std::size_t k = 0) const { return values_[model_.node(id_).src[k]]; }
  [[nodiscard]] const Shape& src_shape(std::size_t k = 0) const { return shapes_[model_.node(id_).src[k]]; }
  [[nodiscard]] bool is_constant(std::size_t k) const {
    return std::holds_alternative<Constant<float>>(model_.node(model_.node(id_).src[k]).layer);
  }
  [[nodiscard]] std::string here() const {
    return "'" + model_.node(id_).name + "' (" + kind_of(model_.node(id_).layer) + ")";
  }

  /// \param axis  of its channels, in source and result
  FULCRUM_DECLARE void product(std::size_t axis);
  FULCRUM_DECLARE void pool();
  FULCRUM_DECLARE void activation(const Activation& layer);
  FULCRUM_DECLARE void binary(const Binary& layer);
  FULCRUM_DECLARE void reduce(const Reduce& layer);
  FULCRUM_DECLARE void concat(const Concat& layer);
  FULCRUM_DECLARE void reshape();
  FULCRUM_DECLARE void transpose(const Transpose& layer);
  FULCRUM_DECLARE void slice(const Slice& layer);
  FULCRUM_DECLARE void pad(const Pad& layer);
  FULCRUM_DECLARE void resize(const Resize& layer);

  const Model<float>& model_;
  bool clips_ = false;
  std::vector<Shape> shapes_;
  std::vector<Value> values_;  // by node
  std::vector<std::size_t> parent_;
  std::vector<std::size_t> why_;      // of a set: the reason it is fixed for, 0 where it is not
  std::vector<std::string> reasons_;  // by number; the first stands for none
  NodeId id_ = 0;                     // the node that is looked at
};

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(passes)

namespace fulcrum::detail {

FULCRUM_DEFINE HomogeneousChannels::HomogeneousChannels(const Model<float>& model, bool clips,
                                                        const std::vector<std::string>& stay)
    : model_(model), clips_(clips), shapes_(infer_shapes(model, 1)), values_(model.size()), reasons_(1) {
  for (id_ = 0; id_ < model_.size(); ++id_) trace(model_.node(id_).layer);
  for (const std::string& name : stay) {
    const auto id = model_.find(name);
    if (id && values_[*id]) fix(*values_[*id], "it was asked to stay as it is");
  }
  for (const NodeId id : model_.outputs()) {
    if (values_[id]) fix(*values_[id], "it is an output of the model");
  }
  const auto consumers = model_.consumers();
  for (NodeId id = 0; id < model_.size(); ++id) {
    if (values_[id] && consumers[id].empty()) fix(*values_[id], "nothing takes it");
  }
}

FULCRUM_DEFINE std::string HomogeneousChannels::why_fixed(NodeId id) const {
  const Value& value = values_[id];
  return value && value->count > 0 ? reasons_[why_[find(value->first)]] : std::string();
}

FULCRUM_DEFINE std::vector<NodeId> HomogeneousChannels::clips() const {
  std::vector<NodeId> result;
  for (NodeId id = 0; id < model_.size(); ++id) {
    const auto* function = std::get_if<Activation>(&model_.node(id).layer);
    if (function == nullptr || function->function != ActivationKind::clip || !values_[id]) continue;
    bool free = false;
    for (std::int64_t i = 0; i < values_[id]->count; ++i) free = free || free_set(values_[id], i);
    if (free) result.push_back(id);
  }
  return result;
}

FULCRUM_DEFINE HomogeneousChannels::Channels HomogeneousChannels::make(std::size_t axis) {
  const Channels channels{axis, parent_.size(), shapes_[id_][axis]};
  parent_.resize(parent_.size() + static_cast<std::size_t>(channels.count));
  std::iota(parent_.begin() + static_cast<std::ptrdiff_t>(channels.first), parent_.end(), channels.first);
  why_.resize(parent_.size(), 0);
  return channels;
}

FULCRUM_DEFINE void HomogeneousChannels::fix(const Channels& channels, const std::string& why) {
  reasons_.push_back(why);
  for (std::size_t i = 0; i < static_cast<std::size_t>(channels.count); ++i) {
    std::size_t& reason = why_[find(channels.first + i)];
    if (reason == 0) reason = reasons_.size() - 1;
  }
}

FULCRUM_DEFINE void HomogeneousChannels::fix_sources(const std::string& what) {
  for (const NodeId id : model_.node(id_).src) {
    if (values_[id]) fix(*values_[id], here() + " " + what);
  }
}

FULCRUM_DEFINE void HomogeneousChannels::trace(const Layer<float>& layer) {
  const char* const bends = "takes it, through which a factor does not go";
  visit_layer(Overloads{
                  [](const Input&) {},
                  [](const Constant<float>&) {},
                  [&](const Conv<float>&) { product(1); },
                  [&](const Dense<float>&) { product(shapes_[id_].size() - 1); },
                  [&](const Pool&) { pool(); },
                  [&](const GlobalPool&) { pool(); },
                  [&](const Activation& l) { activation(l); },
                  [&](const Binary& l) { binary(l); },
                  [&](const Reduce& l) { reduce(l); },
                  [&](const Concat& l) { concat(l); },
                  [&](const Reshape&) { reshape(); },
                  [&](const Flatten&) { reshape(); },
                  [&](const Transpose& l) { transpose(l); },
                  [&](const Slice& l) { slice(l); },
                  [&](const Pad& l) { pad(l); },
                  [&](const Resize& l) { resize(l); },
                  [&](const ConvTranspose<float>&) { fix_sources(bends); },
                  [&](const MatMul&) { fix_sources(bends); },
                  [&](const MatMulNBits&) { fix_sources("takes it, whose weights are packed"); },
                  [&](const Recurrent<float>&) { fix_sources(bends); },
                  [&](const BatchNormalization<float>&) { fix_sources("takes it, which stays a layer"); },
                  [&](const NormalizationLayer auto&) { fix_sources(bends); },
                  [&](const ElementwiseLayer auto&) { fix_sources(bends); },
                  [&](const Softmax&) { fix_sources(bends); },
                  [&](const MaxPoolIndices&) { fix_sources(bends); },
                  [&](const ArgReduce&) { fix_sources(bends); },
                  [&](const TopK&) { fix_sources(bends); },
                  [&](const CumSum&) { fix_sources(bends); },
                  [&](const NonMaxSuppression&) { fix_sources(bends); },
                  [&](const Expand&) { fix_sources(bends); },
                  [&](const Tile&) { fix_sources(bends); },
                  [&](const Gather&) { fix_sources(bends); },
                  [&](const IndexedLayer auto&) { fix_sources(bends); },
                  [&](const SamplingLayer auto&) { fix_sources(bends); },
                  [&](const Custom&) { fix_sources(bends); },
              },
              layer);
}

FULCRUM_DEFINE void HomogeneousChannels::product(std::size_t axis) {
  if (src() && src()->axis != axis) fix_sources("takes several of its channels together");
  values_[id_] = make(axis);
}

FULCRUM_DEFINE void HomogeneousChannels::pool() {
  if (src() && src()->axis != 1) return fix_sources("takes several of its channels together");
  values_[id_] = src();
}

FULCRUM_DEFINE void HomogeneousChannels::activation(const Activation& layer) {
  const bool homogeneous = layer.function == ActivationKind::relu || layer.function == ActivationKind::leaky_relu ||
                           layer.function == ActivationKind::abs || layer.function == ActivationKind::neg ||
                           (layer.function == ActivationKind::linear && layer.beta == 0.0F) ||
                           (clips_ && layer.function == ActivationKind::clip && layer.alpha == 0.0F);
  if (!homogeneous) return fix_sources("takes it, through which a factor does not go");
  values_[id_] = src();
}

FULCRUM_DEFINE void HomogeneousChannels::binary(const Binary& layer) {
  const bool sums = layer.function == BinaryKind::add || layer.function == BinaryKind::sub ||
                    layer.function == BinaryKind::min || layer.function == BinaryKind::max;
  const bool linear =
      layer.function == BinaryKind::mul || layer.function == BinaryKind::div || layer.function == BinaryKind::prelu;
  if (sums && src(0) && src(1) && src(0)->axis == src(1)->axis && src_shape(0) == src_shape(1)) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(src(0)->count); ++i)
      unite(src(0)->first + i, src(1)->first + i);
    values_[id_] = src(0);
  } else if (linear && is_constant(1) && src_shape(0) == shapes_[id_]) {
    values_[id_] = src(0);
  } else if (layer.function == BinaryKind::mul && is_constant(0) && src_shape(1) == shapes_[id_]) {
    values_[id_] = src(1);
  } else {
    fix_sources("takes it beside another value");
  }
}

FULCRUM_DEFINE void HomogeneousChannels::reduce(const Reduce& layer) {
  if (!src()) return;
  const bool homogeneous = layer.function == ReduceKind::sum || layer.function == ReduceKind::mean ||
                           layer.function == ReduceKind::max || layer.function == ReduceKind::min ||
                           layer.function == ReduceKind::l1 || layer.function == ReduceKind::l2;
  const std::vector<bool> named = named_axes(layer.axes, src_shape().size(), "Reduce");
  if (!homogeneous || named[src()->axis]) return fix_sources("takes several of its channels together");
  Channels channels = *src();
  if (!layer.keep_dims) {
    for (std::size_t axis = 0; axis < src()->axis; ++axis) channels.axis -= named[axis] ? 1 : 0;
  }
  values_[id_] = channels;
}

FULCRUM_DEFINE void HomogeneousChannels::concat(const Concat& layer) {
  const std::size_t joined = normalized_axis(layer.axis, shapes_[id_].size());
  const std::vector<NodeId>& sources = model_.node(id_).src;
  const bool along = std::all_of(sources.begin(), sources.end(),
                                 [&](NodeId id) { return values_[id] && values_[id]->axis == joined; });
  if (!along) return fix_sources("joins it with what has no such channels");
  const Channels channels = make(joined);
  std::size_t to = channels.first;
  for (const NodeId id : sources) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(values_[id]->count); ++i) unite(values_[id]->first + i, to++);
  }
  values_[id_] = channels;
}

FULCRUM_DEFINE void HomogeneousChannels::reshape() {
  if (!src()) return;
  const Shape& from = src_shape();
  const Shape& to = shapes_[id_];
  const std::size_t axis = src()->axis;
  const bool same_before =
      to.size() > axis && std::equal(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(axis), to.begin());
  if (same_before && to[axis] == from[axis]) {
    values_[id_] = src();
  } else if (same_before && to.size() == axis + 1 && from[axis] > 0) {
    const Channels channels = make(axis);  // the elements of a channel lie together
    const std::int64_t of_channel = to[axis] / from[axis];
    for (std::int64_t i = 0; i < to[axis]; ++i)
      unite(src()->first + static_cast<std::size_t>(i / of_channel), channels.first + static_cast<std::size_t>(i));
    values_[id_] = channels;
  } else {
    fix_sources("mixes its channels");
  }
}

FULCRUM_DEFINE void HomogeneousChannels::transpose(const Transpose& layer) {
  if (!src()) return;
  const auto order = layer.permutation(shapes_[id_].size());
  Channels channels = *src();
  for (std::size_t axis = 0; axis < order.size(); ++axis) {
    if (static_cast<std::size_t>(order[axis]) == src()->axis) channels.axis = axis;
  }
  values_[id_] = channels;
}

FULCRUM_DEFINE void HomogeneousChannels::slice(const Slice& layer) {
  if (!src()) return;
  const Slice::Range range = layer.ranges(src_shape())[src()->axis];
  const Channels channels = make(src()->axis);
  for (std::int64_t i = 0; i < channels.count; ++i) {
    unite(src()->first + static_cast<std::size_t>(range.start + i * range.step),
          channels.first + static_cast<std::size_t>(i));
  }
  values_[id_] = channels;
}

FULCRUM_DEFINE void HomogeneousChannels::pad(const Pad& layer) {
  if (!src()) return;
  if (layer.before[src()->axis] != 0 || layer.after[src()->axis] != 0 ||
      (layer.mode == PadKind::constant && layer.value != 0.0F)) {
    return fix_sources("puts other numbers around it");
  }
  values_[id_] = src();
}

FULCRUM_DEFINE void HomogeneousChannels::resize(const Resize& layer) {
  if (!src()) return;
  const std::size_t axis = src()->axis;
  const bool keeps = shapes_[id_][axis] == src_shape()[axis] && layer.aspect == ResizeAspect::stretch &&
                     layer.coordinates != ResizeCoordinates::tf_crop_and_resize &&
                     (layer.scales.empty() || layer.scales[axis] == 1.0F);
  if (!keeps) return fix_sources("reads between its channels");
  values_[id_] = src();
}

}  // namespace fulcrum::detail

#endif
