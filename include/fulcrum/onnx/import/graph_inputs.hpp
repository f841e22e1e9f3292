#pragma once
/// \file
/// The inputs of a graph with their symbolic dimensions bound; one symbol may stay open, the batch.

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/onnx/graph/element.hpp>
#include <fulcrum/onnx/graph/graph.hpp>
#include <fulcrum/onnx/import_options.hpp>

namespace fulcrum::detail::onnx_io {

struct GraphInput {
  std::string name;
  Shape shape;  ///< batch_dim where the batch stands
  ElementType element = ElementType::f32;
  std::shared_ptr<const Tensor<double>> known;  ///< its value, when the user gave one
  bool bound = false;                           ///< the value is always this one: the input is a constant
  bool says_batch = false;                      ///< the user bound the first extent, so that it is no example's
};

/// Binds what the options say, and finds which open dimension is the batch.
class InputBinder {
public:
  InputBinder(const Graph& graph, const OnnxImportOptions& options) : options_(options), dims_(options.dims) {
    for (const auto* input : graph.inputs) declare(*input);
    for (const auto& [name, value] : options.dims) {
      if (symbols_.count(name) == 0) {
        throw Error("dimension '" + name + "'", "is not one of the model's", "it has " + listed(symbols_));
      }
      if (value < 1) throw Error("dimension '" + name + "'", "is bound to " + std::to_string(value), "give 1 or more");
    }
    const std::set<std::string> inputs = names();
    for (const auto* values : {&options.known_inputs, &options.bound_inputs}) {
      for (const auto& known : *values) expect_input(inputs, known.first);
    }
    for (const std::string& name : options.unshaped_inputs) expect_input(inputs, name);
  }

  [[nodiscard]] std::vector<GraphInput> bound() {
    for (Declared& declared : inputs_) bind_known(declared);
    bind_shapes();
    std::set<std::string> open;
    std::string batch;
    for (const Declared& declared : inputs_) {
      for (std::size_t axis = 0; axis < declared.symbols.size(); ++axis) {
        const std::string& symbol = declared.symbols[axis];
        if (symbol.empty() || dims_.count(symbol) != 0) continue;
        if (open.insert(symbol).second && axis == 0 && batch.empty()) batch = symbol;
      }
    }
    if (open.size() == 1) batch = *open.begin();
    open.erase(batch);
    if (!open.empty()) {
      throw Error("the model", "has open dimensions: " + listed(open),
                  "bind them: --dim NAME=EXTENT, or OnnxImportOptions::dims");
    }
    std::vector<GraphInput> result;
    for (Declared& declared : inputs_) {
      Shape& shape = declared.input.shape;
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        const std::string& symbol = declared.symbols[axis];
        if (symbol.empty()) continue;
        const auto at = dims_.find(symbol);
        shape[axis] = at == dims_.end() ? batch_dim : at->second;
        declared.input.says_batch = declared.input.says_batch || (axis == 0 && at != dims_.end());
      }
      expect_sane(with_batch(shape, 1));
      if (declared.input.bound) fill(declared.input);
      result.push_back(std::move(declared.input));
    }
    return result;
  }

private:
  struct Declared {
    GraphInput input;
    std::vector<std::string> symbols;  ///< per axis; "": the extent is said
  };

  static void expect_input(const std::set<std::string>& inputs, const std::string& name) {
    if (inputs.contains(name)) return;
    throw Error("input '" + name + "'", "is not one of the model's", "it has " + listed(inputs));
  }

  void declare(const ::onnx::ValueInfoProto& input) {
    const std::string where = "input '" + input.name() + "'";
    if (!input.type().has_tensor_type()) {
      throw Error(where, "is no tensor", "sequences, maps and optional values are not supported");
    }
    const auto& type = input.type().tensor_type();
    const std::optional<ElementType> element = element_of(type.elem_type());
    if (!element) {
      throw Error(where, "is of type " + element_type_name(type.elem_type()),
                  "only numbers and truth values are supported");
    }
    Declared declared;
    declared.input.name = input.name();
    declared.input.element = *element;
    for (const auto* values : {&options_.known_inputs, &options_.bound_inputs}) {
      const auto at = values->find(input.name());
      if (at == values->end()) continue;
      declared.input.known = std::make_shared<const Tensor<double>>(at->second);
      declared.input.bound = values == &options_.bound_inputs;
    }
    if (!type.has_shape()) {
      if (!declared.input.known) {
        throw Error(where, "has no shape", "export the model with the shapes of its inputs");
      }
      declared.input.shape = declared.input.known->dims();
      declared.symbols.assign(declared.input.shape.size(), "");
      inputs_.push_back(std::move(declared));
      return;
    }
    if (type.shape().dim_size() > static_cast<int>(max_rank)) throw Error(where, "has too high a rank");
    for (const auto& dim : type.shape().dim()) {
      const std::size_t axis = declared.symbols.size();
      const bool said = dim.has_dim_value() && (dim.dim_value() > 0 || (dim.dim_value() == 0 && axis > 0));
      std::string symbol;
      if (!said && !dim.dim_param().empty()) {
        symbol = dim.dim_param();
      } else if (!said) {  // without a name: all first ones are taken for the batch
        symbol = axis == 0 ? std::string("batch") : input.name() + ":" + std::to_string(axis);
      }
      if (!symbol.empty()) symbols_.insert(symbol);
      declared.symbols.push_back(symbol);
      declared.input.shape.push_back(said ? dim.dim_value() : batch_dim);
    }
    inputs_.push_back(std::move(declared));
  }

  void bind_known(Declared& declared) {
    if (declared.input.known == nullptr) return;
    const Shape given = declared.input.known->dims();
    const Shape& shape = declared.input.shape;
    if (declared.input.bound && given.empty()) return;  // fill() takes the shape when all extents are bound
    bool fits = given.size() == shape.size();
    for (std::size_t axis = 0; fits && axis < shape.size(); ++axis) {
      const std::string& symbol = declared.symbols[axis];
      if (symbol.empty())
        fits = shape[axis] == given[axis];
      else
        fits = dims_.emplace(symbol, given[axis]).first->second == given[axis];
    }
    if (!fits) {
      throw Error("input '" + declared.input.name + "'",
                  "was given " + to_string(given) + " but takes " + to_string(shape));
    }
  }

  /// One number is every element of the input's shape.
  static void fill(GraphInput& input) {
    if (std::find(input.shape.begin(), input.shape.end(), batch_dim) != input.shape.end()) {
      throw Error("input '" + input.name + "'", "is given one value but has open dimensions",
                  "bind them: --dim NAME=EXTENT, or OnnxImportOptions::dims");
    }
    if (input.known->dims() != input.shape)
      input.known = std::make_shared<const Tensor<double>>(input.shape, input.known->flat()[0]);
  }

  void bind_shapes() {
    const std::vector<Shape>& shapes = options_.input_shapes;
    if (shapes.empty()) return;
    std::vector<const Declared*> given;
    std::set<std::string> names;
    for (const Declared& declared : inputs_) {
      if (declared.input.bound || options_.unshaped_inputs.contains(declared.input.name)) continue;
      given.push_back(&declared);
      names.insert(declared.input.name);
    }
    if (shapes.size() != given.size()) {
      throw Error("the model",
                  "takes " + std::to_string(given.size()) + " input(s) but was given " + std::to_string(shapes.size()),
                  "its inputs: " + listed(names));
    }
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const std::vector<std::string>& symbols = given[i]->symbols;
      for (std::size_t axis = 0; axis < std::min(symbols.size(), shapes[i].size()); ++axis) {
        if (!symbols[axis].empty()) dims_.emplace(symbols[axis], shapes[i][axis]);
      }
    }
  }

  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> result;
    for (const Declared& declared : inputs_) result.insert(declared.input.name);
    return result;
  }

  static std::string listed(const std::set<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text.append(text.empty() ? "'" : ", '").append(name).append("'");
    return text.empty() ? "none" : text;
  }

  const OnnxImportOptions& options_;
  std::map<std::string, std::int64_t> dims_;
  std::vector<Declared> inputs_;
  std::set<std::string> symbols_;
};

}  // namespace fulcrum::detail::onnx_io
