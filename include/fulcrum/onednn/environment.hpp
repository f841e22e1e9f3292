#pragma once
/// \file
/// The environment of figures that were obtained with oneDNN.

#include <dnnl.h>

#include <string>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/schedule/machine.hpp>

namespace fulcrum {

/// "2.6.3": of the oneDNN library that is loaded, which may be another than that of its header.
[[nodiscard]] inline std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

/// current_environment() with oneDNN's version: what check_profile_matches() wants to be asked with.
[[nodiscard]] inline Environment onednn_environment() {
  Environment environment = current_environment();
  environment.versions["oneDNN"] = onednn_version();
  return environment;
}

/// This machine as schedules see it: with the instruction sets that oneDNN may use (ONEDNN_MAX_CPU_ISA limits them).
[[nodiscard]] inline Machine current_machine() {
  const Environment environment = current_environment();
  Machine machine{environment.isa, environment.cores, believable_caches(current_caches(), environment.cores), {}};
  if (machine.has("avx512") && !detail::may_use(dnnl_cpu_isa_avx512_core)) {
    machine.isa = detail::may_use(dnnl_cpu_isa_avx2) ? "avx2" : "sse4.1";
    if (detail::may_use(dnnl_cpu_isa_avx2_vnni)) machine.isa += " vnni";
  }
  return machine;
}

}  // namespace fulcrum
