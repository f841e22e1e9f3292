#pragma once
/// \file
/// What is compared with ONNX Runtime: networks, batches and precisions.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/error.hpp>

#include "networks.hpp"

namespace fulcrum::peers {

/// Our precision against one of theirs.
struct Comparison {
  Precision ours = Precision::f32;
  Precision theirs = Precision::f32;
  double tolerance = 0.0;  ///< how far outputs of both sides on our model may be apart, as a part of the largest one

  friend bool operator==(const Comparison&, const Comparison&) = default;
};

// ONNX Runtime has no bf16 kernels for x86 CPUs: bf16 stands against its f32. In int8 a sum on a rounding boundary may
// fall to either side, which later layers carry to the output.
inline constexpr Comparison f32_to_f32{Precision::f32, Precision::f32, 1e-4};
inline constexpr Comparison bf16_to_f32{Precision::bf16, Precision::f32, 5e-2};
inline constexpr Comparison int8_to_int8{Precision::int8, Precision::int8, 5e-2};
inline constexpr Comparison int8_to_f32{Precision::int8, Precision::f32, 5e-2};

/// "int8 / f32": ours, theirs.
[[nodiscard]] inline std::string to_string(const Comparison& comparison) {
  std::string text(name_of(comparison.ours));
  text.append(" / ").append(name_of(comparison.theirs));
  return text;
}

/// Extents of symbolic dimensions, by the name that a file gives them.
using Dims = std::map<std::string, std::int64_t>;

/// One row of the table.
struct Case {
  std::string network;  ///< of the zoo, or the name of a file without its folder and ".onnx"
  std::int64_t batch = 1;
  Comparison comparison;
  std::string file{};  ///< an ONNX file of the user's; empty: the network is the zoo's
  Dims dims{};         ///< of the file

  friend bool operator==(const Case&, const Case&) = default;
};

[[nodiscard]] inline std::string to_string(const Case& c) {
  return c.network + ", batch " + std::to_string(c.batch) + ", " + to_string(c.comparison);
}

/// What the user wants to see. Empty: what is usual.
struct Selection {
  std::vector<std::string> networks;
  std::vector<std::int64_t> batches;  ///< each ≥ 1
  std::vector<Precision> precisions;  ///< ours
  std::vector<std::string> files{};   ///< ONNX files; with any and no networks, only they are compared
  Dims dims{};                        ///< bound in all files; one dimension may stay open and is the batch
};

/// \throws Error when one is no NAME=EXTENT
[[nodiscard]] inline Dims dims_from(const std::vector<std::string>& texts) {
  Dims dims;
  for (const std::string& text : texts) {
    const std::size_t at = text.rfind('=');
    std::int64_t extent = 0;
    if (at != std::string::npos) std::from_chars(text.data() + at + 1, text.data() + text.size(), extent);
    if (extent < 1) throw Error("--dim " + text, "is no NAME=EXTENT", "for example --dim width=320");
    dims[text.substr(0, at)] = extent;
  }
  return dims;
}

inline constexpr std::array<std::string_view, 10> usual_networks{
    "resnet50",    "mobilenet_v2", "squeezenet1_1", "bert_base",  "fashion_cnn",
    "speech_lstm", "lstm",         "gru",           "gru_linear", "bidirectional_lstm"};

/// Batches of a network when none are asked for.
[[nodiscard]] inline std::vector<std::int64_t> usual_batches(std::string_view network) {
  const bool recurs =
      std::find(recurrent_networks.begin(), recurrent_networks.end(), network) != recurrent_networks.end();
  if (network == "bert_base" || network == "speech_lstm" || recurs) return {1};
  if (network == "fashion_cnn" || network == "mlp") return {1, 64};
  return {1, 16};
}

/// \throws Error when there is no such network, a file is not there or a batch is below 1
inline void validate(const Selection& selection) {
  const std::vector<std::string> known = network_names();
  for (const std::string& network : selection.networks) {
    if (std::find(known.begin(), known.end(), network) != known.end()) continue;
    std::string names;
    for (const std::string& name : known) names.append(names.empty() ? "" : ", ").append(name);
    throw Error("--networks: '" + network + "'", "is no network of the comparison", "there are: " + names);
  }
  for (const std::string& file : selection.files) {
    if (!std::filesystem::is_regular_file(file)) throw Error("--files: '" + file + "'", "is no file");
  }
  for (const std::int64_t batch : selection.batches) {
    if (batch < 1) throw Error("--batches", "has " + std::to_string(batch), "give numbers of 1 or more");
  }
}

/// Whether a network has layers that a quantization pass is about.
[[nodiscard]] inline bool quantizes(std::string_view network) {
  return std::find(recurrent_networks.begin(), recurrent_networks.end(), network) == recurrent_networks.end();
}

/// Every case of a selection, a network's cases side by side.
[[nodiscard]] inline std::vector<Case> selected_cases(const Selection& selection) {
  const auto wanted = [&](Precision precision) {
    const std::vector<Precision>& precisions = selection.precisions;
    return precisions.empty() || std::find(precisions.begin(), precisions.end(), precision) != precisions.end();
  };
  std::vector<std::string> networks = selection.networks;
  if (networks.empty() && selection.files.empty()) networks.assign(usual_networks.begin(), usual_networks.end());
  std::vector<Case> cases;
  for (const std::string& network : networks) {
    std::vector<Comparison> comparisons{f32_to_f32, bf16_to_f32};
    if (quantizes(network)) comparisons.push_back(int8_to_int8);
    if (network == "bert_base" || network == "fashion_cnn") comparisons.push_back(int8_to_f32);
    for (const std::int64_t batch : selection.batches.empty() ? usual_batches(network) : selection.batches) {
      for (const Comparison& comparison : comparisons) {
        if (wanted(comparison.ours)) cases.push_back({network, batch, comparison});
      }
    }
  }
  for (const std::string& file : selection.files) {
    const std::string name = std::filesystem::path(file).stem().string();
    for (const std::int64_t batch : selection.batches.empty() ? std::vector<std::int64_t>{1} : selection.batches) {
      for (const Comparison& comparison : {f32_to_f32, bf16_to_f32, int8_to_int8}) {
        if (wanted(comparison.ours)) cases.push_back({name, batch, comparison, file, selection.dims});
      }
    }
  }
  return cases;
}

/// The executor against its own steps: resnet50 unless networks or files are asked for; of a comparison only our side
/// counts.
[[nodiscard]] inline std::vector<Case> selected_step_cases(Selection selection) {
  if (selection.networks.empty() && selection.files.empty()) selection.networks = {"resnet50"};
  std::vector<Case> cases;
  for (const Case& c : selected_cases(selection)) {
    const bool twice = std::any_of(cases.begin(), cases.end(), [&](const Case& other) {
      return other.network == c.network && other.batch == c.batch && other.comparison.ours == c.comparison.ours;
    });
    if (!twice) cases.push_back(c);
  }
  return cases;
}

}  // namespace fulcrum::peers
