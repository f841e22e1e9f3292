#pragma once
/// \file
/// Places for the nodes of a directed graph, in layers from top to bottom (Sugiyama, Tagawa and Toda 1981): a node is
/// below all that lead to it, long edges keep a lane of their own, and each layer is ordered by where its neighbours
/// are.

#include <cstddef>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum::detail {

struct LayoutOptions {
  double node_width = 236.0, node_height = 42.0;
  double lane_width = 14.0;  ///< of an edge that passes a layer
  double gap_x = 16.0, gap_y = 26.0;
};

struct LayoutPoint {
  double x = 0.0, y = 0.0;
};

struct GraphLayout {
  std::vector<LayoutPoint> nodes;               ///< upper left corner of each
  std::vector<std::vector<LayoutPoint>> edges;  ///< from the lower side of the source through its lanes to the target's
                                                ///< upper side, as the edges were given
  double width = 0.0, height = 0.0;
};

/// \param nodes  how many
/// \param edges  source and target, source < target: nodes come in the order in which they run
FULCRUM_DECLARE [[nodiscard]] GraphLayout layered_layout(std::size_t nodes,
                                                         const std::vector<std::pair<std::size_t, std::size_t>>& edges,
                                                         const LayoutOptions& options = {});

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(report)

#include <algorithm>
#include <cmath>

namespace fulcrum::detail {

/// The graph with a lane, which is a node of its own, in every layer that an edge passes.
class LayeredGraph {
public:
  LayeredGraph(std::size_t nodes, const std::vector<std::pair<std::size_t, std::size_t>>& edges,
               const LayoutOptions& options)
      : options_(options), real_(nodes), rank_(nodes, 0), above_(nodes), below_(nodes) {
    for (std::size_t node = 0; node < nodes; ++node) {  // sources come before their targets
      for (const auto& [source, target] : edges) {
        if (target == node) rank_[node] = std::max(rank_[node], rank_[source] + 1);
      }
    }
    // What has no source itself stands directly above what takes it.
    for (std::size_t node = nodes; node-- > 0;) {
      std::size_t lowest = static_cast<std::size_t>(-1);
      bool has_source = false;
      for (const auto& [source, target] : edges) {
        has_source = has_source || target == node;
        if (source == node) lowest = std::min(lowest, rank_[target]);
      }
      if (!has_source && lowest != static_cast<std::size_t>(-1)) rank_[node] = lowest - 1;
    }
    for (const auto& [source, target] : edges) {
      std::vector<std::size_t>& way = ways_.emplace_back();
      std::size_t from = source;
      for (std::size_t rank = rank_[source] + 1; rank < rank_[target]; ++rank) {
        const std::size_t lane = rank_.size();
        rank_.push_back(rank);
        above_.emplace_back();
        below_.emplace_back();
        connect(from, lane);
        way.push_back(from = lane);
      }
      connect(from, target);
    }
    for (std::size_t i = 0; i < rank_.size(); ++i) {
      if (rank_[i] >= layers_.size()) layers_.resize(rank_[i] + 1);
      layers_[rank_[i]].push_back(i);
    }
    x_.resize(rank_.size());
  }

  FULCRUM_DECLARE GraphLayout layout(const std::vector<std::pair<std::size_t, std::size_t>>& edges);

private:
  void connect(std::size_t from, std::size_t to) {
    below_[from].push_back(to);
    above_[to].push_back(from);
  }
  [[nodiscard]] double width(std::size_t i) const { return i < real_ ? options_.node_width : options_.lane_width; }
  [[nodiscard]] double mean_of(const std::vector<std::size_t>& neighbours, double otherwise) const {
    double sum = 0.0;
    for (const std::size_t n : neighbours) sum += x_[n];
    return neighbours.empty() ? otherwise : sum / static_cast<double>(neighbours.size());
  }
  /// Puts the middles of a layer as near to where they are wanted as the order and the gaps let them.
  FULCRUM_DECLARE void place(const std::vector<std::size_t>& layer, const std::vector<double>& wanted);

  LayoutOptions options_;
  std::size_t real_;
  std::vector<std::size_t> rank_;
  std::vector<std::vector<std::size_t>> above_, below_, layers_, ways_;
  std::vector<double> x_;  ///< of the middle
};

FULCRUM_DEFINE void LayeredGraph::place(const std::vector<std::size_t>& layer, const std::vector<double>& wanted) {
  // From the left with room, then back from the right: the mean of both is balanced and keeps the gaps.
  const std::size_t n = layer.size();
  std::vector<double> left(n), right(n);
  const auto apart = [&](std::size_t a, std::size_t b) {
    return 0.5 * (width(layer[a]) + width(layer[b])) + options_.gap_x;
  };
  for (std::size_t i = 0; i < n; ++i) left[i] = i == 0 ? wanted[0] : std::max(wanted[i], left[i - 1] + apart(i - 1, i));
  for (std::size_t i = n; i-- > 0;)
    right[i] = i + 1 == n ? wanted[i] : std::min(wanted[i], right[i + 1] - apart(i, i + 1));
  for (std::size_t i = 0; i < n; ++i) x_[layer[i]] = 0.5 * (left[i] + right[i]);
}

FULCRUM_DEFINE GraphLayout LayeredGraph::layout(const std::vector<std::pair<std::size_t, std::size_t>>& edges) {
  for (std::vector<std::size_t>& layer : layers_) {
    std::vector<double> wanted;
    for (std::size_t i = 0; i < layer.size(); ++i) wanted.push_back(static_cast<double>(i) * options_.node_width);
    place(layer, wanted);
  }
  for (int sweep = 0; sweep < 8; ++sweep) {
    const bool down = sweep % 2 == 0;
    for (std::size_t at = 0; at < layers_.size(); ++at) {
      std::vector<std::size_t>& layer = layers_[down ? at : layers_.size() - 1 - at];
      const auto wants = [&](std::size_t i) { return mean_of(down ? above_[i] : below_[i], x_[i]); };
      std::stable_sort(layer.begin(), layer.end(), [&](std::size_t a, std::size_t b) { return wants(a) < wants(b); });
      std::vector<double> wanted;
      for (const std::size_t i : layer) wanted.push_back(wants(i));
      place(layer, wanted);
    }
  }
  double least = 0.0, most = 0.0;
  for (std::size_t i = 0; i < x_.size(); ++i) {
    least = i == 0 ? x_[i] - width(i) / 2 : std::min(least, x_[i] - width(i) / 2);
    most = i == 0 ? x_[i] + width(i) / 2 : std::max(most, x_[i] + width(i) / 2);
  }
  const double step = options_.node_height + options_.gap_y;
  const auto middle = [&](std::size_t i) { return x_[i] - least; };
  const auto top = [&](std::size_t i) { return static_cast<double>(rank_[i]) * step; };
  GraphLayout result;
  for (std::size_t i = 0; i < real_; ++i) result.nodes.push_back({middle(i) - options_.node_width / 2, top(i)});
  for (std::size_t e = 0; e < edges.size(); ++e) {
    std::vector<LayoutPoint>& points = result.edges.emplace_back();
    points.push_back({middle(edges[e].first), top(edges[e].first) + options_.node_height});
    for (const std::size_t lane : ways_[e]) {
      points.push_back({middle(lane), top(lane)});
      points.push_back({middle(lane), top(lane) + options_.node_height});
    }
    points.push_back({middle(edges[e].second), top(edges[e].second)});
  }
  result.width = most - least;
  result.height = layers_.empty() ? 0.0 : static_cast<double>(layers_.size()) * step - options_.gap_y;
  return result;
}

FULCRUM_DEFINE GraphLayout layered_layout(std::size_t nodes,
                                          const std::vector<std::pair<std::size_t, std::size_t>>& edges,
                                          const LayoutOptions& options) {
  return LayeredGraph(nodes, edges, options).layout(edges);
}

}  // namespace fulcrum::detail

#endif
