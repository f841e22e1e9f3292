#pragma once
/// \file
/// Which precisions and algorithms this CPU can run.

#include <string>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// Whether u8·s8 products are summed in 32 bits (VNNI, AMX). Without, AVX2 and AVX-512 saturate pairs of products to
/// 16 bits, and layers that this could touch run in f32 (see detail/int8_saturation.hpp).
FULCRUM_DECLARE [[nodiscard]] bool cpu_sums_int8_exactly();

/// Whether convolutions may run by Winograd's algorithm: isa_runs_winograd() of what oneDNN may use.
FULCRUM_DECLARE [[nodiscard]] bool cpu_runs_winograd();

/// Why the precision cannot run here, in one sentence; empty when it can.
FULCRUM_DECLARE [[nodiscard]] std::string why_unsupported(Precision precision);

[[nodiscard]] inline bool cpu_supports(Precision precision) { return why_unsupported(precision).empty(); }

}  // namespace fulcrum

#if FULCRUM_DEFINES(onednn)

#include <dnnl.h>

namespace fulcrum::detail {

/// Whether oneDNN may use an instruction set here. Its sets are bit masks in which a wider set holds the narrower ones.
FULCRUM_DECLARE bool may_use(dnnl_cpu_isa_t isa) {
  return (static_cast<unsigned>(dnnl_get_effective_cpu_isa()) & static_cast<unsigned>(isa)) ==
         static_cast<unsigned>(isa);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE bool cpu_sums_int8_exactly() {
  return detail::may_use(dnnl_cpu_isa_avx512_core_vnni) || detail::may_use(dnnl_cpu_isa_avx2_vnni);
}

FULCRUM_DEFINE bool cpu_runs_winograd() {
  return detail::may_use(dnnl_cpu_isa_avx2) && !detail::may_use(dnnl_cpu_isa_avx512_core);
}

FULCRUM_DEFINE std::string why_unsupported(Precision precision) {
  switch (precision) {
    case Precision::f32:
    case Precision::int8: return {};
    case Precision::bf16:
      if (detail::may_use(dnnl_cpu_isa_avx512_core)) return {};
      return "this CPU has no AVX-512, which bf16 needs";
  }
  return {};
}

}  // namespace fulcrum

#endif
