#include <fulcrum/measure/looks_persistence.hpp>

#include <cmath>
#include <vector>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

/// Looks every millisecond at a core that a neighbour takes part of for spells of `scale` on the average.
std::vector<CoreLook> spells(Seconds scale, Seconds run, double share = 0.5) {
  Random random(3);
  std::vector<CoreLook> looks;
  const double leaves = 0.001 / scale.count() * (1.0 - share), comes = 0.001 / scale.count() * share;
  bool there = random.uniform() < share;
  for (std::chrono::steady_clock::time_point at{}; at.time_since_epoch() < run; at += 1ms) {
    looks.push_back({at, there ? 17us : 11us});
    if (random.uniform() < (there ? leaves : comes)) there = !there;
  }
  return looks;
}

}  // namespace

TEST_CASE("how long spells last is seen in looks at the cores") {
  // The correlation of such spells falls as exp(−t/scale): one part of that scale, of which neighbours see some.
  for (const std::size_t scale : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
    INFO(Persistence::scale_s[scale]);
    const auto lasts = persistence_of(spells(Seconds(Persistence::scale_s[scale]), Seconds(300.0)), 11us);
    REQUIRE(lasts);
    double all = 0.0, of_scale = 0.0;
    for (std::size_t i = 0; i < lasts->share.size(); ++i) {
      CHECK(lasts->share[i] >= 0.0);
      all += lasts->share[i];
      of_scale += lasts->share[i] * std::log10(Persistence::scale_s[i]);
    }
    CHECK(all > 0.85);  // looks a millisecond apart see nothing briefer
    CHECK(all < 1.0 + 1e-9);
    CHECK(of_scale / all == Approx(std::log10(Persistence::scale_s[scale])).margin(0.35));
    CHECK(lasts->share[scale] > 0.5);
  }
}

TEST_CASE("looks that differ one by one last nothing") {
  Random random(5);
  std::vector<CoreLook> looks;
  for (int i = 0; i < 20'000; ++i)
    looks.push_back({std::chrono::steady_clock::time_point{} + i * 1ms, random.uniform() < 0.5 ? 17us : 11us});
  const auto lasts = persistence_of(looks, 11us);
  REQUIRE(lasts);
  double all = 0.0;
  for (const double share : lasts->share) all += share;
  CHECK(all < 0.1);
}

TEST_CASE("cores that are ours alone show nothing, and too few looks say nothing") {
  const std::vector<CoreLook> alone = spells(Seconds(0.1), Seconds(10.0), 0.001);
  CHECK(persistence_of(alone, 11us).value_or(Persistence{{1.0}}).none());
  CHECK_FALSE(persistence_of(spells(Seconds(0.01), Seconds(0.05)), 11us));
  CHECK_FALSE(persistence_of({}, 11us));
}
