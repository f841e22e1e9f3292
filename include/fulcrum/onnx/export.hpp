#pragma once
/// \file
/// ONNX models out. Needs the CMake target fulcrum::onnx.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// The bytes of an ONNX file. The same model gives the same bytes.
/// \throws Error when the model has no output, does not fit together or is larger than 2 GB
FULCRUM_DECLARE [[nodiscard]] std::string serialize_onnx(const Model<float>& model);

/// Writes an ONNX file (opset 13, or the first that has the operators used), atomically.
///
/// Weights with a quantization are stored as int8 with a DequantizeLinear (per channel along the output channels), the
/// bias beside them as int32 where the source is quantized too; each Node::dst_quantization becomes a QuantizeLinear
/// and DequantizeLinear pair. Pruned weights are zeros, and the metadata "fulcrum.pruned" lists the initializers whose
/// zeros are a mask. The batch is the symbolic dimension "N". Swish and GELU, which opset 13 lacks, are written as the
/// nodes that import_onnx() recognises.
///
/// Inputs and constants have their element type. Layers that ONNX defines for 32-bit and 64-bit integers, or for any
/// type, keep it; before all others stands a Cast to float, as one to int64 stands before indices and one to bool
/// before conditions. What ONNX has no operator for becomes several: a transposed or scaled MatMul, normalization over
/// groups of channels, a remainder of floats.
///
/// import_onnx() gives the model back except for what the format cannot say: quantized weights and biases come back
/// rounded, a kept weight that is 0 counts as pruned, constants stand before their first use. A second export has the
/// same bytes as the first.
/// \throws Error when the model cannot be written in ONNX or the file cannot be written
FULCRUM_DECLARE void export_onnx(const Model<float>& model, const std::string& path);

}  // namespace fulcrum

#if FULCRUM_DEFINES(onnx_export)
#include <fulcrum/onnx/export/model.hpp>
#endif
