#pragma once
/// \file
/// Products of two computed values.

#include <cstdint>
#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/lower/native.hpp>

namespace fulcrum::detail::onednn {

/// A product's axes before the last two with as few of them as possible: neighbours that are broadcast alike become
/// one.
struct MatMulBatch {
  Shape src;      ///< extents of the left matrix, 1 where it is broadcast
  Shape weights;  ///< of the right one
  Shape dst;
};

FULCRUM_DECLARE [[nodiscard]] MatMulBatch matmul_batch(const Shape& src, const Shape& weights, const Shape& dst) {
  const std::size_t axes = dst.size() - 2;
  const auto extent = [&](const Shape& shape, std::size_t axis) {
    const std::size_t missing = dst.size() - shape.size();
    return axis < missing ? std::int64_t{1} : shape[axis - missing];
  };
  MatMulBatch batch;
  std::pair<bool, bool> before;
  for (std::size_t axis = 0; axis < axes; ++axis) {
    if (dst[axis] == 1) continue;
    const std::pair<bool, bool> broadcast{extent(src, axis) == 1, extent(weights, axis) == 1};
    if (batch.dst.empty() || broadcast != before) {
      batch.src.push_back(1);
      batch.weights.push_back(1);
      batch.dst.push_back(1);
    }
    batch.src.back() *= extent(src, axis);
    batch.weights.back() *= extent(weights, axis);
    batch.dst.back() *= dst[axis];
    before = broadcast;
  }
  return batch;
}

/// Matrices of (rows, columns), one per position of the batch; transposed ones lie in memory as (columns, rows).
FULCRUM_DECLARE [[nodiscard]] Desc matrices_desc(const Shape& batch, std::int64_t rows, std::int64_t columns,
                                                 bool transposed, DType dtype) {
  Dims dims(batch.begin(), batch.end());
  dims.push_back(rows);
  dims.push_back(columns);
  Dims strides(dims.size(), 1);
  strides[dims.size() - (transposed ? 1 : 2)] = transposed ? rows : columns;
  std::int64_t stride = rows * columns;
  for (std::size_t axis = batch.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= batch[axis];
  }
  return {dims, data_type_of(dtype), strides};
}

/// Matrices in any order of the axes, of `rank` axes with those that are missing in front.
FULCRUM_DECLARE [[nodiscard]] Desc strided_matrices_desc(const Desc& value, std::size_t rank, bool transposed) {
  const Blocking b = blocking_of(value);
  Dims dims = b.dims;
  Dims strides = b.strides;
  dims.insert(dims.begin(), rank - dims.size(), 1);
  strides.insert(strides.begin(), rank - strides.size(), strides.front() * b.dims.front());
  if (transposed) {
    std::swap(dims[rank - 1], dims[rank - 2]);
    std::swap(strides[rank - 1], strides[rank - 2]);
  }
  return {dims, data_type_of(value), strides};
}

/// A matrix product in oneDNN's terms.
struct MatMulDescs {
  Desc src, weights, dst;
  Desc result;  ///< dst under the dims that the model gives it
};

/// The layout in which a product is wanted: row-major, or, where only a Transpose takes it, so that the transposed
/// value is row-major.
FULCRUM_DECLARE [[nodiscard]] Desc wanted_product_desc(const Lowering& lowering, NodeId dst, DType dtype) {
  const Shape& shape = lowering.shape(dst);
  const Desc plain = plain_desc(shape, dtype);
  if (lowering.consumers(dst).size() != 1 || lowering.model().is_output(dst)) return plain;
  const NodeId next = lowering.consumers(dst).front();
  const auto* transpose = std::get_if<Transpose>(&lowering.node(next).layer);
  if (transpose == nullptr || !is_view(lowering.model(), next)) return plain;
  const Dims transposed = blocking_of(plain_desc(lowering.shape(next), dtype)).strides;
  const SmallVector<std::size_t> permutation = transpose->permutation(shape.size());
  Dims strides(shape.size(), 1);
  for (std::size_t i = 0; i < permutation.size(); ++i) strides[permutation[i]] = transposed[i];
  return {Dims(shape.begin(), shape.end()), data_type_of(dtype), strides};
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const MatMul& layer) {
  ProgramBuilder& builder = lowering.builder();
  const Node<float>& node = lowering.node(group.primary);
  const Shape& src = lowering.shape(node.src[0]);
  const Shape& dst = lowering.shape(group.dst);
  const DType dtype = lowering.compute_dtype(group.primary);
  const DType dst_dtype = dtype == DType::f32 ? DType::f32 : lowering.activation_dtype(group.dst);
  Epilogue epilogue;
  if (layer.scale != 1.0F) epilogue.eltwise.push_back({dnnl::algorithm::eltwise_linear, layer.scale});
  const Configured configured = configure_product(epilogue, std::nullopt);

  const auto emit = [&](const dnnl::matmul::primitive_desc& pd, const MatMulDescs& descs, const Value& a,
                        const Value& b) {
    const Value result = builder.allocate(dst, descs.result);
    builder.emit(lowering.label(group), pd, dnnl::matmul(pd),
                 {{DNNL_ARG_SRC, descs.src, a.where},
                  {DNNL_ARG_WEIGHTS, descs.weights, b.where},
                  {DNNL_ARG_DST, descs.dst, result.where}},
                 configured);
    lowering.finish(group.dst, result);
  };

  // As the values lie, where that is in some order of the axes.
  const auto in_any_order = [&](NodeId id) {
    const Value value = builder.with_dims(lowering.value(id), lowering.shape(id), lowering.node(id).name);
    if (!blocking_of(value.desc).inner_blocks.empty()) {
      return builder.convert(value, plain_desc(shape_of(value.desc), dtype), std::nullopt, lowering.node(id).name);
    }
    return builder.with_type(value, dtype, std::nullopt, lowering.node(id).name);
  };
  const Desc wanted = wanted_product_desc(lowering, group.dst, dst_dtype);
  const bool ordered =
      is_plain(wanted) && is_plain(lowering.value(node.src[0]).desc) && is_plain(lowering.value(node.src[1]).desc);
  if (!ordered && dst.size() <= DNNL_MAX_NDIMS) {
    const Value a = in_any_order(node.src[0]);
    const Value b = in_any_order(node.src[1]);
    const MatMulDescs descs{strided_matrices_desc(a.desc, dst.size(), layer.transpose_src),
                            strided_matrices_desc(b.desc, dst.size(), layer.transpose_weights), wanted, wanted};
    try {
      const auto pd = matmul_forward(descs.src, descs.weights, Desc{}, descs.dst, configured.attributes);
      if (!is_reference(pd.impl_info_str())) return emit(pd, descs, a, b);
    } catch (const dnnl::error& error) {
      if (!is_refusal(error)) throw;
    }
  }

  std::int64_t m = dst[dst.size() - 2];
  const std::int64_t n = dst.back();
  const std::int64_t k = src[src.size() - (layer.transpose_src ? 2 : 1)];
  MatMulBatch batch = matmul_batch(src, lowering.shape(node.src[1]), dst);
  if (batch.dst.size() == 1 && batch.weights[0] == 1 && !layer.transpose_src) {
    m *= batch.dst[0];  // matrices that all meet the same weights are one matrix of more rows
    batch = {};
  }
  const MatMulDescs descs{matrices_desc(batch.src, m, k, layer.transpose_src, dtype),
                          matrices_desc(batch.weights, k, n, layer.transpose_weights, dtype),
                          matrices_desc(batch.dst, m, n, false, dst_dtype), plain_desc(dst, dst_dtype)};
  const auto pd = matmul_forward(descs.src, descs.weights, Desc{}, descs.dst, configured.attributes);
  if (is_reference(pd.impl_info_str())) return lower_natively(lowering, group);
  const auto plain = [&](NodeId id) {
    const Value& value = lowering.value(id);
    return builder.convert(value, plain_desc(shape_of(value.desc), dtype), std::nullopt, lowering.node(id).name);
  };
  emit(pd, descs, plain(node.src[0]), plain(node.src[1]));
}

}  // namespace fulcrum::detail::onednn
