#pragma once
/// \file
/// What of a machine decides how a model runs on it.

#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/schedule/layout_change.hpp>

namespace fulcrum {

/// A machine as a schedule sees it. current_machine() (onednn/environment.hpp) is this one, machine_of(profile) the one
/// that a profile speaks of; by default nothing is known, and nothing is done that needs to be.
struct Machine {
  std::string isa{};    ///< instruction sets that an engine may use, as Environment::isa; empty: unknown
  int cores = 1;        ///< that share the last-level cache
  CacheSizes caches{};  ///< as a core sees them; 0: unknown, and no batch is cut into slices
  std::vector<LayoutChange> layout_changes{};  ///< where values were seen to be reordered; empty: nothing was seen

  /// Whether a word of `isa` is there: "avx512".
  FULCRUM_DECLARE [[nodiscard]] bool has(std::string_view word) const noexcept;

  friend bool operator==(const Machine&, const Machine&) = default;
};

/// Why a machine cannot run a precision, in one sentence; empty when it can, or is unknown.
FULCRUM_DECLARE [[nodiscard]] std::string why_unsupported(Precision precision, const Machine& machine);

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

FULCRUM_DEFINE bool Machine::has(std::string_view word) const noexcept {
  for (std::size_t at = isa.find(word); at != std::string::npos; at = isa.find(word, at + 1)) {
    const bool begins = at == 0 || isa[at - 1] == ' ';
    const bool ends = at + word.size() == isa.size() || isa[at + word.size()] == ' ';
    if (begins && ends) return true;
  }
  return false;
}

FULCRUM_DEFINE std::string why_unsupported(Precision precision, const Machine& machine) {
  if (precision != Precision::bf16 || machine.isa.empty() || machine.has("avx512")) return {};
  return "this CPU has no AVX-512, which bf16 needs";
}

}  // namespace fulcrum

#endif
