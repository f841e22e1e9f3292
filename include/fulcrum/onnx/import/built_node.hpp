#pragma once
/// \file
/// A layer of a model in the making, and what its weights' quantization is brought to.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include <fulcrum/model/model.hpp>
#include <fulcrum/onnx/graph/traced.hpp>

namespace fulcrum::detail::onnx_io {

/// A layer of the model in the making.
struct BuiltNode {
  Node<float> node;
  TracedShape shape;
  ElementType element = ElementType::f32;
  bool from_input = false;   ///< depends on an input of the graph
  bool computed = false;     ///< is only known at run time
  bool only_rounds = false;  ///< a QuantizeLinear and DequantizeLinear pair, to be merged into its source
  /// Stands for a value that varies with the batch (a shape, say): `known` holds it, and no layer can.
  bool is_traced = false;
  bool used_as_constant = false;              ///< an input whose known value became a part of the model
  std::shared_ptr<const TracedTensor> known;  ///< the value, where it is known or was evaluated
};

/// The quantization of weights: u8 around 128 is s8 around 0, which integer kernels take. Any other map stays as it is,
/// so that an export has the file's integers again; such layers run in float.
inline void normalize_weights_quantization(std::optional<Quantization>& q) {
  if (!q || q->dtype != DType::u8) return;
  if (std::any_of(q->zero_point.begin(), q->zero_point.end(), [](std::int32_t z) { return z != 128; })) return;
  for (std::int32_t& zero_point : q->zero_point) zero_point = 0;
  q->dtype = DType::s8;
}

}  // namespace fulcrum::detail::onnx_io
