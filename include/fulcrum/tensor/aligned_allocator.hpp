#pragma once
/// \file
/// The allocator behind Tensor: 64-byte alignment, one cache line and one AVX-512 register; whole huge pages for what
/// is large.

#include <cstddef>
#include <limits>
#include <new>

#include <fulcrum/core/language.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

inline constexpr std::size_t tensor_alignment = 64;  ///< bytes

namespace detail {

inline constexpr std::size_t huge_page_bytes = std::size_t{2} << 20U;

/// Memory at a 64-byte boundary; from 2 MiB on at that of a huge page, the whole ones of which are asked for as such.
/// Fresh memory comes from the system page by page, and to take weights of 100 MB in small pages costs as much as to
/// read them from a file. Advice only: where the system does not take it, the pages are small.
/// \throws std::bad_alloc
FULCRUM_DECLARE [[nodiscard]] void* allocate_pages(std::size_t bytes);

inline void free_pages(void* begin, std::size_t bytes) noexcept {
  const std::size_t alignment = bytes < huge_page_bytes ? tensor_alignment : huge_page_bytes;
  ::operator delete (begin, std::align_val_t{alignment});
}

}  // namespace detail

template <class T>
class AlignedAllocator {
public:
  using value_type = T;

  AlignedAllocator() = default;
  template <class U>
  explicit AlignedAllocator(const AlignedAllocator<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(detail::allocate_pages(count * sizeof(T)));
  }
  void deallocate(T* pointer, std::size_t count) noexcept { detail::free_pages(pointer, count * sizeof(T)); }

  template <class U>
  struct rebind {
    using other = AlignedAllocator<U>;
  };
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(tensor)

#include <sys/mman.h>

namespace fulcrum::detail {

FULCRUM_DEFINE void* allocate_pages(std::size_t bytes) {
  if (bytes < huge_page_bytes) return ::operator new (bytes, std::align_val_t{tensor_alignment});
  void* const begin = ::operator new (bytes, std::align_val_t{huge_page_bytes});
  static_cast<void>(::madvise(begin, bytes / huge_page_bytes * huge_page_bytes, MADV_HUGEPAGE));
  return begin;
}

}  // namespace fulcrum::detail

#endif
