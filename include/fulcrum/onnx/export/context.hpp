#pragma once
/// \file
/// Where a layer stands while it is written: the names and element types that its sources have in the file.

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/onnx/export/quantization.hpp>

namespace fulcrum::detail::onnx_io {

/// The values that a DynamicQuantizeLinear gives.
struct DynamicNames {
  std::string integers, scale, zero_point;
};

/// The values of a model under the names they have in the file, and the layer whose turn it is.
///
/// ONNX's operators take what their type constraints say, where a model computes with floats throughout: sources are
/// asked for in the type that the operator wants, and a Cast, or a constant of that type, is written where a value has
/// another one. Floating types other than f32 come from inputs and Casts alone; layers compute in f32.
class ExportContext {
public:
  /// \param shapes  of the model's values for a batch of 1
  ExportContext(GraphWriter& graph, const Model<float>& of, const std::vector<Shape>& shapes)
      : writer(graph), model(of), shapes_(shapes), consumers_(of.consumers()), values_(of.size()) {}

  GraphWriter& writer;
  const Model<float>& model;
  std::string name;  ///< of the layer whose turn it is, and of its value

  void begin(NodeId id) {
    id_ = id;
    name = model.node(id).name;
  }

  // ---- Sources of the layer ----------------------------------------------------------------------------------------

  [[nodiscard]] std::size_t count() const { return model.node(id_).src.size(); }
  [[nodiscard]] const Shape& src_shape(std::size_t i) const { return shapes_[model.node(id_).src.at(i)]; }
  [[nodiscard]] const Shape& dst_shape() const { return shapes_[id_]; }
  /// The type that source i has in the file.
  [[nodiscard]] ElementType element(std::size_t i) const { return values_[model.node(id_).src.at(i)].element; }
  /// Source i in a type.
  [[nodiscard]] std::string src(std::size_t i, ElementType type = ElementType::f32) {
    return value(model.node(id_).src.at(i), type);
  }
  /// All sources from number `first` on, in one type.
  [[nodiscard]] std::vector<std::string> all_src(ElementType type = ElementType::f32, std::size_t first = 0) {
    std::vector<std::string> names;
    for (std::size_t i = first; i < count(); ++i) names.push_back(src(i, type));
    return names;
  }
  /// The type that the sources from number `first` on have in common, if an operator takes it; else f32.
  template <class Takes>
  [[nodiscard]] ElementType common_element(Takes takes, std::size_t first = 0) const {
    for (std::size_t i = first; i < count(); ++i) {
      if (element(i) != element(first) || !takes(element(i))) return ElementType::f32;
    }
    return element(first);
  }
  /// The floats that source i holds in the file, when it is a constant; null otherwise. A step of a layer that takes
  /// nothing else is written as its result, since an import folds it.
  [[nodiscard]] std::optional<Tensor<float>> constant_src(std::size_t i) const {
    const NodeId id = model.node(id_).src.at(i);
    const auto* constant = std::get_if<fulcrum::Constant<float>>(&model.node(id).layer);
    return constant == nullptr ? std::nullopt : std::optional(stored(id, *constant));
  }
  /// Quantization of the first source's value and of the layer's.
  [[nodiscard]] std::optional<Quantization> src_quantization() const {
    return model.node(model.node(id_).src.at(0)).dst_quantization;
  }

  /// What the DynamicQuantize gives that is the first source.
  [[nodiscard]] const DynamicNames& dynamic_src() const { return dynamic_.at(model.node(id_).src.at(0)); }
  void set_dynamic(DynamicNames names) { dynamic_.emplace(id_, std::move(names)); }

  // ---- Values ------------------------------------------------------------------------------------------------------

  [[nodiscard]] NodeId id() const noexcept { return id_; }
  [[nodiscard]] const std::vector<NodeId>& consumers(NodeId id) const { return consumers_[id]; }

  /// Says under which name the layer's value stands in the file, and of which type it is.
  void define(std::string value_name, ElementType element = ElementType::f32) {
    values_[id_] = {std::move(value_name), element, {}};
  }
  void define(ElementType element = ElementType::f32) { define(name, element); }
  /// The same for a later layer's value, which the nodes of this one compute too.
  void define_later(NodeId id, std::string value_name, ElementType element = ElementType::f32) {
    values_[id] = {std::move(value_name), element, {}};
  }

  /// A value under its own name and type.
  [[nodiscard]] std::string value(NodeId id) { return value(id, values_[id].element); }
  [[nodiscard]] ElementType element_of_value(NodeId id) const { return values_[id].element; }

  /// A value in a type; constants are written at their first use.
  [[nodiscard]] std::string value(NodeId id, ElementType type) {
    Value& value = values_[id];
    const auto* constant = std::get_if<fulcrum::Constant<float>>(&model.node(id).layer);
    if (constant == nullptr && value.element == type) return value.name;
    if (const auto at = value.in_type.find(type); at != value.in_type.end()) return at->second;
    const std::string own = model.node(id).name;
    const std::string suffix = std::string("/").append(name_of(type));
    std::string written;
    if (constant != nullptr) {
      written = value.element == type ? own : writer.reserve(own + suffix);
      write_constant(id, *constant, written, type);
    } else {
      written = writer.reserve(value.name + suffix);
      GraphWriter::attribute(writer.node("Cast", written, {value.name}), "to",
                             static_cast<std::int64_t>(proto_type_of(type)));
    }
    value.in_type.emplace(type, written);
    return written;
  }

  /// The first input whose shape has the batch dimension, and where; for shapes that depend on the batch.
  /// \throws Error when there is none
  [[nodiscard]] std::pair<std::string, std::int64_t> batch_source() {
    for (const NodeId input : model.inputs()) {
      const Shape& shape = std::get<Input>(model.node(input).layer).shape;
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        if (shape[axis] == batch_dim) return {values_[input].name, static_cast<std::int64_t>(axis)};
      }
    }
    throw Error("its shape", "has the batch, which no input of the model has", "give an input a batch dimension");
  }

private:
  struct Value {
    std::string name;
    ElementType element = ElementType::f32;
    std::map<ElementType, std::string> in_type;  // names of what was written
  };

  /// The initializer is the value, unless it is stored as integers. A rounding of the value is part of them.
  void write_constant(NodeId id, const fulcrum::Constant<float>& layer, const std::string& written, ElementType type) {
    const bool pruned = !layer.value.mask.empty();
    const std::optional<Quantization>& rounding = model.node(id).dst_quantization;
    const std::optional<Quantization>& q = rounding ? rounding : layer.value.quantization;
    if (!q || !is_floating(type)) {
      writer.initializer_of(written, layer.value.value->dims(), layer.value.value->flat(), type);
      if (pruned) writer.mark_pruned(written);
      return;
    }
    Tensor<float> value = *layer.value.value;
    if (layer.value.quantization) value = quantize_dequantize(std::move(value), *layer.value.quantization);
    write_integers(writer, written + "/integers", written, value, *q, pruned);
  }

  /// What write_constant() writes as floats.
  [[nodiscard]] Tensor<float> stored(NodeId id, const fulcrum::Constant<float>& layer) const {
    Tensor<float> value = *layer.value.value;
    for (const auto& q : {layer.value.quantization, model.node(id).dst_quantization}) {
      if (q) value = quantize_dequantize(std::move(value), *q);
    }
    return value;
  }

  const std::vector<Shape>& shapes_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<Value> values_;
  std::map<NodeId, DynamicNames> dynamic_;
  NodeId id_ = 0;
};

/// The integers that most operators take.
[[nodiscard]] constexpr bool is_wide_integer(ElementType type) noexcept {
  return type == ElementType::s32 || type == ElementType::s64;
}

}  // namespace fulcrum::detail::onnx_io
