#pragma once
/// \file
/// A compiled model as data: steps in order, each a oneDNN primitive and where its arguments lie.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/exec/detail/onednn_adapter.hpp>
#include <fulcrum/exec/onednn_options.hpp>

namespace fulcrum::detail::onednn {

/// Where bytes are when a step runs.
struct Location {
  enum class Place : std::uint8_t { arena, input, output, constant };
  Place place = Place::arena;
  std::size_t index = 0;  ///< of the buffer, of the model's input or output, or of the constant
  friend bool operator==(const Location&, const Location&) = default;
};

struct Argument {
  int id = 0;  ///< DNNL_ARG_…
  Desc desc;
  Location where;
};

struct Step {
  StepInfo info;
  dnnl::primitive primitive;
  std::vector<Argument> arguments;
  Desc scratchpad;
};

struct Program {
  std::vector<Step> steps;
  std::vector<dnnl::memory> constants;
  std::vector<std::size_t> offsets;  ///< [B] of each buffer in the arena
  std::size_t arena_bytes = 0;
  std::size_t scratchpad_bytes = 0;
  std::vector<Shape> src_shapes;  ///< of the model's inputs
  std::vector<Shape> dst_shapes;  ///< of the model's outputs
  std::vector<std::string> notes;
};

}  // namespace fulcrum::detail::onednn
