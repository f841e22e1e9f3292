#include <fulcrum/layers/window.hpp>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
// Counts the windows one by one, in coordinates that start at the leading padding.
std::int64_t count_windows(std::int64_t src, std::int64_t kernel, std::int64_t stride, std::int64_t before,
                           std::int64_t after, std::int64_t dilation, bool ceil_mode) {
  const std::int64_t span = dilation * (kernel - 1) + 1;
  const std::int64_t end = before + src + after;
  std::int64_t count = 0;
  for (std::int64_t start = 0;; start += stride) {
    const bool whole = start + span <= end;
    const bool partial = start == 0 || start - stride + span < end;  // the window before it left something over
    const bool meets_source = start < before + src;
    if (!(whole || (ceil_mode && partial)) || (ceil_mode && !meets_source)) return count;
    ++count;
  }
}
}  // namespace

TEST_CASE("common windows have the extents people know") {
  CHECK(output_extent({{3, 3}, {1, 1}, 1}, {224, 224}, "Conv") == Extent2{224, 224});
  CHECK(output_extent({{7, 7}, {2, 2}, 3}, {224, 224}, "Conv") == Extent2{112, 112});
  CHECK(output_extent({{2, 2}, {2, 2}, 0}, {27, 28}, "MaxPool") == Extent2{13, 14});
  CHECK(output_extent({{2, 2}, {2, 2}, 0, {1, 1}, true}, {27, 28}, "MaxPool") == Extent2{14, 14});
  CHECK(output_extent({{3, 3}, {1, 1}, 2, {2, 2}}, {10, 10}, "Conv") == Extent2{10, 10});
  CHECK(output_extent({{1, 5}, {1, 1}, {0, 2, 0, 2}}, {4, 9}, "Conv") == Extent2{4, 9});
}

TEST_CASE("the extent of a random window is the number of windows that can be counted") {
  Random random(1);
  int checked = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto number = [&](std::int64_t low, std::int64_t high) {
      return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
    };
    Window window;
    window.kernel = {number(1, 5), number(1, 5)};
    window.stride = {number(1, 4), number(1, 4)};
    window.dilation = {number(1, 3), number(1, 3)};
    window.padding = {number(0, window.kernel[0] - 1), number(0, window.kernel[1] - 1), number(0, window.kernel[0] - 1),
                      number(0, window.kernel[1] - 1)};
    window.ceil_mode = number(0, 1) == 1;
    const Extent2 src{number(1, 12), number(1, 12)};
    const std::int64_t rows = count_windows(src[0], window.kernel[0], window.stride[0], window.padding.top,
                                            window.padding.bottom, window.dilation[0], false);
    const std::int64_t columns = count_windows(src[1], window.kernel[1], window.stride[1], window.padding.left,
                                               window.padding.right, window.dilation[1], false);
    if (rows == 0 || columns == 0) {
      REQUIRE_THROWS_AS(output_extent(window, src, "Conv"), Error);
      continue;
    }
    const Extent2 expected{count_windows(src[0], window.kernel[0], window.stride[0], window.padding.top,
                                         window.padding.bottom, window.dilation[0], window.ceil_mode),
                           count_windows(src[1], window.kernel[1], window.stride[1], window.padding.left,
                                         window.padding.right, window.dilation[1], window.ceil_mode)};
    CAPTURE(src, window.kernel, window.stride, window.dilation, window.ceil_mode);
    REQUIRE(output_extent(window, src, "Conv") == expected);
    ++checked;
  }
  CHECK(checked > 1500);
}

TEST_CASE("a window that does not fit is refused with its extents") {
  CHECK_THROWS_WITH(output_extent({{5, 5}, {1, 1}, 0}, {4, 9}, "Conv"),
                    "Conv: has a window of 5 that does not fit a source of 4 with padding 0");
  CHECK_NOTHROW(output_extent({{5, 5}, {1, 1}, {1, 0, 0, 0}}, {4, 9}, "Conv"));
}

TEST_CASE("settings out of range are refused") {
  const Extent2 src{8, 8};
  CHECK_THROWS_AS(output_extent({{0, 3}}, src, "Conv"), Error);
  CHECK_THROWS_AS(output_extent({{3, 3}, {1, 0}}, src, "Conv"), Error);
  CHECK_THROWS_AS(output_extent({{3, 3}, {1, 1}, -1}, src, "Conv"), Error);
  CHECK_THROWS_AS(output_extent({{3, 3}, {1, 1}, 0, {0, 1}}, src, "Conv"), Error);
  CHECK_THROWS_WITH(output_extent({{std::int64_t{1} << 40, 1}}, src, "Conv"), ContainsSubstring("2^31"));
  CHECK_THROWS_AS(output_extent({{3, 3}, {1, 1}, std::int64_t{1} << 62}, src, "Conv"), Error);
}

TEST_CASE("a window over depth has an extent of its own there") {
  Window window{{3, 3}, {2, 1}, 1};
  CHECK(output_extents(window, {1, 8, 9, 7}, "Conv") == Shape{5, 7});
  window.depth = {3, 2, 1, 0, 2};  // a kernel of 3, every second element of it, spans 5
  CHECK(output_extents(window, {1, 8, 8, 9, 7}, "Conv") == Shape{3, 5, 7});
  CHECK(output_extents(Window{}, {1, 8, 6, 9, 7}, "Conv") == Shape{6, 9, 7});
  CHECK_THROWS_WITH(output_extents(window, {1, 8, 9, 7}, "Conv"), ContainsSubstring("window over depth"));
  CHECK_THROWS_WITH(output_extents(window, {1, 8, 3, 9, 7}, "Conv"), ContainsSubstring("does not fit a source of 3"));
  CHECK_THROWS_WITH(output_extents(Window{}, {8, 9, 7}, "Conv"), ContainsSubstring("(n, c, d, h, w)"));
  window.depth.stride = 0;
  CHECK_THROWS_AS(output_extents(window, {1, 8, 8, 9, 7}, "Conv"), Error);
}
