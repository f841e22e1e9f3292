#pragma once
/// \file
/// What a layer states about itself so that the stages behind it need no list of layers of their own.

#include <cstdint>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

/// How the integers that a layer takes in an int8 model relate to those it gives.
enum class IntegerUse : std::uint8_t {
  none,      ///< it works on real numbers
  computes,  ///< sums products of integers; the result has a range of its own
  combines,  ///< a sum, a join, an average: worth doing in integers between two that compute; a range of its own
  passes,    ///< gives some of the integers it takes, by the same scale: a maximum, another shape
};

/// Facts about a layer.
struct LayerFacts {
  bool is_product = false;             ///< sums products of two sources, or of a source and weights
  bool is_view = false;                ///< gives the elements of its source in their order, under another shape
  bool takes_post_operations = false;  ///< engines run functions, some also a sum, on its result before it is stored
  /// It takes and gives f32 in every precision: bf16 would spoil its result, or no fast kernel stands behind it.
  bool needs_f32 = true;
  bool only_loops = false;  ///< no engine has a kernel for it: it runs in Fulcrum's own plain loops
  IntegerUse integers = IntegerUse::none;

  friend constexpr bool operator==(const LayerFacts&, const LayerFacts&) = default;
};

}  // namespace fulcrum
