#pragma once
/// \file
/// NumPy's .npy files in and out (NEP 1: magic, version, header length, a Python dictionary, the elements).
///
/// xtensor's xnpy reads the header's length through signed characters, wants the dictionary's keys in one order,
/// allocates what the header claims and never notices a short file, so the format (forty bytes of it) is read here.

#include <bit>
#include <string>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

namespace detail {

static_assert(std::endian::native == std::endian::little, "files are read and written in the machine's byte order");

}  // namespace detail

/// An array as a .npy file has it.
struct NpyArray {
  Tensor<float> values;
  ElementType element = ElementType::f32;  ///< of the file
  bool rounded = false;                    ///< a float could not hold some of the file's numbers
};

/// The array of a .npy file in floats: float16, float32, float64 (rounded), integers of 8 to 64 bits (exact up to 2^24)
/// and truth values (0 or 1), in C or Fortran order, little-endian.
/// \throws Error when the file is missing, cut short, longer than its array, no .npy file or of another element type
FULCRUM_DECLARE [[nodiscard]] NpyArray load_npy_array(const std::string& path);

/// Its values alone.
/// \throws Error as load_npy_array()
FULCRUM_DECLARE [[nodiscard]] Tensor<float> load_npy(const std::string& path);

/// Writes a tensor in C order, .npy version 1, atomically: as float32, or as integers, truth values or float64 when its
/// numbers are those (16-bit floats are written as float32).
/// \throws Error when the file cannot be written
FULCRUM_DECLARE void save_npy(const Tensor<float>& tensor, const std::string& path,
                              ElementType element = ElementType::f32);

}  // namespace fulcrum

#if FULCRUM_DEFINES(data)

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace fulcrum::detail {

struct NpyHeader {
  std::string descr;  ///< "<f4"
  bool fortran_order = false;
  Shape shape;
  std::size_t data_offset = 0;  ///< [bytes]
};

/// What follows `'key':` in a Python dictionary literal, without leading blanks; empty when the key is missing.
FULCRUM_DECLARE std::string_view npy_value(std::string_view dictionary, std::string_view key) {
  for (const char quote : {'\'', '"'}) {
    std::string quoted(1, quote);
    quoted.append(key).push_back(quote);
    const std::size_t at = dictionary.find(quoted);
    if (at == std::string_view::npos) continue;
    std::string_view rest = dictionary.substr(at + quoted.size());
    const std::size_t value = rest.find_first_not_of(" :");
    return value == std::string_view::npos ? std::string_view{} : rest.substr(value);
  }
  return {};
}

FULCRUM_DECLARE Shape parse_npy_shape(std::string_view text, const std::string& path) {
  const std::size_t close = text.find(')');
  if (text.empty() || text.front() != '(' || close == std::string_view::npos) {
    throw Error(path, "has a header without a shape", "save the array again with numpy.save");
  }
  text = text.substr(1, close - 1);
  Shape shape;
  for (;;) {
    const std::size_t digit = text.find_first_not_of(" ,");
    if (digit == std::string_view::npos) break;
    std::int64_t extent = -1;
    const auto [end, status] = std::from_chars(text.data() + digit, text.data() + text.size(), extent);
    if (status != std::errc{} || extent < 0 || shape.size() == 32) {
      throw Error(path, "has a header whose shape cannot be read", "save the array again with numpy.save");
    }
    shape.push_back(extent);
    text = text.substr(static_cast<std::size_t>(end - text.data()));
  }
  return shape;
}

FULCRUM_DECLARE NpyHeader parse_npy_header(std::string_view bytes, const std::string& path) {
  constexpr std::string_view magic = "\x93NUMPY";
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])); };
  if (bytes.substr(0, magic.size()) != magic) throw Error(path, "is not a .npy file", "save it with numpy.save");
  if (bytes.size() < 12) throw Error(path, "is cut short inside its header", "copy the file again");
  const std::size_t version = byte(6);
  if (version < 1 || version > 3) {
    throw Error(path, "is of .npy version " + std::to_string(version), "save it as version 1, 2 or 3");
  }
  const std::size_t start = version == 1 ? 10 : 12;
  std::size_t length = byte(8) | byte(9) << 8U;
  if (version > 1) length |= byte(10) << 16U | byte(11) << 24U;
  if (bytes.size() - start < length) throw Error(path, "is cut short inside its header", "copy the file again");
  const std::string_view dictionary = bytes.substr(start, length);

  NpyHeader header;
  header.data_offset = start + length;
  const std::string_view descr = npy_value(dictionary, "descr");
  const std::string_view order = npy_value(dictionary, "fortran_order");
  if (descr.empty() || (descr.front() != '\'' && descr.front() != '"') ||
      descr.find(descr.front(), 1) == std::string_view::npos) {
    throw Error(path, "holds records, not plain numbers", "save one array of float32, float64 or uint8");
  }
  header.descr = std::string(descr.substr(1, descr.find(descr.front(), 1) - 1));
  if (!order.starts_with("True") && !order.starts_with("False")) {
    throw Error(path, "has a header that does not say its order", "save the array again with numpy.save");
  }
  header.fortran_order = order.starts_with("True");
  header.shape = parse_npy_shape(npy_value(dictionary, "shape"), path);
  return header;
}

/// An IEEE half as .npy files hold it: 1 bit of sign, 5 of exponent, 10 of mantissa.
struct NpyHalf {
  std::uint16_t bits = 0;
  explicit operator float() const {
    const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
    const int exponent = (bits >> 10U) & 0x1F;
    const int mantissa = bits & 0x3FF;
    if (exponent == 31) return mantissa == 0 ? sign * HUGE_VALF : std::numeric_limits<float>::quiet_NaN();
    return sign * (exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                 : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25));
  }
};

/// Elements in row-major order from either order of the file.
template <class From>
NpyArray npy_elements(std::string_view data, const Shape& shape, bool fortran_order, ElementType element) {
  NpyArray array{Tensor<float>(shape), element, false};
  Tensor<float>& dst = array.values;
  const auto load = [&](std::size_t i) {
    From value{};
    std::memcpy(&value, data.data() + i * sizeof(From), sizeof(From));
    const auto number = static_cast<float>(value);
    if constexpr (std::is_floating_point_v<From>) {
      array.rounded = array.rounded || (value == value && static_cast<From>(number) != value);
    } else if constexpr (std::is_integral_v<From>) {
      array.rounded = array.rounded || static_cast<long double>(number) != static_cast<long double>(value);
    }
    return number;
  };
  const std::size_t total = dst.flat().size();
  if (!fortran_order) {
    for (std::size_t i = 0; i < total; ++i) dst.flat()[i] = load(i);
    return array;
  }
  std::vector<std::size_t> index(shape.size(), 0);  // of the element stored next: the first axis runs fastest
  std::vector<std::size_t> stride(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;)
    stride[axis - 1] = stride[axis] * static_cast<std::size_t>(shape[axis]);
  std::size_t at = 0;
  for (std::size_t i = 0; i < total; ++i) {
    dst.flat()[at] = load(i);
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      at += stride[axis];
      if (++index[axis] < static_cast<std::size_t>(shape[axis])) break;
      at -= stride[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return array;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Tensor<float> load_npy(const std::string& path) { return load_npy_array(path).values; }

FULCRUM_DEFINE NpyArray load_npy_array(const std::string& path) {
  const std::string bytes = read_file(path);
  const detail::NpyHeader header = detail::parse_npy_header(bytes, path);
  if (header.descr.starts_with('>')) {
    throw Error(path, "is big-endian (" + header.descr + ")", "save it with .astype('<f4')");
  }
  const std::string_view type = std::string_view(header.descr).substr(header.descr.find_first_not_of("<|=") == 1);
  constexpr std::string_view known = "f2 f4 f8 u1 u2 u4 u8 i1 i2 i4 i8 b1";
  if (type.size() != 2 || known.find(type) == std::string_view::npos) {
    throw Error(path, "holds elements of type '" + header.descr + "'",
                "save float16, float32, float64, integers or bool");
  }
  const auto size = static_cast<std::size_t>(type[1] - '0');

  const std::string_view data = std::string_view(bytes).substr(header.data_offset);
  std::int64_t count = 0;
  try {
    count = element_count(header.shape);
  } catch (const Error& error) {
    throw Error(path, error.what());
  }
  if (data.size() / size < static_cast<std::size_t>(count)) {
    std::string what = "is cut short: an array of shape ";
    what += to_string(header.shape);
    what.append(" does not fit its ").append(std::to_string(data.size())).append(" bytes of elements");
    throw Error(path, what, "copy the file again");
  }
  if (data.size() != static_cast<std::size_t>(count) * size) {
    throw Error(path,
                "holds " + std::to_string(data.size() - static_cast<std::size_t>(count) * size) +
                    " bytes behind its array of shape " + to_string(header.shape),
                "save one array into a file, with numpy.save");
  }
  const auto elements = [&]<class From>(From, ElementType element) {
    return detail::npy_elements<From>(data, header.shape, header.fortran_order, element);
  };
  if (type == "f2") return elements(detail::NpyHalf{}, ElementType::f16);
  if (type == "f4") return elements(float{}, ElementType::f32);
  if (type == "f8") return elements(double{}, ElementType::f64);
  if (type == "i1") return elements(std::int8_t{}, ElementType::s8);
  if (type == "i2") return elements(std::int16_t{}, ElementType::s16);
  if (type == "i4") return elements(std::int32_t{}, ElementType::s32);
  if (type == "i8") return elements(std::int64_t{}, ElementType::s64);
  if (type == "u2") return elements(std::uint16_t{}, ElementType::u16);
  if (type == "u4") return elements(std::uint32_t{}, ElementType::u32);
  if (type == "u8") return elements(std::uint64_t{}, ElementType::u64);
  return elements(std::uint8_t{}, type == "b1" ? ElementType::boolean : ElementType::u8);
}

}  // namespace fulcrum

namespace fulcrum::detail {

/// The elements as bytes of another type.
template <class To>
std::string npy_bytes(const Tensor<float>& tensor) {
  std::string bytes;
  bytes.reserve(tensor.flat().size() * sizeof(To));
  for (const float x : tensor.flat()) {
    To value{};
    if constexpr (std::is_floating_point_v<To>) {
      value = static_cast<To>(x);
    } else if constexpr (std::is_same_v<To, bool>) {
      value = x != 0.0F;
    } else if (std::isfinite(x)) {
      constexpr auto low = static_cast<double>(std::numeric_limits<To>::min());
      constexpr auto high = static_cast<double>(std::numeric_limits<To>::max());
      const auto wide = static_cast<double>(x);
      value = wide <= low    ? std::numeric_limits<To>::min()
              : wide >= high ? std::numeric_limits<To>::max()
                             : static_cast<To>(wide);
    }
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(To));
  }
  return bytes;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE void save_npy(const Tensor<float>& tensor, const std::string& path, ElementType element) {
  const auto stored = [&]() -> std::pair<std::string, std::string> {
    switch (element) {
      case ElementType::f64: return {"<f8", detail::npy_bytes<double>(tensor)};
      case ElementType::s8: return {"|i1", detail::npy_bytes<std::int8_t>(tensor)};
      case ElementType::s16: return {"<i2", detail::npy_bytes<std::int16_t>(tensor)};
      case ElementType::s32: return {"<i4", detail::npy_bytes<std::int32_t>(tensor)};
      case ElementType::s64: return {"<i8", detail::npy_bytes<std::int64_t>(tensor)};
      case ElementType::u8: return {"|u1", detail::npy_bytes<std::uint8_t>(tensor)};
      case ElementType::u16: return {"<u2", detail::npy_bytes<std::uint16_t>(tensor)};
      case ElementType::u32: return {"<u4", detail::npy_bytes<std::uint32_t>(tensor)};
      case ElementType::u64: return {"<u8", detail::npy_bytes<std::uint64_t>(tensor)};
      case ElementType::boolean: return {"|b1", detail::npy_bytes<bool>(tensor)};
      case ElementType::f32:
      case ElementType::f16:
      case ElementType::bf16: break;
    }
    return {"<f4", detail::npy_bytes<float>(tensor)};
  }();
  std::string dictionary = "{'descr': '";
  dictionary.append(stored.first).append("', 'fortran_order': False, 'shape': (");
  const Shape shape = tensor.dims();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) dictionary += ' ';
    dictionary.append(std::to_string(shape[i])).append(shape.size() == 1 || i + 1 < shape.size() ? "," : "");
  }
  dictionary += "), }";
  dictionary.append(63 - (10 + dictionary.size()) % 64, ' ').push_back('\n');  // the elements start at a multiple of 64

  std::string bytes = "\x93NUMPY";
  bytes.append(
      {'\x01', '\x00', static_cast<char>(dictionary.size() & 0xffU), static_cast<char>(dictionary.size() >> 8U)});
  bytes += dictionary;
  bytes += stored.second;
  write_file_atomically(path, bytes);
}

}  // namespace fulcrum

#endif
