#pragma once
/// \file
/// The elements of a TensorProto: raw bytes, typed fields and external files, checked before anything is allocated.

#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include <fulcrum/core/bf16.hpp>
#include <fulcrum/onnx/graph/external_data.hpp>
#include <fulcrum/onnx/graph/proto.hpp>
#include <fulcrum/onnx/graph/weights_in_file.hpp>

namespace fulcrum::detail::onnx_io {

static_assert(std::endian::native == std::endian::little, "ONNX stores little-endian elements");

/// IEEE 754 binary16 as stored.
struct Half {
  std::uint16_t bits = 0;

  explicit operator float() const noexcept {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16U;
    const std::uint32_t exponent = (bits >> 10U) & 0x1fU;
    const std::uint32_t fraction = bits & 0x3ffU;
    if (exponent == 0) {  // zero and subnormals: fraction · 2^−24
      const float value = static_cast<float>(fraction) * 0x1p-24F;
      return sign == 0 ? value : -value;
    }
    const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
    return std::bit_cast<float>(sign | wide << 23U | fraction << 13U);
  }
};

/// "float", "int8", … as ONNX names its element types.
inline std::string element_type_name(std::int32_t type) {
  switch (type) {
    case Proto::FLOAT: return "float";
    case Proto::UINT8: return "uint8";
    case Proto::INT8: return "int8";
    case Proto::UINT16: return "uint16";
    case Proto::INT16: return "int16";
    case Proto::INT32: return "int32";
    case Proto::INT64: return "int64";
    case Proto::STRING: return "string";
    case Proto::BOOL: return "bool";
    case Proto::FLOAT16: return "float16";
    case Proto::DOUBLE: return "double";
    case Proto::UINT32: return "uint32";
    case Proto::UINT64: return "uint64";
    case Proto::BFLOAT16: return "bfloat16";
    default: return "element type " + std::to_string(type);
  }
}

inline bool is_floating(std::int32_t type) {
  return type == Proto::FLOAT || type == Proto::DOUBLE || type == Proto::FLOAT16 || type == Proto::BFLOAT16;
}

/// The shape of a tensor, with nothing absurd in it.
/// \throws Error for negative or overflowing extents
inline Shape checked_dims(const Proto& tensor) {
  if (tensor.dims_size() > static_cast<int>(max_rank)) {
    throw Error("tensor '" + tensor.name() + "'", "has rank " + std::to_string(tensor.dims_size()));
  }
  Shape dims(tensor.dims().begin(), tensor.dims().end());
  for (const std::int64_t dim : dims) {
    if (dim < 0) throw Error("tensor '" + tensor.name() + "'", "has an extent of " + std::to_string(dim));
  }
  expect_sane(dims);
  return dims;
}

template <class To, class From>
void convert_elements(const char* bytes, std::size_t count, To* dst) {
  if constexpr (std::is_same_v<From, To>) {
    if (count > 0) std::memcpy(dst, bytes, count * sizeof(To));
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    From value{};
    std::memcpy(&value, bytes + i * sizeof(From), sizeof(From));
    if constexpr (std::is_class_v<From>)
      dst[i] = static_cast<To>(static_cast<float>(value));
    else
      dst[i] = static_cast<To>(value);
  }
}

/// Calls f.template operator()<From>() with the C++ type of an element type that To can be read from: any for float,
/// integers for integers (so that no float is cast to an integer it does not fit).
template <class To, class F>
void with_element_type(std::int32_t type, const std::string& name, F&& f) {
  switch (type) {
    case Proto::UINT8:
    case Proto::BOOL: return f.template operator()<std::uint8_t>();
    case Proto::INT8: return f.template operator()<std::int8_t>();
    case Proto::UINT16: return f.template operator()<std::uint16_t>();
    case Proto::INT16: return f.template operator()<std::int16_t>();
    case Proto::INT32: return f.template operator()<std::int32_t>();
    case Proto::UINT32: return f.template operator()<std::uint32_t>();
    case Proto::INT64: return f.template operator()<std::int64_t>();
    case Proto::UINT64: return f.template operator()<std::uint64_t>();
    default: break;
  }
  if constexpr (std::is_floating_point_v<To>) {
    switch (type) {
      case Proto::FLOAT: return f.template operator()<float>();
      case Proto::DOUBLE: return f.template operator()<double>();
      case Proto::FLOAT16: return f.template operator()<Half>();
      case Proto::BFLOAT16: return f.template operator()<bf16>();
      default: break;
    }
  }
  throw Error("tensor '" + name + "'", "is of type " + element_type_name(type) + ", which does not fit its use",
              std::is_floating_point_v<To> ? "store it as float32" : "store it as integers");
}

/// Reads elements out of a repeated field into dst. The narrow types (bits of float16 among them) sit in int32_data.
template <class To, class From, class Field>
void convert_field(const Field& field, To* dst) {
  using Stored = typename Field::value_type;
  for (const Stored stored : field) {
    if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, bf16>) {
      From value;
      value.bits = static_cast<std::uint16_t>(stored);
      *dst++ = static_cast<To>(static_cast<float>(value));
    } else {
      *dst++ = static_cast<To>(static_cast<From>(stored));
    }
  }
}

/// The files that elements may lie in.
struct TensorFiles {
  ExternalFolder folder;  ///< beside the model
  WeightsInFile weights;  ///< the model's own
};

/// Writes the elements of a tensor, in row-major order, to where allocate(count) says.
///
/// The stored data is measured against the shape before that call, so a header alone cannot make this take memory.
/// \throws Error when the number of elements stored is not that of the shape, or the type cannot be read as To
template <class To, class Allocate>
void decode(const Proto& tensor, const TensorFiles& files, Allocate&& allocate) {
  const auto count = static_cast<std::size_t>(element_count(checked_dims(tensor)));
  const std::int32_t type = tensor.data_type();
  const auto expect_count = [&](std::size_t stored, std::size_t wanted, const char* unit) {
    if (stored == wanted) return;
    std::string what = "stores ";
    what.append(std::to_string(stored)).append(" ").append(unit).append(" for a shape ");
    what.append(to_string(Shape(tensor.dims().begin(), tensor.dims().end()))).append(" of type ");
    throw Error("tensor '" + tensor.name() + "'", what.append(element_type_name(type)),
                "the file is damaged; export it again");
  };

  with_element_type<To>(type, tensor.name(), [&]<class From>() {
    const auto take_bytes = [&](std::string_view bytes) {
      expect_count(bytes.size(), count * sizeof(From), "byte(s)");
      convert_elements<To, From>(bytes.data(), count, allocate(count));
    };
    const auto take_field = [&](const auto& field) {
      expect_count(static_cast<std::size_t>(field.size()), count, "element(s)");
      convert_field<To, From>(field, allocate(count));
    };
    // What a file holds goes to its place at once where it need not be converted.
    std::string bytes;
    const auto place = [&]() -> char* {
      if constexpr (std::is_same_v<From, To>) return reinterpret_cast<char*>(allocate(count));
      bytes.resize(count * sizeof(From));
      return bytes.data();
    };
    const auto convert_placed = [&] {
      if constexpr (!std::is_same_v<From, To>) convert_elements<To, From>(bytes.data(), count, allocate(count));
    };
    if (tensor.data_location() == Proto::EXTERNAL) {
      files.folder.read(tensor, count * sizeof(From), place);
      convert_placed();
    } else if (const FileRange* const range = files.weights.find(tensor)) {
      expect_count(range->bytes, count * sizeof(From), "byte(s)");
      files.weights.read(*range, place());
      convert_placed();
    } else if (tensor.has_raw_data()) {
      take_bytes(tensor.raw_data());
    } else if constexpr (std::is_same_v<From, float>) {
      take_field(tensor.float_data());
    } else if constexpr (std::is_same_v<From, double>) {
      take_field(tensor.double_data());
    } else if constexpr (std::is_same_v<From, std::int64_t>) {
      take_field(tensor.int64_data());
    } else if constexpr (std::is_same_v<From, std::uint64_t> || std::is_same_v<From, std::uint32_t>) {
      take_field(tensor.uint64_data());
    } else {
      take_field(tensor.int32_data());
    }
  });
}

}  // namespace fulcrum::detail::onnx_io
