#pragma once
/// \file
/// What back-propagation is recorded on: oneDNN primitives in the order in which they run, forward and backward.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/onednn/adapter.hpp>
#include <fulcrum/train/trainable_parameter.hpp>

namespace fulcrum::detail::training {

using dnnl::memory;
using onednn::Desc;

using Arguments = std::unordered_map<int, memory>;

/// Primitives with their arguments, and plain functions, in the order in which they run.
class Program {
public:
  FULCRUM_DECLARE void add(dnnl::primitive primitive, Arguments arguments);
  FULCRUM_DECLARE void add(std::function<void()> function);
  FULCRUM_DECLARE void run(dnnl::stream& stream) const;

  /// The memory itself when it has that layout already, or else one that a reorder added here fills.
  FULCRUM_DECLARE [[nodiscard]] memory in_layout(const memory& from, const Desc& layout);
  /// Copies between layouts.
  FULCRUM_DECLARE void copy(const memory& from, const memory& to);

private:
  std::vector<std::function<void(dnnl::stream&)>> steps_;
};

/// The same bytes under a plain shape; the step that fills `from` keeps them alive. Precondition: `from` is plain.
[[nodiscard]] inline memory reshaped(const memory& from, const Shape& shape) {
  return {onednn::plain_desc(shape, DType::f32), onednn::cpu_engine(), from.get_data_handle()};
}

[[nodiscard]] inline memory allocate(const Desc& layout) { return {layout, onednn::cpu_engine()}; }

/// Values, gradients and programs of one model at one batch size, while layers are recorded on it and after.
///
/// Recording a layer adds its forward steps at once and leaves a function that adds its backward steps; those run in
/// reverse order once every layer is recorded, so that a layer finds the whole gradient of its value: the sum of what
/// its consumers contributed.
class Tape {
public:
  FULCRUM_DECLARE Tape(Model<float> model, std::int64_t batch);
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  Program forward;
  Program backward;
  std::vector<TrainableParameter> parameters;
  Model<float>& model() noexcept { return model_; }

  // --- values -----------------------------------------------------------------------------------------------------
  [[nodiscard]] const Shape& shape(NodeId id) const { return shapes_[id]; }
  [[nodiscard]] NodeId src(NodeId id, std::size_t which = 0) const { return model_.node(id).src[which]; }
  [[nodiscard]] const memory& value(NodeId id) const { return values_[id]; }
  [[nodiscard]] memory plain_value(NodeId id) {
    return forward.in_layout(values_[id], onednn::plain_desc(shapes_[id], DType::f32));
  }
  FULCRUM_DECLARE void set_value(NodeId id, memory value);

  // --- gradients --------------------------------------------------------------------------------------------------
  /// Whether a parameter lies upstream. Only then is a gradient of the value worth anything.
  [[nodiscard]] bool needs_gradient(NodeId id) const { return needs_gradient_[id]; }
  /// While backward steps are added: the gradient of a node's value, complete.
  [[nodiscard]] const memory& gradient(NodeId id) const { return gradients_[id].total; }
  [[nodiscard]] memory gradient_in(NodeId id, const Desc& layout) {
    return backward.in_layout(gradients_[id].total, layout);
  }
  [[nodiscard]] memory plain_gradient(NodeId id) {
    return gradient_in(id, onednn::plain_desc(shapes_[id], DType::f32));
  }

  /// Adds one consumer's share to the gradient of a value. The share may be somebody else's memory: it is not written.
  FULCRUM_DECLARE void contribute(NodeId id, const memory& share);

  /// Puts another gradient of a value in the place of the complete one, for the backward steps that come after.
  void replace_gradient(NodeId id, memory gradient) { gradients_[id] = {std::move(gradient), true}; }

  /// Leaves a function that adds the backward steps of the node.
  void on_backward(NodeId id, std::function<void()> add_steps) { backward_.emplace_back(id, std::move(add_steps)); }

  /// Adds all backward steps, last layer first, for the layers that a parameter needs.
  /// \throws Error when oneDNN has no such primitive
  FULCRUM_DECLARE void add_backward_steps();

  // --- parameters -------------------------------------------------------------------------------------------------
  /// A parameter's memory and its gradient's, in a plain layout of `shape` (its own, or an equivalent one).
  struct ParameterMemory {
    memory value;
    memory gradient;
  };
  /// Puts a parameter under training. Call before set_value() of its node.
  FULCRUM_DECLARE ParameterMemory train(NodeId id, const char* name, const Parameter<float>& parameter,
                                        const Shape& shape);

private:
  struct Gradient {
    memory total;
    bool is_sum = false;  ///< memory made for this sum alone, which may be added to
  };

  Model<float> model_;
  std::vector<Shape> shapes_;
  std::vector<memory> values_;
  std::vector<Gradient> gradients_;
  std::vector<bool> needs_gradient_;
  std::vector<std::pair<NodeId, std::function<void()>>> backward_;
};

}  // namespace fulcrum::detail::training

#if FULCRUM_DEFINES(train)

namespace fulcrum::detail::training {

FULCRUM_DEFINE void Program::add(dnnl::primitive primitive, Arguments arguments) {
  steps_.push_back(
      [p = std::move(primitive), a = std::move(arguments)](dnnl::stream& stream) { p.execute(stream, a); });
}

FULCRUM_DEFINE void Program::add(std::function<void()> function) {
  steps_.push_back([f = std::move(function)](dnnl::stream& stream) {
    stream.wait();
    f();
  });
}

FULCRUM_DEFINE void Program::run(dnnl::stream& stream) const {
  for (const auto& step : steps_) step(stream);
  stream.wait();
}

FULCRUM_DEFINE memory Program::in_layout(const memory& from, const Desc& layout) {
  if (from.get_desc() == layout) return from;
  memory to(layout, onednn::cpu_engine());
  copy(from, to);
  return to;
}

FULCRUM_DEFINE void Program::copy(const memory& from, const memory& to) {
  add(dnnl::reorder(onednn::reorder_forward(from.get_desc(), to.get_desc())),
      {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

FULCRUM_DEFINE Tape::Tape(Model<float> model, std::int64_t batch)
    : model_(std::move(model)),
      shapes_(infer_shapes(model_, batch)),
      values_(model_.size()),
      gradients_(model_.size()),
      needs_gradient_(model_.size(), false) {}

FULCRUM_DEFINE void Tape::set_value(NodeId id, memory value) {
  for (const NodeId s : model_.node(id).src) needs_gradient_[id] = needs_gradient_[id] || needs_gradient_[s];
  values_[id] = std::move(value);
}

FULCRUM_DEFINE void Tape::contribute(NodeId id, const memory& share) {
  Gradient& gradient = gradients_[id];
  if (!gradient.total) {
    gradient.total = share;
    return;
  }
  const Desc layout = gradient.total.get_desc();
  const memory sum = gradient.is_sum ? gradient.total : allocate(layout);
  backward.add(
      dnnl::binary(onednn::binary_forward(dnnl::algorithm::binary_add, layout, layout, layout)),
      {{DNNL_ARG_SRC_0, gradient.total}, {DNNL_ARG_SRC_1, backward.in_layout(share, layout)}, {DNNL_ARG_DST, sum}});
  gradient = {sum, true};
}

FULCRUM_DEFINE void Tape::add_backward_steps() {
  for (auto at = backward_.rbegin(); at != backward_.rend(); ++at) {
    if (!needs_gradient_[at->first] || !gradients_[at->first].total) continue;
    try {
      at->second();
    } catch (const dnnl::error& error) {
      throw Error("layer '" + model_.node(at->first).name + "'",
                  "has no backward step in oneDNN: " + std::string(error.what()));
    }
  }
  backward_.clear();
}

FULCRUM_DEFINE Tape::ParameterMemory Tape::train(NodeId id, const char* name, const Parameter<float>& parameter,
                                                 const Shape& shape) {
  needs_gradient_[id] = true;
  TrainableParameter& p = parameters.emplace_back();
  p.node = id;
  p.layer = model_.node(id).name;
  p.name = name;
  p.value = *parameter.value;
  p.gradient = Tensor<float>(p.value.dims());
  p.mask = parameter.mask;
  p.decays = p.name == "weights";
  const Desc desc = onednn::plain_desc(shape, DType::f32);
  return {{desc, onednn::cpu_engine(), p.value.flat().data()}, {desc, onednn::cpu_engine(), p.gradient.flat().data()}};
}

}  // namespace fulcrum::detail::training

#endif
