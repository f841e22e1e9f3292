#pragma once
/// \file
/// What a model gives, by the reference executor: a runner for passes that take one.

#include <span>
#include <vector>

#include <fulcrum/exec/reference.hpp>

namespace fulcrum::test {

inline std::vector<Tensor<float>> outputs_of(const Model<float>& model, std::span<const Tensor<float>> sources) {
  return ReferenceExecutor<float>(model).run(sources);
}

}  // namespace fulcrum::test
