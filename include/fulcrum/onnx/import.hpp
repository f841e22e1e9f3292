#pragma once
/// \file
/// ONNX models in. Needs the CMake target fulcrum::onnx.

#include <string>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/onnx/import_options.hpp>

namespace fulcrum {

/// The model in an ONNX file of opset 7 to 24 (or an earlier one, for operators that have not changed since).
///
/// docs/onnx.md lists the operators. Groups of nodes that exporters write for one layer (Swish, HardSwish, GELU, layer
/// normalization, a MatMul with bias) are one layer each. DequantizeLinear of constant integers gives weights with
/// Parameter::quantization, pairs on computed values become Node::dst_quantization. Weights may be float, double,
/// float16 or bfloat16, inside the file or in others of its folder. Arithmetic on shapes and constants is folded away.
///
/// Symbolic dimensions are bound by the options; one may stay open and is the batch. A first dimension that is a number
/// (exporters write down their example's batch) is taken as the batch as well if the graph works for other batches:
/// every value keeps one row per sample, and a Reshape to (1, …) then means (batch, …). Otherwise the number stays.
/// Files that Fulcrum wrote mean what they say.
///
/// Layers are named as the nodes are, or after their output when they have no name; a name that comes twice gets a
/// number. Memory is in proportion to the file.
/// \throws Error in one sentence that names the file and the node: missing, cut short or damaged files, unsupported
///         operators (all at once), shapes that do not fit, weights that are NaN or infinite
FULCRUM_DECLARE [[nodiscard]] Model<float> import_onnx(const std::string& path, const OnnxImportOptions& options = {});

/// The model in the bytes of an ONNX file; external data is refused. See import_onnx().
FULCRUM_DECLARE [[nodiscard]] Model<float> parse_onnx(std::string_view bytes, const OnnxImportOptions& options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(onnx_import)
#include <fulcrum/onnx/import/file.hpp>
#endif
