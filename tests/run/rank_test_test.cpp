#include <array>
#include <cmath>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/run/rank_test.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the test of Mann and Whitney gives the figures of R's wilcox.test") {
  // The examples of its page: Hollander and Wolfe (1973), permeability constants and depression scores.
  const std::array x{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
  const std::array y{1.15, 0.88, 0.90, 0.74, 1.21};
  CHECK(mann_whitney_above(x, y) == Approx(0.1272).margin(5e-5));
  CHECK(chance_above(x, y) == Approx(35.0 / 50.0));
  const std::array differences{0.952, -0.147, 1.022, 0.430, 0.620, 0.590, 0.490, -0.080, 0.010};
  CHECK(signed_rank_above(differences) == Approx(0.01953).margin(5e-6));
}

TEST_CASE("what lies wholly above has the least chance there is") {
  const std::array low{1.0, 2.0, 3.0, 4.0, 5.0};
  const std::array high{6.0, 7.0, 8.0, 9.0, 10.0};
  CHECK(mann_whitney_above(high, low) == Approx(1.0 / 252.0));
  CHECK(mann_whitney_above(low, high) == Approx(1.0));
  CHECK(chance_above(high, low) == 1.0);
  CHECK(signed_rank_above(low) == Approx(1.0 / 32.0));
}

TEST_CASE("equal values say nothing") {
  const std::vector<double> same(8, 3.0);
  CHECK(mann_whitney_above(same, same) == 1.0);
  CHECK(chance_above(same, same) == 0.5);
  CHECK(signed_rank_above(std::vector<double>(8, 0.0)) == 1.0);
  CHECK(mann_whitney_above({}, same) == 1.0);
  CHECK(signed_rank_above({}) == 1.0);
  CHECK(chance_above({}, same) == 0.5);
}

TEST_CASE("the exact and the approximate chances are close where both apply") {
  Random random(1);
  std::vector<double> a, b, differences;
  for (int i = 0; i < 20; ++i) {
    a.push_back(random.uniform(0.0, 1.0));
    b.push_back(random.uniform(0.1, 1.1));
    differences.push_back(random.uniform(-0.4, 0.6));
  }
  const double exact = mann_whitney_above(b, a);
  b.push_back(a.front());  // a tie, and more than 400 pairs
  CHECK(mann_whitney_above(b, a) == Approx(exact).margin(0.05));
  std::vector<double> twice = differences;
  twice.insert(twice.end(), differences.begin(), differences.end());
  const double forty = signed_rank_above(twice);
  twice.push_back(1e-9);
  CHECK(signed_rank_above(twice) == Approx(forty).margin(0.02));
}

TEST_CASE("without a difference, one test in a hundred says that there is one at a level of 1 %") {
  Random random(7);
  int unpaired = 0, paired = 0;
  constexpr int trials = 4000;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<double> a, b, d;
    for (int i = 0; i < 10; ++i) {
      a.push_back(random.normal());
      b.push_back(random.normal());
      d.push_back(a.back() - b.back());
    }
    unpaired += mann_whitney_above(a, b) <= 0.01 ? 1 : 0;
    paired += signed_rank_above(d) <= 0.01 ? 1 : 0;
  }
  CHECK(unpaired <= 60);
  CHECK(unpaired >= 15);
  CHECK(paired <= 60);
  CHECK(paired >= 15);
}
