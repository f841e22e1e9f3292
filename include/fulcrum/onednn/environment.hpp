#pragma once
/// \file
/// The environment of figures that were obtained with oneDNN.

#include <string>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// "2.6.3": of the oneDNN library that is loaded, which may be another than that of its header.
FULCRUM_DECLARE [[nodiscard]] std::string onednn_version();

/// current_environment() with oneDNN's version: what check_profile_matches() wants to be asked with.
FULCRUM_DECLARE [[nodiscard]] Environment onednn_environment();

}  // namespace fulcrum

#if FULCRUM_DEFINES(onednn)

#include <dnnl.h>

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

}  // namespace fulcrum

#endif
