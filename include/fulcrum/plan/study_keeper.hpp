#pragma once
/// \file
/// What a study has found out and wants to find again, should it be interrupted or extended.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/candidate.hpp>
#include <fulcrum/plan/space.hpp>

namespace fulcrum {

/// One round of a candidate, and when it was measured.
struct KeptRound {
  std::string measured_at;         ///< UTC, ISO 8601
  std::optional<double> slowdown;  ///< of the machine then, against its calibration (Drift::slowdown())
  LatencyReport report;
};

/// What must be the same for findings to belong to one study: names and values.
using StudyIdentity = std::map<std::string, std::string>;

/// Keeps a study's findings as soon as they are known: in files (keeper_in(), plan/study_folder.hpp), or wherever these
/// functions do. All or none of them are set.
struct StudyKeeper {
  /// Called once, before all others. Throws an Error when what is kept is another study's.
  std::function<void(const StudyIdentity&)> open;
  std::function<std::vector<KeptRound>(const Candidate&)> rounds;  ///< of a candidate so far
  std::function<void(const Candidate&, const std::vector<KeptRound>&)> keep_rounds;
  /// The accuracy of a variant, 0 … 1; nothing where it is not known yet.
  std::function<std::optional<double>(const VariantChoice&)> accuracy;
  std::function<void(const VariantChoice&, double accuracy)> keep_accuracy;

  [[nodiscard]] explicit operator bool() const noexcept { return open != nullptr; }
};

namespace detail {

/// FNV-1a (Fowler, Noll and Vo), 64 bits: tells contents apart, and is no protection from anybody.
class ContentHash {
public:
  void add(const void* bytes, std::size_t count) noexcept {
    const auto* at = static_cast<const unsigned char*>(bytes);
    for (std::size_t i = 0; i < count; ++i) state_ = (state_ ^ at[i]) * 0x100000001b3U;
  }
  void add(const std::string& text) noexcept { add(text.c_str(), text.size() + 1); }
  [[nodiscard]] std::string text() const { return formatted("%016llx", static_cast<unsigned long long>(state_)); }

private:
  std::uint64_t state_ = 0xcbf29ce484222325U;
};

}  // namespace detail

}  // namespace fulcrum
