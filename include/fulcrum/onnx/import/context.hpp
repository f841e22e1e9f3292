#pragma once
/// \file
/// What an operator's import function works with: the values so far, and the layers built from them.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/layers/kernels/kernels.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/onnx/graph/attributes.hpp>
#include <fulcrum/onnx/graph/element.hpp>
#include <fulcrum/onnx/import/built_node.hpp>

namespace fulcrum::detail::onnx_io {

class ImportContext {
public:
  ImportContext(Graph& graph, ConstantReader constants, BatchPlan batch)
      : reader(std::move(constants)), plan(batch), graph_(&graph) {}

  ConstantReader reader;
  BatchPlan plan;
  std::vector<BuiltNode> built;

  // ---- Sources of a node -------------------------------------------------------------------------------------------

  [[nodiscard]] static bool has_input(const GraphNode& node, std::size_t i) {
    node.asked_inputs->insert(i);
    return i < node.inputs.size() && !node.inputs[i].empty();
  }

  /// The name of input i; "" when it is absent.
  [[nodiscard]] static std::string input_name(const GraphNode& node, std::size_t i) {
    return has_input(node, i) ? node.inputs[i] : std::string();
  }

  /// Input i as a value of the model; a constant becomes a Constant node at its first use.
  /// \throws Error when it is absent
  [[nodiscard]] NodeId src(const GraphNode& node, std::size_t i) {
    if (!has_input(node, i)) {
      throw Error("", "has no input " + std::to_string(i), "the file is damaged; export it again");
    }
    return value(node.inputs[i]);
  }

  /// A value by name; see src().
  [[nodiscard]] NodeId value(const std::string& name) {
    if (const auto at = values_.find(name); at != values_.end()) return at->second;
    if (const ConstantPtr constant = graph_->constant(name)) return materialized(constant);
    if (sequences_.count(name) != 0)
      throw Error("value '" + name + "'", "is a sequence, where a tensor is wanted",
                  "export the model without sequences");
    const GraphNode* from = graph_->producer(name);
    throw Error("value '" + name + "'", "is a further result of " + (from == nullptr ? "a node" : from->label()),
                "only its other results are supported");
  }

  [[nodiscard]] const TracedShape& shape(NodeId id) const { return built[id].shape; }
  [[nodiscard]] ElementType element(NodeId id) const { return built[id].element; }

  // ---- Inputs that are known while importing -----------------------------------------------------------------------

  /// Input i as a constant, or null when it is absent or computed from the graph's inputs.
  [[nodiscard]] ConstantPtr constant_or_null(const GraphNode& node, std::size_t i) {
    if (!has_input(node, i)) return nullptr;
    if (ConstantPtr constant = graph_->constant(node.inputs[i])) return constant;
    const auto at = values_.find(node.inputs[i]);
    return at == values_.end() || built[at->second].from_input ? nullptr : evaluated_constant(node.inputs[i]);
  }

  /// Input i as a constant. `role` names it in the message ("weights").
  /// \throws Error when it is absent, computed at run time, or depends on the batch
  [[nodiscard]] ConstantPtr constant(const GraphNode& node, std::size_t i, const char* role) {
    if (!has_input(node, i)) throw Error(std::string("its ") + role, "are missing", "export the model again");
    if (ConstantPtr value = graph_->constant(node.inputs[i])) return value;
    if (ConstantPtr value = evaluated_constant(node.inputs[i])) return value;
    throw Error(std::string("its ") + role, "are computed by the graph ('" + node.inputs[i] + "'), not constant",
                "export the model with constant folding");
  }

  /// Input i as constant floats that are no weights of a matrix product: never quantized.
  [[nodiscard]] Parameter<float> parameter(const GraphNode& node, std::size_t i, const char* role) {
    Parameter<float> result = reader.parameter(*constant(node, i, role));
    result.quantization.reset();
    return result;
  }

  /// Input i as weights, with their quantization.
  [[nodiscard]] Parameter<float> weights(const GraphNode& node, std::size_t i) {
    Parameter<float> result = reader.parameter(*constant(node, i, "weights"));
    normalize_weights_quantization(result.quantization);
    return result;
  }

  /// Whether input i is computed at run time: it is there, and not known while importing.
  [[nodiscard]] bool is_computed(const GraphNode& node, std::size_t i) {
    if (!has_input(node, i)) return false;
    const auto at = values_.find(node.inputs[i]);
    return at != values_.end() && built[at->second].computed;
  }

  /// Input i as integers that are the same for every batch.
  /// \throws Error when it is absent, computed at run time, or depends on the batch
  [[nodiscard]] std::vector<std::int64_t> integers(const GraphNode& node, std::size_t i, const char* role) {
    std::optional<TracedIntegers> result = traced_integers(node, i);
    if (result && result->same()) return std::move(result->first);
    if (!has_input(node, i)) throw Error(std::string("its ") + role, "are missing", "export the model again");
    throw Error(
        std::string("its ") + role,
        result ? "depend on the batch size" : "are computed by the graph ('" + node.inputs[i] + "'), not constant",
        result ? "bind the batch size with --dim" : "export with fixed sizes and constant folding");
  }

  /// Input i as integers at the two batch sizes of the plan; nothing when it is absent or computed at run time.
  [[nodiscard]] std::optional<TracedIntegers> traced_integers(const GraphNode& node, std::size_t i) {
    if (!has_input(node, i)) return std::nullopt;
    if (const ConstantPtr constant = graph_->constant(node.inputs[i]); constant && !is_floating(constant->type)) {
      const std::vector<std::int64_t> exact = reader.integers(*constant);
      return TracedIntegers{exact, exact};
    }
    const std::shared_ptr<const TracedTensor> known = known_value(node.inputs[i]);
    if (!known) return std::nullopt;
    TracedIntegers result;
    for (const double number : known->first.flat()) result.first.push_back(to_integer(number));
    for (const double number : known->second.flat()) result.second.push_back(to_integer(number));
    return result;
  }

  /// Input i as floats that are the same for every batch; see integers().
  [[nodiscard]] std::vector<float> numbers(const GraphNode& node, std::size_t i, const char* role) {
    if (!has_input(node, i)) throw Error(std::string("its ") + role, "are missing", "export the model again");
    const std::shared_ptr<const TracedTensor> known = known_value(node.inputs[i]);
    if (!known || !known->same()) {
      throw Error(std::string("its ") + role, "are computed by the graph ('" + node.inputs[i] + "'), not constant",
                  "export the model with constant folding");
    }
    std::vector<float> result;
    for (const double number : known->first.flat()) result.push_back(static_cast<float>(number));
    return result;
  }

  /// A known input of one element.
  [[nodiscard]] float scalar(const GraphNode& node, std::size_t i, const char* role) {
    const std::vector<float> value = numbers(node, i, role);
    if (value.size() != 1) {
      throw Error(std::string("its ") + role, "has " + std::to_string(value.size()) + " elements", "give one");
    }
    return value[0];
  }

  /// The one number that a value is known to be at every batch size; nothing when it is not.
  [[nodiscard]] std::optional<double> known_scalar(const std::string& name) {
    const std::shared_ptr<const TracedTensor> known = known_value(name);
    if (!known || !known->same() || known->first.flat().size() != 1) return std::nullopt;
    return known->first.flat()[0];
  }

  /// The rank of a value or constant.
  [[nodiscard]] std::size_t known_rank(const std::string& name) {
    if (values_.find(name) == values_.end()) {
      if (const ConstantPtr constant = graph_->constant(name)) return constant->dims.size();
    }
    return shape(value(name)).rank();
  }

  /// A constant as a value of the model.
  [[nodiscard]] NodeId materialize(const ConstantPtr& constant) { return materialized(constant); }

  /// Makes a constant known under a name, for operators that are imported as others.
  void define_constant(const std::string& name, ConstantPtr constant) {
    values_.erase(name);
    evaluated_.erase(name);
    graph_->set_constant(name, std::move(constant));
  }

  // ---- Results -----------------------------------------------------------------------------------------------------

  /// Adds a layer and infers its shape and element type.
  NodeId append(std::string name, Layer<float> layer, std::vector<NodeId> src) {
    BuiltNode node;
    std::vector<Shape> first;
    std::vector<Shape> second;
    std::vector<ElementType> elements;
    for (const NodeId id : src) {
      first.push_back(built[id].shape.first);
      second.push_back(built[id].shape.second);
      elements.push_back(built[id].element);
      node.from_input = node.from_input || built[id].from_input;
      node.computed = node.computed || built[id].computed;
    }
    node.computed = node.computed || !is_evaluated(layer);
    node.shape.first = with_batch(dst_shape(layer, std::span<const Shape>(first)), plan.extent);
    node.shape.second =
        plan.free ? with_batch(dst_shape(layer, std::span<const Shape>(second)), plan.other) : node.shape.first;
    expect_sane(node.shape.first);
    expect_sane(node.shape.second);
    if (node.shape.first.size() != node.shape.second.size()) throw Error("", "has a rank that depends on the batch");
    node.element = dst_element(layer, std::span<const ElementType>(elements));
    node.node = {std::move(name), std::move(layer), std::move(src), {}};
    built.push_back(std::move(node));
    return built.size() - 1;
  }

  /// Adds the layer that the node is, under the node's name: its first output.
  NodeId append(const GraphNode& node, Layer<float> layer, std::vector<NodeId> src) {
    const NodeId id = append(node.name, std::move(layer), std::move(src));
    define(node, 0, id);
    return id;
  }

  /// Whether the file names the node's output of this number.
  [[nodiscard]] static bool wants(const GraphNode& node, std::size_t output) {
    return output < node.outputs.size() && !node.outputs[output].empty();
  }

  /// Says what one of the node's outputs is; nothing when the file does not name it.
  void define(const GraphNode& node, std::size_t output, NodeId value) {
    if (wants(node, output)) define_input(node.outputs[output], value);
  }
  /// Says what stands under a name, in place of what stood there: a Loop defines its names again and again.
  void define_input(const std::string& name, NodeId id) {
    evaluated_.erase(name);
    sequences_.erase(name);
    graph_->drop_constant(name);
    values_[name] = id;
  }

  // ---- Sequences, and whatever stands under a name
  // -------------------------------------------------------------------

  /// Tensors in a row, whose number is known while importing.
  using Sequence = std::vector<NodeId>;
  /// What a name may stand for.
  using Named = std::variant<NodeId, ConstantPtr, Sequence>;

  /// \throws Error when nothing stands under the name, as value()
  [[nodiscard]] Named named(const std::string& name) {
    if (const auto at = sequences_.find(name); at != sequences_.end()) return at->second;
    if (values_.find(name) == values_.end()) {
      if (ConstantPtr constant = graph_->constant(name)) return constant;
    }
    return value(name);
  }
  void define_named(const std::string& name, Named what) {
    if (name.empty()) return;
    if (const auto* id = std::get_if<NodeId>(&what)) return define_input(name, *id);
    if (const auto* constant = std::get_if<ConstantPtr>(&what)) return define_constant(name, *constant);
    sequences_[name] = std::get<Sequence>(std::move(what));
  }
  /// Input i as a sequence.
  /// \throws Error when it is none
  [[nodiscard]] const Sequence& sequence(const GraphNode& node, std::size_t i) const {
    const auto at = has_input(node, i) ? sequences_.find(node.inputs[i]) : sequences_.end();
    if (at == sequences_.end())
      throw Error("input " + std::to_string(i), "is no sequence of known length", "export the model without sequences");
    return at->second;
  }

  // ---- Bodies ------------------------------------------------------------------------------------------------------

  /// Makes the graph of a body ready: folds constants, recognises patterns. Set by whoever made the context.
  void (*prepare)(Graph& graph, ConstantReader& reader) = nullptr;
  /// Imports the nodes of a graph that is ready. Set by whoever made the context.
  void (*import_nodes)(ImportContext& context, const Graph& graph) = nullptr;

  /// The graph whose nodes are imported.
  [[nodiscard]] const Graph& graph() const noexcept { return *graph_; }

  /// Calls f() while the names are those of a node's body.
  template <class F>
  void in_body(Graph& body, F&& f) {
    Graph* const around = std::exchange(graph_, &body);
    try {
      f();
    } catch (...) {
      graph_ = around;
      throw;
    }
    graph_ = around;
  }

  /// Says that the node's first output is a value known while importing.
  void define_traced(const GraphNode& node, TracedTensor value) {
    define(node, 0, append_known(node.name, std::move(value)));
  }

  /// Adds a value that is known while importing. One that varies with the batch can only be used where integers are
  /// asked for, or evaluated away, unless it is one number repeated.
  NodeId append_known(std::string name, TracedTensor value) {
    const ElementType element = value.element;
    if (value.same()) {
      const NodeId id = append(std::move(name), constant_layer(value.first, element), {});
      built[id].known = std::make_shared<const TracedTensor>(std::move(value));
      return id;
    }
    if (const std::optional<Shape> dims = dims_of_fill(value)) {
      const Tensor<double> one(Shape(dims->size(), 1), value.first.flat()[0]);
      std::string helper = name;
      const NodeId scalar = append(helper.append("/value"), constant_layer(one, element), {});
      return append(std::move(name), Expand{*dims}, {scalar});
    }
    BuiltNode node;
    node.shape = {value.first.dims(), value.second.dims()};
    node.element = element;
    node.is_traced = true;
    node.known = std::make_shared<const TracedTensor>(std::move(value));
    node.node.name = std::move(name);
    built.push_back(std::move(node));
    return built.size() - 1;
  }

  /// The value of a node that depends on no input of the graph, or only on inputs that are known; null otherwise.
  [[nodiscard]] std::shared_ptr<const TracedTensor> evaluate(NodeId id) {
    if (built[id].computed) return nullptr;
    // What is to be evaluated and what that takes, the last first: sources stand before what takes them.
    std::set<NodeId, std::greater<>> pending{id};
    for (const NodeId each : pending) {
      BuiltNode& node = built[each];
      if (std::holds_alternative<Input>(node.node.layer) && !node.is_traced) node.used_as_constant = true;
      if (!node.known) pending.insert(node.node.src.begin(), node.node.src.end());
    }
    for (auto at = pending.rbegin(); at != pending.rend(); ++at) {
      if (!built[*at].known) built[*at].known = std::make_shared<const TracedTensor>(evaluated(built[*at]));
    }
    return built[id].known;
  }

  /// A Constant layer of these numbers.
  [[nodiscard]] static fulcrum::Constant<float> constant_layer(const Tensor<double>& value, ElementType element) {
    fulcrum::Constant<float> layer;
    layer.value = cast<float>(value);
    layer.element = element;
    return layer;
  }

private:
  /// The node's value from those of its sources, which are known.
  [[nodiscard]] TracedTensor evaluated(const BuiltNode& node) {
    std::vector<const TracedTensor*> src;
    bool same = node.shape.first == node.shape.second;
    for (const NodeId id : node.node.src) {
      src.push_back(built[id].known.get());
      same = same && src.back()->same();
    }
    const auto side = [&](Tensor<double> TracedTensor::*which, const Shape& shape) {
      reader.budget.charge(static_cast<std::size_t>(element_count(shape)) * sizeof(double));
      return evaluate_layer(node.node.layer, src, which, shape);
    };
    TracedTensor value;
    value.element = node.element;
    value.first = side(&TracedTensor::first, node.shape.first);
    value.second = same ? value.first : side(&TracedTensor::second, node.shape.second);
    return value;
  }

  /// The known value of this name; null when it is computed at run time.
  [[nodiscard]] std::shared_ptr<const TracedTensor> known_value(const std::string& name) {
    if (values_.find(name) == values_.end()) {
      const ConstantPtr constant = graph_->constant(name);
      if (!constant) return nullptr;
      auto known = std::make_shared<TracedTensor>();
      known->first = known->second = reader.numbers(*constant);
      return known;
    }
    return evaluate(value(name));
  }

  /// A value that was evaluated, as a constant; null when it is computed at run time or varies with the batch.
  [[nodiscard]] ConstantPtr evaluated_constant(const std::string& name) {
    if (const auto at = evaluated_.find(name); at != evaluated_.end()) return at->second;
    const std::shared_ptr<const TracedTensor> known = known_value(name);
    if (!known || !known->same()) return nullptr;
    const ElementType element = values_.count(name) != 0 ? built[values_[name]].element : ElementType::f32;
    ConstantPtr constant = make_constant(name, cast<float>(known->first));
    constant->type = proto_type_of(element);
    if (!is_floating(constant->type)) {
      constant->floats = SharedTensor<float>();
      for (const double number : known->first.flat()) constant->integers.push_back(to_integer(number));
    }
    evaluated_.emplace(name, constant);
    return constant;
  }

  [[nodiscard]] NodeId materialized(const ConstantPtr& constant) {
    const auto [at, fresh] = constants_.emplace(constant.get(), 0);
    if (!fresh) return at->second;
    materialized_.push_back(constant);
    const std::optional<ElementType> element = element_of(constant->type);
    if (!element) {
      throw Error("tensor '" + constant->name + "'", "is of type " + element_type_name(constant->type),
                  "only numbers and truth values are supported");
    }
    fulcrum::Constant<float> layer;
    layer.element = *element;
    std::shared_ptr<const TracedTensor> exact;
    if (is_floating(constant->type)) {
      if (constant->type == Proto::DOUBLE) expect_float(*constant);
      layer.value.value = reader.floats(*constant);
      layer.value.quantization = constant->quantization;
      if (constant->pruned) layer.value.mask = reader.parameter(*constant).mask;
    } else {
      auto known = std::make_shared<TracedTensor>();
      known->element = *element;
      known->first = known->second = reader.numbers(*constant);
      layer.value = cast<float>(known->first);
      exact = std::move(known);
    }
    at->second = append(constant->name, std::move(layer), {});
    built[at->second].known = std::move(exact);
    return constants_[constant.get()];
  }

  /// \throws Error when a number of double is past what float32 holds
  void expect_float(Constant& constant) {
    const Tensor<double> numbers = reader.numbers(constant);
    for (const double number : numbers.flat()) {
      if (std::isfinite(number) && std::abs(number) > static_cast<double>(std::numeric_limits<float>::max())) {
        std::ostringstream text;
        text << number;
        throw Error("tensor '" + constant.name + "'", "holds " + text.str() + ", past what float32 holds",
                    "export the model in float32");
      }
    }
  }

  /// The extents of a value that is one number repeated, the batch's as batch_dim; nothing when it is not.
  [[nodiscard]] std::optional<Shape> dims_of_fill(const TracedTensor& value) const {
    Shape dims = value.first.dims();
    const Shape second = value.second.dims();
    if (dims.size() != second.size() || value.first.flat().empty() || value.second.flat().empty()) return std::nullopt;
    const double number = value.first.flat()[0];
    const auto repeated = [&](const Tensor<double>& tensor) {
      return std::all_of(tensor.flat().begin(), tensor.flat().end(), [&](double x) { return x == number; });
    };
    if (!repeated(value.first) || !repeated(value.second)) return std::nullopt;
    for (std::size_t axis = 0; axis < dims.size(); ++axis) {
      if (dims[axis] == second[axis]) continue;
      if (dims[axis] != plan.extent || second[axis] != plan.other) return std::nullopt;
      dims[axis] = batch_dim;
    }
    return dims;
  }

  /// Layers that constants are folded through: those without weights.
  [[nodiscard]] static bool is_evaluated(const Layer<float>& layer) {
    return visit_layer(
        []<class L>(const L&) {
          return (LayerWithoutWeights<L> && !is_one_of<L, Input, Pool, GlobalPool, MaxPoolIndices, Resize>) ||
                 std::same_as<L, fulcrum::Constant<float>>;
        },
        layer);
  }

  [[nodiscard]] static Tensor<double> evaluate_layer(const Layer<float>& layer,
                                                     const std::vector<const TracedTensor*>& src,
                                                     Tensor<double> TracedTensor::*side, const Shape& shape) {
    std::vector<kernels::Source<double>> from;
    for (const TracedTensor* value : src) from.push_back({(value->*side).flat(), (value->*side).dims()});
    return visit_layer(
        [&]<class L>(const L& l) -> Tensor<double> {
          if constexpr (std::same_as<L, fulcrum::Constant<float>>) {
            return cast<double>(*l.value.value);
          } else if constexpr (std::same_as<L, Reshape> || std::same_as<L, Flatten>) {
            return (src[0]->*side).reshaped(shape);
          } else if constexpr (LayerWithoutWeights<L> && KernelLayer<L>) {
            Tensor<double> dst(shape);
            kernels::run(l, std::span<const kernels::Source<double>>(from), kernels::Result<double>{dst.flat(), shape});
            return dst;
          } else {
            throw Error("", "is not folded");
          }
        },
        layer);
  }

  Graph* graph_;  // whose nodes are imported: the model's, or the body of a node
  std::unordered_map<std::string, NodeId> values_;
  std::unordered_map<const Constant*, NodeId> constants_;
  std::vector<ConstantPtr> materialized_;  // so that their addresses stay theirs
  std::unordered_map<std::string, ConstantPtr> evaluated_;
  std::unordered_map<std::string, Sequence> sequences_;
};

}  // namespace fulcrum::detail::onnx_io
