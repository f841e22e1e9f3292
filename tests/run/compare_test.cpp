#include <fulcrum/run/compare.hpp>

#include <algorithm>

#include <run/reports.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
LatencyReport report(ReportKind kind, double p50_ms, double throughput) {
  LatencyReport r;
  r.kind = kind;
  r.model = "m";
  r.latency.p50 = r.latency.p99 = Milliseconds(p50_ms);
  r.throughput_per_s = throughput;
  return r;
}
}  // namespace

TEST_CASE("a prediction that is too low has a negative error") {
  const PredictionError error =
      compare(report(ReportKind::predicted, 0.9, 1100.0), report(ReportKind::measured, 1.0, 1000.0));
  CHECK(error.p50 == Approx(-0.1));
  CHECK(error.p99 == Approx(-0.1));
  CHECK(error.throughput == Approx(0.1));
}

TEST_CASE("by whose costs sparse products were chosen keeps no reports apart") {
  LatencyReport predicted = report(ReportKind::predicted, 10.0, 100.0);
  const LatencyReport measured = report(ReportKind::measured, 10.0, 100.0);
  predicted.config.algorithms.sparse_costs.push_back({SparseKind::windows, 2, {}, {}});
  CHECK_NOTHROW(compare(predicted, measured));
  predicted.config.algorithms.sparse = UseAlgorithm::never;
  CHECK_THROWS_AS(compare(predicted, measured), Error);
}

TEST_CASE("reports of different things are not compared") {
  LatencyReport other = report(ReportKind::measured, 1.0, 1000.0);
  other.config.batch = 8;
  CHECK_THROWS_WITH(compare(report(ReportKind::predicted, 1.0, 1.0), other), ContainsSubstring("batch 8"));
  CHECK_THROWS_AS(compare(report(ReportKind::predicted, 1.0, 1.0), report(ReportKind::measured, 0.0, 0.0)), Error);
}

namespace {
using synthetic::run_of;
const std::vector<double> steady{1.0, 1.01, 0.99, 1.0, 1.005, 0.995, 1.0, 1.01, 0.99, 1.0};
const std::vector<double> drifting{0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.2, 1.0, 0.8};

bool has_note(const RunComparison& comparison, const std::string& words) {
  return std::any_of(comparison.notes.begin(), comparison.notes.end(),
                     [&](const std::string& note) { return note.find(words) != std::string::npos; });
}
}  // namespace

TEST_CASE("a run is no regression against itself") {
  const RunComparison same = compare_runs(run_of(1.0, steady), run_of(1.0, steady));
  CHECK(same.verdict == Verdict::no_regression);
  for (const FigureChange* figure : {&same.p50, &same.p99, &same.throughput}) {
    CHECK(figure->ratio == 1.0);
    REQUIRE(figure->noise.has_value());
    CHECK(figure->noise->low <= 1.0);
    CHECK(figure->noise->high >= 1.0);
    CHECK(figure->verdict == Verdict::no_regression);
  }
  CHECK(same.notes.empty());
}

TEST_CASE("a slowdown beyond what is allowed and beyond the noise is a regression") {
  const RunComparison slower = compare_runs(run_of(1.0, steady), run_of(1.2, steady));
  CHECK(slower.verdict == Verdict::regression);
  CHECK(slower.p50.ratio == Approx(1.2));
  CHECK(slower.throughput.ratio == Approx(1.0 / 1.2));
  CHECK(slower.throughput.verdict == Verdict::regression);
  CHECK(compare_runs(run_of(1.0, steady), run_of(1.2, steady), 0.3).verdict == Verdict::no_regression);
  CHECK(compare_runs(run_of(1.2, steady), run_of(1.0, steady)).verdict == Verdict::no_regression);
}

TEST_CASE("what the noise hides cannot be told") {
  CHECK(compare_runs(run_of(1.0, drifting), run_of(1.0, drifting)).verdict == Verdict::too_noisy);
  CHECK(compare_runs(run_of(1.0, drifting), run_of(1.2, steady)).verdict == Verdict::too_noisy);
  // Allowed is 5 %, and 4 % with this noise may be more than that.
  CHECK(compare_runs(run_of(1.0, steady), run_of(1.04, steady)).verdict == Verdict::too_noisy);
  // What is large enough shows through any noise.
  CHECK(compare_runs(run_of(1.0, drifting), run_of(3.0, drifting)).verdict == Verdict::regression);
  CHECK(compare_runs(run_of(3.0, drifting), run_of(1.0, drifting)).verdict == Verdict::no_regression);
}

TEST_CASE("noise leaves out a twentieth of the pairs at either end, and holds the ratio itself") {
  std::vector<double> interrupted(19, 1.0);
  interrupted.push_back(50.0);
  const RunComparison quiet = compare_runs(run_of(1.0, std::vector<double>(20, 1.0)), run_of(1.0, interrupted));
  REQUIRE(quiet.p50.noise.has_value());
  CHECK(quiet.p50.noise->high == 1.0);
  LatencyReport beside = run_of(1.0, steady);
  beside.latency.p50 = Milliseconds(1.5);
  const RunComparison shifted = compare_runs(run_of(1.0, steady), beside);
  CHECK(shifted.p50.noise->high == Approx(1.5));
}

TEST_CASE("a median that is the same does not hide a tail or a throughput that is worse") {
  LatencyReport tail = run_of(1.0, steady);
  tail.latency.p99 = Milliseconds(4.0);
  for (RunBlock& block : tail.blocks) block.p99 = 2.0 * block.p99;
  const RunComparison worse = compare_runs(run_of(1.0, steady), tail);
  CHECK(worse.p50.verdict == Verdict::no_regression);
  CHECK(worse.p99.verdict == Verdict::regression);
  CHECK(worse.verdict == Verdict::regression);

  LatencyReport stalled = run_of(1.0, steady);
  stalled.throughput_per_s /= 2.0;
  for (RunBlock& block : stalled.blocks) block.throughput_per_s /= 2.0;
  CHECK(compare_runs(run_of(1.0, steady), stalled).verdict == Verdict::regression);
}

TEST_CASE("a noisy tail alone does not spoil the verdict") {
  LatencyReport noisy = run_of(1.0, steady);
  for (std::size_t i = 0; i < noisy.blocks.size(); ++i) noisy.blocks[i].p99 *= 1.0 + static_cast<double>(i);
  const RunComparison comparison = compare_runs(run_of(1.0, steady), noisy);
  CHECK(comparison.p99.verdict == Verdict::too_noisy);
  CHECK(comparison.verdict == Verdict::no_regression);
}

TEST_CASE("interruptions are not taken for a change of the code") {
  LatencyReport interrupted = run_of(1.0, steady);
  interrupted.latency.mean = Milliseconds(3.0);
  interrupted.throughput_per_s /= 3.0;
  for (RunBlock& block : interrupted.blocks) block.throughput_per_s /= 3.0;
  const RunComparison comparison = compare_runs(run_of(1.0, steady), interrupted);
  CHECK(comparison.p50.verdict == Verdict::no_regression);
  CHECK(comparison.throughput.verdict == Verdict::too_noisy);
  CHECK(comparison.verdict == Verdict::too_noisy);
  // They do not excuse a median that is worse, and the baseline's make nothing worse.
  LatencyReport slower = run_of(2.0, steady);
  slower.latency.mean = Milliseconds(6.0);
  CHECK(compare_runs(run_of(1.0, steady), slower).verdict == Verdict::regression);
  CHECK(compare_runs(interrupted, run_of(1.0, steady)).verdict == Verdict::no_regression);
}

TEST_CASE("p99 of few samples is not judged") {
  LatencyReport few = run_of(1.0, steady);
  few.latency.samples = 100;
  few.latency.p99 = Milliseconds(100.0);
  for (RunBlock& block : few.blocks) block.p99 = Milliseconds(100.0);
  const RunComparison comparison = compare_runs(run_of(1.0, steady), few);
  CHECK_FALSE(comparison.p99.verdict.has_value());
  CHECK(comparison.verdict == Verdict::no_regression);
  CHECK(has_note(comparison, "100 samples"));
}

TEST_CASE("a measurement whose noise is not known cannot be judged") {
  for (const LatencyReport& unknown :
       {run_of(1.0, {}), run_of(1.0, {1.0, 1.0, 1.0, 1.0}), run_of(1.0, {0.0, 1.0, 1.0, 1.0, 1.0, 1.0})}) {
    const RunComparison comparison = compare_runs(unknown, run_of(2.0, steady));
    CHECK_FALSE(comparison.p50.noise.has_value());
    CHECK(comparison.verdict == Verdict::too_noisy);
  }
  CHECK(has_note(compare_runs(run_of(1.0, {}), run_of(1.0, steady)), "baseline: its noise is not known"));
}

TEST_CASE("predictions have no noise: every difference counts") {
  LatencyReport a = run_of(1.0, {});
  a.kind = ReportKind::predicted;
  a.latency.samples = 0;
  LatencyReport b = a;
  CHECK(compare_runs(a, b).verdict == Verdict::no_regression);
  CHECK(has_note(compare_runs(a, b), "no noise"));
  b.latency.p50 *= 1.06;
  CHECK(compare_runs(a, b).verdict == Verdict::regression);
  CHECK(compare_runs(a, b, 0.1).verdict == Verdict::no_regression);
  CHECK(has_note(compare_runs(a, run_of(1.0, steady)), "the baseline is a prediction"));
  CHECK(compare_runs(a, run_of(1.0, steady)).verdict == Verdict::no_regression);
}

TEST_CASE("what else differs is said") {
  LatencyReport other = run_of(1.0, steady);
  other.config.precision = Precision::int8;
  other.environment.cpu = "another CPU";
  other.environment.versions = {{"oneDNN", "3.1"}};
  other.notes = {"the machine was noisy"};
  const RunComparison comparison = compare_runs(run_of(1.0, steady), other);
  CHECK(has_note(comparison, "the configurations differ: baseline f32, batch 1, 1 thread, 1 instance, new int8"));
  CHECK(has_note(comparison, "the machines differ: baseline a CPU"));
  CHECK(has_note(comparison, "the versions of oneDNN differ: baseline none, new 3.1"));
  CHECK(has_note(comparison, "new: the machine was noisy"));
}

TEST_CASE("runs of different models or batches, or without times, are not compared") {
  LatencyReport other = run_of(1.0, steady);
  other.model = "n";
  CHECK_THROWS_WITH(compare_runs(run_of(1.0, steady), other), ContainsSubstring("m at batch 1 and n at batch 1"));
  other = run_of(1.0, steady);
  other.config.batch = 8;
  CHECK_THROWS_WITH(compare_runs(run_of(1.0, steady), other), ContainsSubstring("one batch size"));
  CHECK_THROWS_WITH(compare_runs(run_of(1.0, steady), run_of(0.0, steady)), ContainsSubstring("without times"));
  CHECK_THROWS_WITH(compare_runs(run_of(1.0, steady), run_of(1.0, steady), -0.1), ContainsSubstring("share of 0"));
}

TEST_CASE("layers are joined by name and kind, and those of one run only are kept") {
  LatencyReport a = run_of(1.0, steady);
  LatencyReport b = a;
  a.layers = {{"conv1", "Conv", 0.0, 0.0, Milliseconds(1.0), {}, {}},
              {"gone", "Relu", 0.0, 0.0, Milliseconds(2.0), {}, {}},
              {"twice", "Conv", 0.0, 0.0, Milliseconds(3.0), {}, {}},
              {"twice", "Conv", 0.0, 0.0, Milliseconds(4.0), {}, {}}};
  b.layers = {{"new", "Reorder", 0.0, 0.0, Milliseconds(5.0), {}, {}},
              {"conv1", "Conv", 0.0, 0.0, Milliseconds(1.5), {}, {}},
              {"twice", "Conv", 0.0, 0.0, Milliseconds(3.5), {}, {}},
              {"twice", "Conv", 0.0, 0.0, Milliseconds(4.5), {}, {}}};
  const std::vector<LayerPair> pairs = pair_layers(a, b);
  REQUIRE(pairs.size() == 5);
  CHECK(pairs[0].first == nullptr);
  CHECK(pairs[1].first == &a.layers[0]);
  CHECK(pairs[2].first == &a.layers[2]);
  CHECK(pairs[3].first == &a.layers[3]);
  CHECK(pairs[4].first == &a.layers[1]);
  CHECK(pairs[4].second == nullptr);
  const RunComparison comparison = compare_runs(a, b);
  REQUIRE(comparison.layers.size() == 5);
  CHECK_FALSE(comparison.layers[0].baseline.has_value());
  CHECK(comparison.layers[1].current == Milliseconds(1.5));
  CHECK(comparison.layers[4].name == "gone");
}

TEST_CASE("verdicts have the names that JSON shows") {
  CHECK(name_of(Verdict::no_regression) == "no_regression");
  CHECK(name_of(Verdict::regression) == "regression");
  CHECK(name_of(Verdict::too_noisy) == "too_noisy");
}
