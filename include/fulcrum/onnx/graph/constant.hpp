#pragma once
/// \file
/// Values that are known while a model is imported: initializers, Constant nodes and what is computed from them.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/onnx/graph/tensor_data.hpp>
#include <fulcrum/onnx/graph/traced.hpp>

namespace fulcrum::detail::onnx_io {

/// Bounds the memory that an import takes by the size of what it reads, so that a small file cannot make many large
/// copies of one initializer.
class Budget {
public:
  /// \param fill_bytes  for tensors of one repeated value, of which a file says the shape alone
  Budget(std::size_t file_bytes, std::size_t fill_bytes)
      : left_((std::size_t{64} << 20U) + 32 * file_bytes), fill_left_(fill_bytes) {}

  void charge(std::size_t bytes) {
    if (bytes > left_) {
      throw Error("the model", "makes far more memory of its weights than the file holds", "check how it was exported");
    }
    left_ -= bytes;
  }
  void charge_fill(std::size_t bytes) {
    if (bytes > fill_left_) {
      throw Error("the model", "fills more memory with one repeated value than is allowed",
                  "raise OnnxImportOptions::max_fill_bytes if the file is trusted");
    }
    fill_left_ -= bytes;
  }
  /// External data counts as part of the file.
  void grant(std::size_t file_bytes) { left_ += 32 * file_bytes; }

private:
  std::size_t left_;
  std::size_t fill_left_;
};

struct ConstantReader;

/// (rows, columns) to (columns, rows).
template <class T>
void transpose_elements(const T* from, std::size_t rows, std::size_t columns, T* to) {
  constexpr std::size_t tile = 16;  // a side of pieces whose lines of memory stay in the cache meanwhile
  for (std::size_t row = 0; row < rows; row += tile) {
    const std::size_t last_row = std::min(row + tile, rows);
    for (std::size_t column = 0; column < columns; column += tile) {
      const std::size_t last_column = std::min(column + tile, columns);
      for (std::size_t c = column; c < last_column; ++c) {
        for (std::size_t r = row; r < last_row; ++r) to[c * rows + r] = from[r * columns + c];
      }
    }
  }
}

/// The transpose of a matrix.
template <class T>
[[nodiscard]] Tensor<T> transposed_matrix(const Tensor<T>& src) {
  Tensor<T> result = Tensor<T>::for_overwrite(Shape{src.dim(1), src.dim(0)});
  transpose_elements(src.flat().data(), static_cast<std::size_t>(src.dim(0)), static_cast<std::size_t>(src.dim(1)),
                     result.flat().data());
  return result;
}

/// A known value. The elements stay in the file's message until somebody asks for them.
struct Constant {
  std::string name;                    ///< of the value in the file, for messages
  std::int32_t type = 0;               ///< ONNX element type
  Shape dims;                          ///< of the value; the message may say another shape of as many elements
  const Proto* proto = nullptr;        ///< where the elements are; null: in one of the next two
  SharedTensor<float> floats;          ///< elements of a floating type, once they were asked for
  std::vector<std::int64_t> integers;  ///< computed elements of an integer type
  std::optional<double> fill;          ///< every element is this; proto is null
  /// Makes the elements of large weights whenever they are asked for, of a matrix those of its transpose as well;
  /// floats stay empty, so that they are in memory once, as the layer's that takes them. proto is null.
  std::function<Tensor<float>(ConstantReader&, bool transposed)> make;
  bool finite = false;                       ///< it is known that no element is a NaN or infinite
  std::optional<Quantization> quantization;  ///< of weights that come out of a DequantizeLinear
  bool pruned = false;                       ///< its zeros are a pruning mask
};
using ConstantPtr = std::shared_ptr<Constant>;

/// Where constants get their elements from.
struct ConstantReader {
  TensorFiles files;
  Budget budget;
  std::vector<float> scratch{};  ///< that matrices pass through while they are transposed

  /// The elements as float, with the constant's shape.
  /// \throws Error when it holds integers or damaged data
  [[nodiscard]] SharedTensor<float> floats(Constant& constant) {
    if (!constant.floats.empty()) return constant.floats;
    if (constant.make) return constant.make(*this, false);
    if (constant.fill && is_floating(constant.type)) {
      budget.charge_fill(static_cast<std::size_t>(element_count(constant.dims)) * sizeof(float));
      constant.floats = Tensor<float>(constant.dims, static_cast<float>(*constant.fill));
      return constant.floats;
    }
    if (constant.proto == nullptr || !is_floating(constant.type)) {
      throw Error("tensor '" + constant.name + "'", "holds " + element_type_name(constant.type) + " elements",
                  "give it as float");
    }
    Tensor<float> tensor;
    read<float>(*constant.proto, [&](std::size_t) {
      tensor = Tensor<float>::for_overwrite(constant.dims);
      return tensor.flat().data();
    });
    constant.floats = std::move(tensor);
    return constant.floats;
  }

  /// The elements as integers.
  /// \throws Error when it holds floats or damaged data
  [[nodiscard]] std::vector<std::int64_t> integers(const Constant& constant) {
    if (constant.fill && !is_floating(constant.type)) {
      const auto count = static_cast<std::size_t>(element_count(constant.dims));
      budget.charge_fill(count * sizeof(std::int64_t));
      return std::vector<std::int64_t>(count, to_integer(*constant.fill));
    }
    if (constant.proto == nullptr && !is_floating(constant.type)) return constant.integers;
    if (constant.proto == nullptr || is_floating(constant.type)) {
      throw Error("tensor '" + constant.name + "'", "holds " + element_type_name(constant.type) + " elements",
                  "give it as integers");
    }
    std::vector<std::int64_t> elements;
    read<std::int64_t>(*constant.proto, [&](std::size_t count) {
      elements.resize(count);
      return elements.data();
    });
    return elements;
  }

  /// The elements of a tensor in the file, whose type is that of T.
  /// \throws Error when the data is damaged
  template <class T>
  [[nodiscard]] std::unique_ptr<T[]> elements(const Proto& proto) {
    std::unique_ptr<T[]> result;
    read<T>(proto, [&](std::size_t count) {
      result = std::make_unique_for_overwrite<T[]>(count);
      return result.get();
    });
    return result;
  }

  /// The elements in double, whatever their type. Integers past 2^53 lose their last bits.
  /// \throws Error when the data is damaged, or the type is none of numbers
  [[nodiscard]] Tensor<double> numbers(Constant& constant) {
    Tensor<double> result;
    if (constant.proto != nullptr) {
      read<double>(*constant.proto, [&](std::size_t) {
        result = Tensor<double>::for_overwrite(constant.dims);
        return result.flat().data();
      });
      return result;
    }
    budget.charge(static_cast<std::size_t>(element_count(constant.dims)) * sizeof(double));
    result = Tensor<double>(constant.dims);
    if (is_floating(constant.type)) {
      const SharedTensor<float> from = floats(constant);
      std::copy(from->flat().begin(), from->flat().end(), result.flat().begin());
    } else {
      const std::vector<std::int64_t> from = integers(constant);
      std::transform(from.begin(), from.end(), result.flat().begin(),
                     [](std::int64_t value) { return static_cast<double>(value); });
    }
    return result;
  }

  /// The constant as weights: finite float32, with the quantization and the pruning mask that came with it.
  /// \throws Error when an element is NaN or infinite
  [[nodiscard]] Parameter<float> parameter(Constant& constant) {
    return parameter_of(constant, floats(constant), false);
  }
  /// Whether transposed_parameter() takes it: a matrix of a floating type whose elements are not in memory.
  [[nodiscard]] static bool can_transpose(const Constant& constant) {
    if (constant.dims.size() != 2) return false;
    return constant.make || (constant.proto != nullptr && constant.floats.empty() && is_floating(constant.type));
  }
  /// parameter() of the transpose. Precondition: can_transpose().
  [[nodiscard]] Parameter<float> transposed_parameter(Constant& constant) {
    Parameter<float> result =
        parameter_of(constant, constant.make ? constant.make(*this, true) : read_transposed(constant), true);
    if (result.quantization && result.quantization->per_channel())
      result.quantization->axis = 1 - result.quantization->axis;
    return result;
  }

private:
  /// By way of memory that all such matrices share: fresh pages cost as much as the reading.
  [[nodiscard]] SharedTensor<float> read_transposed(const Constant& constant) {
    read<float>(*constant.proto, [&](std::size_t count) {
      if (scratch.size() < count) scratch.resize(count);
      return scratch.data();
    });
    const auto rows = static_cast<std::size_t>(constant.dims[0]), columns = static_cast<std::size_t>(constant.dims[1]);
    Tensor<float> result = Tensor<float>::for_overwrite(Shape{constant.dims[1], constant.dims[0]});
    transpose_elements(scratch.data(), rows, columns, result.flat().data());
    return result;
  }

  /// \param transposed  whether the value is
  [[nodiscard]] Parameter<float> parameter_of(const Constant& constant, SharedTensor<float> value, bool transposed) {
    Parameter<float> result;
    result.value = std::move(value);
    const std::span<const float> elements = std::as_const(*result.value).flat();
    if (elements.empty()) throw Error("tensor '" + constant.name + "'", "has no elements", "check the export");
    const bool sound = constant.finite || all_finite(elements);
    for (std::size_t i = sound ? elements.size() : 0; i < elements.size(); ++i) {
      if (std::isfinite(elements[i])) continue;
      const auto rows = static_cast<std::size_t>(transposed ? constant.dims[0] : 1);
      const std::size_t at = i % rows * (elements.size() / rows) + i / rows;  // in the file
      std::string what = std::isnan(elements[i]) ? "has a NaN" : "has an infinite value (or one past float32)";
      throw Error("tensor '" + constant.name + "'", what.append(" at element ").append(std::to_string(at)),
                  "repair the weights and export the model again");
    }
    result.quantization = constant.quantization;
    if (constant.pruned) {
      budget.charge(elements.size());
      Tensor<std::uint8_t> mask(result.value->dims());
      for (std::size_t i = 0; i < elements.size(); ++i) mask.flat()[i] = elements[i] != 0.0F ? 1 : 0;
      result.mask = std::move(mask);
    }
    return result;
  }

  /// Without a branch for each element.
  [[nodiscard]] static bool all_finite(std::span<const float> elements) {
    constexpr std::size_t block = 64;
    constexpr std::uint32_t exponent = 0x7f800000U;  // all of its bits are set in infinities and NaN alone
    std::array<std::uint32_t, block> bits{};
    std::uint32_t found = 0;
    for (; elements.size() >= block; elements = elements.subspan(block)) {
      std::memcpy(bits.data(), elements.data(), sizeof bits);
      for (std::size_t i = 0; i < block; ++i) found |= (bits[i] & exponent) == exponent ? 1U : 0U;
    }
    return found == 0 && std::all_of(elements.begin(), elements.end(), [](float x) { return std::isfinite(x); });
  }

  template <class To, class Allocate>
  void read(const Proto& proto, Allocate&& allocate) {
    decode<To>(proto, files, [&](std::size_t count) {
      if (proto.data_location() == Proto::EXTERNAL) budget.grant(count);
      budget.charge(count * sizeof(To));
      return allocate(count);
    });
  }
};

/// Has the elements of a constant that makes them whenever they are asked for made once, for all who ask.
inline void keep_elements(Constant& constant, ConstantReader& reader) {
  constant.floats = constant.make(reader, false);
  constant.make = nullptr;
}

/// A computed constant of float elements.
inline ConstantPtr make_constant(std::string name, Tensor<float> value) {
  Constant constant;
  constant.name = std::move(name);
  constant.type = Proto::FLOAT;
  constant.dims = value.dims();
  constant.floats = std::move(value);
  return std::make_shared<Constant>(std::move(constant));
}

/// A constant whose elements are those of a tensor in the file.
inline ConstantPtr make_constant(std::string name, const Proto& proto) {
  Constant constant;
  constant.name = std::move(name);
  constant.type = proto.data_type();
  constant.dims = checked_dims(proto);
  constant.proto = &proto;
  return std::make_shared<Constant>(std::move(constant));
}

}  // namespace fulcrum::detail::onnx_io
