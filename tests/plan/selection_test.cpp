#include <fulcrum/plan/selection.hpp>

#include <algorithm>

#include <fulcrum/core/random.hpp>

#include <plan/synthetic.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using synthetic::predicted;

namespace {
bool chosen(const Selection& selection, std::size_t i) {
  return std::find(selection.chosen.begin(), selection.chosen.end(), i) != selection.chosen.end();
}
}  // namespace

TEST_CASE("a candidate is passed over only when another is better by more than the margin") {
  const std::vector<Candidate> candidates{
      predicted(Precision::f32, 0.0, 1, 0.91, 1.00, 1000.0),   // 0: lowest latency
      predicted(Precision::f32, 0.0, 64, 0.91, 50.0, 9000.0),  // 1: highest throughput
      predicted(Precision::f32, 0.0, 2, 0.91, 1.20, 950.0),    // 2: behind 0, within the margin
      predicted(Precision::f32, 0.0, 3, 0.91, 1.60, 600.0),    // 3: behind 0, beyond the margin
  };
  const Selection selection = select_promising(candidates, {}, 0.91);
  CHECK(chosen(selection, 0));
  CHECK(chosen(selection, 1));
  CHECK(chosen(selection, 2));
  CHECK_FALSE(chosen(selection, 3));
  CHECK_THAT(selection.why_not[3], ContainsSubstring("outdone by f32, batch 1"));
  CHECK(selection.why_not[2].empty());
  CHECK_FALSE(chosen(select_promising(candidates, {}, 0.91, {0.0, 40}), 2));
}

TEST_CASE("a pruned variant is measured where it is more accurate and, for comparison, at the first precision") {
  const std::vector<Candidate> candidates{
      predicted(Precision::f32, 0.0, 1, 0.91, 1.0, 1000.0),    // 0
      predicted(Precision::f32, 0.5, 1, 0.90, 1.0, 1000.0),    // 1: shows what pruning does to speed
      predicted(Precision::int8, 0.0, 1, 0.908, 0.5, 2000.0),  // 2
      predicted(Precision::int8, 0.5, 1, 0.909, 0.5, 2000.0),  // 3: more accurate
      predicted(Precision::int8, 0.7, 1, 0.908, 0.5, 2000.0),  // 4: equal to 2 but pruned
  };
  const Selection selection = select_promising(candidates, {}, 0.91);
  CHECK(chosen(selection, 0));
  CHECK(chosen(selection, 1));
  CHECK(chosen(selection, 2));
  CHECK(chosen(selection, 3));
  CHECK_FALSE(chosen(selection, 4));
}

TEST_CASE("with a limit the landmarks come first, then what may be recommended") {
  std::vector<Candidate> candidates{
      predicted(Precision::f32, 0.0, 1, 0.91, 1.0, 1000.0),      // 0: landmark
      predicted(Precision::f32, 0.0, 256, 0.91, 90.0, 30000.0),  // 1: landmark
      predicted(Precision::f32, 0.0, 64, 0.91, 40.0, 20000.0),   // 2: on the front, misses the target
      predicted(Precision::f32, 0.0, 16, 0.91, 9.0, 8000.0),     // 3: on the front, meets the target
  };
  const Selection selection = select_promising(candidates, {Milliseconds(10.0), {}}, 0.91, {0.35, 3});
  CHECK(selection.chosen == std::vector<std::size_t>{1, 0, 3});
  CHECK_THAT(selection.why_not[2], ContainsSubstring("3 more promising candidates came first"));
}

TEST_CASE("a variant that could not be made keeps its reason") {
  std::vector<Candidate> candidates{predicted(Precision::f32, 0.0, 1, 0.91, 1.0, 1000.0), Candidate{}};
  candidates[1].why_not = "this CPU has no bf16";
  const Selection selection = select_promising(candidates, {}, 0.91);
  CHECK(selection.chosen == std::vector<std::size_t>{0});
  CHECK(selection.why_not[1] == "this CPU has no bf16");
}

TEST_CASE("every candidate of the predicted front is chosen whatever the margin") {
  Random random(5);
  for (int round = 0; round < 100; ++round) {
    std::vector<Candidate> candidates;
    std::vector<TradeoffPoint> points;
    for (std::uint64_t n = 1 + random.below(20); n > 0; --n) {
      candidates.push_back(predicted(all_precisions[random.below(3)], 0.0, static_cast<std::int64_t>(n),
                                     random.uniform(0.88, 0.92), random.uniform(0.1, 2.0), random.uniform(1e3, 1e4)));
      points.push_back(tradeoff_point(candidates.back(), *candidates.back().predicted));
    }
    const Selection selection = select_promising(candidates, {}, 0.91, {random.uniform(), 100});
    for (const std::size_t i : pareto_front<3>(points, tradeoff_directions)) CHECK(chosen(selection, i));
    for (std::size_t i = 0; i < candidates.size(); ++i) CHECK(chosen(selection, i) == selection.why_not[i].empty());
  }
}

TEST_CASE("an option out of range is refused") {
  const std::vector<Candidate> none;
  CHECK_THROWS_WITH(select_promising(none, {}, {}, {-0.1, 1}), ContainsSubstring("margin"));
  CHECK_THROWS_WITH(select_promising(none, {}, {}, {0.1, 0}), ContainsSubstring("limit"));
}
