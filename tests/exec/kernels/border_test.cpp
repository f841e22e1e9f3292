#include <fulcrum/exec/kernels/border.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

/// Every pixel by its place: the source's, or the border's integer.
void expect_bordered(const Border& b, int threads) {
  const auto pixels = [](const std::array<std::int64_t, 3>& extents) { return extents[0] * extents[1] * extents[2]; };
  std::vector<std::uint8_t> src(static_cast<std::size_t>(b.images * pixels(b.src) * b.channels));
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<std::uint8_t>(i % 250);
  const auto count = static_cast<std::size_t>(b.images * pixels(b.dst) * b.channels);
  std::vector<std::uint8_t> dst(count + 1, 251);
  const std::array<void*, 2> pointers{src.data(), dst.data()};
  border_function(b, 255, threads)(pointers);
  CHECK(dst[count] == 251);
  std::size_t at = 0;
  for (std::int64_t n = 0; n < b.images; ++n) {
    for (std::int64_t z = -b.before[0]; z < b.dst[0] - b.before[0]; ++z) {
      for (std::int64_t y = -b.before[1]; y < b.dst[1] - b.before[1]; ++y) {
        for (std::int64_t x = -b.before[2]; x < b.dst[2] - b.before[2]; ++x) {
          const bool inside = z >= 0 && z < b.src[0] && y >= 0 && y < b.src[1] && x >= 0 && x < b.src[2];
          for (std::int64_t c = 0; c < b.channels; ++c, ++at) {
            const std::int64_t from = (((n * b.src[0] + z) * b.src[1] + y) * b.src[2] + x) * b.channels + c;
            REQUIRE(dst[at] == (inside ? src[static_cast<std::size_t>(from)] : 255));
          }
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("a border surrounds each image on the sides that are padded, and nothing else changes") {
  for (const int threads : {1, 3}) {
    expect_bordered({1, 1, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}}, threads);   // none
    expect_bordered({1, 3, {1, 1, 1}, {0, 1, 1}, {1, 3, 3}}, threads);   // one pixel
    expect_bordered({2, 5, {1, 4, 3}, {0, 2, 0}, {1, 6, 4}}, threads);   // above and to the right
    expect_bordered({2, 17, {3, 2, 5}, {1, 0, 2}, {5, 2, 7}}, threads);  // in three dimensions
  }
}

TEST_CASE("a convolution's padding is a border of its shape") {
  Geometry geometry;
  geometry.kernel = {3, 3};
  geometry.padding_l = {1, 2};
  geometry.padding_r = {3, 0};
  const Border b = border_of({2, 8, 5, 6}, geometry);
  CHECK(b.images == 2);
  CHECK(b.channels == 8);
  CHECK(b.src == std::array<std::int64_t, 3>{1, 5, 6});
  CHECK(b.before == std::array<std::int64_t, 3>{0, 1, 2});
  CHECK(b.dst == std::array<std::int64_t, 3>{1, 9, 8});
  CHECK(bordered({2, 8, 5, 6}, geometry) == Shape{2, 8, 9, 8});
}
