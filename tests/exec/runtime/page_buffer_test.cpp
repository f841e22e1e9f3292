#include <fulcrum/exec/runtime/page_buffer.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

#include <support/catch.hpp>

using fulcrum::detail::PageBuffer;

TEST_CASE("a buffer is zero, at the boundary that its size asks for, and writable to its end") {
  constexpr std::size_t huge = std::size_t{2} << 20U;
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{65}, huge - 1, huge, huge + 1, 3 * huge}) {
    INFO(bytes << " bytes");
    for (int again = 0; again < 2; ++again) {  // the second one may get what the first one wrote
      PageBuffer buffer(bytes);
      CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % (bytes >= huge ? huge : 64) == 0);
      CHECK(std::all_of(buffer.data(), buffer.data() + bytes, [](std::byte b) { return b == std::byte{0}; }));
      std::fill_n(buffer.data(), bytes, std::byte{1});
      const PageBuffer moved = std::move(buffer);
      CHECK(moved.data()[bytes - 1] == std::byte{1});
    }
  }
  CHECK(PageBuffer(0).data() == nullptr);
  CHECK_THROWS_AS(PageBuffer(SIZE_MAX), std::bad_alloc);
  CHECK_THROWS_AS(PageBuffer(std::size_t{1} << 62U), std::bad_alloc);
}
