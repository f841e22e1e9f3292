#include <fulcrum/tensor/transpose_bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("columns of bytes become rows, for sizes around those of a tile") {
  Random random(6);
  for (const std::size_t rows : {0U, 1U, 15U, 16U, 17U, 50U}) {
    for (const std::size_t columns : {0U, 1U, 15U, 16U, 17U, 65U}) {
      const std::size_t stride = columns + 3;
      std::vector<std::uint8_t> src(rows * stride + 16), dst(rows * columns + 1, 9);
      for (std::uint8_t& x : src) x = static_cast<std::uint8_t>(random());
      detail::transpose_bytes(src.data(), rows, columns, stride, dst.data());
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) REQUIRE(dst[c * rows + r] == src[r * stride + c]);
      }
      CHECK(dst.back() == 9);
    }
  }
}
