#pragma once
/// \file
/// What the numbers of every value stand for.

#include <span>
#include <vector>

#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// Element type of a layer's value: what inputs, constants and casts say, indices and truth values of the layers that
/// make them, and otherwise the first source's type.
/// \param src  element types of its sources
template <class T>
[[nodiscard]] ElementType dst_element(const Layer<T>& layer, std::span<const ElementType> src) {
  const auto of_src = [&](std::size_t i) { return i < src.size() ? src[i] : ElementType::f32; };
  return std::visit(
      Overloads{
          [](const Input& l) { return l.element; },
          [](const Constant<T>& l) { return l.element; },
          [](const Cast& l) { return l.to; },
          [](const ArgReduce&) { return ElementType::s64; },
          [](const MaxPoolIndices&) { return ElementType::s64; },
          [](const QuantizeLinear& l) { return l.quantization.dtype == DType::u8 ? ElementType::u8 : ElementType::s8; },
          [](const DequantizeLinear&) { return ElementType::f32; },
          [&](const Where&) { return of_src(1); },
          [&](const Binary& l) { return is_predicate(l.function) ? ElementType::boolean : of_src(0); },
          [&](const Activation& l) {
            return l.function == ActivationKind::logical_not ? ElementType::boolean : of_src(0);
          },
          [&](const Conv<T>&) { return of_src(0); },
          [&](const ConvTranspose<T>&) { return of_src(0); },
          [&](const Dense<T>&) { return of_src(0); },
          [&](const MatMul&) { return of_src(0); },
          [&](const Recurrent<T>&) { return of_src(0); },
          [&](const BatchNormalization<T>&) { return of_src(0); },
          [&](const NormalizationLayer auto&) { return of_src(0); },
          [&](const Pool&) { return of_src(0); },
          [&](const GlobalPool&) { return of_src(0); },
          [&](const Softmax&) { return of_src(0); },
          [&](const Reduce&) { return of_src(0); },
          [&](const Concat&) { return of_src(0); },
          [&](const Reshape&) { return of_src(0); },
          [&](const Flatten&) { return of_src(0); },
          [&](const MovementLayer auto&) { return of_src(0); }},
      layer);
}

/// Element type of every node's value, by node id; see dst_element().
template <class T>
[[nodiscard]] std::vector<ElementType> infer_elements(const Model<T>& model) {
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
