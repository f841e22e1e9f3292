#pragma once
/// \file
/// ONNX models in. Needs the CMake target fulcrum::onnx.

#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <fulcrum/core/file.hpp>
#include <fulcrum/io/detail/onnx/import_model.hpp>
#include <fulcrum/io/onnx_import_options.hpp>

namespace fulcrum {

namespace detail {

inline Model<float> import_onnx_bytes(std::string bytes, onnx_io::ExternalFolder folder, const std::string& where,
                                      const std::string& name, const OnnxImportOptions& options) {
  const std::size_t size = bytes.size();
  try {
    ::onnx::ModelProto proto;
    if (size == 0) throw Error("", "is empty", "give a complete .onnx file");
    if (size > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
      throw Error("", "is larger than 2 GB", "export it with external data");
    }
    if (!proto.ParseFromArray(bytes.data(), static_cast<int>(size))) {
      throw Error("", "is no ONNX model, or is cut short", "give a complete .onnx file");
    }
    std::string().swap(bytes);  // the message has its own copy
    return onnx_io::import_model(proto, std::move(folder), size, name, options);
  } catch (const Error& error) {
    throw Error(where, onnx_io::phrase(error), error.remedy());
  }
}

}  // namespace detail

/// The model in an ONNX file of opset 7 to 21 (or an earlier one, for operators that have not changed since).
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
[[nodiscard]] inline Model<float> import_onnx(const std::string& path, const OnnxImportOptions& options = {}) {
  const std::size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.size() > 5 && name.ends_with(".onnx")) name.resize(name.size() - 5);
  return detail::import_onnx_bytes(read_file(path), detail::onnx_io::ExternalFolder(detail::folder_of(path)), path,
                                   name, options);
}

/// The model in the bytes of an ONNX file; external data is refused. See import_onnx().
[[nodiscard]] inline Model<float> parse_onnx(std::string_view bytes, const OnnxImportOptions& options = {}) {
  return detail::import_onnx_bytes(std::string(bytes), {}, "ONNX model", "model", options);
}

}  // namespace fulcrum
