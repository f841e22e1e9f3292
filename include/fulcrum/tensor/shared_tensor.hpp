#pragma once
/// \file
/// Weights that many models share and that are copied only when written.

#include <memory>
#include <utility>

#include <fulcrum/tensor/tensor.hpp>

namespace fulcrum {

/// A value that behaves like its own Tensor<T> but whose copies share storage until one of them is edited.
/// Default-constructed it is empty: no tensor at all (an absent bias, say).
template <class T>
class SharedTensor {
public:
  SharedTensor() = default;
  SharedTensor(Tensor<T> tensor)  // NOLINT(google-explicit-constructor): a tensor is a shared tensor of one owner
      : tensor_(std::make_shared<Tensor<T>>(std::move(tensor))) {}

  [[nodiscard]] bool empty() const noexcept { return tensor_ == nullptr; }
  [[nodiscard]] explicit operator bool() const noexcept { return !empty(); }

  /// Precondition: not empty().
  [[nodiscard]] const Tensor<T>& operator*() const noexcept { return *tensor_; }
  [[nodiscard]] const Tensor<T>* operator->() const noexcept { return tensor_.get(); }

  /// The tensor, for writing: a copy of its own unless this is the only owner. Precondition: not empty().
  [[nodiscard]] Tensor<T>& edit() {
    if (tensor_.use_count() != 1) tensor_ = std::make_shared<Tensor<T>>(*tensor_);
    return *tensor_;
  }

  /// Whether there is a tensor that nobody shares, so that edit() copies nothing.
  [[nodiscard]] bool sole_owner() const noexcept { return tensor_.use_count() == 1; }

  /// Whether both are the same storage, not merely equal.
  [[nodiscard]] bool shares_with(const SharedTensor& other) const noexcept { return tensor_ == other.tensor_; }

  friend bool operator==(const SharedTensor& a, const SharedTensor& b) {
    return a.tensor_ == b.tensor_ || (a.tensor_ && b.tensor_ && *a.tensor_ == *b.tensor_);
  }

private:
  std::shared_ptr<Tensor<T>> tensor_;
};

}  // namespace fulcrum
