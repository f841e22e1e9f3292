#pragma once
/// \file
/// What would stand in for the operators that are not supported.

#include <algorithm>
#include <array>
#include <string_view>

#include <fulcrum/onnx/graph/graph.hpp>

namespace fulcrum::detail::onnx_io {

struct Replacement {
  std::string_view type;
  std::string_view instead;  ///< completes "use …"
};

inline constexpr std::array replacements{
    Replacement{"MaxRoiPool", "cropping before the model"},
    Replacement{"RandomNormal", "noise as an input of the model"},
    Replacement{"RandomNormalLike", "noise as an input of the model"},
    Replacement{"RandomUniform", "noise as an input of the model"},
    Replacement{"RandomUniformLike", "noise as an input of the model"},
    Replacement{"StringNormalizer", "text processing before the model"},
    Replacement{"TfIdfVectorizer", "text processing before the model"},
    Replacement{"Unique", "TopK, or sorting after the model"},
};

/// What to use instead of the node's operator; empty when nothing is known.
inline std::string_view replacement_for(const GraphNode& node) {
  if (!node.domain.empty()) return "ONNX's own operators: export without the runtime's own optimizations";
  const auto* at = std::find_if(replacements.begin(), replacements.end(),
                                [&](const Replacement& replacement) { return replacement.type == node.type; });
  return at == replacements.end() ? std::string_view{} : at->instead;
}

}  // namespace fulcrum::detail::onnx_io
