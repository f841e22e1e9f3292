#pragma once
/// \file
/// States for any executor.

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/exec/executor.hpp>
#include <fulcrum/exec/state.hpp>

namespace fulcrum {

/// An executor of a whole model that is given its states from step to step: an execution is one step of a sequence,
/// with the inputs and outputs that are no states. It says what OnednnExecutor does with the states it is compiled
/// with.
template <Executor E>
class StreamingExecutor {
public:
  /// \param executor  of the model, for the batch that its shapes say
  /// \throws Error when a state names no input or output of the model, two name the same, or what one joins is of
  ///         another shape or another kind of numbers
  template <class T>
  StreamingExecutor(E executor, const Model<T>& model, std::vector<State> states) : executor_(std::move(executor)) {
    StateBinding binding = bind_states(model, std::move(states), executor_.src_shapes(), executor_.dst_shapes());
    src_shapes_ = StateBinding::at(binding.src_shapes, binding.src);
    dst_shapes_ = StateBinding::at(binding.dst_shapes, binding.dst);
    states_ = detail::StateBuffers(std::move(binding));
  }

  /// Shapes of the inputs and outputs that are no states.
  [[nodiscard]] const std::vector<Shape>& src_shapes() const noexcept { return src_shapes_; }
  [[nodiscard]] const std::vector<Shape>& dst_shapes() const noexcept { return dst_shapes_; }

  /// One step of the sequence.
  /// Precondition: one pointer per input and per output, each to as many elements as its shape says.
  /// \throws whatever the executor throws; the states are then as they were
  void execute(std::span<const float* const> src, std::span<float* const> dst) {
    detail::expect_arrays(src.size(), dst.size(), src_shapes_.size(), dst_shapes_.size());
    const detail::StateBuffers::Arrays arrays = states_.arrays(src, dst);
    executor_.execute(arrays.src, arrays.dst);
    states_.advance();
  }
  [[nodiscard]] std::vector<Tensor<float>> run(std::span<const Tensor<float>> src) { return fulcrum::run(*this, src); }

  /// The states, and where they stand among the model's inputs and outputs.
  [[nodiscard]] const StateBinding& states() const noexcept { return states_.binding(); }
  /// A new sequence begins: every state as State::initial has it.
  void reset_states() { states_.reset(); }
  /// What the next step takes of the state that is this input, in row-major order, to read and to write; until then.
  /// \throws Error when there is none
  [[nodiscard]] std::span<float> state(std::string_view input) { return states_.at(input); }

private:
  E executor_;
  detail::StateBuffers states_;
  std::vector<Shape> src_shapes_;
  std::vector<Shape> dst_shapes_;
};

}  // namespace fulcrum
