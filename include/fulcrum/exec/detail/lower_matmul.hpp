#pragma once
/// \file
/// Products of two computed values.

#include <cstdint>
#include <utility>

#include <fulcrum/exec/detail/lower_native.hpp>

namespace fulcrum::detail::onednn {

/// A product's axes before the last two with as few of them as possible: neighbours that are broadcast alike become
/// one.
struct MatMulBatch {
  Shape src;      ///< extents of the left matrix, 1 where it is broadcast
  Shape weights;  ///< of the right one
  Shape dst;
};

[[nodiscard]] inline MatMulBatch matmul_batch(const Shape& src, const Shape& weights, const Shape& dst) {
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
[[nodiscard]] inline Desc matrices_desc(const Shape& batch, std::int64_t rows, std::int64_t columns, bool transposed,
                                        DType dtype) {
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

inline void lower(Lowering& lowering, const FusionGroup& group, const MatMul& layer) {
  ProgramBuilder& builder = lowering.builder();
  const Node<float>& node = lowering.node(group.primary);
  const Shape& src = lowering.shape(node.src[0]);
  const Shape& dst = lowering.shape(group.dst);
  std::int64_t m = dst[dst.size() - 2];
  const std::int64_t n = dst.back();
  const std::int64_t k = src[src.size() - (layer.transpose_src ? 2 : 1)];
  MatMulBatch batch = matmul_batch(src, lowering.shape(node.src[1]), dst);
  if (batch.dst.size() == 1 && batch.weights[0] == 1 && !layer.transpose_src) {
    m *= batch.dst[0];  // matrices that all meet the same weights are one matrix of more rows
    batch = {};
  }

  const DType dtype = lowering.compute_dtype(group.primary);
  const DType dst_dtype = lowering.activation_dtype(group.dst);
  const Desc src_desc = matrices_desc(batch.src, m, k, layer.transpose_src, dtype);
  const Desc weights_desc = matrices_desc(batch.weights, k, n, layer.transpose_weights, dtype);
  const Desc dst_desc = matrices_desc(batch.dst, m, n, false, dst_dtype);
  Epilogue epilogue;
  if (layer.scale != 1.0F) epilogue.eltwise.push_back({dnnl::algorithm::eltwise_linear, layer.scale});
  const Configured configured = configure_product(epilogue, std::nullopt);
  const auto pd = matmul_forward(src_desc, weights_desc, Desc{}, dst_desc, configured.attributes);
  if (is_reference(pd.impl_info_str())) return lower_natively(lowering, group);

  const auto plain = [&](NodeId id) {
    const Value& value = lowering.value(id);
    return builder.convert(value, plain_desc(shape_of(value.desc), dtype), std::nullopt, lowering.node(id).name);
  };
  const Value a = plain(node.src[0]);
  const Value b = plain(node.src[1]);
  const Value result = builder.allocate(dst, plain_desc(dst, dst_dtype));
  builder.emit(lowering.label(group), pd, dnnl::matmul(pd),
               {{DNNL_ARG_SRC, src_desc, a.where},
                {DNNL_ARG_WEIGHTS, weights_desc, b.where},
                {DNNL_ARG_DST, dst_desc, result.where}},
               configured);
  lowering.finish(group.dst, result);
}

}  // namespace fulcrum::detail::onednn
