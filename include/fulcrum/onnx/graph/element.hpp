#pragma once
/// \file
/// ONNX's element types and ours.

#include <optional>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/onnx/graph/proto.hpp>

namespace fulcrum::detail::onnx_io {

/// Nothing for types that no value of a model can have (strings, complex numbers, 4-bit and 8-bit floats).
inline std::optional<ElementType> element_of(std::int32_t type) {
  switch (type) {
    case Proto::FLOAT: return ElementType::f32;
    case Proto::DOUBLE: return ElementType::f64;
    case Proto::FLOAT16: return ElementType::f16;
    case Proto::BFLOAT16: return ElementType::bf16;
    case Proto::INT8: return ElementType::s8;
    case Proto::INT16: return ElementType::s16;
    case Proto::INT32: return ElementType::s32;
    case Proto::INT64: return ElementType::s64;
    case Proto::UINT8: return ElementType::u8;
    case Proto::UINT16: return ElementType::u16;
    case Proto::UINT32: return ElementType::u32;
    case Proto::UINT64: return ElementType::u64;
    case Proto::BOOL: return ElementType::boolean;
    default: return std::nullopt;
  }
}

inline std::int32_t proto_type_of(ElementType element) {
  switch (element) {
    case ElementType::f32: return Proto::FLOAT;
    case ElementType::f64: return Proto::DOUBLE;
    case ElementType::f16: return Proto::FLOAT16;
    case ElementType::bf16: return Proto::BFLOAT16;
    case ElementType::s8: return Proto::INT8;
    case ElementType::s16: return Proto::INT16;
    case ElementType::s32: return Proto::INT32;
    case ElementType::s64: return Proto::INT64;
    case ElementType::u8: return Proto::UINT8;
    case ElementType::u16: return Proto::UINT16;
    case ElementType::u32: return Proto::UINT32;
    case ElementType::u64: return Proto::UINT64;
    case ElementType::boolean: return Proto::BOOL;
  }
  return Proto::UNDEFINED;
}

}  // namespace fulcrum::detail::onnx_io
