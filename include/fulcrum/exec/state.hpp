#pragma once
/// \file
/// States: outputs of one step of a sequence that are inputs of the next.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/shape.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/tensor/aligned_allocator.hpp>

namespace fulcrum {

/// An input that takes, from the second step on, what an output gave in the step before: the hidden state of an LSTM,
/// the last samples before a convolution. An executor with states keeps them itself; its users give the other inputs
/// and get the other outputs.
struct State {
  std::string input;   ///< name of the Input
  std::string output;  ///< its next value, by Model::output_names() or the name of the output's layer
  /// What the first step takes, of the input's shape for the batch that runs; rank 0: that value everywhere (0 as it is
  /// by default).
  Tensor<float> initial{};
};

/// A state as an executor finds it.
struct BoundState {
  std::string input;
  std::string output;
  std::size_t src = 0;  ///< position among the model's inputs
  std::size_t dst = 0;  ///< position among the model's outputs
  Shape shape;          ///< for the batch that runs
  Tensor<float> initial;
  bool in_place = false;  ///< its next value may be written over it
};

/// The states of a run, and what is left to the user.
struct StateBinding {
  std::vector<BoundState> states;
  std::vector<std::size_t> src;   ///< positions, among the model's, of the inputs that are none
  std::vector<std::size_t> dst;   ///< the same of the outputs
  std::vector<Shape> src_shapes;  ///< of all inputs
  std::vector<Shape> dst_shapes;  ///< of all outputs

  /// The shapes at these positions.
  [[nodiscard]] static std::vector<Shape> at(const std::vector<Shape>& shapes, const std::vector<std::size_t>& places) {
    std::vector<Shape> result;
    for (const std::size_t place : places) result.push_back(shapes[place]);
    return result;
  }
};

/// Finds the states' inputs and outputs.
///
/// \param src_shapes  of the model's inputs, for the batch that runs
/// \param dst_shapes  of its outputs
/// \throws Error when one names no input or output, two name the same, or what it joins is of another shape or another
///         kind of numbers
template <class T>
[[nodiscard]] StateBinding bind_states(const Model<T>& model, std::vector<State> states, std::vector<Shape> src_shapes,
                                       std::vector<Shape> dst_shapes);

namespace detail {

/// The values of an executor's states. A state's next value is written over it where BoundState::in_place says so, else
/// beside it, and the two are swapped: nothing is copied from step to step.
class StateBuffers {
public:
  StateBuffers() = default;
  FULCRUM_DECLARE explicit StateBuffers(StateBinding binding);

  [[nodiscard]] const StateBinding& binding() const noexcept { return binding_; }
  [[nodiscard]] bool empty() const noexcept { return binding_.states.empty(); }

  /// One array per input and per output of the model.
  struct Arrays {
    std::span<const float* const> src;
    std::span<float* const> dst;
  };
  /// The user's arrays with those of the states among them, as the next step takes them.
  /// \param apart  no state's next value may be written over it
  /// Precondition: one array per input and output that is no state.
  FULCRUM_DECLARE [[nodiscard]] Arrays arrays(std::span<const float* const> src, std::span<float* const> dst,
                                              bool apart = false);
  /// The step that arrays() was for has run: what it wrote is what the states are.
  FULCRUM_DECLARE void advance() noexcept;

  /// Every state as it was before the first step.
  FULCRUM_DECLARE void reset();
  /// What the next step takes of the state that is this input; row-major.
  /// \throws Error when there is none
  FULCRUM_DECLARE [[nodiscard]] std::span<float> at(std::string_view input);

private:
  using Buffer = std::vector<float, AlignedAllocator<float>>;
  struct Pair {
    Buffer now;
    Buffer next;         // empty while the next value is written over this one
    bool apart = false;  // as the last arrays() had it
  };

  StateBinding binding_;
  std::vector<Pair> pairs_;
  std::vector<const float*> src_;
  std::vector<float*> dst_;
};

}  // namespace detail
}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

#include <algorithm>
#include <optional>
#include <utility>

#include <fulcrum/analysis/infer_elements.hpp>

namespace fulcrum::detail {

/// "'a', 'b'"
[[nodiscard]] inline std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

}  // namespace fulcrum::detail

namespace fulcrum {

template <class T>
StateBinding bind_states(const Model<T>& model, std::vector<State> states, std::vector<Shape> src_shapes,
                         std::vector<Shape> dst_shapes) {
  std::vector<std::string> inputs;
  for (const NodeId id : model.inputs()) inputs.push_back(model.node(id).name);
  std::vector<std::string> layers;  // of the outputs
  for (const NodeId id : model.outputs()) layers.push_back(model.node(id).name);
  const auto position = [](const std::vector<std::string>& names, const std::string& name) {
    const auto at = std::find(names.begin(), names.end(), name);
    return at == names.end() ? std::nullopt : std::optional(static_cast<std::size_t>(at - names.begin()));
  };
  const std::vector<ElementType> elements = states.empty() ? std::vector<ElementType>{} : infer_elements(model);
  std::vector<bool> src_taken(inputs.size(), false);
  std::vector<bool> dst_taken(layers.size(), false);
  StateBinding binding;
  for (State& state : states) {
    const std::string where = "state '" + state.input + "' = '" + state.output + "'";
    const std::optional<std::size_t> src = position(inputs, state.input);
    if (!src) {
      throw Error(where, "names no input of model '" + model.name() + "'",
                  inputs.empty() ? "it has none" : "it has " + detail::quoted_list(inputs));
    }
    std::optional<std::size_t> dst = position(model.output_names(), state.output);
    if (!dst) dst = position(layers, state.output);
    if (!dst) {
      throw Error(where, "names no output of model '" + model.name() + "'",
                  "it has " + detail::quoted_list(model.output_names()));
    }
    if (src_taken[*src]) throw Error(where, "names an input that is a state already", "give each input one output");
    if (dst_taken[*dst]) throw Error(where, "names an output that is a state already", "give each output one input");
    src_taken[*src] = true;
    dst_taken[*dst] = true;
    if (src_shapes[*src] != dst_shapes[*dst]) {
      throw Error(where,
                  "joins an output " + to_string(dst_shapes[*dst]) + " to an input " + to_string(src_shapes[*src]),
                  "a state has one shape");
    }
    const ElementType of_src = elements[model.inputs()[*src]];
    const ElementType of_dst = elements[model.outputs()[*dst]];
    if (of_src != of_dst && !(is_floating(of_src) && is_floating(of_dst))) {
      throw Error(
          where,
          "joins an output of " + std::string(name_of(of_dst)) + " to an input of " + std::string(name_of(of_src)),
          "a state has one type");
    }
    const Shape& shape = src_shapes[*src];
    if (state.initial.dims().empty()) {
      state.initial = Tensor<float>(shape, state.initial.flat()[0]);
    } else if (state.initial.dims() != shape) {
      throw Error(where, "begins with " + to_string(state.initial.dims()) + " but is " + to_string(shape));
    }
    binding.states.push_back(
        {std::move(state.input), std::move(state.output), *src, *dst, shape, std::move(state.initial), false});
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!src_taken[i]) binding.src.push_back(i);
  }
  for (std::size_t k = 0; k < layers.size(); ++k) {
    if (!dst_taken[k]) binding.dst.push_back(k);
  }
  binding.src_shapes = std::move(src_shapes);
  binding.dst_shapes = std::move(dst_shapes);
  return binding;
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE StateBuffers::StateBuffers(StateBinding binding)
    : binding_(std::move(binding)), src_(binding_.src_shapes.size()), dst_(binding_.dst_shapes.size()) {
  for (const BoundState& state : binding_.states) {
    const auto count = static_cast<std::size_t>(element_count(state.shape));
    pairs_.push_back({Buffer(count), state.in_place ? Buffer() : Buffer(count)});
  }
  reset();
}

FULCRUM_DEFINE StateBuffers::Arrays StateBuffers::arrays(std::span<const float* const> src, std::span<float* const> dst,
                                                         bool apart) {
  if (empty()) return {src, dst};
  for (std::size_t i = 0; i < src.size(); ++i) src_[binding_.src[i]] = src[i];
  for (std::size_t k = 0; k < dst.size(); ++k) dst_[binding_.dst[k]] = dst[k];
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const BoundState& state = binding_.states[i];
    Pair& pair = pairs_[i];
    pair.apart = apart || !state.in_place;
    if (pair.apart) pair.next.resize(pair.now.size());
    src_[state.src] = pair.now.data();
    dst_[state.dst] = pair.apart ? pair.next.data() : pair.now.data();
  }
  return {src_, dst_};
}

FULCRUM_DEFINE void StateBuffers::advance() noexcept {
  for (Pair& pair : pairs_) {
    if (pair.apart) pair.now.swap(pair.next);
  }
}

FULCRUM_DEFINE void StateBuffers::reset() {
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const Tensor<float>& initial = binding_.states[i].initial;
    std::copy(initial.flat().begin(), initial.flat().end(), pairs_[i].now.begin());
  }
}

FULCRUM_DEFINE std::span<float> StateBuffers::at(std::string_view input) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    if (binding_.states[i].input == input) return pairs_[i].now;
    names.push_back(binding_.states[i].input);
  }
  throw Error("state(\"" + std::string(input) + "\")", "is none of the executor's states",
              names.empty() ? "name them when the model is compiled" : "they are " + quoted_list(names));
}

}  // namespace fulcrum::detail

#if FULCRUM_INSTANTIATES(exec)
namespace fulcrum {
template StateBinding bind_states(const Model<float>& model, std::vector<State> states, std::vector<Shape> src_shapes,
                                  std::vector<Shape> dst_shapes);
template StateBinding bind_states(const Model<double>& model, std::vector<State> states, std::vector<Shape> src_shapes,
                                  std::vector<Shape> dst_shapes);
}  // namespace fulcrum
#endif

#endif
