#pragma once
/// \file
/// NumPy's .npy files in and out (NEP 1: magic, version, header length, a Python dictionary, the elements).
///
/// xtensor's xnpy reads the header's length through signed characters, wants the dictionary's keys in one order,
/// allocates what the header claims and never notices a short file, so the format (forty bytes of it) is read here.

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/core/file.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

namespace detail {

static_assert(std::endian::native == std::endian::little, "files are read and written in the machine's byte order");

struct NpyHeader {
  std::string descr;  ///< "<f4"
  bool fortran_order = false;
  Shape shape;
  std::size_t data_offset = 0;  ///< [bytes]
};

/// What follows `'key':` in a Python dictionary literal, without leading blanks; empty when the key is missing.
inline std::string_view npy_value(std::string_view dictionary, std::string_view key) {
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

inline Shape parse_npy_shape(std::string_view text, const std::string& path) {
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

inline NpyHeader parse_npy_header(std::string_view bytes, const std::string& path) {
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

/// Elements in row-major order from either order of the file.
template <class From>
Tensor<float> npy_elements(std::string_view data, const Shape& shape, bool fortran_order) {
  Tensor<float> dst(shape);
  const auto load = [&](std::size_t i) {
    From value{};
    std::memcpy(&value, data.data() + i * sizeof(From), sizeof(From));
    return static_cast<float>(value);
  };
  const std::size_t total = dst.flat().size();
  if (!fortran_order) {
    for (std::size_t i = 0; i < total; ++i) dst.flat()[i] = load(i);
    return dst;
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
  return dst;
}

}  // namespace detail

/// The array of a .npy file as float: float32 and float64 (rounded), uint8 (0 … 255 as they are), in C or Fortran
/// order, little-endian. Bytes after the array are ignored.
/// \throws Error when the file is missing, cut short, no .npy file or of another element type
[[nodiscard]] inline Tensor<float> load_npy(const std::string& path) {
  const std::string bytes = read_file(path);
  const detail::NpyHeader header = detail::parse_npy_header(bytes, path);
  if (header.descr.starts_with('>')) {
    throw Error(path, "is big-endian (" + header.descr + ")", "save it with .astype('<f4')");
  }
  const std::string_view type = std::string_view(header.descr).substr(header.descr.find_first_not_of("<|=") == 1);
  const std::size_t size = type == "f4" ? 4 : type == "f8" ? 8 : type == "u1" ? 1 : 0;
  if (size == 0) {
    throw Error(path, "holds elements of type '" + header.descr + "'", "save float32, float64 or uint8");
  }

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
  if (size == 4) return detail::npy_elements<float>(data, header.shape, header.fortran_order);
  if (size == 8) return detail::npy_elements<double>(data, header.shape, header.fortran_order);
  return detail::npy_elements<std::uint8_t>(data, header.shape, header.fortran_order);
}

/// Writes a tensor as float32 in C order, .npy version 1, atomically.
/// \throws Error when the file cannot be written
inline void save_npy(const Tensor<float>& tensor, const std::string& path) {
  std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
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
  bytes.append(reinterpret_cast<const char*>(tensor.flat().data()), tensor.flat().size_bytes());
  write_file_atomically(path, bytes);
}

}  // namespace fulcrum
