#pragma once
/// \file
/// On what a figure was obtained: goes into every profile and report.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

/// Machine, limits and versions behind a figure. Filled by current_environment() in core/cpu.hpp; library versions are
/// added by whoever uses the library.
struct Environment {
  std::string cpu;                              ///< model name
  std::string isa;                              ///< widest instruction sets that matter ("avx512 vnni amx")
  int cores = 0;                                ///< cores this process may use: affinity and container quota applied
  std::vector<int> affinity;                    ///< ids of the CPUs the process may run on
  double cpu_quota = 0.0;                       ///< CPUs granted by the container; 0: no limit
  std::map<std::string, std::string> versions;  ///< "oneDNN" → "2.6.3"
  std::uint64_t seed = 0;                       ///< of the random input

  friend bool operator==(const Environment&, const Environment&) = default;
};

}  // namespace fulcrum
