#include <fulcrum/plan/pareto.hpp>

#include <algorithm>
#include <limits>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
constexpr std::array mixed{Direction::maximize, Direction::minimize, Direction::maximize};
using Point = std::array<double, 3>;

/// The definition, word for word: no other point is as good in all objectives and better in one.
bool on_front_by_definition(const std::vector<Point>& points, std::size_t i) {
  for (const Point& other : points) {
    int as_good = 0;
    int better = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const bool larger_is_better = mixed[k] == Direction::maximize;
      as_good += larger_is_better ? other[k] >= points[i][k] : other[k] <= points[i][k];
      better += larger_is_better ? other[k] > points[i][k] : other[k] < points[i][k];
    }
    if (as_good == 3 && better > 0) return false;
  }
  return true;
}
}  // namespace

TEST_CASE("the front of random points is what the definition says") {
  Random random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<Point> points(random.below(24));
    const std::uint64_t levels = 2 + random.below(12);  // few levels make many ties
    for (Point& point : points) {
      for (double& value : point) value = static_cast<double>(random.below(levels));
    }
    const auto front = pareto_front<3>(points, mixed);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const bool is_on_front = std::find(front.begin(), front.end(), i) != front.end();
      CHECK(is_on_front == on_front_by_definition(points, i));
    }
    CHECK(std::is_sorted(front.begin(), front.end()));
  }
}

TEST_CASE("points equal in every objective stay on the front together") {
  const std::vector<Point> points{{0.9, 1.0, 100.0}, {0.9, 1.0, 100.0}, {0.9, 1.1, 100.0}};
  CHECK(pareto_front<3>(points, mixed) == std::vector<std::size_t>{0, 1});
}

TEST_CASE("a point that is not a number is on no front and drives nobody off it") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Point> points{{nan, 0.5, 200.0}, {0.9, 1.0, 100.0}};
  CHECK(pareto_front<3>(points, mixed) == std::vector<std::size_t>{1});
}

TEST_CASE("nothing has an empty front and one point is its own") {
  const std::vector<Point> none;
  CHECK(pareto_front<3>(none, mixed).empty());
  const std::vector<Point> one{{0.0, 0.0, 0.0}};
  CHECK(pareto_front<3>(one, mixed) == std::vector<std::size_t>{0});
}
