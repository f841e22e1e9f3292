#include <fulcrum/core/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the generator is SplitMix64 as published") {
  // First values for the seed 1234567, as the reference implementation prints them (Vigna, splitmix64.c).
  Random random(1234567);
  CHECK(random() == 6457827717110365317ULL);
  CHECK(random() == 3203168211198807973ULL);
  CHECK(random() == 9817491932198370423ULL);
}

TEST_CASE("a seed gives one sequence, another seed another") {
  Random a(5);
  Random b(5);
  Random c(6);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = a();
    REQUIRE(value == b());
    differs = differs || value != c();
  }
  CHECK(differs);
}

TEST_CASE("uniform numbers fill their interval and stay within it") {
  Random random(1);
  constexpr int count = 100'000;
  std::array<int, 10> bins{};
  for (int i = 0; i < count; ++i) {
    const double x = random.uniform(-2.0, 3.0);
    REQUIRE(x >= -2.0);
    REQUIRE(x < 3.0);
    ++bins.at(static_cast<std::size_t>((x + 2.0) / 5.0 * 10.0));
  }
  for (const int bin : bins) CHECK(std::abs(bin - count / 10) < 500);  // five standard deviations are 474
}

TEST_CASE("every number below a bound comes up, none past it") {
  Random random(2);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) ++seen.at(static_cast<std::size_t>(random.below(7)));
  for (const int count : seen) CHECK(std::abs(count - 1000) < 150);  // five standard deviations are 146
  CHECK(random.below(1) == 0);
}

TEST_CASE("normal numbers have the moments of the standard normal distribution") {
  Random random(3);
  constexpr int count = 200'000;
  double sum = 0.0;
  double squares = 0.0;
  int within_one = 0;
  for (int i = 0; i < count; ++i) {
    const double x = random.normal();
    REQUIRE(std::isfinite(x));
    sum += x;
    squares += x * x;
    within_one += std::abs(x) < 1.0 ? 1 : 0;
  }
  CHECK(sum / count == Approx(0.0).margin(0.012));
  CHECK(squares / count == Approx(1.0).margin(0.016));
  CHECK(static_cast<double>(within_one) / count == Approx(0.6827).margin(0.0053));
}

TEST_CASE("a shuffle is a permutation, the same for the same seed") {
  std::vector<int> items(1000);
  std::iota(items.begin(), items.end(), 0);
  const std::vector<int> sorted = items;
  Random(9).shuffle(std::span<int>(items));
  CHECK(items != sorted);

  std::vector<int> again = sorted;
  Random(9).shuffle(std::span<int>(again));
  CHECK(again == items);

  std::sort(items.begin(), items.end());
  CHECK(items == sorted);
}

TEST_CASE("a shuffle favours no permutation") {
  Random random(4);
  std::array<int, 6> counts{};
  for (int i = 0; i < 6000; ++i) {
    std::array<int, 3> items{0, 1, 2};
    random.shuffle(std::span<int>(items));
    ++counts.at(static_cast<std::size_t>(items[0] * 2 + (items[1] > items[2] ? 1 : 0)));
  }
  for (const int count : counts) CHECK(std::abs(count - 1000) < 150);
}

TEST_CASE("an empty span and a single item can be shuffled") {
  Random random(1);
  std::vector<int> none;
  random.shuffle(std::span<int>(none));
  std::vector<int> one{42};
  random.shuffle(std::span<int>(one));
  CHECK(none.empty());
  CHECK(one == std::vector<int>{42});
}
