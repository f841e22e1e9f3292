#include <fulcrum/validate/statistics.hpp>

#include <cmath>
#include <limits>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("errors of predictions: shares within a tolerance, mean, bias, the largest") {
  const std::vector<double> ratios{1.0, 1.05, 0.9, 1.15, 0.5};
  const ErrorFigures figures = error_figures(ratios);
  CHECK(figures.cases == 5);
  CHECK(figures.within_5 == Approx(0.4));   // 1, and 1.05 on the edge
  CHECK(figures.within_10 == Approx(0.6));  // and 0.9
  CHECK(figures.within_20 == Approx(0.8));
  CHECK(figures.mape == Approx((0.05 + 0.1 + 0.15 + 0.5) / 5.0));
  CHECK(figures.largest == Approx(-0.5));
  CHECK(1.0 + figures.bias == Approx(std::pow(1.05 * 0.9 * 1.15 * 0.5, 0.2)));
}

TEST_CASE("twice too slow and twice too fast have no bias together") {
  CHECK(std::abs(error_figures(std::vector<double>{2.0, 0.5}).bias) < 1e-12);
}

TEST_CASE("no predictions have no errors, and a ratio of nothing is refused") {
  CHECK(error_figures({}) == ErrorFigures{});
  CHECK(share_within({}, 0.1) == 0.0);
  CHECK_THROWS_AS(error_figures(std::vector<double>{1.0, 0.0}), Error);
  CHECK_THROWS_AS(error_figures(std::vector<double>{std::numeric_limits<double>::infinity()}), Error);
  CHECK_THROWS_AS(error_figures(std::vector<double>{std::nan("")}), Error);
}

TEST_CASE("equal values share the mean of their ranks") {
  CHECK(ranks(std::vector<double>{10.0, 30.0, 20.0, 20.0}) == std::vector<double>{1.0, 4.0, 2.5, 2.5});
  CHECK(ranks(std::vector<double>{7.0, 7.0, 7.0}) == std::vector<double>{2.0, 2.0, 2.0});
  CHECK(ranks({}).empty());
}

TEST_CASE("rank correlation sees the order alone") {
  const std::vector<double> x{1.0, 2.0, 3.0, 4.0};
  CHECK(spearman(x, std::vector<double>{0.1, 0.2, 50.0, 1000.0}).value() == Approx(1.0));
  CHECK(spearman(x, std::vector<double>{4.0, 3.0, 2.0, 1.0}).value() == Approx(-1.0));
  // One pair of neighbours exchanged: 1 − 6 Σd² / (n (n² − 1)) with Σd² = 2.
  CHECK(spearman(x, std::vector<double>{1.0, 3.0, 2.0, 4.0}).value() == Approx(1.0 - 12.0 / 60.0));
}

TEST_CASE("rank correlation with ties is that of the mean ranks") {
  // Ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: Pearson's by hand.
  const double expected = 4.5 / std::sqrt(4.5 * 5.0);
  const std::vector<double> x{1.0, 2.0, 2.0, 3.0};
  CHECK(spearman(x, std::vector<double>{1.0, 3.0, 2.0, 4.0}).value() == Approx(expected));
}

TEST_CASE("there is no rank correlation without an order") {
  CHECK_FALSE(spearman(std::vector<double>{1.0}, std::vector<double>{1.0}));
  CHECK_FALSE(spearman(std::vector<double>{1.0, 1.0}, std::vector<double>{1.0, 2.0}));
  CHECK_THROWS_AS(spearman(std::vector<double>{1.0}, std::vector<double>{}), Error);
}

TEST_CASE("spread and median of repeated measurements") {
  CHECK(median_of_figures({3.0, 1.0, 2.0}) == Approx(2.0));
  CHECK(median_of_figures({4.0, 1.0, 2.0, 3.0}) == Approx(2.5));
  CHECK_THROWS_AS(median_of_figures({}), Error);
  CHECK(relative_spread(std::vector<double>{10.0, 9.0, 12.0}).value() == Approx(0.3));
  CHECK_FALSE(relative_spread(std::vector<double>{10.0}));
}
