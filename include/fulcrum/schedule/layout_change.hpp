#pragma once
/// \file
/// What was seen of a machine's kernels: between which places they want values in another layout.

#include <cstdint>
#include <string>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// How often a value was reordered on its way between two kinds of places.
struct LayoutChange {
  Precision precision = Precision::f32;  ///< of the run
  /// "input", "view" (what a Reshape gives is row-major), or who made it: place_of() its step; "sources" of a Concat
  std::string from;
  /// "output", "view" (a Reshape takes a value row-major), who takes it: place_of() its step, how a sum takes its
  /// residual ("sum" in its place, "copied_sum"), or what a Concat joins ("joined_sample" of a batch of one,
  /// "joined_samples"); where sources are computed in the result nothing is moved.
  std::string to;
  bool converts = false;      ///< the two ends differ in type
  std::int64_t channels = 0;  ///< 1, 3 (two to four) or 16 (more); 0: no extents, so that every layout is the same
  double reorders = 0.0;      ///< on the way, on average: none, one, or two where type and layout change apart

  /// Whether it speaks of the same kind of place.
  FULCRUM_DECLARE [[nodiscard]] bool same_place(const LayoutChange& other) const;
  friend bool operator==(const LayoutChange&, const LayoutChange&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(schedule)

namespace fulcrum {

FULCRUM_DEFINE bool LayoutChange::same_place(const LayoutChange& other) const {
  return channels == other.channels && converts == other.converts && precision == other.precision &&
         from == other.from && to == other.to;
}

}  // namespace fulcrum

#endif
