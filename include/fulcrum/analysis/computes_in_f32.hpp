#pragma once
/// \file
/// Which layers compute in f32 whatever precision the model runs in. The cost model and executors read the same answer.

#include <fulcrum/analysis/fusion.hpp>

namespace fulcrum {

/// True for layers that take and give f32 in every precision: those whose result bf16 would spoil (Softmax, the
/// normalizations) and those that no fast kernel stands behind. (Softmax wants its source in f32 where it is free to be
/// so, but reads bf16 as well, and gives it to those who want that.)
template <class T>
[[nodiscard]] bool computes_in_f32(const Layer<T>& layer) {
  return std::visit(Overloads{[](const Input&) { return false; },
                              [](const Constant<T>&) { return false; },
                              [](const Conv<T>&) { return false; },
                              [](const Dense<T>&) { return false; },
                              [](const MatMul&) { return false; },
                              [](const BatchNormalization<T>&) { return false; },
                              [](const Pool&) { return false; },
                              [](const GlobalPool&) { return false; },
                              [](const Concat&) { return false; },
                              [](const Reshape&) { return false; },
                              [](const Flatten&) { return false; },
                              [](const Activation& l) { return !detail::runs_as_post_operation(l.function); },
                              [](const Binary& l) { return !detail::runs_as_post_operation(l.function); },
                              [](const Softmax&) { return true; },
                              [](const ConvTranspose<T>&) { return true; },
                              [](const Recurrent<T>&) { return true; },
                              [](const NormalizationLayer auto&) { return true; },
                              [](const MovementLayer auto&) { return true; },
                              [](const ElementwiseLayer auto&) { return true; },
                              [](const ReductionLayer auto&) { return true; }},
                    layer);
}

}  // namespace fulcrum
