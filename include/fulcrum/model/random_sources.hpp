#pragma once
/// \file
/// Sources to run a model on when nobody has better ones: for timing, and for comparing executors.

#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

/// What random numbers an input takes: reals in [0, 1), or whole numbers from 0 up to, and without, `limit`.
struct SourceRange {
  std::int64_t limit = 0;  ///< 0: reals
};

/// For each Input of the model, in order: whole numbers below every extent that they index (rows of an embedding
/// table), truth values where they index nothing, reals for a floating input.
template <class T>
[[nodiscard]] std::vector<SourceRange> source_ranges(const Model<T>& model, const std::vector<Shape>& shapes);

/// Fills a source with random numbers of a range.
FULCRUM_DECLARE void fill_source(std::span<float> elements, SourceRange range, Random& random);

/// One source per input for a batch.
/// \param seed  the same seed gives the same sources
template <class T>
[[nodiscard]] std::vector<Tensor<float>> random_sources(const Model<T>& model, std::int64_t batch, std::uint64_t seed);

}  // namespace fulcrum

#if FULCRUM_DEFINES(model)

#include <algorithm>
#include <cmath>
#include <limits>

namespace fulcrum::detail {

/// Which source of a layer holds indices, and what they must be below; nothing when none does.
template <class T>
std::optional<std::pair<std::size_t, std::int64_t>> index_bound(const Layer<T>& layer, const std::vector<Shape>& src) {
  const auto along = [&](std::int64_t axis) {
    return std::pair(std::size_t{1}, src[0][normalized_axis(axis, src[0].size())]);
  };
  if (const auto* gather = std::get_if<Gather>(&layer)) return along(gather->axis);
  if (const auto* gather = std::get_if<GatherElements>(&layer)) return along(gather->axis);
  if (const auto* scatter = std::get_if<ScatterElements>(&layer)) return along(scatter->axis);
  if (std::holds_alternative<RoiAlign>(layer)) return std::pair(std::size_t{2}, src[0][0]);
  const bool by_tuples = std::holds_alternative<GatherND>(layer) || std::holds_alternative<ScatterND>(layer);
  if (!by_tuples || src[0].empty()) return std::nullopt;
  return std::pair(std::size_t{1}, *std::min_element(src[0].begin(), src[0].end()));  // right for every axis
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
std::vector<SourceRange> source_ranges(const Model<T>& model, const std::vector<Shape>& shapes) {
  // From the last node to the first: what the values that go into a node may index.
  constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();
  std::vector<std::int64_t> limit(model.size(), any);
  for (NodeId id = model.size(); id-- > 0;) {
    const Node<T>& node = model.node(id);
    std::vector<Shape> src;
    for (const NodeId from : node.src) src.push_back(shapes[from]);
    if (const auto bound = detail::index_bound(node.layer, src)) {
      limit[node.src[bound->first]] = std::min(limit[node.src[bound->first]], bound->second);
    }
    const bool passes_on = std::holds_alternative<Reshape>(node.layer) || std::holds_alternative<Flatten>(node.layer) ||
                           std::holds_alternative<Cast>(node.layer) || std::holds_alternative<Slice>(node.layer) ||
                           std::holds_alternative<Transpose>(node.layer) || std::holds_alternative<Expand>(node.layer);
    if (passes_on) limit[node.src[0]] = std::min(limit[node.src[0]], limit[id]);
  }
  std::vector<SourceRange> ranges;
  for (const NodeId id : model.inputs()) {
    const bool whole = !is_floating(std::get<Input>(model.node(id).layer).element);
    const bool indexes = limit[id] != any;
    ranges.push_back({indexes ? std::max<std::int64_t>(limit[id], 1) : whole ? 2 : 0});
  }
  return ranges;
}

FULCRUM_DEFINE void fill_source(std::span<float> elements, SourceRange range, Random& random) {
  for (float& x : elements) {
    const double uniform = random.uniform();
    x = static_cast<float>(range.limit == 0 ? uniform : std::floor(uniform * static_cast<double>(range.limit)));
  }
}

template <class T>
std::vector<Tensor<float>> random_sources(const Model<T>& model, std::int64_t batch, std::uint64_t seed) {
  const std::vector<Shape> shapes = infer_shapes(model, batch);
  const std::vector<SourceRange> ranges = source_ranges(model, shapes);
  Random random(seed);
  std::vector<Tensor<float>> sources;
  for (const NodeId id : model.inputs()) {
    sources.emplace_back(shapes[id]);
    fill_source(sources.back().flat(), ranges[sources.size() - 1], random);
  }
  return sources;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(model)
namespace fulcrum {
template std::vector<SourceRange> source_ranges(const Model<float>& model, const std::vector<Shape>& shapes);
template std::vector<SourceRange> source_ranges(const Model<double>& model, const std::vector<Shape>& shapes);
template std::vector<Tensor<float>> random_sources(const Model<float>& model, std::int64_t batch, std::uint64_t seed);
template std::vector<Tensor<float>> random_sources(const Model<double>& model, std::int64_t batch, std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
