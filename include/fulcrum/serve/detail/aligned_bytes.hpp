#pragma once
/// \file
/// A buffer that starts at a cache line.

#include <cstddef>
#include <memory>
#include <new>

namespace fulcrum::detail {

/// Bytes at 64; what is in them is not set.
class AlignedBytes {
public:
  /// What was in it is lost.
  void resize(std::size_t size) {
    if (size > capacity_) {
      bytes_.reset();
      bytes_.reset(static_cast<std::byte*>(::operator new(size, alignment)));
      capacity_ = size;
    }
    size_ = size;
  }
  [[nodiscard]] std::byte* data() noexcept { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  void release() noexcept {
    bytes_.reset();
    size_ = capacity_ = 0;
  }

private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(std::byte* bytes) const noexcept { ::operator delete(bytes, alignment); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace fulcrum::detail
