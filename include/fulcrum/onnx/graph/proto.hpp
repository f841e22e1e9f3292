#pragma once
/// \file
/// ONNX's protobuf classes, and the bounds that the importer keeps to.

#include <cstddef>
#include <cstdint>
#include <string>

#if !defined(ONNX_ML)
#error "fulcrum's ONNX headers need the CMake target fulcrum::onnx, which says how onnx was built"
#endif
#include <onnx/onnx_pb.h>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/shape.hpp>

namespace fulcrum::detail::onnx_io {

using Proto = ::onnx::TensorProto;

inline constexpr std::int64_t max_opset = 24;  ///< the last whose operators were compared with what is imported

inline constexpr std::size_t max_rank = 32;                               ///< as in NumPy 1
inline constexpr std::int64_t max_elements = std::int64_t{1} << 40;       ///< of one value, at a batch of a few
inline constexpr std::int64_t max_setting = (std::int64_t{1} << 31) - 1;  ///< of a stride, padding, group count …

/// An Error's place and problem as one phrase, to go on with in another's sentence.
inline std::string phrase(const Error& error) {
  std::string text = error.where();
  if (!text.empty()) text += ' ';
  return text += error.problem();
}

/// \throws Error when a value of this shape could never be run
inline void expect_sane(const Shape& shape) {
  if (shape.size() > max_rank) {
    throw Error("a value", "has rank " + std::to_string(shape.size()), "use at most " + std::to_string(max_rank));
  }
  if (element_count(shape) > max_elements) {
    throw Error("a value of shape " + to_string(shape), "has more elements than any machine holds",
                "check the model's sizes");
  }
}

}  // namespace fulcrum::detail::onnx_io
