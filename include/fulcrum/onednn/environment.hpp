#pragma once
/// \file
/// The environment of figures that were obtained with oneDNN.

#include <string>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/schedule/machine.hpp>

namespace fulcrum {

/// "2.6.3": of the oneDNN library that is loaded, which may be another than that of its header.
FULCRUM_DECLARE [[nodiscard]] std::string onednn_version();

/// current_environment() with oneDNN's version: what check_profile_matches() wants to be asked with.
FULCRUM_DECLARE [[nodiscard]] Environment onednn_environment();

/// This machine as schedules see it: with the instruction sets that oneDNN may use (ONEDNN_MAX_CPU_ISA limits them).
FULCRUM_DECLARE [[nodiscard]] Machine current_machine();

}  // namespace fulcrum

#if FULCRUM_DEFINES(onednn)

#include <dnnl.h>
#include <fulcrum/onednn/precision_support.hpp>

namespace fulcrum {

FULCRUM_DEFINE std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

FULCRUM_DEFINE Environment onednn_environment() {
  Environment environment = current_environment();
  environment.versions["oneDNN"] = onednn_version();
  return environment;
}

FULCRUM_DEFINE Machine current_machine() {
  const Environment environment = current_environment();
  Machine machine{environment.isa, environment.cores, believable_caches(current_caches(), environment.cores), {}};
  if (machine.has("avx512") && !detail::may_use(dnnl_cpu_isa_avx512_core)) {
    machine.isa = detail::may_use(dnnl_cpu_isa_avx2) ? "avx2" : "sse4.1";
    if (detail::may_use(dnnl_cpu_isa_avx2_vnni)) machine.isa += " vnni";
  }
  return machine;
}

}  // namespace fulcrum

#endif
