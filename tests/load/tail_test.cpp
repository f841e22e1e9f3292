#include <fulcrum/load/tail.hpp>

#include <cmath>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// The smallest n with a tail_rank().
std::int64_t fewest(const TailTarget& target) {
  std::int64_t n = 1;
  while (!tail_rank(n, target)) ++n;
  return n;
}

}  // namespace

TEST_CASE("early stopping needs as many as LoadGen's") {
  CHECK(fewest({0.9, 0.99}) == 64);
  CHECK(fewest({0.99, 0.99}) == 662);
  CHECK(fewest({0.999, 0.99}) == 6636);
  CHECK(fewest_within(0, {0.99, 0.99}) == 459);
  CHECK(check_tail(459, 0).holds);
  CHECK(check_tail(458, 0).needed == 459);
  CHECK_FALSE(check_tail(458, 0).holds);
  CHECK(check_tail(662, 1).holds);
  CHECK_FALSE(check_tail(661, 1).holds);
}

TEST_CASE("h(t) is the least that convinces, by the sum of binomial terms") {
  // I_p(h, t + 1) is the probability of at most t of h + t over a bound that a share 1 − p exceeds.
  const auto at_most = [](std::int64_t t, std::int64_t n, double q) {
    double sum = 0.0;
    for (std::int64_t k = 0; k <= t; ++k) {
      const auto d = [](std::int64_t i) { return static_cast<double>(i); };
      sum += std::exp(std::lgamma(d(n) + 1) - std::lgamma(d(k) + 1) - std::lgamma(d(n - k) + 1) + d(k) * std::log(q) +
                      d(n - k) * std::log1p(-q));
    }
    return sum;
  };
  for (const std::int64_t t : {0, 1, 2, 5, 20}) {
    const std::int64_t h = fewest_within(t, {0.9, 0.95});
    CHECK(at_most(t, h + t, 0.1) < 0.05);
    CHECK(at_most(t, h - 1 + t, 0.1) >= 0.05);
  }
  // A tolerance makes it p − d.
  CHECK(fewest_within(3, {0.95, 0.99, 0.05}) == fewest_within(3, {0.9, 0.99}));
}

TEST_CASE("the estimate is below the true percentile in no more runs than the confidence leaves") {
  Random random(5);
  const TailTarget target{0.9, 0.95};
  int below = 0;
  constexpr int runs = 2000;
  for (int run = 0; run < runs; ++run) {
    std::vector<std::chrono::nanoseconds> sorted;
    for (int i = 0; i < 300; ++i) sorted.emplace_back(static_cast<std::int64_t>(random.uniform() * 1e6));
    std::sort(sorted.begin(), sorted.end());
    below += tail_estimate(sorted, target).value() < Milliseconds(0.9) ? 1 : 0;
  }
  // 5 % of 2,000 and four standard deviations of that.
  CHECK(below <= 100 + 4 * std::sqrt(95.0));
  CHECK(below >= 20);  // not needlessly careful either
}

TEST_CASE("correlated latencies count for less") {
  std::vector<std::chrono::nanoseconds> sorted;
  for (int i = 1; i <= 2000; ++i) sorted.emplace_back(i);
  const Milliseconds one = tail_estimate(sorted).value();
  CHECK(tail_estimate(sorted, {}, 2.0).value() > one);
  CHECK_FALSE(tail_estimate(sorted, {}, 4.0).has_value());
  CHECK(Milliseconds(sorted[static_cast<std::size_t>(tail_rank(2000).value())]) == one);
}

TEST_CASE("targets out of range are refused") {
  CHECK_THROWS_WITH(fewest_within(0, {1.0}), ContainsSubstring("percentile of a tail: is 1"));
  CHECK_THROWS_AS(fewest_within(0, {0.99, 1.0}), Error);
  CHECK_THROWS_AS(fewest_within(0, {0.99, 0.99, 0.6}), Error);
  CHECK_THROWS_WITH(fewest_within(-1), ContainsSubstring("are -1"));
}
