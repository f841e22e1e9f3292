#pragma once
/// \file
/// Which precisions and algorithms this CPU can run.

#include <dnnl.h>

#include <string>

#include <fulcrum/core/dtype.hpp>

namespace fulcrum {

namespace detail {
/// Whether oneDNN may use an instruction set here. Its sets are bit masks in which a wider set holds the narrower ones.
inline bool may_use(dnnl_cpu_isa_t isa) {
  return (static_cast<unsigned>(dnnl_get_effective_cpu_isa()) & static_cast<unsigned>(isa)) ==
         static_cast<unsigned>(isa);
}
}  // namespace detail

/// Whether u8·s8 products are summed in 32 bits (VNNI, AMX). Without, AVX2 and AVX-512 saturate pairs of products to
/// 16 bits, and layers that this could touch run in f32 (see detail/int8_saturation.hpp).
[[nodiscard]] inline bool cpu_sums_int8_exactly() {
  return detail::may_use(dnnl_cpu_isa_avx512_core_vnni) || detail::may_use(dnnl_cpu_isa_avx2_vnni);
}

/// Whether convolutions may run by Winograd's algorithm: isa_runs_winograd() of what oneDNN may use.
[[nodiscard]] inline bool cpu_runs_winograd() {
  return detail::may_use(dnnl_cpu_isa_avx2) && !detail::may_use(dnnl_cpu_isa_avx512_core);
}

/// Why the precision cannot run here, in one sentence; empty when it can.
[[nodiscard]] inline std::string why_unsupported(Precision precision) {
  switch (precision) {
    case Precision::f32:
    case Precision::int8: return {};
    case Precision::bf16:
      if (detail::may_use(dnnl_cpu_isa_avx512_core)) return {};
      return "this CPU has no AVX-512, which bf16 needs";
  }
  return {};
}

[[nodiscard]] inline bool cpu_supports(Precision precision) { return why_unsupported(precision).empty(); }

}  // namespace fulcrum
