#pragma once
/// \file
/// Steps in Fulcrum's own loops: layers that oneDNN has no primitive for, and what it refuses.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/reference_layers.hpp>
#include <fulcrum/exec/lower/lowering.hpp>

namespace fulcrum::detail::onednn {

/// A kernel on values of these shapes: kernel(sources, result). Nothing is allocated for those two when it runs.
template <class Kernel>
[[nodiscard]] NativeFunction on_shapes(Kernel kernel, std::vector<Shape> src, Shape dst) {
  std::vector<kernels::Source<float>> from;
  for (Shape& shape : src) from.push_back({{}, std::move(shape)});
  return [kernel = std::move(kernel), from = std::move(from),
          to = kernels::Result<float>{{}, std::move(dst)}](std::span<void* const> pointers) mutable {
    const auto count = [](const Shape& shape) { return static_cast<std::size_t>(element_count(shape)); };
    for (std::size_t i = 0; i < from.size(); ++i) {
      from[i].elements = {static_cast<const float*>(pointers[i]), count(from[i].shape)};
    }
    to.elements = {static_cast<float*>(pointers.back()), count(to.shape)};
    kernel(std::span<const kernels::Source<float>>(from), to);
  };
}

template <KernelLayer L>
[[nodiscard]] NativeFunction native_function(const L& layer, std::vector<Shape> src, Shape dst) {
  return on_shapes([layer](auto from, const auto& to) { kernels::run(layer, from, to); }, std::move(src),
                   std::move(dst));
}
FULCRUM_DECLARE [[nodiscard]] NativeFunction native_function(const Recurrent<float>& layer, std::vector<Shape> src,
                                                             Shape dst) {
  return on_shapes([layer, buffers = kernels::RecurrentBuffers<float>()](
                       auto from, const auto& to) mutable { kernels::run(layer, from, to, buffers); },
                   std::move(src), std::move(dst));
}

// Kernels that prepare something for their shapes: once, so that a run takes nothing from the heap.
FULCRUM_DECLARE [[nodiscard]] NativeFunction native_function(const Pad& layer, std::vector<Shape> src, Shape dst) {
  return on_shapes([copy = kernels::padding_copy(layer, src[0], dst), fill = layer.value](
                       auto from, const auto& to) { copy(from[0].elements.data(), fill, to.elements.data()); },
                   src, dst);
}
FULCRUM_DECLARE [[nodiscard]] NativeFunction native_function(const Resize& layer, std::vector<Shape> src, Shape dst) {
  return on_shapes([resize = kernels::Resizing<float>(layer, src[0], dst)](
                       auto from, const auto& to) mutable { resize(from[0].elements.data(), to.elements.data()); },
                   src, dst);
}
FULCRUM_DECLARE [[nodiscard]] NativeFunction native_function(const Reduce& layer, std::vector<Shape> src, Shape dst) {
  return on_shapes(
      [function = layer.function, loops = kernels::reduce_loops(layer, src[0])](auto from, const auto& to) {
        kernels::reduce(function, loops, from[0].elements.data(), to.elements.data());
      },
      src, dst);
}

/// A layer that has no kernel of its own, through the reference's tensors.
FULCRUM_DECLARE [[nodiscard]] NativeFunction reference_function(Layer<float> layer, std::vector<Shape> src, Shape dst) {
  std::vector<Tensor<float>> from;
  for (const Shape& shape : src) from.emplace_back(shape);
  return [layer = std::move(layer), from = std::move(from),
          dst = std::move(dst)](std::span<void* const> pointers) mutable {
    std::vector<const Tensor<float>*> sources;
    for (std::size_t i = 0; i < from.size(); ++i) {
      std::copy_n(static_cast<const float*>(pointers[i]), from[i].flat().size(), from[i].flat().begin());
      sources.push_back(&from[i]);
    }
    const Tensor<float> result = reference::run(layer, std::span<const Tensor<float>* const>(sources), dst);
    std::copy(result.flat().begin(), result.flat().end(), static_cast<float*>(pointers.back()));
  };
}

FULCRUM_DECLARE [[nodiscard]] NativeFunction native_function(const Layer<float>& layer, std::vector<Shape> src,
                                                             Shape dst) {
  const auto by_reference = [&] { return reference_function(layer, std::move(src), std::move(dst)); };
  return visit_layer(
      Overloads{[&](const KernelLayer auto& l) { return native_function(l, std::move(src), std::move(dst)); },
                [&](const Input&) { return by_reference(); }, [&](const Constant<float>&) { return by_reference(); },
                [&](const Conv<float>&) { return by_reference(); }, [&](const Dense<float>&) { return by_reference(); },
                [&](const BatchNormalization<float>&) { return by_reference(); },
                [&](const Pool&) { return by_reference(); }, [&](const GlobalPool&) { return by_reference(); },
                [&](const Reshape&) { return by_reference(); }, [&](const Flatten&) { return by_reference(); }},
      layer);
}

/// The group's layer as a step of Fulcrum's own, on row-major f32 values under the model's shapes; what the group has
/// after it runs apart.
FULCRUM_DECLARE void lower_natively(Lowering& lowering, const FusionGroup& group) {
  if (!group.absorbed.empty()) return lower_apart(lowering, group);
  ProgramBuilder& builder = lowering.builder();
  if (!lowering.in_loops(group))
    builder.amend(lowering.node(group.primary).name, "runs in plain loops", "oneDNN has no good kernel for it");
  const Node<float>& node = lowering.node(group.primary);
  Layer<float> layer = node.layer;
  std::size_t weights = 0;
  for_each_parameter(layer, [&](const char*, Parameter<float>& parameter) {
    if (parameter.empty()) return;
    parameter.value = lowering.elements(parameter);
    weights += static_cast<std::size_t>(parameter.size()) * sizeof(float);
  });

  std::vector<Shape> shapes;
  for (const NodeId id : node.src) shapes.push_back(lowering.shape(id));
  std::vector<Argument> arguments;
  for (const NodeId id : node.src) {
    const Value from = builder.plain_f32(lowering.value(id), lowering.node(id).name);
    arguments.push_back({DNNL_ARG_MULTIPLE_SRC + static_cast<int>(arguments.size()), from.desc, from.where});
  }
  const Shape& shape = lowering.shape(group.dst);
  const Value dst = builder.allocate(shape, plain_desc(shape, DType::f32));
  arguments.push_back({DNNL_ARG_DST, dst.desc, dst.where});

  const Work& work = lowering.work(group.primary);  // of a Gather's table, the rows that are taken
  const double values = sizeof(float) * static_cast<double>(work.src_elements + work.dst_elements);
  builder.emit_native(lowering.label(group), Algorithm::loops, native_function(layer, std::move(shapes), shape),
                      std::move(arguments), weights, 1, values);
  lowering.finish(group.dst, dst);
}

}  // namespace fulcrum::detail::onednn
