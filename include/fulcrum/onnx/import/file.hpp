#pragma once
/// \file
/// From the bytes of an ONNX file to a Model.

#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <fulcrum/core/file.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/onnx/import/model.hpp>
#include <fulcrum/onnx/import_options.hpp>

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

FULCRUM_DEFINE Model<float> import_onnx(const std::string& path, const OnnxImportOptions& options) {
  const std::size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.size() > 5 && name.ends_with(".onnx")) name.resize(name.size() - 5);
  return detail::import_onnx_bytes(read_file(path), detail::onnx_io::ExternalFolder(detail::folder_of(path)), path,
                                   name, options);
}

FULCRUM_DEFINE Model<float> parse_onnx(std::string_view bytes, const OnnxImportOptions& options) {
  return detail::import_onnx_bytes(std::string(bytes), {}, "ONNX model", "model", options);
}

}  // namespace fulcrum
