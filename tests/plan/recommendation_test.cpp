#include <fulcrum/plan/recommendation.hpp>

#include <fulcrum/core/random.hpp>

#include <plan/synthetic.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using synthetic::measured;
using synthetic::predicted;

namespace {
const std::vector<Candidate>& study() {
  static const std::vector<Candidate> candidates{
      measured(Precision::f32, 0.0, 1, 0.9120, 0.5, 2000.0),      // 0
      measured(Precision::f32, 0.0, 64, 0.9120, 20.0, 4000.0),    // 1
      measured(Precision::int8, 0.0, 1, 0.9100, 0.2, 6000.0),     // 2
      measured(Precision::int8, 0.0, 64, 0.9100, 5.0, 20000.0),   // 3
      measured(Precision::int8, 0.7, 1, 0.8800, 0.2, 6000.0),     // 4
      predicted(Precision::bf16, 0.0, 64, 0.9120, 1.0, 90000.0),  // 5
  };
  return candidates;
}
}  // namespace

TEST_CASE("without targets the highest measured throughput is recommended and the machine bounds it") {
  const Recommendation r = recommend(study(), {}, 0.9120);
  REQUIRE(r.candidate == 3U);
  CHECK_THAT(r.reason, ContainsSubstring("Run int8, batch 64, 1 thread, 1 instance: 20,000/s at p99 5.00 ms"));
  CHECK_THAT(r.reason, ContainsSubstring("0.20 points below f32"));
  CHECK_THAT(r.reason, ContainsSubstring("the machine is what bounds it"));
  CHECK_FALSE(r.nearest.has_value());
}

TEST_CASE("a latency target bounds the recommendation and the reason says by what") {
  const Recommendation r = recommend(study(), {Milliseconds(1.0), {}}, 0.9120);
  REQUIRE(r.candidate == 2U);
  CHECK_THAT(r.reason, ContainsSubstring("The latency target bounds it"));
  CHECK_THAT(r.reason, ContainsSubstring("its p99 of 5.00 ms is 4.00 ms (400 %) over the target"));
}

TEST_CASE("an accuracy budget bounds the recommendation and the reason says by what") {
  const Recommendation r = recommend(study(), {{}, 0.1}, 0.9120);
  REQUIRE(r.candidate == 1U);
  CHECK_THAT(r.reason, ContainsSubstring("The accuracy budget bounds it"));
  CHECK_THAT(r.reason, ContainsSubstring("its accuracy of 91.00 % is 0.10 points beyond the budget"));
}

TEST_CASE("when nothing qualifies the reason gives the figures and the nearest") {
  const Recommendation r = recommend(study(), {Milliseconds(0.19), 0.1}, 0.9120);
  CHECK_FALSE(r.candidate.has_value());
  // int8 at batch 1 is 5 % over the target and 0.1 points over the budget; f32 is 163 % over the target.
  REQUIRE(r.nearest == 2U);
  CHECK_THAT(r.reason, ContainsSubstring("None of the 5 measured candidates meets p99 ≤ 190 µs"));
  CHECK_THAT(r.reason, ContainsSubstring("The lowest p99 of all is 200 µs"));
  CHECK_THAT(r.reason, ContainsSubstring("0.10 points beyond the budget"));
}

TEST_CASE("what was only predicted is named as nearest but never recommended") {
  const std::vector<Candidate> only_predicted{predicted(Precision::bf16, 0.0, 64, 0.9120, 1.0, 90000.0)};
  const Recommendation r = recommend(only_predicted, {Milliseconds(2.0), {}}, 0.9120);
  CHECK_FALSE(r.candidate.has_value());
  CHECK(r.nearest == 0U);
  CHECK_THAT(r.reason, ContainsSubstring("only measured ones are recommended"));
  const std::vector<Candidate> none;
  CHECK_THAT(recommend(none, {}, {}).reason, ContainsSubstring("No candidate could be predicted or measured"));
}

TEST_CASE("an accuracy that cannot be compared does not meet a budget") {
  const std::vector<Candidate> one{measured(Precision::int8, 0.0, 1, 0.91, 1.0, 10.0)};
  const Recommendation r = recommend(one, {{}, 1.0}, std::nullopt);
  CHECK_FALSE(r.candidate.has_value());
  CHECK_THAT(r.reason, ContainsSubstring("cannot be compared with that of the f32 model"));
}

TEST_CASE("equal throughputs are decided by latency, then accuracy, then simplicity") {
  const auto chosen = [](std::vector<Candidate> candidates) { return recommend(candidates, {}, 0.91).candidate; };
  SECTION("lower latency") {
    CHECK(chosen({measured(Precision::f32, 0.0, 4, 0.91, 2.0, 1010.0),
                  measured(Precision::f32, 0.0, 1, 0.91, 1.0, 1000.0)}) == 1U);
  }
  SECTION("higher accuracy") {
    CHECK(chosen({measured(Precision::int8, 0.0, 1, 0.90, 1.0, 1010.0),
                  measured(Precision::f32, 0.0, 1, 0.91, 1.01, 1000.0)}) == 1U);
  }
  SECTION("the simpler model") {
    CHECK(chosen({measured(Precision::int8, 0.5, 1, 0.91, 1.0, 1000.0),
                  measured(Precision::int8, 0.0, 1, 0.91, 1.0, 1000.0),
                  measured(Precision::f32, 0.0, 1, 0.91, 1.0, 1000.0)}) == 2U);
  }
}

TEST_CASE("a reader of a study with pruned candidates is told what pruning does to speed") {
  CHECK_THAT(recommend(study(), {}, 0.912).reason, ContainsSubstring("Pruned variants run the same dense kernels"));
  const std::vector<Candidate> pruned{measured(Precision::f32, 0.5, 1, 0.92, 1.0, 1000.0)};
  CHECK_THAT(recommend(pruned, {}, 0.91).reason, ContainsSubstring("make f32 layers faster where more of them are 0"));
  const std::vector<Candidate> dense{measured(Precision::f32, 0.0, 1, 0.92, 1.0, 1000.0)};
  CHECK_THAT(recommend(dense, {}, 0.92).reason, !ContainsSubstring("dense kernels"));
}

TEST_CASE("a recommendation always meets its targets, is on the front and is nearly the fastest that does") {
  Random random(3);
  int answered = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<Candidate> candidates;
    for (std::uint64_t n = 1 + random.below(12); n > 0; --n) {
      const auto precision = all_precisions[random.below(3)];
      const double latency = random.uniform(0.1, 2.0);
      const double rate = 1000.0 * static_cast<double>(1 + random.below(6));
      auto make = random.below(4) == 0 ? predicted : measured;
      candidates.push_back(make(precision, 0.1 * static_cast<double>(random.below(3)),
                                static_cast<std::int64_t>(1 + random.below(4)), random.uniform(0.88, 0.92), latency,
                                rate));
    }
    const Objective objective{Milliseconds(random.uniform(0.2, 2.0)), random.uniform(0.0, 3.0)};
    candidates = with_front(std::move(candidates));
    const Recommendation r = recommend(candidates, objective, 0.91);
    double highest = -1.0;
    for (const Candidate& c : candidates) {
      if (c.measured && c.measured->latency.p99 <= *objective.slo_p99 &&
          (0.91 - *c.accuracy) * 100.0 <= *objective.max_accuracy_drop_points) {
        highest = std::max(highest, c.measured->throughput_per_s);
      }
    }
    REQUIRE(r.candidate.has_value() == (highest >= 0.0));
    REQUIRE(r.candidate.has_value() != r.nearest.has_value());
    CHECK_FALSE(r.reason.empty());
    if (!r.candidate) continue;
    ++answered;
    const Candidate& c = candidates[*r.candidate];
    REQUIRE(c.measured.has_value());
    CHECK(c.on_front);
    CHECK(c.measured->latency.p99 <= *objective.slo_p99);
    CHECK(c.measured->throughput_per_s >= highest * (1.0 - same_throughput));
  }
  CHECK(answered > 50);
}

TEST_CASE("a target out of range is refused") {
  CHECK_THROWS_WITH(recommend(study(), {Milliseconds(-1.0), {}}, 0.9), ContainsSubstring("target for p99"));
}

TEST_CASE("those whose rounds cannot be told apart are stated as equal") {
  const auto with_rounds = [](std::int64_t batch, std::initializer_list<double> rates) {
    Candidate c;
    c.config = {batch, 1, 1, Precision::f32};
    c.measured = synthetic::report(ReportKind::measured, c.config, 1.0);
    for (const double rate : rates) c.measured->blocks.push_back({Milliseconds(1.0), Milliseconds(1.0), rate});
    c.measured->throughput_per_s = *std::next(rates.begin(), 1);
    return c;
  };
  const std::vector<Candidate> candidates{with_rounds(1, {1000.0, 1100.0, 1050.0}),
                                          with_rounds(2, {1010.0, 1040.0, 1060.0}),  // above and below
                                          with_rounds(4, {900.0, 950.0, 940.0})};    // below in every round
  const Recommendation r = recommend(candidates, {}, std::nullopt);
  REQUIRE(r.candidate == 0U);
  CHECK(r.equals == std::vector<std::size_t>{1});
  CHECK_THAT(r.reason,
             ContainsSubstring("On this machine today, one other is equal to it within the noise: f32, batch 2"));
}

TEST_CASE("one round of many that goes the other way makes no equality") {
  LatencyReport fast;
  LatencyReport slow;
  for (const double rate : {1000.0, 1010.0, 1020.0, 990.0, 1005.0, 1030.0}) fast.blocks.push_back({{}, {}, rate});
  for (const double rate : {900.0, 910.0, 905.0, 995.0, 890.0, 915.0}) slow.blocks.push_back({{}, {}, rate});
  CHECK_FALSE(detail::same_in_rounds(slow, fast));
  CHECK_FALSE(detail::same_in_rounds(fast, slow));
  slow.blocks[0].throughput_per_s = 1001.0;  // and two of six are no evidence any more
  CHECK(detail::same_in_rounds(slow, fast));
  slow.blocks = {{{}, {}, 500.0}, {{}, {}, 510.0}};  // two rounds are few, but these are far below
  CHECK_FALSE(detail::same_in_rounds(slow, fast));
}
