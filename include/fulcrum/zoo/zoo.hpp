#pragma once
/// \file
/// The networks that can be had by name ("zoo:fashion_cnn" for the tool).

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/zoo/fashion_cnn.hpp>
#include <fulcrum/zoo/mlp.hpp>

namespace fulcrum {

/// One network of the zoo.
struct ZooEntry {
  std::string_view name;
  std::string_view description;
  Model<float> (*build)(std::uint64_t seed);  ///< with seeded, untrained weights
};

/// Every network of the zoo. To add one: write its header and its line here.
inline constexpr std::array zoo_entries{
    ZooEntry{"fashion_cnn", "two convolutions and two dense layers for 28×28 grey images", &fashion_cnn<float>},
    ZooEntry{"mlp", "three dense layers for 28×28 grey images", &mlp<float>},
};

[[nodiscard]] inline std::vector<std::string> zoo_names() {
  std::vector<std::string> names;
  for (const ZooEntry& entry : zoo_entries) names.emplace_back(entry.name);
  return names;
}

/// A network with untrained weights.
/// \param seed  of the weights: the same seed gives the same model
/// \throws Error when the zoo has no such network; it lists those that are there
[[nodiscard]] inline Model<float> zoo_model(const std::string& name, std::uint64_t seed = 0) {
  std::string known;
  for (const ZooEntry& entry : zoo_entries) {
    if (entry.name == name) return entry.build(seed);
    known.append(known.empty() ? "" : ", ").append(entry.name);
  }
  throw Error("zoo:" + name, "is not in the zoo", "the zoo has: " + known);
}

}  // namespace fulcrum
