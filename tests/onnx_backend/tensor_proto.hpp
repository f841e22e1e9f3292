#pragma once
/// \file
/// ONNX's tensor messages as the backend suite stores them, read by the protobuf API alone: what the importer thinks of
/// them is what is tested.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

#include <onnx/onnx_pb.h>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/error.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum::backend_test {

using Proto = ::onnx::TensorProto;

/// A tensor of the suite: its numbers, whatever they are stored as, and what they stand for.
struct Value {
  ElementType element = ElementType::f32;
  Tensor<double> numbers;
};

/// Nothing for types that are no numbers and no truth values.
inline std::optional<ElementType> element_type(std::int32_t type) {
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

/// The number that 16 bits are as an IEEE 754 half.
inline double from_half_bits(std::uint16_t bits) {
  const int exponent = (bits >> 10U) & 0x1f;
  const double mantissa = bits & 0x3ff;
  double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024.0, exponent - 25);
  if (exponent == 0x1f) {
    magnitude = mantissa == 0.0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  }
  return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
}

/// The number that 16 bits are as the upper half of a float.
inline double from_bf16_bits(std::uint16_t bits) {
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U));
}

namespace detail {

/// `count` elements of type Stored out of raw bytes (little-endian, as this machine's are).
template <class Stored, class Convert>
void read_raw(const std::string& bytes, Tensor<double>& numbers, Convert&& convert) {
  if (bytes.size() != numbers.flat().size() * sizeof(Stored)) {
    throw Error("a tensor of " + std::to_string(numbers.flat().size()) + " elements",
                "has " + std::to_string(bytes.size()) + " B of data");
  }
  for (std::size_t i = 0; i < numbers.flat().size(); ++i) {
    Stored stored{};
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    numbers.flat()[i] = convert(stored);
  }
}

/// The same out of a repeated field.
template <class Field, class Convert>
void read_field(const Field& field, Tensor<double>& numbers, Convert&& convert) {
  if (static_cast<std::size_t>(field.size()) != numbers.flat().size()) {
    throw Error("a tensor of " + std::to_string(numbers.flat().size()) + " elements",
                "has " + std::to_string(field.size()) + " values");
  }
  for (std::size_t i = 0; i < numbers.flat().size(); ++i) {
    numbers.flat()[i] = convert(field.Get(static_cast<int>(i)));
  }
}

/// Elements of type Stored from where this message has them.
template <class Stored, class Field, class Convert>
void read_elements(const Proto& proto, const Field& field, Tensor<double>& numbers, Convert&& convert) {
  if (proto.has_raw_data()) {
    read_raw<Stored>(proto.raw_data(), numbers, convert);
  } else {
    read_field(field, numbers, [&](auto v) { return convert(static_cast<Stored>(v)); });
  }
}

}  // namespace detail

/// \throws Error when the message is of another type than numbers and truth values, or its data are not as many as its
///         shape says
inline Value value_of(const Proto& proto) {
  const std::optional<ElementType> element = element_type(proto.data_type());
  if (!element) throw Error("a tensor", "is of element type " + std::to_string(proto.data_type()));
  // No tensor of the suite is larger; a damaged shape must not ask for all memory.
  constexpr std::int64_t most = std::int64_t{1} << 28;
  const Shape shape(proto.dims().begin(), proto.dims().end());
  if (element_count(shape) > most) throw Error("a tensor of shape " + to_string(shape), "is too large");
  Value value{*element, Tensor<double>(shape)};
  Tensor<double>& numbers = value.numbers;
  const auto number = [](auto v) { return static_cast<double>(v); };
  using detail::read_elements;
  switch (*element) {
    case ElementType::f32: read_elements<float>(proto, proto.float_data(), numbers, number); break;
    case ElementType::f64: read_elements<double>(proto, proto.double_data(), numbers, number); break;
    case ElementType::f16: read_elements<std::uint16_t>(proto, proto.int32_data(), numbers, from_half_bits); break;
    case ElementType::bf16: read_elements<std::uint16_t>(proto, proto.int32_data(), numbers, from_bf16_bits); break;
    case ElementType::s8: read_elements<std::int8_t>(proto, proto.int32_data(), numbers, number); break;
    case ElementType::s16: read_elements<std::int16_t>(proto, proto.int32_data(), numbers, number); break;
    case ElementType::s32: read_elements<std::int32_t>(proto, proto.int32_data(), numbers, number); break;
    case ElementType::s64: read_elements<std::int64_t>(proto, proto.int64_data(), numbers, number); break;
    case ElementType::u8: read_elements<std::uint8_t>(proto, proto.int32_data(), numbers, number); break;
    case ElementType::u16: read_elements<std::uint16_t>(proto, proto.int32_data(), numbers, number); break;
    case ElementType::u32: read_elements<std::uint32_t>(proto, proto.uint64_data(), numbers, number); break;
    case ElementType::u64: read_elements<std::uint64_t>(proto, proto.uint64_data(), numbers, number); break;
    case ElementType::boolean:
      read_elements<std::uint8_t>(proto, proto.int32_data(), numbers,
                                  [](std::uint8_t v) { return v != 0 ? 1.0 : 0.0; });
      break;
  }
  return value;
}

/// A value of a data set as the graph declares it. Data and graph of the suite do not always agree: bfloat16 numbers
/// are stored as the 16-bit integers that have their bits, and one number stands for a tensor of which only the type
/// counts.
inline Value declared(Value value, const ::onnx::TypeProto& type) {
  const auto& tensor = type.tensor_type();
  if (tensor.elem_type() == Proto::BFLOAT16 && value.element == ElementType::u16) {
    value.element = ElementType::bf16;
    for (double& number : value.numbers.flat()) number = from_bf16_bits(static_cast<std::uint16_t>(number));
  }
  Shape shape;
  for (const auto& dim : tensor.shape().dim()) shape.push_back(dim.dim_value());
  if (value.numbers.dims() == Shape{1} && shape.size() > 1)
    value.numbers = Tensor<double>(shape, value.numbers.flat()[0]);
  return value;
}

}  // namespace fulcrum::backend_test
