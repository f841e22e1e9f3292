#pragma once
/// \file
/// Whether the samples of a batch have nothing to do with one another, so that a batch may be run in parts.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

/// Whether a batch of `batch` samples gives the same as its parts of `part` samples one after the other: every input
/// and output has the samples along its outermost axis and no layer mixes them; in between, as around recurrent layers,
/// they may lie along another axis. Says no where it is not sure.
/// \param part  ≥ 1, divides `batch`
template <class T>
[[nodiscard]] bool samples_are_independent(const Model<T>& model, std::int64_t batch, std::int64_t part);

}  // namespace fulcrum

#if FULCRUM_DEFINES(analysis)

#include <algorithm>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

namespace fulcrum::detail {

/// What a value holds of a batch.
enum class BatchShare : std::uint8_t {
  shared,      ///< the same for every batch
  per_sample,  ///< an axis is the samples' parts, one after the other
  mixed,       ///< neither, or not known to be
};

/// How a layer's result follows from its sources when the batch is cut into parts that lie along the outermost axis.
struct BatchShareOf {
  const std::vector<BatchShare>& shares;  ///< of the layer's sources
  const std::vector<Shape>& src;
  const Shape& dst;

  [[nodiscard]] BatchShare if_true(bool good) const { return good ? BatchShare::per_sample : BatchShare::mixed; }
  /// Sources that are broadcast to the result: a shared one must not have samples of its own.
  [[nodiscard]] bool broadcast_by_sample() const {
    for (std::size_t i = 0; i < src.size(); ++i) {
      const bool whole_rank = src[i].size() == dst.size();
      const bool good =
          shares[i] == BatchShare::per_sample ? whole_rank && src[i][0] == dst[0] : !whole_rank || src[i][0] == 1;
      if (!good) return false;
    }
    return true;
  }
  [[nodiscard]] bool is_inner(std::int64_t axis) const { return normalized_axis(axis, src[0].size()) > 0; }
  [[nodiscard]] bool are_inner(const std::vector<std::int64_t>& axes) const {
    return std::all_of(axes.begin(), axes.end(), [&](std::int64_t axis) { return is_inner(axis); });
  }
  /// The first source has the samples and the others none.
  [[nodiscard]] bool first_only() const {
    return shares[0] == BatchShare::per_sample &&
           std::all_of(shares.begin() + 1, shares.end(), [](BatchShare s) { return s == BatchShare::shared; });
  }
  [[nodiscard]] bool all() const {
    return std::all_of(shares.begin(), shares.end(), [](BatchShare s) { return s == BatchShare::per_sample; });
  }

  /// Every source has the samples, all of them.
  [[nodiscard]] bool same_samples() const {
    return all() && std::all_of(src.begin(), src.end(), [&](const Shape& s) { return !s.empty() && s[0] == dst[0]; });
  }

  BatchShare operator()(const Input& l) const {
    return if_true(!l.shape.empty() && l.shape[0] == batch_dim &&
                   std::count(l.shape.begin(), l.shape.end(), batch_dim) == 1);
  }
  template <class T>
  BatchShare operator()(const Constant<T>& /*l*/) const {
    return BatchShare::shared;
  }
  template <class T>
  BatchShare operator()(const Conv<T>& /*l*/) const {
    return if_true(first_only());
  }
  template <class T>
  BatchShare operator()(const ConvTranspose<T>& /*l*/) const {
    return if_true(first_only());
  }
  template <class T>
  BatchShare operator()(const Dense<T>& /*l*/) const {
    return if_true(first_only());
  }
  BatchShare operator()(const MatMulNBits& /*l*/) const { return if_true(first_only()); }
  BatchShare operator()(const MatMul& l) const {
    if (dst.size() == 2) return if_true(first_only() && !l.transpose_src);
    return if_true(broadcast_by_sample());
  }
  template <class T>
  BatchShare operator()(const Recurrent<T>& /*l*/) const {
    return BatchShare::mixed;  // the outermost axis is the steps: SampleAxisOf
  }
  template <class T>
  BatchShare operator()(const BatchNormalization<T>& /*l*/) const {
    return if_true(first_only());
  }
  template <class T>
  BatchShare operator()(const LayerNormalization<T>& l) const {
    return if_true(is_inner(l.axis));
  }
  template <class T>
  BatchShare operator()(const InstanceNormalization<T>& /*l*/) const {
    return if_true(first_only());
  }
  BatchShare operator()(const LocalResponseNormalization& /*l*/) const { return if_true(first_only()); }
  BatchShare operator()(const Pool& /*l*/) const { return if_true(first_only()); }
  BatchShare operator()(const GlobalPool& /*l*/) const { return if_true(first_only()); }
  BatchShare operator()(const MaxPoolIndices& /*l*/) const {
    return BatchShare::mixed;  // indices count the samples before
  }
  BatchShare operator()(const Activation& /*l*/) const { return if_true(first_only()); }
  BatchShare operator()(const Binary& /*l*/) const { return if_true(broadcast_by_sample()); }
  BatchShare operator()(const ElementwiseLayer auto& /*l*/) const { return if_true(broadcast_by_sample()); }
  BatchShare operator()(const DynamicQuantize& /*l*/) const { return BatchShare::mixed; }  // one range for all
  BatchShare operator()(const Softmax& l) const { return if_true(is_inner(l.axis)); }
  BatchShare operator()(const Reduce& l) const { return if_true(!l.axes.empty() && are_inner(l.axes)); }
  BatchShare operator()(const ArgReduce& l) const { return if_true(is_inner(l.axis)); }
  BatchShare operator()(const Concat& l) const { return if_true(all() && is_inner(l.axis)); }
  BatchShare operator()(const Reshape& /*l*/) const { return if_true(first_only()); }
  BatchShare operator()(const Flatten& /*l*/) const { return if_true(first_only()); }
  BatchShare operator()(const Transpose& l) const { return if_true(!l.perm.empty() && l.perm[0] == 0); }
  BatchShare operator()(const Slice& l) const { return if_true(are_inner(l.axes)); }
  BatchShare operator()(const Expand& /*l*/) const { return if_true(broadcast_by_sample()); }
  BatchShare operator()(const Tile& l) const { return if_true(l.repeats[0] == 1); }
  BatchShare operator()(const Gather& l) const {
    if (first_only()) return if_true(is_inner(l.axis));
    return if_true(shares[0] == BatchShare::shared && !is_inner(l.axis));  // rows of a table
  }
  BatchShare operator()(const GatherElements& l) const { return if_true(is_inner(l.axis) && same_samples()); }
  BatchShare operator()(const GatherND& l) const {
    if (l.batch_dims > 0) return if_true(same_samples());
    return if_true(shares[0] == BatchShare::shared && src[1].size() > 1);  // rows of a table
  }
  BatchShare operator()(const ScatterElements& l) const { return if_true(is_inner(l.axis) && same_samples()); }
  BatchShare operator()(const ScatterND& /*l*/) const { return BatchShare::mixed; }
  BatchShare operator()(const TopK& l) const { return if_true(is_inner(l.axis)); }
  BatchShare operator()(const CumSum& l) const { return if_true(is_inner(l.axis)); }
  BatchShare operator()(const NonMaxSuppression& /*l*/) const {
    return BatchShare::mixed;  // an image's rows lie where those before it end
  }
  BatchShare operator()(const Custom& l) const {
    return if_true(l.function && l.function->samples_are_independent && same_samples());
  }
  BatchShare operator()(const GridSample& /*l*/) const { return if_true(same_samples()); }
  BatchShare operator()(const RoiAlign& /*l*/) const { return BatchShare::mixed; }
  BatchShare operator()(const Pad& l) const { return if_true(l.before[0] == 0 && l.after[0] == 0); }
  BatchShare operator()(const Resize& l) const {
    return if_true(src[0][0] == dst[0] && l.coordinates != ResizeCoordinates::tf_crop_and_resize);
  }
};

/// Where the samples of a layer's result are when those of its sources lie along an axis that need not be the
/// outermost; nothing: nowhere that is known. A recurrent layer has them behind the steps, and what brings values there
/// and back are the layers that keep whole rows.
struct SampleAxisOf {
  static constexpr std::size_t none = SIZE_MAX;

  const std::vector<std::size_t>& axes;  ///< of the layer's sources; none: shared
  const std::vector<Shape>& src;
  const Shape& dst;

  using Axis = std::optional<std::size_t>;

  [[nodiscard]] static std::int64_t product(const Shape& shape, std::size_t first, std::size_t last) {
    return element_count(
        Shape(shape.begin() + static_cast<std::ptrdiff_t>(first), shape.begin() + static_cast<std::ptrdiff_t>(last)));
  }
  [[nodiscard]] bool others_are_shared() const {
    return axes[0] != none && std::all_of(axes.begin() + 1, axes.end(), [](std::size_t axis) { return axis == none; });
  }
  [[nodiscard]] Axis kept_if(bool good) const { return good && others_are_shared() ? Axis(axes[0]) : std::nullopt; }
  [[nodiscard]] bool is_other(std::int64_t axis) const { return normalized_axis(axis, src[0].size()) != axes[0]; }
  [[nodiscard]] bool are_other(const std::vector<std::int64_t>& which) const {
    return std::all_of(which.begin(), which.end(), [&](std::int64_t axis) { return is_other(axis); });
  }
  /// Sources that are broadcast to the result.
  [[nodiscard]] Axis broadcast() const {
    Axis axis;
    for (std::size_t i = 0; i < src.size(); ++i) {
      if (axes[i] == none) continue;
      if (src[i].size() != dst.size() || (axis && *axis != axes[i])) return std::nullopt;
      axis = axes[i];
    }
    for (std::size_t i = 0; i < src.size() && axis; ++i) {
      const std::size_t missing = dst.size() - src[i].size();
      if (axes[i] == none && *axis >= missing && src[i][*axis - missing] != 1) return std::nullopt;
    }
    return axis;
  }

  template <class T>
  Axis operator()(const Recurrent<T>& l) const {
    if (axes[0] != 1) return std::nullopt;
    for (std::size_t i = 1; i < axes.size(); ++i) {
      const bool is_length = l.with_lengths && i + 1 == axes.size();
      if (axes[i] != (is_length ? 0U : 1U)) return std::nullopt;
    }
    return 2;
  }
  Axis operator()(const Transpose& l) const {
    const auto at = std::find(l.perm.begin(), l.perm.end(), static_cast<std::int64_t>(axes[0]));
    return at == l.perm.end() ? std::nullopt : Axis(static_cast<std::size_t>(at - l.perm.begin()));
  }
  /// As many elements before the axis, and as many along it, are the same elements.
  Axis operator()(const Reshape& /*l*/) const {
    const std::int64_t before = product(src[0], 0, axes[0]);
    for (std::size_t axis = 0; axis < dst.size(); ++axis) {
      if (dst[axis] == src[0][axes[0]] && product(dst, 0, axis) == before) return axis;
    }
    return std::nullopt;
  }
  template <class T>
  Axis operator()(const Dense<T>& /*l*/) const {
    return kept_if(axes[0] + 1 < dst.size());
  }
  Axis operator()(const MatMulNBits& /*l*/) const { return kept_if(axes[0] + 1 < dst.size()); }
  Axis operator()(const Activation& /*l*/) const { return kept_if(true); }
  Axis operator()(const Binary& /*l*/) const { return broadcast(); }
  Axis operator()(const Softmax& l) const { return kept_if(is_other(l.axis)); }
  template <class T>
  Axis operator()(const LayerNormalization<T>& l) const {
    return kept_if(normalized_axis(l.axis, src[0].size()) > axes[0]);
  }
  Axis operator()(const Slice& l) const { return kept_if(are_other(l.axes)); }
  Axis operator()(const Reduce& l) const { return kept_if(l.keep_dims && !l.axes.empty() && are_other(l.axes)); }
  Axis operator()(const Concat& l) const {
    const bool alike = std::all_of(axes.begin(), axes.end(), [&](std::size_t axis) { return axis == axes[0]; });
    return alike && axes[0] != none && is_other(l.axis) ? Axis(axes[0]) : std::nullopt;
  }
  Axis operator()(const Gather& l) const {
    if (!others_are_shared() || !is_other(l.axis)) return std::nullopt;
    const bool before = normalized_axis(l.axis, src[0].size()) < axes[0];
    return before ? axes[0] + src[1].size() - 1 : axes[0];
  }
  template <class L>
  Axis operator()(const L& /*l*/) const {
    return std::nullopt;
  }
};

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
bool samples_are_independent(const Model<T>& model, std::int64_t batch, std::int64_t part) {
  using Share = detail::BatchShare;
  std::vector<Shape> whole;
  std::vector<Shape> cut;
  try {
    whole = infer_shapes(model, batch);
    cut = infer_shapes(model, part);
  } catch (const Error&) {
    return false;  // a fixed batch
  }
  std::vector<Share> shares(model.size(), Share::mixed);
  constexpr std::size_t none = detail::SampleAxisOf::none;
  std::vector<std::size_t> axes(model.size(), none);  // of what is per sample
  for (NodeId id = 0; id < model.size(); ++id) {
    const Node<T>& node = model.node(id);
    std::vector<Share> of_sources;
    for (const NodeId src : node.src) of_sources.push_back(shares[src]);
    if (std::count(of_sources.begin(), of_sources.end(), Share::mixed) > 0) return false;
    const bool computes_from_shared =
        !node.src.empty() &&
        std::all_of(of_sources.begin(), of_sources.end(), [](Share share) { return share == Share::shared; });
    if (computes_from_shared && whole[id] == cut[id]) {
      shares[id] = Share::shared;
      continue;
    }
    const std::vector<Shape> src = src_shapes(node, whole);
    std::vector<std::size_t> source_axes;
    for (const NodeId s : node.src) source_axes.push_back(axes[s]);
    const bool outermost =
        std::all_of(source_axes.begin(), source_axes.end(), [](std::size_t axis) { return axis == 0 || axis == none; });
    if (outermost) shares[id] = visit_layer(detail::BatchShareOf{of_sources, src, whole[id]}, node.layer);
    if (shares[id] == Share::shared) continue;
    std::optional<std::size_t> axis;
    if (shares[id] == Share::per_sample)
      axis = 0;
    else if (!source_axes.empty() && source_axes[0] != none)
      axis = visit_layer(detail::SampleAxisOf{source_axes, src, whole[id]}, node.layer);
    if (!axis) return false;
    shares[id] = Share::per_sample;
    axes[id] = *axis;
    // The samples' parts are of one size, whatever the batch.
    Shape expected = whole[id];
    if (*axis >= expected.size() || expected[*axis] % batch != 0) return false;
    expected[*axis] = expected[*axis] / batch * part;
    if (expected != cut[id]) return false;
  }
  return std::all_of(model.outputs().begin(), model.outputs().end(),
                     [&](NodeId id) { return shares[id] == Share::per_sample && axes[id] == 0; });
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(analysis)
namespace fulcrum {
template bool samples_are_independent(const Model<float>& model, std::int64_t batch, std::int64_t part);
template bool samples_are_independent(const Model<double>& model, std::int64_t batch, std::int64_t part);
}  // namespace fulcrum
#endif

#endif
