#pragma once
/// \file
/// What transformer encoders are made of (Vaswani et al. 2017).

#include <cmath>
#include <cstdint>
#include <optional>

#include <fulcrum/model/builder.hpp>

namespace fulcrum::detail {

/// Self-attention of the last value (n, tokens, width) over `heads` heads, with its four projections.
/// \param mask  added to the scores (n, heads, tokens, tokens), where there is one
template <class T>
ModelBuilder<T>& self_attention(ModelBuilder<T>& b, std::int64_t heads, std::optional<NodeId> mask = std::nullopt) {
  const std::int64_t width = b.shape().back();
  const std::int64_t head = width / heads;
  const NodeId x = b.last();
  const auto project = [&] {  // (n, tokens, width) → (n, heads, tokens, head)
    return b.from(x).dense(width).reshape({0, 0, heads, head}).transpose({0, 2, 1, 3}).last();
  };
  const NodeId query = project();
  const NodeId key = project();
  const NodeId value = project();
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head)));
  b.from(query).matmul(key, {.transpose_weights = true, .scale = scale});
  if (mask) b.add(*mask);
  b.softmax().matmul(value);
  return b.transpose({0, 2, 1, 3}).reshape({0, 0, width}).dense(width);
}

/// Two dense layers with GELU between them: (…, width) → (…, inner) → (…, width).
template <class T>
ModelBuilder<T>& feed_forward(ModelBuilder<T>& b, std::int64_t inner) {
  const std::int64_t width = b.shape().back();
  return b.dense(inner).gelu().dense(width);
}

}  // namespace fulcrum::detail
