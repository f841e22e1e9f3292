#pragma once
/// \file
/// Whether the samples of a batch have nothing to do with one another, so that a batch may be run in parts.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

/// Whether a batch of `batch` samples gives the same as its parts of `part` samples one after the other: every input
/// and output has the samples along its outermost axis and no layer mixes them. Says no where it is not sure.
/// \param part  ≥ 1, divides `batch`
template <class T>
[[nodiscard]] bool samples_are_independent(const Model<T>& model, std::int64_t batch, std::int64_t part);

}  // namespace fulcrum

#if FULCRUM_DEFINES(analysis)

#include <algorithm>
#include <cstddef>
#include <variant>
#include <vector>

namespace fulcrum::detail {

/// What a value holds of a batch.
enum class BatchShare : std::uint8_t {
  shared,      ///< the same for every batch
  per_sample,  ///< the outermost axis is the samples' parts, one after the other
  mixed,       ///< neither, or not known to be
};

/// How a layer's result follows from its sources when the batch is cut into parts.
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
  BatchShare operator()(const MatMul& l) const {
    if (dst.size() == 2) return if_true(first_only() && !l.transpose_src);
    return if_true(broadcast_by_sample());
  }
  template <class T>
  BatchShare operator()(const Recurrent<T>& /*l*/) const {
    return BatchShare::mixed;  // the outermost axis is the steps
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
  BatchShare operator()(const GridSample& /*l*/) const { return if_true(same_samples()); }
  BatchShare operator()(const RoiAlign& /*l*/) const { return BatchShare::mixed; }
  BatchShare operator()(const Pad& l) const { return if_true(l.before[0] == 0 && l.after[0] == 0); }
  BatchShare operator()(const Resize& l) const {
    return if_true(src[0][0] == dst[0] && l.coordinates != ResizeCoordinates::tf_crop_and_resize);
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
    shares[id] = visit_layer(detail::BatchShareOf{of_sources, src, whole[id]}, node.layer);
    if (shares[id] == Share::shared) continue;
    // The samples' parts are of one size, whatever the batch.
    Shape expected = whole[id];
    if (expected.empty() || expected[0] % batch != 0) return false;
    expected[0] = expected[0] / batch * part;
    if (shares[id] == Share::mixed || expected != cut[id]) return false;
  }
  return std::all_of(model.outputs().begin(), model.outputs().end(),
                     [&](NodeId id) { return shares[id] == Share::per_sample; });
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(analysis)
namespace fulcrum {
template bool samples_are_independent(const Model<float>& model, std::int64_t batch, std::int64_t part);
template bool samples_are_independent(const Model<double>& model, std::int64_t batch, std::int64_t part);
}  // namespace fulcrum
#endif

#endif
