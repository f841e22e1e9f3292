#pragma once
/// \file
/// How to quantize for the CPU at hand.

#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/passes/calibration.hpp>

namespace fulcrum {

/// The options with the integers that this CPU's int8 kernels sum without loss: on one without VNNI weights whose
/// sums fit into 16 bits and unsigned values, elsewhere as they are. A model quantized for such a CPU runs on all
/// others as well.
FULCRUM_DECLARE [[nodiscard]] QuantizeOptions int8_options_for_this_cpu(QuantizeOptions options = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

namespace fulcrum {

FULCRUM_DEFINE QuantizeOptions int8_options_for_this_cpu(QuantizeOptions options) {
  if (cpu_sums_int8_exactly()) return options;
  options.sums_in_16_bits = true;
  options.unsigned_values = true;
  return options;
}

}  // namespace fulcrum

#endif
