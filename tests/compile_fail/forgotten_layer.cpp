// expect: Softmax
#include <fulcrum/layers/layer.hpp>

// A stage that does not answer for a layer does not compile: this is how a new layer finds every place that must know
// it.
using fulcrum::Layer;

bool moves_memory(const Layer<float>& layer) {
  return fulcrum::visit_layer(fulcrum::Overloads{
                                  [](const fulcrum::Input&) { return false; },
                                  [](const fulcrum::Constant<float>&) { return false; },
                                  [](const fulcrum::Conv<float>&) { return true; },
                                  [](const fulcrum::Dense<float>&) { return true; },
                                  [](const fulcrum::BatchNormalization<float>&) { return true; },
                                  [](const fulcrum::Pool&) { return true; },
                                  [](const fulcrum::GlobalPool&) { return true; },
                                  [](const fulcrum::Activation&) { return true; },
                                  [](const fulcrum::Binary&) { return true; },
                                  [](const fulcrum::Concat&) { return true; },
                                  [](const fulcrum::Reshape&) { return false; },
                                  [](const fulcrum::Flatten&) { return false; },
                                  [](const fulcrum::ConvTranspose<float>&) { return true; },
                                  [](const fulcrum::MatMul&) { return true; },
                                  [](const fulcrum::MatMulNBits&) { return true; },
                                  [](const fulcrum::Recurrent<float>&) { return true; },
                                  [](const fulcrum::NormalizationLayer auto&) { return true; },
                                  [](const fulcrum::MovementLayer auto&) { return true; },
                                  [](const fulcrum::ElementwiseLayer auto&) { return true; },
                                  [](const fulcrum::ReductionLayer auto&) { return true; },
                                  [](const fulcrum::Custom&) { return true; },
#ifndef MUST_FAIL
                                  [](const fulcrum::Softmax&) { return true; },
#endif
                              },
                              layer);
}
