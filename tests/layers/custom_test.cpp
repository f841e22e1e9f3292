#include <string>
#include <vector>

#include <fulcrum/layers/custom.hpp>
#include <fulcrum/layers/layer.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
void copy(std::span<const kernels::Source<float>> src, const kernels::Result<float>& dst) {
  std::copy(src[0].elements.begin(), src[0].elements.end(), dst.elements.begin());
}
}  // namespace

TEST_CASE("a custom layer has the shape, the work and the name that its function says") {
  const Layer<float> plain = custom({.name = "Copy", .run = copy});
  const std::vector<Shape> src{{2, 3}};
  CHECK(kind_of(plain) == "Copy");
  CHECK(dst_shape(plain, std::span<const Shape>(src)) == Shape{2, 3});
  CHECK(work_of(plain, std::span<const Shape>(src), {2, 3}) == Work{6.0, 6, 0, 6});
  CHECK(facts_of(plain).only_loops);

  const Layer<float> halves = custom({.name = "Half",
                                      .sources = 2,
                                      .dst_shape =
                                          [](std::span<const Shape> s) {
                                            return Shape{s[0][0], s[1][1] / 2};
                                          },
                                      .work =
                                          [](std::span<const Shape>, const Shape&) {
                                            return Work{7.0, 1, 2, 3};
                                          },
                                      .run = copy,
                                      .dst_element = [](std::span<const ElementType>) { return ElementType::s64; }});
  const std::vector<Shape> two{{2, 3}, {2, 8}};
  CHECK(dst_shape(halves, std::span<const Shape>(two)) == Shape{2, 4});
  CHECK(work_of(halves, std::span<const Shape>(two), {2, 4}) == Work{7.0, 1, 2, 3});
  CHECK(std::get<Custom>(halves).dst_element({}) == ElementType::s64);
}

TEST_CASE("custom layers are equal when they hold the same function") {
  const Layer<float> a = custom({.name = "Copy", .run = copy});
  const Layer<float> b = a;
  CHECK(a == b);
  CHECK_FALSE(a == Layer<float>(custom({.name = "Copy", .run = copy})));
}

TEST_CASE("a custom layer that lacks something is refused") {
  CHECK_THROWS_WITH(custom({.name = "Nothing"}), ContainsSubstring("Nothing: has nothing to run"));
  CHECK_THROWS_WITH(custom({.name = "", .run = copy}), ContainsSubstring("has no name"));
  CHECK_THROWS_WITH(Custom{}.dst_shape({}), ContainsSubstring("has no function"));
  const std::vector<Shape> two{{1}, {1}};
  CHECK_THROWS_WITH(custom({.name = "Copy", .run = copy}).dst_shape(two),
                    ContainsSubstring("Copy: takes 1 source(s) but has 2"));
  CHECK_THROWS_WITH(custom({.name = "Source", .sources = 0, .run = copy}).dst_shape({}),
                    ContainsSubstring("says no shape"));
}
