#pragma once
// Counts what a test's executable takes from the heap. Replaces the program's operator new: one source of an executable
// may include it, and none that shares a translation unit.

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace fulcrum::test {

inline std::atomic<bool> counting = false;
inline std::atomic<int> counted = 0;

/// Fulcrum's code is headers, so whatever it allocates is asked for from within this executable. What oneDNN's and
/// OpenMP's libraries allocate by themselves is theirs.
inline bool is_ours(void* caller) {
  static const void* own = [] {
    Dl_info info{};
    static_cast<void>(dladdr(reinterpret_cast<void*>(&is_ours), &info));
    return static_cast<const void*>(info.dli_fbase);
  }();
  Dl_info info{};
  return dladdr(caller, &info) != 0 && info.dli_fbase == own;
}

inline void* allocate(std::size_t bytes, std::size_t alignment, void* caller) {
  if (counting && is_ours(caller)) ++counted;
  bytes = (bytes + alignment - 1) / alignment * alignment;
  void* result = std::aligned_alloc(alignment, bytes == 0 ? alignment : bytes);
  if (result == nullptr) throw std::bad_alloc();
  return result;
}

}  // namespace fulcrum::test

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  return fulcrum::test::allocate(bytes, 16, __builtin_return_address(0));
}
[[gnu::noinline]] void* operator new[](std::size_t bytes) {
  return fulcrum::test::allocate(bytes, 16, __builtin_return_address(0));
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return fulcrum::test::allocate(bytes, static_cast<std::size_t>(alignment), __builtin_return_address(0));
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::aligned_alloc(16, (bytes + 16) / 16 * 16);
}
[[gnu::noinline]] void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::aligned_alloc(16, (bytes + 16) / 16 * 16);
}
[[gnu::noinline]] void operator delete(void* pointer, const std::nothrow_t&) noexcept { std::free(pointer); }
[[gnu::noinline]] void operator delete(void* pointer) noexcept { std::free(pointer); }
[[gnu::noinline]] void operator delete[](void* pointer) noexcept { std::free(pointer); }
[[gnu::noinline]] void operator delete(void* pointer, std::size_t) noexcept { std::free(pointer); }
[[gnu::noinline]] void operator delete[](void* pointer, std::size_t) noexcept { std::free(pointer); }
[[gnu::noinline]] void operator delete(void* pointer, std::align_val_t) noexcept { std::free(pointer); }
[[gnu::noinline]] void operator delete(void* pointer, std::size_t, std::align_val_t) noexcept { std::free(pointer); }
