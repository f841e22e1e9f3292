#pragma once
/// \file
/// The order in which things that are compared take turns.

#include <cstddef>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

/// Whose turn it is: forwards in even rounds and backwards in odd ones, so that a drift of the machine meets all alike.
/// \param place  in the round, below `count`
[[nodiscard]] constexpr std::size_t whose_turn(std::size_t round, std::size_t place, std::size_t count) noexcept {
  return round % 2 == 0 ? place : count - 1 - place;
}

}  // namespace fulcrum
