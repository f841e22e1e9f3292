#pragma once
/// \file
/// What training moves.

#include <cstdint>
#include <string>

#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// A weight, bias, scale or shift under training, plain and row-major; or ln(step) of a value that is rounded by it.
struct TrainableParameter {
  NodeId node = 0;
  std::string layer;                ///< name of the node
  std::string name;                 ///< "weights", "bias", "scale", "shift" or "log_step"
  Tensor<float> value;              ///< what the next forward() computes with
  Tensor<float> gradient;           ///< of the last backward()
  SharedTensor<std::uint8_t> mask;  ///< 0: pruned, stays 0; empty: dense
  bool decays = false;              ///< whether weight decay applies: to weights alone
};

}  // namespace fulcrum
