#pragma once
/// \file
/// From an ONNX file, or the bytes of one, to a Model.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <google/protobuf/io/zero_copy_stream_impl.h>

#include <fulcrum/core/file.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/onnx/import/model.hpp>
#include <fulcrum/onnx/import_options.hpp>

namespace fulcrum {

namespace detail {

/// \param size   [B] of what parse(message, files) reads, which says whether it is a message
template <class Parse>
Model<float> import_onnx_message(std::size_t size, const Parse& parse, onnx_io::TensorFiles files,
                                 const std::string& where, const std::string& name, const OnnxImportOptions& options) {
  try {
    ::onnx::ModelProto proto;
    if (size == 0) throw Error("", "is empty", "give a complete .onnx file");
    if (size > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
      throw Error("", "is larger than 2 GB", "export it with external data");
    }
    if (!parse(proto, files)) throw Error("", "is no ONNX model, or is cut short", "give a complete .onnx file");
    if (!options.outputs.empty()) onnx_io::end_graph_at(*proto.mutable_graph(), options.outputs);
    return onnx_io::import_model(proto, std::move(files), size, name, options);
  } catch (const Error& error) {
    throw Error(where, onnx_io::phrase(error), error.remedy());
  }
}

inline Model<float> import_onnx_bytes(std::string_view bytes, onnx_io::TensorFiles files, const std::string& where,
                                      const std::string& name, const OnnxImportOptions& options) {
  const auto parse = [&](::onnx::ModelProto& proto, const onnx_io::TensorFiles& /*files*/) {
    return proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  };
  return import_onnx_message(bytes.size(), parse, std::move(files), where, name, options);
}

}  // namespace detail

FULCRUM_DEFINE Model<float> import_onnx(const std::string& path, const OnnxImportOptions& options) {
  const std::size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.size() > 5 && name.ends_with(".onnx")) name.resize(name.size() - 5);
  detail::onnx_io::TensorFiles files{detail::onnx_io::ExternalFolder(detail::folder_of(path)), {}};
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))  // a pipe has no size to begin with
    return detail::import_onnx_bytes(read_file(path, std::size_t{1} << 31U), std::move(files), path, name, options);
  const auto file = std::make_shared<const detail::FileDescriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file->valid()) detail::cannot_read(path, errno);
  const auto parse = [&](::onnx::ModelProto& proto, detail::onnx_io::TensorFiles& where) {
    // Large weights go from the file to the model's tensors at once.
    using Weights = detail::onnx_io::WeightsInFile;
    if (std::optional<Weights> weights = Weights::parse(file, static_cast<std::uint64_t>(status.st_size), proto)) {
      where.weights = std::move(*weights);
      return true;
    }
    proto.Clear();
    static_cast<void>(::lseek(file->get(), 0, SEEK_SET));
    // Piece by piece into the message, so that the weights are in memory once before they are the model's.
    constexpr int piece = 1 << 18;  // [B]
    google::protobuf::io::FileInputStream stream(file->get(), piece);
    const bool parsed = proto.ParseFromZeroCopyStream(&stream);
    if (stream.GetErrno() == 0) return parsed;
    std::string what = "cannot be read (";
    throw Error("", what.append(std::strerror(stream.GetErrno())).append(")"), "check the disk");
  };
  return detail::import_onnx_message(static_cast<std::size_t>(status.st_size), parse, std::move(files), path, name,
                                     options);
}

FULCRUM_DEFINE Model<float> parse_onnx(std::string_view bytes, const OnnxImportOptions& options) {
  return detail::import_onnx_bytes(bytes, {}, "ONNX model", "model", options);
}

}  // namespace fulcrum
