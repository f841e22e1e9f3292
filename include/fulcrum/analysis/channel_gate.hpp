#pragma once
/// \file
/// Gates: products of an image by one factor per sample and channel, as squeeze-and-excitation blocks have them.

#include <optional>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// The two sources of a gate.
struct ChannelGate {
  NodeId image = 0;   ///< (n, c, h, w), as the result
  NodeId factor = 0;  ///< (n, c, 1, 1)
};

/// The sources of a Mul of a value (n, c, h, w) by one (n, c, 1, 1); nothing for any other layer.
/// \param shapes  of the model's values, at any batch size
template <class T>
[[nodiscard]] std::optional<ChannelGate> channel_gate(const Model<T>& model, const std::vector<Shape>& shapes,
                                                      NodeId id);

}  // namespace fulcrum

#if FULCRUM_DEFINES(analysis)

#include <variant>

namespace fulcrum {

template <class T>
std::optional<ChannelGate> channel_gate(const Model<T>& model, const std::vector<Shape>& shapes, NodeId id) {
  const Node<T>& node = model.node(id);
  const auto* binary = std::get_if<Binary>(&node.layer);
  if (binary == nullptr || binary->function != BinaryKind::mul) return std::nullopt;
  const Shape& dst = shapes[id];
  if (dst.size() != 4 || dst[2] * dst[3] <= 1) return std::nullopt;
  const Shape factor{dst[0], dst[1], 1, 1};
  for (const std::size_t image : {0U, 1U}) {
    if (shapes[node.src[image]] == dst && shapes[node.src[1 - image]] == factor) {
      return ChannelGate{node.src[image], node.src[1 - image]};
    }
  }
  return std::nullopt;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(analysis)
namespace fulcrum {
template std::optional<ChannelGate> channel_gate(const Model<float>& model, const std::vector<Shape>& shapes,
                                                 NodeId id);
template std::optional<ChannelGate> channel_gate(const Model<double>& model, const std::vector<Shape>& shapes,
                                                 NodeId id);
}  // namespace fulcrum
#endif

#endif
