#pragma once
/// \file
/// What every executor offers, whatever runs underneath.

#include <concepts>
#include <span>
#include <vector>

#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

/// Something that runs a model: one source per model input in, one result per model output out, all plain row-major
/// f32. ReferenceExecutor<float> and OnednnExecutor are executors.
template <class E>
concept Executor = requires(E& executor, std::span<const Tensor<float>> src) {
  { executor.run(src) } -> std::same_as<std::vector<Tensor<float>>>;
};

}  // namespace fulcrum
