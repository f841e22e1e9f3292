#pragma once
/// \file
/// One layer as ONNX nodes. The last node carries the layer's name, and so does the value it computes, unless the
/// family's header says otherwise.

#include <algorithm>
#include <cstdint>
#include <variant>

#include <fulcrum/onnx/export/activation.hpp>
#include <fulcrum/onnx/export/arithmetic.hpp>
#include <fulcrum/onnx/export/indexed.hpp>
#include <fulcrum/onnx/export/movement.hpp>
#include <fulcrum/onnx/export/normalization.hpp>
#include <fulcrum/onnx/export/recurrent.hpp>
#include <fulcrum/onnx/export/reduce.hpp>
#include <fulcrum/onnx/export/window.hpp>

namespace fulcrum::detail::onnx_io {

/// Sums and products came first, then extremes.
[[nodiscard]] inline std::int64_t first_opset_of(ScatterKind function) {
  if (function == ScatterKind::replace) return 13;
  return function == ScatterKind::add || function == ScatterKind::mul ? 16 : 18;
}

/// The first opset that has all operators the layer is written with; 13 has those that are not named here.
[[nodiscard]] inline std::int64_t first_opset(const Layer<float>& layer) {
  if (const auto* activation = std::get_if<Activation>(&layer)) {
    if (activation->function == ActivationKind::mish) return 18;
    return activation->function == ActivationKind::hard_swish ? 14 : 13;
  }
  if (const auto* reshape = std::get_if<Reshape>(&layer)) return reshape->allow_zero ? 14 : 13;
  if (std::holds_alternative<LayerNormalization<float>>(layer)) return 17;
  if (const auto* pool = std::get_if<Pool>(&layer)) {
    const bool dilated = pool->window.dilation != Extent2{1, 1} || pool->window.depth.dilation != 1;
    return dilated && pool->pool == PoolKind::average ? 19 : 13;
  }
  if (const auto* binary = std::get_if<Binary>(&layer)) {
    const bool bitwise = binary->function == BinaryKind::bit_and || binary->function == BinaryKind::bit_or ||
                         binary->function == BinaryKind::bit_xor;
    return bitwise ? 18 : 13;
  }
  if (const auto* scatter = std::get_if<ScatterElements>(&layer)) return first_opset_of(scatter->function);
  if (const auto* scatter = std::get_if<ScatterND>(&layer)) return first_opset_of(scatter->function);
  if (std::holds_alternative<CumSum>(layer)) return 14;
  if (std::holds_alternative<GridSample>(layer)) return 20;  // the names of modes changed
  if (std::holds_alternative<RoiAlign>(layer)) return 16;
  if (const auto* pad = std::get_if<Pad>(&layer)) return pad->mode == PadKind::wrap ? 19 : 13;
  if (const auto* resize = std::get_if<Resize>(&layer)) {
    if (resize->coordinates == ResizeCoordinates::half_pixel_symmetric) return 19;
    const bool names_axes = std::find(resize->sizes.begin(), resize->sizes.end(), -1) != resize->sizes.end();
    const bool one_scale = !resize->sizes.empty() && resize->aspect != ResizeAspect::stretch;
    return names_axes || one_scale || resize->antialias ? 18 : 13;
  }
  return 13;
}

/// Inputs are declared by the graph.
inline void export_layer(ExportContext& context, const Input& layer) { context.define(layer.element); }

/// Whose meaning no other program knows.
inline void export_layer(ExportContext& /*context*/, const Custom& layer) {
  const std::string name = layer.function ? layer.function->name : std::string(Custom::kind);
  throw Error("its function", "is '" + name + "' of your own, which ONNX has no operator for",
              "write it with the library's layers, or export the model without it");
}

/// Written where it is first used, in the type it is used in. Constants of floating types other than f32 become f32.
inline void export_layer(ExportContext& context, const fulcrum::Constant<float>& layer) {
  context.define(is_floating(layer.element) ? ElementType::f32 : layer.element);
}

/// Writes the nodes of the layer whose turn it is. Each layer has its overload of export_layer().
inline void write_layer(ExportContext& context, const Layer<float>& layer) {
  if (is_part_of_recurrent(context, context.id()) || is_part_of_max_pool(context, context.id())) return;
  visit_layer([&](const auto& l) { export_layer(context, l); }, layer);
}

}  // namespace fulcrum::detail::onnx_io
