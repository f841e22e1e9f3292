#pragma once
/// \file
/// Memory that a model takes when it runs.

#include <cstddef>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

/// Memory that a compiled model and one instance of it take, in bytes.
struct MemoryUse {
  std::size_t weights = 0;      ///< packed weights and constants, shared by all instances
  std::size_t activations = 0;  ///< one arena per instance
  std::size_t scratchpad = 0;   ///< per instance

  friend bool operator==(const MemoryUse&, const MemoryUse&) = default;
};

}  // namespace fulcrum
