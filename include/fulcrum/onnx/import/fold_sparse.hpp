#pragma once
/// \file
/// Constant nodes, those that hold a sparse tensor among them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/onnx/import/fold_shape.hpp>

namespace fulcrum::detail::onnx_io {

/// Where the i-th element of a sparse tensor stands in the dense one: its indices are one number, or one for each axis.
/// \throws Error when that is outside
inline std::size_t dense_position(const std::vector<std::int64_t>& indices, std::size_t i, bool flat,
                                  const Shape& dims) {
  const std::int64_t count = element_count(dims);
  std::int64_t position = flat ? indices[i] : 0;
  for (std::size_t axis = 0; axis < dims.size() && !flat; ++axis) {
    const std::int64_t index = indices[i * dims.size() + axis];
    if (index < 0 || index >= dims[axis]) position = count;
    if (position < count) position = position * dims[axis] + index;
  }
  if (position < 0 || position >= count) {
    throw Error("attribute 'sparse_value'", "has an element outside its shape", "the file is damaged");
  }
  return static_cast<std::size_t>(position);
}

/// A sparse tensor with its zeros.
inline ConstantPtr dense_constant(ConstantReader& reader, const GraphNode& node,
                                  const ::onnx::SparseTensorProto& sparse) {
  const ConstantPtr values = make_constant(node.outputs[0], sparse.values());
  const Constant places = *make_constant(node.outputs[0], sparse.indices());
  const Shape dims(sparse.dims().begin(), sparse.dims().end());
  expect_sane(dims);
  const Tensor<double> elements = reader.numbers(*values);
  const std::vector<std::int64_t> indices = reader.integers(places);
  const std::size_t count = elements.flat().size();
  const bool flat = places.dims.size() == 1;
  if (indices.size() != count * (flat ? 1 : dims.size())) {
    throw Error("attribute 'sparse_value'", "has not a place for each element", "the file is damaged");
  }
  const auto total = static_cast<std::size_t>(element_count(dims));
  reader.budget.charge_fill(total * (sizeof(double) + sizeof(std::int64_t)));
  Tensor<double> dense(dims);
  for (std::size_t i = 0; i < count; ++i) dense.flat()[dense_position(indices, i, flat, dims)] = elements.flat()[i];
  ConstantPtr result = make_constant(node.outputs[0], Tensor<float>());
  result->type = values->type;
  result->dims = dims;
  result->floats = SharedTensor<float>();
  if (is_floating(values->type)) {
    result->floats = cast<float>(dense);
  } else {
    for (const double element : dense.flat()) result->integers.push_back(to_integer(element));
  }
  return result;
}

/// A Constant of any form but text.
inline ConstantPtr fold_any_constant(ConstantReader& reader, const GraphNode& node,
                                     std::span<const ConstantPtr> inputs) {
  if (const auto* sparse = find_attribute(node, "sparse_value", ::onnx::AttributeProto::SPARSE_TENSOR)) {
    return dense_constant(reader, node, sparse->sparse_tensor());
  }
  return fold_constant(reader, node, inputs);
}

}  // namespace fulcrum::detail::onnx_io
