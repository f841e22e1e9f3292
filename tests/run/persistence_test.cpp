#include <fulcrum/run/persistence.hpp>

#include <cmath>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("what changes briefly cancels out in long inferences, what lasts stays") {
  Persistence moments;
  moments.share[0] = moments.share[3] = 0.5;  // of 1 ms and 1 s
  const Persistence brief = in_runs_of(moments, Milliseconds(0.001));
  CHECK(brief.share[0] == Approx(0.5).margin(1e-3));
  CHECK(brief.share[3] == Approx(0.5).margin(1e-3));

  // The variance of a mean over 100 ms, from the mean correlation of all pairs of moments.
  const auto stays = [](double scale_ms) {
    double sum = 0.0;
    constexpr int points = 2000;
    for (int i = 0; i < points; ++i) {
      const double apart_ms = 100.0 * (i + 0.5) / points;
      sum += 2.0 * (1.0 - apart_ms / 100.0) * std::exp(-apart_ms / scale_ms) / points;
    }
    return sum;
  };
  const double all = 0.5 * (stays(1.0) + stays(1000.0));
  const Persistence of_long = in_runs_of(moments, Milliseconds(100.0));
  CHECK(of_long.share[0] == Approx(0.5 * stays(1.0) / all).epsilon(1e-3));
  CHECK(of_long.share[3] == Approx(0.5 * stays(1000.0) / all).epsilon(1e-3));
  CHECK(of_long.share[1] == 0.0);
}

TEST_CASE("what changes at once is an inference's own and stays") {
  Persistence moments;
  moments.share[4] = 0.3;
  const Persistence result = in_runs_of(moments, Milliseconds(1.0));
  CHECK(result.share[4] == Approx(0.3).epsilon(1e-3));
  CHECK(Persistence{}.none());
  CHECK(in_runs_of({}, Milliseconds(1.0)).none());
  CHECK_FALSE(result.none());
}
