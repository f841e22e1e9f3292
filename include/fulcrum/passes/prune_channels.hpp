#pragma once
/// \file
/// Structured pruning: channels are taken out of a model until it costs no more than a target.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <fulcrum/analysis/channel_dependencies.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/passes/channel_saliency.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/remove_channels.hpp>

namespace fulcrum {

struct PruneChannelsOptions {
  double flops = 0.5;  ///< share of the FLOPs that may be left; (0, 1). Not read where another cost is given
  ChannelSaliency saliency = ChannelSaliency::l2;
  /// layer: every group of channels loses the same share, its least salient first. global: the least salient of all
  /// groups go first, l1, l2 and bn counted in means of their group (as taylor saliencies they compare as they are).
  PruneScope scope = PruneScope::layer;
  std::int64_t multiple = 16;     ///< channels that are left: a multiple of it, which fills vectors; ≥ 1. Groups of
                                  ///< fewer than two such multiples: of its half, and so on
  std::vector<std::string> skip;  ///< layers whose channels all stay
};

struct PruneChannelsReport {
  struct Group {
    std::string layer;              ///< the first that computes the channels
    std::vector<std::string> tied;  ///< others that lose the same ones
    std::int64_t channels = 0;      ///< of the layer, before
    std::int64_t kept = 0;          ///< after
  };
  std::vector<Group> groups;
  std::vector<FixedChannels> fixed;  ///< layers whose channels stay, and why
  double flops_before = 0.0, flops_after = 0.0;
  std::int64_t parameters_before = 0, parameters_after = 0;
  double cost_before = 0.0, cost_after = 0.0;  ///< what the target is about: FLOPs, or the cost that was given
  double limit = 0.0;
  bool reached = false;  ///< cost_after ≤ limit; if not, this is as far as channels can go
};

template <class T>
struct PruneChannelsResult {
  Model<T> model;
  PruneChannelsReport report;
};

/// What a model costs: a predicted latency, say.
template <class T>
using ModelCost = std::function<double(const Model<T>&)>;

/// Removes the least salient channels, with all that depends on them, until the FLOPs of an inference are at most
/// `flops` times what they were; what the last of them went below that by is given back to other groups where it fits.
/// Every group keeps one multiple of its channels or more.
/// \throws Error when an option is out of range, a name in `skip` is no convolution or dense layer, the model is
///         quantized, has no channels that can go, or the saliency cannot be read off the weights
template <class T>
[[nodiscard]] PruneChannelsResult<T> prune_channels(const Model<T>& model, const PruneChannelsOptions& options);

/// The same until a cost is at most `limit`, with the saliency of each unit given: by channel_saliency() or
/// taylor_saliency().
/// \param dependencies  of this model
/// \throws Error also when there is not one number for each unit, or one is NaN
template <class T>
[[nodiscard]] PruneChannelsResult<T> prune_channels(const Model<T>& model, const PruneChannelsOptions& options,
                                                    const ChannelDependencies& dependencies,
                                                    const std::vector<double>& saliency, const ModelCost<T>& cost,
                                                    double limit);

}  // namespace fulcrum

#if FULCRUM_DEFINES(passes)

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <set>
#include <utility>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/analysis/weighted_layers.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/passes/detail/layer_weights.hpp>

namespace fulcrum::detail {

/// Units of a group that go together, so that what is left is a multiple.
struct ChannelCut {
  double key = 0.0;  ///< cuts go by rising keys
  std::size_t group = 0;
  std::vector<ChannelUnit> units;
};

/// Units of a group that fill a multiple of channels.
FULCRUM_DECLARE std::size_t units_of_multiple(const ChannelGroup& group, std::int64_t multiple);
/// Every cut that may be made, in order.
FULCRUM_DECLARE std::vector<ChannelCut> channel_cuts(const ChannelDependencies& dependencies,
                                                     const std::vector<double>& saliency,
                                                     const PruneChannelsOptions& options);
FULCRUM_DECLARE void validate(const PruneChannelsOptions& options);

FULCRUM_DEFINE void validate(const PruneChannelsOptions& options) {
  if (!(options.flops > 0.0 && options.flops < 1.0))
    throw Error("share of the FLOPs " + std::to_string(options.flops), "is outside (0, 1)", "say what may be left");
  if (options.multiple < 1)
    throw Error("multiple " + std::to_string(options.multiple), "is below 1", "give 16, or 1 for any width");
}

FULCRUM_DEFINE std::size_t units_of_multiple(const ChannelGroup& group, std::int64_t multiple) {
  const auto channels = static_cast<std::int64_t>(group.units.size()) * group.channels_of_unit;
  while (multiple > 1 && channels < 2 * multiple) multiple /= 2;
  return static_cast<std::size_t>(std::max<std::int64_t>(multiple / std::gcd(multiple, group.channels_of_unit), 1));
}

FULCRUM_DEFINE std::vector<ChannelCut> channel_cuts(const ChannelDependencies& dependencies,
                                                    const std::vector<double>& saliency,
                                                    const PruneChannelsOptions& options) {
  std::vector<ChannelCut> cuts;
  for (std::size_t g = 0; g < dependencies.groups.size(); ++g) {
    const ChannelGroup& group = dependencies.groups[g];
    const bool skipped = contains(options.skip, group.layer) ||
                         std::any_of(group.tied.begin(), group.tied.end(),
                                     [&](const auto& name) { return contains(options.skip, name); });
    const std::size_t multiple = units_of_multiple(group, options.multiple);
    if (skipped || multiple >= group.units.size()) continue;
    const auto of = [&](ChannelUnit unit) { return saliency[static_cast<std::size_t>(unit)]; };
    std::vector<ChannelUnit> order(group.units.rbegin(), group.units.rend());  // of equal ones the last goes first
    std::stable_sort(order.begin(), order.end(), [&](ChannelUnit a, ChannelUnit b) { return of(a) < of(b); });
    double mean = 1.0;
    if (options.saliency != ChannelSaliency::taylor) {
      mean = std::accumulate(order.begin(), order.end(), 0.0, [&](double sum, ChannelUnit u) { return sum + of(u); }) /
             static_cast<double>(order.size());
    }
    const double size = static_cast<double>(order.size());
    double key = 0.0;
    for (std::size_t first = 0; first + multiple < order.size();) {
      std::size_t end = first + multiple;
      if (first == 0 && order.size() % multiple != 0) end = order.size() % multiple;
      ChannelCut cut{
          0.0,
          g,
          {order.begin() + static_cast<std::ptrdiff_t>(first), order.begin() + static_cast<std::ptrdiff_t>(end)}};
      if (options.scope == PruneScope::layer) {
        cut.key = (static_cast<double>(first + end) / 2.0) / size;
      } else {
        double sum = 0.0;
        for (const ChannelUnit unit : cut.units) sum += of(unit);
        sum /= static_cast<double>(cut.units.size());
        cut.key = key = std::max(key, mean > 0.0 ? sum / mean : 0.0);
      }
      cuts.push_back(std::move(cut));
      first = end;
    }
  }
  std::stable_sort(cuts.begin(), cuts.end(), [](const ChannelCut& a, const ChannelCut& b) { return a.key < b.key; });
  return cuts;
}

/// The fewest of the first cuts with which a model costs no more than the limit, less those that it does not take to
/// stay within it; all where none do.
template <class T>
class ChannelSearch {
public:
  ChannelSearch(const Model<T>& model, const ChannelDependencies& dependencies, std::vector<ChannelCut> cuts,
                const ModelCost<T>& cost, double limit)
      : model_(model), dependencies_(dependencies), cuts_(std::move(cuts)), cost_(cost), limit_(limit) {}

  struct Found {
    Model<T> model;
    double cost = 0.0;
    std::vector<bool> removed;
  };

  [[nodiscard]] Found run() const {
    Found best = with(cut_until(cuts_.size()));
    if (best.cost > limit_) return best;
    std::size_t low = 0;              // costs more
    std::size_t high = cuts_.size();  // does not
    while (high - low > 1) {
      const std::size_t middle = low + (high - low) / 2;
      Found found = with(cut_until(middle));
      if (found.cost <= limit_) {
        best = std::move(found);
        high = middle;
      } else {
        low = middle;
      }
    }
    return put_back(std::move(best), high);
  }

private:
  static constexpr double near_limit = 0.99;  // of it; what is left of a step that no group fits into

  [[nodiscard]] std::vector<bool> cut_until(std::size_t count) const {
    std::vector<bool> removed(dependencies_.units, false);
    for (std::size_t i = 0; i < count; ++i) set(removed, i, true);
    return removed;
  }
  void set(std::vector<bool>& removed, std::size_t cut, bool is_removed) const {
    for (const ChannelUnit unit : cuts_[cut].units) removed[static_cast<std::size_t>(unit)] = is_removed;
  }

  /// The last cut may have been of a large layer and go far below the limit. What then fits comes back, the most
  /// salient first; of a group whose widest rest does not fit no other.
  [[nodiscard]] Found put_back(Found best, std::size_t count) const {
    std::set<std::size_t> full;
    for (std::size_t i = count; i-- > 0 && best.cost < near_limit * limit_;) {
      if (full.count(cuts_[i].group) != 0) continue;
      std::vector<bool> removed = best.removed;
      set(removed, i, false);
      Found found = with(std::move(removed));
      if (found.cost <= limit_)
        best = std::move(found);
      else
        full.insert(cuts_[i].group);
    }
    return best;
  }

  [[nodiscard]] Found with(std::vector<bool> removed) const {
    Model<T> pruned = remove_channels(model_, dependencies_, removed);
    const double cost = cost_(pruned);
    return {std::move(pruned), cost, std::move(removed)};
  }

  const Model<T>& model_;
  const ChannelDependencies& dependencies_;
  std::vector<ChannelCut> cuts_;
  const ModelCost<T>& cost_;
  double limit_;
};

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
PruneChannelsResult<T> prune_channels(const Model<T>& model, const PruneChannelsOptions& options) {
  detail::validate(options);
  const ChannelDependencies dependencies = channel_dependencies(model);
  const ModelCost<T> flops = [](const Model<T>& m) { return total_work(m, 1).flops; };
  return prune_channels(model, options, dependencies, channel_saliency(model, dependencies, options.saliency), flops,
                        options.flops * flops(model));
}

template <class T>
PruneChannelsResult<T> prune_channels(const Model<T>& model, const PruneChannelsOptions& options,
                                      const ChannelDependencies& dependencies, const std::vector<double>& saliency,
                                      const ModelCost<T>& cost, double limit) {
  detail::validate(options);
  detail::refuse_quantized(model, "prune before quantizing");
  detail::refuse_not_finite(model);
  detail::expect_weighted_layers(model, options.skip);
  if (saliency.size() != dependencies.units ||
      std::any_of(saliency.begin(), saliency.end(), [](double s) { return std::isnan(s); })) {
    throw Error("saliency", "is not a number for each of " + std::to_string(dependencies.units) + " units");
  }
  std::vector<detail::ChannelCut> cuts = detail::channel_cuts(dependencies, saliency, options);
  if (cuts.empty()) {
    throw Error("model '" + model.name() + "'",
                "has no channels that can be pruned" +
                    (dependencies.fixed.empty() ? std::string()
                                                : ": those of '" + dependencies.fixed.front().layer +
                                                      "' have to stay, " + dependencies.fixed.front().reason));
  }
  auto found = detail::ChannelSearch<T>(model, dependencies, std::move(cuts), cost, limit).run();
  PruneChannelsReport report;
  for (const ChannelGroup& group : dependencies.groups) {
    const auto kept = std::count_if(group.units.begin(), group.units.end(),
                                    [&](ChannelUnit unit) { return !found.removed[static_cast<std::size_t>(unit)]; });
    report.groups.push_back({group.layer, group.tied,
                             static_cast<std::int64_t>(group.units.size()) * group.channels_of_unit,
                             static_cast<std::int64_t>(kept) * group.channels_of_unit});
  }
  report.fixed = dependencies.fixed;
  report.flops_before = total_work(model, 1).flops;
  report.flops_after = total_work(found.model, 1).flops;
  report.parameters_before = parameter_count(model);
  report.parameters_after = parameter_count(found.model);
  report.cost_before = cost(model);
  report.cost_after = found.cost;
  report.limit = limit;
  report.reached = found.cost <= limit;
  return {std::move(found.model), std::move(report)};
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(passes)
namespace fulcrum {
template PruneChannelsResult<float> prune_channels(const Model<float>& model, const PruneChannelsOptions& options);
template PruneChannelsResult<double> prune_channels(const Model<double>& model, const PruneChannelsOptions& options);
template PruneChannelsResult<float> prune_channels(const Model<float>& model, const PruneChannelsOptions& options,
                                                   const ChannelDependencies& dependencies,
                                                   const std::vector<double>& saliency, const ModelCost<float>& cost,
                                                   double limit);
template PruneChannelsResult<double> prune_channels(const Model<double>& model, const PruneChannelsOptions& options,
                                                    const ChannelDependencies& dependencies,
                                                    const std::vector<double>& saliency, const ModelCost<double>& cost,
                                                    double limit);
}  // namespace fulcrum
#endif

#endif
