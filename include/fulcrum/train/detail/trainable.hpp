#pragma once
/// \file
/// Which layers gradients are known for.

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/layer.hpp>
#include <fulcrum/onednn/adapter.hpp>

namespace fulcrum::detail::training {

/// Layers that only run forward.
template <class L>
concept ForwardOnly = MovementLayer<L> || ElementwiseLayer<L> || NormalizationLayer<L> || ReductionLayer<L> ||
    is_one_of<L, ConvTranspose<float>, MatMulNBits, MatMul, Recurrent<float>, Custom>;

/// Whether training can take the layer on a value of this shape.
FULCRUM_DECLARE [[nodiscard]] bool is_trainable(const Layer<float>& layer, const Shape& dst);

}  // namespace fulcrum::detail::training

#if FULCRUM_DEFINES(train)

namespace fulcrum::detail::training {

FULCRUM_DEFINE bool is_trainable(const Layer<float>& layer, const Shape& dst) {
  return visit_layer(
      Overloads{[](const ForwardOnly auto&) { return false; }, [](const Input&) { return true; },
                [](const Constant<float>&) { return true; }, [&](const Conv<float>&) { return dst.size() == 4; },
                [](const Dense<float>&) { return true; }, [](const BatchNormalization<float>&) { return true; },
                [&](const Pool&) { return dst.size() == 4; }, [](const GlobalPool&) { return true; },
                [](const Activation& l) { return !onednn::eltwise_of(l).empty(); },
                [](const Binary& l) { return l.function == BinaryKind::add || l.function == BinaryKind::mul; },
                [](const Concat&) { return true; }, [](const Reshape&) { return true; },
                [](const Flatten&) { return true; }, [](const Softmax& l) { return !l.logarithm; }},
      layer);
}

}  // namespace fulcrum::detail::training

#endif
