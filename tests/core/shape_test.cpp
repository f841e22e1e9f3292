#include <fulcrum/core/shape.hpp>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a shape prints as people write it, with N for the batch") {
  CHECK(to_string(Shape{64, 1, 28, 28}) == "(64, 1, 28, 28)");
  CHECK(to_string(Shape{batch_dim, 3}) == "(N, 3)");
  CHECK(to_string(Shape{7}) == "(7)");
  CHECK(to_string(Shape{}) == "()");
}

TEST_CASE("the number of elements is the product of the extents") {
  CHECK(element_count({}) == 1);
  CHECK(element_count({5}) == 5);
  CHECK(element_count({2, 3, 4}) == 24);
  CHECK(element_count({2, 0, 4}) == 0);
  CHECK(element_count({0, 3, std::int64_t{1} << 61}) == 0);
  // Strides multiply the extents behind a 0 as well.
  CHECK_THROWS_WITH(element_count({0, std::int64_t{1} << 62, std::int64_t{1} << 62}),
                    ContainsSubstring("more elements than can be counted"));
}

TEST_CASE("a shape that cannot be counted is refused") {
  CHECK_THROWS_WITH(element_count({batch_dim, 3}), ContainsSubstring("(N, 3)") && ContainsSubstring("batch"));
  CHECK_THROWS_AS(element_count({0, -5}), Error);
  CHECK_THROWS_WITH(element_count({std::int64_t{1} << 32, std::int64_t{1} << 31}), ContainsSubstring("more elements"));
  CHECK(element_count({(std::int64_t{1} << 32) - 1, std::int64_t{1} << 31}) ==
        ((std::int64_t{1} << 32) - 1) * (std::int64_t{1} << 31));
}

TEST_CASE("binding the batch replaces every batch dimension and nothing else") {
  CHECK(with_batch({batch_dim, 3, 5}, 8) == Shape{8, 3, 5});
  CHECK(with_batch({4, 3}, 8) == Shape{4, 3});
  CHECK(with_batch({batch_dim, batch_dim}, 2) == Shape{2, 2});
}

TEST_CASE("shapes broadcast as in NumPy") {
  CHECK(broadcast({8, 1, 6, 1}, {7, 1, 5}) == Shape{8, 7, 6, 5});
  CHECK(broadcast({256, 256, 3}, {3}) == Shape{256, 256, 3});
  CHECK(broadcast({}, {2, 3}) == Shape{2, 3});
  CHECK(broadcast({1}, {0}) == Shape{0});
  CHECK_THROWS_WITH(broadcast({2, 3}, {2, 4}), ContainsSubstring("(2, 3)") && ContainsSubstring("(2, 4)"));
  CHECK_THROWS_AS(broadcast({2}, {0}), Error);
}

TEST_CASE("broadcasting is commutative and gives back a shape it is built from") {
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    Shape whole(random.below(5));
    for (auto& dim : whole) dim = 1 + static_cast<std::int64_t>(random.below(4));
    Shape part(whole.begin() + static_cast<std::ptrdiff_t>(random.below(whole.size() + 1)), whole.end());
    for (auto& dim : part) {
      if (random.below(2) == 0) dim = 1;
    }
    CAPTURE(to_string(whole), to_string(part));
    REQUIRE(broadcast(whole, part) == whole);
    REQUIRE(broadcast(part, whole) == whole);
  }
}

TEST_CASE("a negative axis counts from the end") {
  CHECK(normalized_axis(0, 3) == 0);
  CHECK(normalized_axis(2, 3) == 2);
  CHECK(normalized_axis(-1, 3) == 2);
  CHECK(normalized_axis(-3, 3) == 0);
  CHECK_THROWS_WITH(normalized_axis(3, 3), ContainsSubstring("axis 3") && ContainsSubstring("rank 3"));
  CHECK_THROWS_AS(normalized_axis(-4, 3), Error);
  CHECK_THROWS_AS(normalized_axis(0, 0), Error);
}
