#include <fulcrum/serve/sequential_test.hpp>

#include <cmath>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the ratio is that of the formula") {
  SequentialTest test(0.2);
  double sum = 0.0, squares = 0.0, p = 1.0;
  for (int n = 1; n <= 40; ++n) {
    const double x = n % 3 == 0 ? 1.0 : 0.0, y = n % 2 == 0 ? 1.0 : 0.0;
    test.add(x, y);
    sum += y - x;
    squares += (y - x) * (y - x);
    const double mean = sum / n, v = (squares + 1.0) / (n + 1.0) - mean * mean, tau2 = 0.04;
    const double ratio =
        std::sqrt(v / (v + n * tau2)) * std::exp(n * n * tau2 * mean * mean / (2.0 * v * (v + n * tau2)));
    p = std::min(p, 1.0 / ratio);
  }
  CHECK(test.p_value() == Approx(p));
  CHECK(test.pairs() == 40);
  CHECK(test.difference() == Approx(sum / 40));
}

TEST_CASE("equal versions are told apart no more often than the level says, however often one looks") {
  for (const double rate : {0.01, 0.1, 0.25, 0.5, 0.9}) {
    int wrong = 0;
    for (std::uint64_t run = 0; run < 1000; ++run) {
      Random random(run);
      SequentialTest test;
      for (int n = 0; n < 2000; ++n) test.add(random.uniform() < rate ? 1.0 : 0.0, random.uniform() < rate ? 1.0 : 0.0);
      wrong += test.p_value() <= 0.01 ? 1 : 0;
    }
    INFO(rate);
    CHECK(wrong <= 17);  // 10 are expected at most; 18 would be seen once in a hundred such tests
  }
}

TEST_CASE("versions that differ are told apart soon") {
  Random random(3);
  SequentialTest test;
  while (test.p_value() > 0.01 && test.pairs() < 2000)
    test.add(random.uniform() < 0.2 ? 1.0 : 0.0, random.uniform() < 0.4 ? 1.0 : 0.0);
  CHECK(test.pairs() < 500);
  CHECK(test.difference() > 0.0);
}
