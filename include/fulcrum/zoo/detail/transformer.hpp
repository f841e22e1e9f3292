#pragma once
/// \file
/// What transformer encoders are made of (Vaswani et al. 2017), and images' ones (Dosovitskiy et al. 2021).

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

/// The last value, images (n, 3, 224, 224), as 196 patches of 16×16 pixels and a class token through twelve encoder
/// layers → (n, 1000) class scores.
template <class T>
ModelBuilder<T>& vision_transformer(ModelBuilder<T>& b, std::int64_t width, std::int64_t heads) {
  constexpr std::int64_t tokens = 197;
  b.conv(width, 16, {.stride = {16, 16}}).reshape({0, width, tokens - 1}).transpose({0, 2, 1});
  const NodeId patches = b.last();
  b.parameter({1, 1, width}).named("class_token").expand({batch_dim, 1, width}).concat({patches});
  const NodeId sequence = b.last();
  const NodeId positions = b.parameter({1, tokens, width}).named("positions").last();
  b.from(sequence).add(positions);
  for (int layer = 0; layer < 12; ++layer) {
    const NodeId x = b.last();
    b.layer_normalization(1e-6);
    const NodeId y = self_attention(b, heads).add(x).last();
    b.layer_normalization(1e-6);
    feed_forward(b, 4 * width).add(y);
  }
  return b.layer_normalization(1e-6).slice(1, 0, 1).flatten().dense(1000);
}

}  // namespace fulcrum::detail
