#include <fulcrum/plan/study.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a study that has not been run holds nothing and recommends nothing") {
  const TradeoffStudy study;
  CHECK(study.candidates.empty());
  CHECK(study.variants.empty());
  CHECK_FALSE(study.baseline_accuracy.has_value());
  CHECK_FALSE(study.recommendation.candidate.has_value());
  CHECK_FALSE(study.recommendation.nearest.has_value());
}
