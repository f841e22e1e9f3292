#pragma once
/// \file
/// What the numbers of every value stand for.

#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// Element type of a layer's value: what inputs, constants and casts say, indices and truth values of the layers that
/// make them, and otherwise the first source's type.
/// \param src  element types of its sources
template <class T>
[[nodiscard]] ElementType dst_element(const Layer<T>& layer, std::span<const ElementType> src);

/// Element type of every node's value, by node id; see dst_element().
template <class T>
[[nodiscard]] std::vector<ElementType> infer_elements(const Model<T>& model);

}  // namespace fulcrum

#if FULCRUM_DEFINES(analysis)

namespace fulcrum {

template <class T>
ElementType dst_element(const Layer<T>& layer, std::span<const ElementType> src) {
  return visit_layer(
      [&](const auto& l) {
        if constexpr (requires { l.dst_element(src); }) return l.dst_element(src);
        return src.empty() ? ElementType::f32 : src[0];
      },
      layer);
}

template <class T>
std::vector<ElementType> infer_elements(const Model<T>& model) {
  std::vector<ElementType> elements;
  elements.reserve(model.size());
  for (const Node<T>& node : model.nodes()) {
    std::vector<ElementType> src;
    for (const NodeId id : node.src) src.push_back(elements[id]);
    elements.push_back(dst_element(node.layer, std::span<const ElementType>(src)));
  }
  return elements;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(analysis)
namespace fulcrum {
template ElementType dst_element(const Layer<float>& layer, std::span<const ElementType> src);
template ElementType dst_element(const Layer<double>& layer, std::span<const ElementType> src);
template std::vector<ElementType> infer_elements(const Model<float>& model);
template std::vector<ElementType> infer_elements(const Model<double>& model);
}  // namespace fulcrum
#endif

#endif
