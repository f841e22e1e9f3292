#pragma once
/// \file
/// Sets of channels, once a model has been followed to its end, as ChannelDependencies.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/channel_dependencies.hpp>
#include <fulcrum/analysis/detail/channel_units.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum::detail {

/// What tells groups apart: in which axes of values and parameters a unit occurs, and how often in each.
using UnitPlaces = std::vector<std::pair<std::size_t, std::size_t>>;

inline std::vector<UnitPlaces> unit_places(const ChannelDependencies& dependencies) {
  std::vector<UnitPlaces> result(dependencies.units);
  std::size_t place = 0;
  const auto add = [&](const ChannelUnits& units) {
    for (const ChannelUnit unit : units) {
      if (unit == fixed_channel) continue;
      auto& of_unit = result[static_cast<std::size_t>(unit)];
      if (of_unit.empty() || of_unit.back().first != place) of_unit.emplace_back(place, 0);
      ++of_unit.back().second;
    }
    ++place;
  };
  for (const auto& axes : dependencies.of_value) {
    for (const ChannelUnits& units : axes) add(units);
  }
  for (const ChannelAxis& axis : dependencies.axes) add(axis.units);
  return result;
}

/// The sets that are not fixed, numbered, and grouped by where they occur.
/// \param labels  [value][axis]
template <class T>
ChannelDependencies grouped_channels(const Model<T>& model, const std::vector<std::vector<UnitSets::Units>>& labels,
                                     std::vector<ChannelAxis> axes, UnitSets& sets) {
  ChannelDependencies result;
  std::vector<ChannelUnit> number(sets.size(), fixed_channel);  // of roots
  const auto renamed = [&](const UnitSets::Units& units) {
    ChannelUnits to;
    for (const std::int32_t unit : units) {
      const std::int32_t root = sets.find(unit);
      ChannelUnit& known = number[static_cast<std::size_t>(root)];
      if (sets.reason(root).empty() && known == fixed_channel) known = static_cast<ChannelUnit>(result.units++);
      to.push_back(known);
    }
    return to;
  };
  std::vector<bool> told(model.size(), false);
  for (ChannelAxis& axis : axes) {
    if (axis.use == ChannelUse::computes && !told[axis.node]) {
      for (const std::int32_t unit : axis.units) {
        if (const std::string& why = sets.reason(sets.find(unit)); !why.empty()) {
          result.fixed.push_back({model.node(axis.node).name, why});
          told[axis.node] = true;
          break;
        }
      }
    }
    axis.units = renamed(axis.units);
  }
  for (const auto& of_axes : labels) {
    std::vector<ChannelUnits>& of_value = result.of_value.emplace_back();
    for (const UnitSets::Units& units : of_axes) of_value.push_back(renamed(units));
  }
  result.axes = std::move(axes);

  const std::vector<UnitPlaces> where = unit_places(result);
  std::map<UnitPlaces, std::size_t> group_at;
  std::vector<std::size_t> group_of(result.units, static_cast<std::size_t>(-1));
  for (const ChannelAxis& axis : result.axes) {
    if (axis.use != ChannelUse::computes) continue;
    const std::string& layer = model.node(axis.node).name;
    for (const ChannelUnit unit : axis.units) {
      if (unit == fixed_channel) continue;
      std::size_t& group = group_of[static_cast<std::size_t>(unit)];
      if (group == static_cast<std::size_t>(-1)) {
        group = group_at.emplace(where[static_cast<std::size_t>(unit)], result.groups.size()).first->second;
        if (group == result.groups.size()) {
          std::int64_t channels = 1;
          for (const ChannelUnits& units : result.of_value[axis.node])
            channels = std::max<std::int64_t>(channels, std::count(units.begin(), units.end(), unit));
          result.groups.push_back({layer, {}, {}, channels});
        }
        result.groups[group].units.push_back(unit);
      }
      ChannelGroup& found = result.groups[group];
      if (found.layer != layer && (found.tied.empty() || found.tied.back() != layer)) found.tied.push_back(layer);
    }
  }
  std::vector<ChannelGroup> several;
  for (ChannelGroup& group : result.groups) {
    if (group.units.size() > 1)
      several.push_back(std::move(group));
    else
      result.fixed.push_back({group.layer, "they stand and fall together"});
  }
  result.groups = std::move(several);
  return result;
}

}  // namespace fulcrum::detail
