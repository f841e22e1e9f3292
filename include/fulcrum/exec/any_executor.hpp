#pragma once
/// \file
/// An executor of any type, behind one type.

#include <chrono>
#include <concepts>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <fulcrum/exec/executor.hpp>

namespace fulcrum {

/// Owns an executor. Whoever measures or evaluates works with this, at the price of one indirect call per inference.
/// As one instance, it is for one thread at a time.
class AnyExecutor {
public:
  template <class E>
  requires(!std::same_as<std::remove_cvref_t<E>, AnyExecutor> && Executor<std::remove_cvref_t<E>>)
      AnyExecutor(E&& executor)  // NOLINT(google-explicit-constructor): an executor is one
      : self_(std::make_unique<Held<std::remove_cvref_t<E>>>(std::forward<E>(executor))) {
    const auto& held = static_cast<const Held<std::remove_cvref_t<E>>&>(*self_).executor;
    src_shapes_ = held.src_shapes();
    dst_shapes_ = held.dst_shapes();
    if constexpr (StepTimingExecutor<std::remove_cvref_t<E>>) steps_ = held.steps();
  }

  /// Shapes of the model's inputs and outputs.
  [[nodiscard]] const std::vector<Shape>& src_shapes() const noexcept { return src_shapes_; }
  [[nodiscard]] const std::vector<Shape>& dst_shapes() const noexcept { return dst_shapes_; }
  /// What execute_timed() times, in order; empty: the executor does not tell.
  [[nodiscard]] const std::vector<StepInfo>& steps() const noexcept { return steps_; }

  /// Precondition: one pointer per input and per output, each to as many elements as its shape says.
  /// \throws whatever the executor throws
  void execute(std::span<const float* const> src, std::span<float* const> dst) { self_->execute(src, dst); }

  /// The same with the time of each step.
  /// \throws Error when there is not room for one time per step, and whatever the executor throws
  void execute_timed(std::span<const float* const> src, std::span<float* const> dst,
                     std::span<std::chrono::nanoseconds> step_times) {
    detail::expect_step_times(step_times.size(), steps_.size());
    self_->execute_timed(src, dst, step_times);
  }

private:
  struct Interface {
    Interface() = default;
    Interface(const Interface&) = delete;
    Interface& operator=(const Interface&) = delete;
    Interface(Interface&&) = delete;
    Interface& operator=(Interface&&) = delete;
    virtual ~Interface() = default;
    virtual void execute(std::span<const float* const> src, std::span<float* const> dst) = 0;
    virtual void execute_timed(std::span<const float* const> src, std::span<float* const> dst,
                               std::span<std::chrono::nanoseconds> step_times) = 0;
  };

  template <class E>
  struct Held final : Interface {
    template <class From>
    explicit Held(From&& from) : executor(std::forward<From>(from)) {}
    void execute(std::span<const float* const> src, std::span<float* const> dst) override {
      executor.execute(src, dst);
    }
    void execute_timed(std::span<const float* const> src, std::span<float* const> dst,
                       std::span<std::chrono::nanoseconds> step_times) override {
      if constexpr (StepTimingExecutor<E>) {
        executor.execute_timed(src, dst, step_times);
      } else {
        executor.execute(src, dst);
      }
    }
    E executor;
  };

  std::unique_ptr<Interface> self_;
  std::vector<Shape> src_shapes_;
  std::vector<Shape> dst_shapes_;
  std::vector<StepInfo> steps_;
};

static_assert(StepTimingExecutor<AnyExecutor>);

}  // namespace fulcrum
