#pragma once
/// \file
/// Memory that executors read and write all the time.

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace fulcrum::detail {

/// Bytes that are zero at first, at a 64-byte boundary. From 2 MiB on they ask for huge pages: convolutions stride
/// through weights and activations in steps of kilobytes, which small pages make hard on the TLB.
class PageBuffer {
public:
  PageBuffer() = default;
  /// \throws std::bad_alloc
  explicit PageBuffer(std::size_t bytes) {
    if (bytes == 0) return;
    const std::size_t alignment = bytes >= huge_page ? huge_page : 64;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, rounded)));
    if (!bytes_) throw std::bad_alloc();
    // Advice only: where the system does not take it, the pages are small.
    if (alignment == huge_page) static_cast<void>(madvise(bytes_.get(), rounded, MADV_HUGEPAGE));
    std::memset(bytes_.get(), 0, rounded);
  }

  [[nodiscard]] std::byte* data() const noexcept { return bytes_.get(); }

private:
  static constexpr std::size_t huge_page = std::size_t{2} << 20U;
  struct Free {
    void operator()(std::byte* bytes) const noexcept { std::free(bytes); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
};

}  // namespace fulcrum::detail
