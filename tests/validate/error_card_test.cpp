#include <fulcrum/validate/error_card.hpp>

#include <support/catch.hpp>
#include <validate/small_validation.hpp>

using namespace fulcrum;
using synthetic::config;
using synthetic::validation_case;

TEST_CASE("a card counts complete cases and groups them") {
  Validation v;
  v.cases = {validation_case("a", config(1, 1, 1), 1.0, 1.0), validation_case("a", config(4, 1, 1), 1.2, 1.0),
             validation_case("b", config(1, 1, 1, Precision::int8), 0.5, 1.0), ValidationCase{}};
  v.cases[3].why_not = "there is no such kernel";
  const ErrorCard card = error_card(v);
  CHECK(card.p50.cases == 3);
  CHECK(card.skipped == 1);
  CHECK(card.p50.within_20 == Approx(2.0 / 3.0));
  REQUIRE(card.by_model.size() == 2);
  CHECK(card.by_model[0].label == "a");
  CHECK(card.by_model[0].figures.mape == Approx(0.1));
  REQUIRE(card.by_precision.size() == 2);
  CHECK(card.by_precision[1].label == "int8");
  CHECK(card.by_precision[1].figures.bias == Approx(-0.5));
  REQUIRE(card.by_batch.size() == 2);
  CHECK(card.by_batch[1].label == "batch 4");
  CHECK(card.by_arrangement.size() == 1);
  REQUIRE(card.worst.size() == 3);
  CHECK(card.worst[0] == 2);
  CHECK(card.worst[1] == 1);
}

TEST_CASE("a 99th percentile counts only where rounds have the samples for it") {
  Validation v;
  v.cases = {validation_case("a", config(1, 1, 1), 1.0, 1.0, 0.0, 100),
             validation_case("b", config(1, 1, 1), 1.5, 1.0, 0.0, 100),
             validation_case("c", config(1, 1, 1), 9.0, 1.0, 0.0, 99)};
  const ErrorCard card = error_card(v);
  CHECK(card.p99_cases == 2);
  CHECK(card.p99_within_25 == Approx(0.5));
}

TEST_CASE("coverage is of the cases with a predicted range") {
  Validation v;
  v.cases = {validation_case("a", config(1, 1, 1), 1.0, 1.0), validation_case("b", config(1, 1, 1), 1.0, 2.0),
             validation_case("c", config(1, 1, 1), 1.0, 3.0)};
  CHECK_FALSE(error_card(v).p50_coverage);
  v.cases[0].p50_range = {0.9, 1.1};
  v.cases[1].p50_range = {0.9, 1.1};
  const ErrorCard card = error_card(v);
  REQUIRE(card.p50_coverage);
  CHECK(card.p50_coverage->cases == 2);
  CHECK(card.p50_coverage->share == Approx(0.5));
  CHECK_FALSE(card.p99_coverage);
}

TEST_CASE("of threads and instances the better one is asked for where throughputs differ by more than a tenth") {
  Validation v;
  // Two instances are better and named so; then they are better and not named so; then nothing differs.
  v.cases = {validation_case("a", config(1, 2, 1), 1.0, 1.0), validation_case("a", config(1, 1, 2), 1.5, 1.4),
             validation_case("b", config(1, 2, 1), 0.5, 1.0), validation_case("b", config(1, 1, 2), 1.5, 1.4),
             validation_case("c", config(1, 2, 1), 0.5, 1.0), validation_case("c", config(1, 1, 2), 2.0, 1.95)};
  const ErrorCard card = error_card(v);
  CHECK(card.arrangement.decided == 2);
  CHECK(card.arrangement.right == 1);
}

TEST_CASE("one thread on one core is no rival of two cores") {
  Validation v;
  v.cases = {validation_case("a", config(1, 1, 1), 1.0, 3.0), validation_case("a", config(1, 2, 1), 2.0, 1.0)};
  CHECK(error_card(v).arrangement.decided == 0);
}

TEST_CASE("the fastest precision is right when it is at most a tenth behind") {
  Validation v;
  // As predicted bf16 is fastest; as measured int8 is, by less than a tenth.
  v.cases = {validation_case("a", config(1, 1, 1, Precision::f32), 3.0, 3.0),
             validation_case("a", config(1, 1, 1, Precision::bf16), 1.0, 1.05),
             validation_case("a", config(1, 1, 1, Precision::int8), 1.1, 1.0)};
  CHECK(error_card(v).precision.decided == 1);
  CHECK(error_card(v).precision.right == 1);
  v.cases[0].predicted_p50_ms = 0.5;
  CHECK(error_card(v).precision.right == 0);
}

TEST_CASE("kernel classes count every case the same, and what has no partner apart") {
  Validation v;
  v.cases = {validation_case("a", config(1, 1, 1), 1.0, 1.0), validation_case("b", config(1, 1, 1), 100.0, 100.0)};
  v.cases[0].steps = {{"c", "Conv", "convolution", 40.0, 20.0},
                      {"r", "Reorder", "movement", {}, 80.0},
                      {"p", "MaxPool", "pooling", 60.0, {}}};
  v.cases[1].steps = {{"c", "Conv", "convolution", 1000.0, 1000.0}, {"d", "Dense", "dense", 500.0, 1000.0}};
  const ErrorCard card = error_card(v);
  CHECK(card.unpredicted_share == Approx(0.4));        // 0.8 of the first of two cases
  CHECK(card.unrealized_share == Approx(0.6 / 1.75));  // predicted: 1.0 of the first, 0.75 of the second
  REQUIRE(card.kernels.size() == 2);                   // in order of their share of the time
  CHECK(card.kernels[0].kernel == "convolution");
  CHECK(card.kernels[0].steps == 2);
  CHECK(card.kernels[0].share == Approx(0.35));
  CHECK(card.kernels[0].bias == Approx(0.2 / 0.7));
  CHECK(card.kernels[1].kernel == "dense");
  CHECK(card.kernels[1].share == Approx(0.25));
  CHECK(card.kernels[1].bias == Approx(-0.5));
  CHECK(card.kernels[1].absolute == Approx(0.5));
  // Steps of 0.1 and 2 ms in inferences of 1 and 100 ms: nine tenths and 98 % of those pass between steps.
  CHECK(card.outside_measured == Approx(0.5 * (0.9 + 0.98)));
  CHECK(card.outside_predicted == Approx(0.5 * (0.9 + 0.985)));
}

TEST_CASE("the machine's noise is how far rounds of a case lie apart") {
  Validation v;
  for (const double spread : {0.01, 0.02, 0.3}) v.cases.push_back(validation_case("a", config(1, 1, 1), 1, 1, spread));
  const ErrorCard card = error_card(v);
  REQUIRE(card.noise);
  CHECK(*card.noise == Approx(0.02));
  CHECK(*card.noise_p90 == Approx(0.3));
  for (ValidationCase& c : v.cases) c.rounds.resize(1);
  CHECK_FALSE(error_card(v).noise);
}

TEST_CASE("an empty validation has an empty card") {
  const ErrorCard card = error_card({});
  CHECK(card.p50 == ErrorFigures{});
  CHECK(card.worst.empty());
  CHECK_FALSE(card.spearman);
}

TEST_CASE("the worst steps are those that are off by the most time") {
  ValidationCase c;
  c.steps = {{"small", "Dense", "dense", 10.0, 1.0},
             {"large", "Conv", "convolution", 100.0, 150.0},
             {"missing", "Reorder", "movement", {}, 20.0}};
  const std::vector<ValidatedStep> worst = worst_steps(c, 2);
  REQUIRE(worst.size() == 2);
  CHECK(worst[0].name == "large");
  CHECK(worst[1].name == "missing");
}

TEST_CASE("a profile keeps errors by precision and batch") {
  Validation v;
  v.created_utc = "2026-01-31T12:00:00Z";
  v.cases = {validation_case("a", config(1, 1, 1), 1.0, 1.0), validation_case("b", config(1, 2, 1), 1.15, 1.0),
             validation_case("b", config(4, 1, 1, Precision::int8), 1.0, 1.0)};
  const ErrorSummary summary = error_summary(v);
  CHECK(summary.created_utc == v.created_utc);
  REQUIRE(summary.groups.size() == 2);
  CHECK(summary.groups[0].cases == 2);
  CHECK(summary.groups[0].within_10 == Approx(0.5));
  CHECK(summary.groups[0].within_20 == Approx(1.0));
  CHECK(summary.groups[1].precision == Precision::int8);
  CHECK(summary.groups[1].batch == 4);
}
