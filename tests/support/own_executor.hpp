#pragma once
// An executor as a user would write one.

#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/exec/executor.hpp>

namespace fulcrum::test {

/// Adds up the elements of each of its samples.
class SumExecutor {
public:
  SumExecutor(std::int64_t batch, std::int64_t elements, std::function<void()> before_each = {})
      : batch_(batch), elements_(elements), before_each_(std::move(before_each)) {}

  [[nodiscard]] std::vector<Shape> src_shapes() const { return {{batch_, elements_}}; }
  [[nodiscard]] std::vector<Shape> dst_shapes() const { return {{batch_, 1}}; }
  void execute(std::span<const float* const> src, std::span<float* const> dst) {
    if (before_each_) before_each_();
    for (std::int64_t i = 0; i < batch_; ++i) {
      dst[0][i] = 0.0F;
      for (std::int64_t j = 0; j < elements_; ++j) dst[0][i] += src[0][i * elements_ + j];
    }
  }

private:
  std::int64_t batch_;
  std::int64_t elements_;
  std::function<void()> before_each_;
};

}  // namespace fulcrum::test
