#pragma once
/// \file
/// What computes a step.

#include <array>
#include <cstdint>
#include <string_view>

#include <fulcrum/core/enum_name.hpp>

namespace fulcrum {

/// What computes a step.
enum class Algorithm : std::uint8_t {
  primitive,        ///< a kernel of the engine
  winograd,         ///< Winograd's algorithm around products of the engine (schedule/winograd.hpp)
  sparse,           ///< Fulcrum's own loops over the weights that are not 0 (schedule/sparse.hpp)
  packed,           ///< Fulcrum's own loops over weights of a few bits, which stay packed in memory
  recurrent,        ///< a product of the engine for all steps of a sequence, then Fulcrum's own loops step by step
  integer_product,  ///< a product of integers by the engine, then Fulcrum's own loop that makes reals of the sums
  loops,            ///< Fulcrum's own plain loops, on one thread
  threaded_loops,   ///< Fulcrum's own loops on all threads of the step
};

inline constexpr std::array all_algorithms{Algorithm::primitive, Algorithm::winograd,      Algorithm::sparse,
                                           Algorithm::packed,    Algorithm::recurrent,     Algorithm::integer_product,
                                           Algorithm::loops,     Algorithm::threaded_loops};

[[nodiscard]] constexpr std::string_view name_of(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::primitive: return "primitive";
    case Algorithm::winograd: return "winograd";
    case Algorithm::sparse: return "sparse";
    case Algorithm::packed: return "packed";
    case Algorithm::recurrent: return "recurrent";
    case Algorithm::integer_product: return "integer_product";
    case Algorithm::loops: return "loops";
    case Algorithm::threaded_loops: return "threaded_loops";
  }
  return "?";
}

/// \throws Error when there is no such algorithm
[[nodiscard]] inline Algorithm algorithm_from(std::string_view name) {
  return enum_from("algorithm", name, all_algorithms);
}

}  // namespace fulcrum
