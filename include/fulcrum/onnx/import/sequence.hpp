#pragma once
/// \file
/// Sequences of tensors whose length is known while importing: SequenceConstruct, SequenceEmpty, SequenceInsert,
/// SequenceErase, SequenceAt, SequenceLength, SplitToSequence, ConcatFromSequence. No layer is left of a sequence.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/import/pieces.hpp>

namespace fulcrum::detail::onnx_io {

inline void import_sequence_construct(ImportContext& context, const GraphNode& node) {
  ImportContext::Sequence sequence;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) sequence.push_back(context.src(node, i));
  context.define_named(node.outputs[0], std::move(sequence));
}

inline void import_sequence_empty(ImportContext& context, const GraphNode& node) {
  static_cast<void>(integer_attribute(node, "dtype", Proto::FLOAT));  // tensors say their own
  context.define_named(node.outputs[0], ImportContext::Sequence{});
}

/// Input i as a position among `count`: from the end when negative.
/// \throws Error when it is computed at run time or out of range
inline std::size_t sequence_position(ImportContext& context, const GraphNode& node, std::size_t i, std::size_t count) {
  const std::vector<std::int64_t> given = context.integers(node, i, "position");
  const auto end = static_cast<std::int64_t>(count);
  if (given.size() != 1 || given[0] < -end || given[0] >= end)
    throw Error("its position", "is not one of " + std::to_string(count), "check the model");
  return static_cast<std::size_t>(given[0] < 0 ? given[0] + end : given[0]);
}

/// At the end, or before a position that may be the end.
inline void import_sequence_insert(ImportContext& context, const GraphNode& node) {
  ImportContext::Sequence sequence = context.sequence(node, 0);
  const NodeId value = context.src(node, 1);
  std::size_t at = sequence.size();
  if (context.has_input(node, 2)) {
    const std::vector<std::int64_t> given = context.integers(node, 2, "position");
    const bool is_end = given.size() == 1 && given[0] == static_cast<std::int64_t>(sequence.size());
    if (!is_end) at = sequence_position(context, node, 2, sequence.size());
  }
  sequence.insert(sequence.begin() + static_cast<std::ptrdiff_t>(at), value);
  context.define_named(node.outputs[0], std::move(sequence));
}

/// The last one, or that at a position.
inline void import_sequence_erase(ImportContext& context, const GraphNode& node) {
  ImportContext::Sequence sequence = context.sequence(node, 0);
  if (sequence.empty()) throw Error("", "takes one away from an empty sequence", "check the model");
  const std::size_t at =
      context.has_input(node, 1) ? sequence_position(context, node, 1, sequence.size()) : sequence.size() - 1;
  sequence.erase(sequence.begin() + static_cast<std::ptrdiff_t>(at));
  context.define_named(node.outputs[0], std::move(sequence));
}

inline void import_sequence_at(ImportContext& context, const GraphNode& node) {
  const ImportContext::Sequence& sequence = context.sequence(node, 0);
  context.define(node, 0, sequence[sequence_position(context, node, 1, sequence.size())]);
}

inline void import_sequence_length(ImportContext& context, const GraphNode& node) {
  const Tensor<double> length({}, {static_cast<double>(context.sequence(node, 0).size())});
  context.define_traced(node, {length, length, ElementType::s64});
}

/// Side by side along an axis, or along a new one.
inline void import_concat_from_sequence(ImportContext& context, const GraphNode& node) {
  std::vector<NodeId> parts = context.sequence(node, 0);
  if (parts.empty()) throw Error("", "joins an empty sequence", "check the model");
  const bool adds_axis = integer_attribute(node, "new_axis", 0) != 0;
  const std::size_t rank = context.shape(parts[0]).rank() + (adds_axis ? 1 : 0);
  const std::size_t axis = normalized_axis(required_integer(node, "axis"), rank);
  for (NodeId& part : parts) {
    if (adds_axis) part = append_reshape(context, node.name + "/part", part, with_axis(context.shape(part), axis));
  }
  context.append(node, Concat{static_cast<std::int64_t>(axis)}, std::move(parts));
}

/// Into parts of one size (the last may be smaller), of given sizes, or into single slices, with or without their axis.
inline void import_split_to_sequence(ImportContext& context, const GraphNode& node) {
  const NodeId src = context.src(node, 0);
  const TracedShape shape = context.shape(src);
  const std::size_t axis = normalized_axis(integer_attribute(node, "axis", 0), shape.rank());
  if (shape.depends_on_batch(axis))
    throw Error("", "splits an axis whose extent depends on the batch", "bind the batch size with --dim");
  const std::int64_t extent = shape.first[axis];
  const bool single = !context.has_input(node, 1);
  std::vector<std::int64_t> sizes{1};
  bool one_size = true;
  if (!single) {
    sizes = context.integers(node, 1, "sizes");
    one_size = context.known_rank(node.inputs[1]) == 0;
  }
  if (one_size) {
    const std::int64_t size = sizes.empty() ? 0 : sizes[0];
    if (size < 1 || extent / size > static_cast<std::int64_t>(1) << 16)
      throw Error("its sizes", "are " + std::to_string(size) + " of " + std::to_string(extent), "check the model");
    sizes.clear();
    for (std::int64_t left = extent; left > 0; left -= sizes.back()) sizes.push_back(std::min(size, left));
  }
  const bool keeps_axis = !single || integer_attribute(node, "keepdims", 1) != 0;
  ImportContext::Sequence sequence;
  std::int64_t start = 0;
  for (const std::int64_t size : sizes) {
    if (size < 0 || size > extent - start) throw Error("its sizes", "do not add up to " + std::to_string(extent));
    Slice layer{{static_cast<std::int64_t>(axis)}, {start}, {start + size}, {}};
    start += size;
    NodeId part = context.append(node.name + "/part", std::move(layer), {src});
    if (!keeps_axis)
      part = append_reshape(context, node.name + "/slice", part, without_axis(context.shape(part), axis));
    sequence.push_back(part);
  }
  if (start != extent) throw Error("its sizes", "do not add up to " + std::to_string(extent));
  context.define_named(node.outputs[0], std::move(sequence));
}

inline constexpr Operator sequence_operators[] = {
    {"SequenceConstruct", 11, import_sequence_construct},
    {"SequenceEmpty", 11, import_sequence_empty},
    {"SequenceInsert", 11, import_sequence_insert},
    {"SequenceErase", 11, import_sequence_erase},
    {"SequenceAt", 11, import_sequence_at},
    {"SequenceLength", 11, import_sequence_length},
    {"SplitToSequence", 11, import_split_to_sequence, nullptr, "keepdims"},
    {"ConcatFromSequence", 11, import_concat_from_sequence},
};

}  // namespace fulcrum::detail::onnx_io
