#pragma once
/// \file
/// What every executor offers, whatever runs underneath.

#include <chrono>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/exec/step_info.hpp>
#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

/// Something that runs a model for one batch size, on plain row-major f32: execute() takes one array per model input
/// and writes one per model output, each of the shape that src_shapes() and dst_shapes() say. Whoever times it calls
/// execute() again and again, so it should not allocate. OnednnExecutor and ReferenceExecutor<float> are executors;
/// AnyExecutor holds any of them.
template <class E>
concept Executor = requires(E& executor, const E& made, std::span<const float* const> src,
                            std::span<float* const> dst) {
  { made.src_shapes() } -> std::convertible_to<std::vector<Shape>>;
  { made.dst_shapes() } -> std::convertible_to<std::vector<Shape>>;
  executor.execute(src, dst);
};

/// An executor that can tell the time of each of its steps: execute_timed() does what execute() does and writes one
/// time per element of steps().
template <class E>
concept StepTimingExecutor = Executor<E> &&
    requires(E& executor, const E& made, std::span<const float* const> src, std::span<float* const> dst,
             std::span<std::chrono::nanoseconds> step_times) {
  { made.steps() } -> std::convertible_to<std::vector<StepInfo>>;
  executor.execute_timed(src, dst, step_times);
};

/// Runs an executor on tensors, into new ones.
/// \throws Error when the sources' number or shapes are not what it takes, and whatever it throws
template <Executor E>
[[nodiscard]] std::vector<Tensor<float>> run(E& executor, std::span<const Tensor<float>> src) {
  const std::vector<Shape>& src_shapes = executor.src_shapes();
  if (src.size() != src_shapes.size()) {
    throw Error("run()", "was given " + std::to_string(src.size()) + " source(s) for a model with " +
                             std::to_string(src_shapes.size()) + " input(s)");
  }
  std::vector<const float*> from;
  for (std::size_t i = 0; i < src.size(); ++i) {
    if (src[i].dims() != src_shapes[i]) {
      throw Error("run()",
                  "was given a source " + to_string(src[i].dims()) + " but was made for " + to_string(src_shapes[i]),
                  "make an executor for that batch size");
    }
    from.push_back(src[i].flat().data());
  }
  const std::vector<Shape>& dst_shapes = executor.dst_shapes();
  std::vector<Tensor<float>> dst;
  for (const Shape& shape : dst_shapes) dst.emplace_back(shape);
  std::vector<float*> to;
  for (Tensor<float>& tensor : dst) to.push_back(tensor.flat().data());
  executor.execute(from, to);
  return dst;
}

namespace detail {

/// \throws Error when there is not one array per input and per output
inline void expect_arrays(std::size_t src, std::size_t dst, std::size_t inputs, std::size_t outputs) {
  if (src == inputs && dst == outputs) return;
  throw Error("execute()", "was given " + std::to_string(src) + " source(s) and " + std::to_string(dst) + " result(s)",
              "give " + std::to_string(inputs) + " and " + std::to_string(outputs));
}

/// \throws Error when there is not room for one time per step
inline void expect_step_times(std::size_t given, std::size_t steps) {
  if (given == steps) return;
  throw Error("execute_timed()", "was given room for " + std::to_string(given) + " times",
              "give " + std::to_string(steps));
}

}  // namespace detail
}  // namespace fulcrum
