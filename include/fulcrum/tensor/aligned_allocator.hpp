#pragma once
/// \file
/// The allocator behind Tensor: 64-byte alignment, one cache line and one AVX-512 register.

#include <cstddef>
#include <limits>
#include <new>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

inline constexpr std::size_t tensor_alignment = 64;  ///< bytes

template <class T>
class AlignedAllocator {
public:
  using value_type = T;

  AlignedAllocator() = default;
  template <class U>
  explicit AlignedAllocator(const AlignedAllocator<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{tensor_alignment}));
  }
  void deallocate(T* pointer, std::size_t /*count*/) noexcept {
    ::operator delete (pointer, std::align_val_t{tensor_alignment});
  }

  template <class U>
  struct rebind {
    using other = AlignedAllocator<U>;
  };
  friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};

}  // namespace fulcrum
