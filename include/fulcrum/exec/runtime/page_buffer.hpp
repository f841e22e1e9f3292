#pragma once
/// \file
/// Memory that executors read and write all the time.

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace fulcrum::detail {

/// Gives memory back.
struct FreePages {
  std::size_t mapped = 0;  ///< [B]; 0: from the heap
  void operator()(std::byte* bytes) const noexcept {
    if (mapped == 0)
      std::free(bytes);
    else
      munmap(bytes, mapped);
  }
};

/// Bytes that are zero at first, at a 64-byte boundary. From 2 MiB on they ask for huge pages: convolutions stride
/// through weights and activations in steps of kilobytes, which small pages make hard on the TLB. Those come from the
/// system as zeros when they are first touched, and nothing writes them before.
class PageBuffer {
public:
  PageBuffer() = default;
  /// \throws std::bad_alloc
  explicit PageBuffer(std::size_t bytes) {
    if (bytes == 0) return;
    if (bytes >= huge_page) {
      bytes_ = map(bytes);
      return;
    }
    const std::size_t rounded = round_up(bytes, line);
    bytes_ = {static_cast<std::byte*>(std::aligned_alloc(line, rounded)), {}};
    if (!bytes_) throw std::bad_alloc();
    std::memset(bytes_.get(), 0, rounded);
  }

  [[nodiscard]] std::byte* data() const noexcept { return bytes_.get(); }

private:
  static constexpr std::size_t line = 64;
  static constexpr std::size_t huge_page = std::size_t{2} << 20U;

  using Bytes = std::unique_ptr<std::byte, FreePages>;

  [[nodiscard]] static std::size_t round_up(std::size_t bytes, std::size_t unit) {
    if (bytes > SIZE_MAX - 2 * huge_page) throw std::bad_alloc();
    return (bytes + unit - 1) / unit * unit;
  }

  /// Whole huge pages: of a larger piece, what lies before the first and behind the last goes back.
  [[nodiscard]] static Bytes map(std::size_t bytes) {
    const std::size_t rounded = round_up(bytes, huge_page);
    void* const piece = mmap(nullptr, rounded + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) throw std::bad_alloc();
    auto* const begin = static_cast<std::byte*>(piece);
    const std::size_t before = (huge_page - reinterpret_cast<std::uintptr_t>(piece) % huge_page) % huge_page;
    if (before > 0) munmap(begin, before);
    if (before < huge_page) munmap(begin + before + rounded, huge_page - before);
    // Advice only: where the system does not take it, the pages are small.
    static_cast<void>(madvise(begin + before, rounded, MADV_HUGEPAGE));
    return {begin + before, {rounded}};
  }

  Bytes bytes_;
};

}  // namespace fulcrum::detail
