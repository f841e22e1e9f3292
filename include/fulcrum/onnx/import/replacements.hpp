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
    Replacement{"BitShift", "Mul or Div by powers of two"},
    Replacement{"CumSum", "MatMul with a triangular matrix of ones"},
    Replacement{"Einsum", "Transpose and MatMul"},
    Replacement{"GatherElements", "Gather, or Where with a mask"},
    Replacement{"GatherND", "Gather of a Reshape"},
    Replacement{"GridSample", "Resize, or sampling before the model"},
    Replacement{"Hardmax", "ArgMax"},
    Replacement{"If", "an export with the branch chosen"},
    Replacement{"IsInf", "Equal with a constant"},
    Replacement{"IsNaN", "Not of Equal with itself"},
    Replacement{"Loop", "an export with the loop unrolled"},
    Replacement{"LpNormalization", "ReduceL2 and Div"},
    Replacement{"MaxRoiPool", "cropping before the model"},
    Replacement{"MaxUnpool", "Resize or ConvTranspose"},
    Replacement{"NonMaxSuppression", "suppression after the model"},
    Replacement{"NonZero", "Where with a mask"},
    Replacement{"OneHot", "Gather from an identity matrix"},
    Replacement{"RandomNormal", "noise as an input of the model"},
    Replacement{"RandomNormalLike", "noise as an input of the model"},
    Replacement{"RandomUniform", "noise as an input of the model"},
    Replacement{"RandomUniformLike", "noise as an input of the model"},
    Replacement{"RoiAlign", "cropping and Resize"},
    Replacement{"Scan", "LSTM, GRU or RNN, or an export with the loop unrolled"},
    Replacement{"ScatterElements", "Where with a mask"},
    Replacement{"ScatterND", "Where with a mask, or Concat of slices"},
    Replacement{"StringNormalizer", "text processing before the model"},
    Replacement{"TfIdfVectorizer", "text processing before the model"},
    Replacement{"TopK", "ArgMax, or sorting after the model"},
    Replacement{"Trilu", "Mul or Where with a constant triangle"},
    Replacement{"Unique", "sorting after the model"},
};

/// What to use instead of the node's operator; empty when nothing is known.
inline std::string_view replacement_for(const GraphNode& node) {
  if (!node.domain.empty()) return "ONNX's own operators: export without the runtime's own optimizations";
  const auto* at = std::find_if(replacements.begin(), replacements.end(),
                                [&](const Replacement& replacement) { return replacement.type == node.type; });
  return at == replacements.end() ? std::string_view{} : at->instead;
}

}  // namespace fulcrum::detail::onnx_io
