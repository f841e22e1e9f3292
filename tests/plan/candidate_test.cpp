#include <fulcrum/plan/candidate.hpp>

#include <plan/synthetic.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a candidate prints its variant and its run configuration") {
  Candidate candidate;
  candidate.config = {8, 2, 1, Precision::int8};
  CHECK(to_string(candidate) == "int8, batch 8, 2 threads, 1 instance");
  candidate.sparsity = 0.5;
  CHECK(to_string(candidate) == "int8, 50 % pruned, batch 8, 2 threads, 1 instance");
  candidate.sparsity = 0.975;
  CHECK(variant_name(Precision::f32, candidate.sparsity) == "f32, 97.5 % pruned");
}

TEST_CASE("measured figures stand before predicted ones") {
  Candidate candidate;
  CHECK(figures(candidate) == nullptr);
  candidate.predicted = synthetic::report(ReportKind::predicted, candidate.config, 1.2);
  CHECK(figures(candidate) == &*candidate.predicted);
  CHECK_FALSE(prediction_error(candidate).has_value());
  candidate.measured = synthetic::report(ReportKind::measured, candidate.config, 1.0);
  CHECK(figures(candidate) == &*candidate.measured);
  CHECK(prediction_error(candidate).value() == Approx(0.2));
  candidate.measured->latency.p50 = Milliseconds(0.0);
  CHECK_FALSE(prediction_error(candidate).has_value());
}
