#pragma once
/// \file
/// A compiled model as data: steps in order, each a oneDNN primitive or a function of Fulcrum's own, and where its
/// arguments lie.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/exec/runtime/constant_store.hpp>
#include <fulcrum/exec/step_info.hpp>
#include <fulcrum/onednn/adapter.hpp>
#include <fulcrum/schedule/schedule.hpp>

namespace fulcrum::detail::onednn {

/// Where bytes are when a step runs.
struct Location {
  enum class Place : std::uint8_t { arena, input, output, constant };
  Place place = Place::arena;
  std::size_t index = 0;   ///< of the buffer, of the model's input or output, or of the constant
  std::size_t offset = 0;  ///< [B] from there
  friend bool operator==(const Location&, const Location&) = default;
};

struct Argument {
  int id = 0;  ///< DNNL_ARG_…
  Desc desc;
  Location where;
};

/// A step that oneDNN has no (good) primitive for: reads and writes at one pointer per argument, in the order of
/// Step::arguments and in their layouts. It may change what it holds when it runs, so each executor runs a copy of its
/// own.
using NativeFunction = std::function<void(std::span<void* const>)>;

struct Step {
  StepInfo info;
  dnnl::primitive primitive;  ///< empty in a step that `native` runs
  std::vector<Argument> arguments;
  Desc scratchpad;
  NativeFunction native;               ///< empty in a step that `primitive` runs
  std::size_t native_weights = 0;      ///< [B] of the weights that `native` reads
  std::optional<FusionGroup> group{};  ///< the layers that run in it; nothing: it only prepares or moves a value
};

struct Program {
  std::vector<Step> steps;
  std::vector<SharedConstant> constants;  ///< empty where no step reads it any more
  std::vector<std::size_t> offsets;       ///< [B] of each buffer in the arena
  std::size_t arena_bytes = 0;
  std::size_t scratchpad_bytes = 0;
  std::vector<Shape> src_shapes;  ///< of the model's inputs
  std::vector<Shape> dst_shapes;  ///< of the model's outputs
  std::vector<Amendment> amendments;
  std::vector<std::string> notes;
};

/// Whether no step reads the model's input once one has begun to write the output, so that both may be the same bytes.
[[nodiscard]] inline bool may_write_over(const Program& program, std::size_t input, std::size_t output) {
  bool written = false;
  for (const Step& step : program.steps) {
    const auto touches = [&](Location::Place place, std::size_t index) {
      return std::any_of(step.arguments.begin(), step.arguments.end(), [&](const Argument& argument) {
        return argument.where.place == place && argument.where.index == index;
      });
    };
    written = written || touches(Location::Place::output, output);
    if (written && touches(Location::Place::input, input)) return false;
  }
  return true;
}

}  // namespace fulcrum::detail::onednn
