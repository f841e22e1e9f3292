#include <fulcrum/tensor/aligned_allocator.hpp>

#include <cstdint>
#include <limits>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every allocation starts on a 64-byte boundary") {
  std::vector<std::vector<char, AlignedAllocator<char>>> blocks;  // kept, so that sizes and places vary
  for (std::size_t bytes = 1; bytes < 300; ++bytes) {
    blocks.emplace_back(bytes);
    REQUIRE(reinterpret_cast<std::uintptr_t>(blocks.back().data()) % tensor_alignment == 0);
  }
}

TEST_CASE("what takes whole huge pages starts at one, and can be written to its end") {
  constexpr std::size_t huge_page = std::size_t{2} << 20U;
  for (const std::size_t bytes : {huge_page - 1, huge_page, huge_page + 1, 3 * huge_page - 1}) {
    std::vector<char, AlignedAllocator<char>> block(bytes, 'x');
    const auto begin = reinterpret_cast<std::uintptr_t>(block.data());
    CHECK(begin % (bytes < huge_page ? tensor_alignment : huge_page) == 0);
    CHECK(block.back() == 'x');
  }
}

TEST_CASE("a count whose bytes cannot be counted is refused, not wrapped around") {
  AlignedAllocator<double> allocator;
  CHECK_THROWS_AS(allocator.allocate(std::numeric_limits<std::size_t>::max() / 4), std::bad_array_new_length);
}

TEST_CASE("allocators of any type are interchangeable") {
  const AlignedAllocator<float> a;
  const AlignedAllocator<float> b(AlignedAllocator<double>{});
  CHECK(a == b);
}
