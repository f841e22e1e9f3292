#include <fulcrum/plan/tradeoff.hpp>

#include <atomic>

#include <fulcrum/exec/reference_factory.hpp>

#include <fulcrum/plan/study_folder.hpp>

#include <plan/small_study.hpp>
#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;

namespace {
TradeoffOptions brief() {
  TradeoffOptions options;
  options.space = ConfigurationSpace{};
  options.space->sparsities = {0.0, 0.5};
  options.space->batches = {1, 8};
  options.rounds = 2;
  options.time_per_round = Seconds(0.002);
  options.samples_per_round = 5;
  options.calibration_images = 32;
  options.data = "random images";
  return options;
}
}  // namespace

TEST_CASE("a study evaluates every variant, measures the promising candidates and recommends one of them") {
  const Model<float> model = synthetic::small_model();
  const Dataset data = synthetic::images_labelled_by(model, 120, 1);
  double fraction = 0.0;
  bool forwards = true;
  const ProgressSink progress = [&](const Progress& p) {
    forwards = forwards && p.fraction >= fraction - 1e-9 && p.fraction <= 1.0 + 1e-9;
    fraction = p.fraction;
  };
  const TradeoffStudy study = run_tradeoff(model, data, data, synthetic::plausible_profile(), brief(), progress);
  CHECK(study.model == "small");
  CHECK(study.test_samples == 120);
  CHECK(study.baseline_accuracy == 1.0);
  CHECK(study.variants.size() == 6);
  CHECK(study.candidates.size() == 12);
  std::size_t measured = 0;
  std::size_t front = 0;
  for (const Candidate& c : study.candidates) {
    if (cpu_supports(c.config.precision)) {
      CHECK(c.accuracy.has_value());
      CHECK(c.predicted.has_value());
    }
    measured += c.measured ? 1 : 0;
    front += c.on_front ? 1 : 0;
    CHECK(c.why_not.empty() == c.on_front);
    if (c.measured) CHECK(c.measured->config == c.config);
  }
  CHECK(measured >= 4);
  CHECK(front >= 1);
  REQUIRE(study.recommendation.candidate.has_value());
  CHECK(study.candidates[*study.recommendation.candidate].measured.has_value());
  CHECK(study.environment.seed == brief().seed);
  CHECK(study.started_at.size() == 20);
  CHECK(forwards);
  CHECK(fraction == Approx(1.0));
}

TEST_CASE("the unpruned f32 model is the baseline even where the space leaves it out") {
  const Model<float> model = synthetic::small_model();
  const Dataset data = synthetic::images_labelled_by(model, 60, 1);
  TradeoffOptions options = brief();
  options.space->precisions = {Precision::int8};
  options.space->sparsities = {0.5};
  options.space->batches = {1};
  options.objective = {Milliseconds(1e-6), 100.0};
  const TradeoffStudy study = run_tradeoff(model, data, data, synthetic::plausible_profile(), options);
  CHECK(study.baseline_accuracy == 1.0);
  CHECK(study.candidates.size() == 1);
  CHECK_FALSE(study.recommendation.candidate.has_value());
  CHECK(study.recommendation.nearest == 0U);
}

TEST_CASE("what cannot be quantized stays in the study with the reason") {
  Model<float> model = ModelBuilder<float>("pooling", 5).input({1, 8, 8}).global_average_pool().flatten().build();
  Dataset data;
  data.images = Tensor<float>(Shape{20, 1, 8, 8}, 0.5F);
  data.labels.assign(20, 0);
  data.classes = 1;
  TradeoffOptions options = brief();
  options.space->precisions = {Precision::f32, Precision::int8};
  options.space->sparsities = {0.0};
  const TradeoffStudy study = run_tradeoff(model, data, data, synthetic::plausible_profile(), options);
  REQUIRE(study.candidates.size() == 4);
  CHECK(study.candidates[0].measured.has_value());
  CHECK_FALSE(study.candidates[2].measured.has_value());
  CHECK_FALSE(study.candidates[2].why_not.empty());
  CHECK(study.recommendation.candidate.has_value());
}

TEST_CASE("pruned variants of a study run by what the profile knows of sparse products") {
  const Model<float> model = synthetic::small_model();
  const Dataset data = synthetic::images_labelled_by(model, 40, 1);
  MachineProfile profile = synthetic::plausible_profile();
  profile.sparse_costs = {default_sparse_costs(SparseKind::pointwise, 1), default_sparse_costs(SparseKind::windows, 1)};
  TradeoffOptions options = brief();
  options.space->precisions = {Precision::f32};
  options.space->batches = {1};
  for (const Candidate& c : run_tradeoff(model, data, data, profile, options).candidates) {
    CHECK(c.config.algorithms.sparse_costs == (c.sparsity > 0.0 ? profile.sparse_costs : std::vector<SparseCosts>{}));
    if (c.measured) CHECK(c.measured->config == c.config);
  }
}

TEST_CASE("a study that cannot be meant is refused before anything runs") {
  const Model<float> model = synthetic::small_model();
  const Dataset data = synthetic::images_labelled_by(model, 20, 1);
  MachineProfile profile = synthetic::plausible_profile();
  TradeoffOptions options = brief();
  options.objective.slo_p99 = Milliseconds(0.0);
  CHECK_THROWS_WITH(run_tradeoff(model, data, data, profile, options), ContainsSubstring("target for p99"));
  options = brief();
  options.space->threads = {1000};
  CHECK_THROWS_WITH(run_tradeoff(model, data, data, profile, options), ContainsSubstring("configuration space"));
  profile.environment.cpu = "another CPU";
  CHECK_THROWS_WITH(run_tradeoff(model, data, data, profile, brief()), ContainsSubstring("another CPU"));
  const auto quantized = make_variant(model, Precision::int8, 0.0, data.images, {}, 1);
  CHECK_THROWS_WITH(run_tradeoff(*quantized.model, data, data, synthetic::plausible_profile(), brief()),
                    ContainsSubstring("quantized"));
}

TEST_CASE("a study predicts, measures and scores by what it is given") {
  const Model<float> model = synthetic::small_model();
  Dataset data = synthetic::images_labelled_by(model, 40, 1);
  const std::vector<std::int32_t> targets = data.labels;
  data.labels.clear();  // the metric has its own
  TradeoffOptions options = brief();
  options.space->precisions = {Precision::f32, Precision::int8};
  options.space->sparsities = {0.0};
  int predictions = 0;
  options.predictor = [&](const Model<float>& of, const RunConfig& config) {
    ++predictions;
    if (config.precision == Precision::int8) throw std::domain_error("int8 is beyond it");
    LatencyReport report = RooflinePredictor(synthetic::plausible_profile())(of, config);
    report.latency.p50 = Milliseconds(42.0);
    return report;
  };
  std::atomic<int> instances = 0;
  options.executors = [&](const Model<float>& of, const RunConfig& config) {
    PreparedModel prepared = reference_executors()(of, config);
    prepared.instance = [&instances, make = prepared.instance] {
      ++instances;
      return make();
    };
    return prepared;
  };
  options.metric = mean_metric("probability of the right class", [&](const Answers& answers) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < answers.count; ++i)
      sum += answers.outputs[0].at(i, targets[static_cast<std::size_t>(answers.first + i)]);
    return sum;
  });
  const TradeoffStudy study = run_tradeoff(model, data, data, synthetic::plausible_profile(), options);
  REQUIRE(study.candidates.size() == 4);
  CHECK(predictions == 4);
  CHECK(instances > 2);
  CHECK(study.baseline_accuracy.value() > 0.25);
  CHECK(study.baseline_accuracy.value() < 1.0);  // which top-1 would be
  for (const Candidate& candidate : study.candidates) {
    if (candidate.config.precision == Precision::int8) {
      CHECK_FALSE(candidate.predicted.has_value());
      continue;
    }
    REQUIRE(candidate.predicted.has_value());
    CHECK(candidate.predicted->latency.p50 == Milliseconds(42.0));
    REQUIRE(candidate.measured.has_value());
    CHECK_THAT(candidate.measured->notes.front(), ContainsSubstring("reference executor"));
  }
  CHECK_THAT(study.notes[2], ContainsSubstring("probability of the right class"));
}

TEST_CASE("a study that is kept goes on where it stopped, and is extended without measuring again") {
  const Model<float> model = synthetic::small_model();
  const Dataset data = synthetic::images_labelled_by(model, 60, 1);
  const test::TemporaryFolder folder;
  TradeoffOptions options = brief();
  options.space->sparsities = {0.0};
  options.space->precisions = {Precision::f32};
  options.space->batches = {1};
  options.keeper = keeper_in(folder.path("kept"));
  const auto keep_rounds = options.keeper.keep_rounds;
  int measured = 0;
  options.keeper.keep_rounds = [&](const Candidate& candidate, const std::vector<KeptRound>& rounds) {
    keep_rounds(candidate, rounds);
    if (++measured == 1) throw std::runtime_error("interrupted");
  };
  CHECK_THROWS_WITH(run_tradeoff(model, data, data, synthetic::plausible_profile(), options), "interrupted");
  const TradeoffStudy first = run_tradeoff(model, data, data, synthetic::plausible_profile(), options);
  CHECK(measured == 2);  // of two rounds one was there
  REQUIRE(first.candidates.front().measured.has_value());
  CHECK(first.candidates.front().measured->blocks.size() == 2);

  options.space->batches = {1, 8};
  const TradeoffStudy second = run_tradeoff(model, data, data, synthetic::plausible_profile(), options);
  CHECK(measured == 4);  // batch 8 alone
  CHECK(second.candidates.front().measured->latency == first.candidates.front().measured->latency);
  CHECK(std::any_of(second.notes.begin(), second.notes.end(), [](const std::string& note) {
    return note.starts_with("rounds of 1 candidates were measured earlier");
  }));
  options.seed = 7;
  CHECK_THROWS_WITH(run_tradeoff(model, data, data, synthetic::plausible_profile(), options),
                    ContainsSubstring("another seed"));
}

TEST_CASE("recipes, scopes and bits are variants with an accuracy of their own") {
  const Model<float> model = synthetic::small_model();
  const Dataset data = synthetic::images_labelled_by(model, 60, 1);
  TradeoffOptions options = brief();
  options.space->precisions = {Precision::f32, Precision::int8};
  options.space->sparsities = {0.0, 0.5};
  options.space->scopes = {PruneScope::global, PruneScope::layer};
  options.space->weight_bits = {8, 3};
  options.space->batches = {1};
  options.space->recipes = {Recipe("half").prune({.options = {.sparsity = 0.5}})};
  int kept = 0;
  options.recipe_models.keep = [&](const std::string& name, const Model<float>&) { kept += name == "half" ? 1 : 0; };
  const TradeoffStudy study = run_tradeoff(model, data, data, synthetic::plausible_profile(), options);
  CHECK(kept == 1);
  CHECK(study.variants.size() == 3 + 1 + 3 * 2 + 2);
  for (const Variant& v : study.variants) {
    INFO(variant_name(v.precision, v.sparsity, v.making) << ": " << v.why_not);
    if (cpu_supports(v.precision)) CHECK(v.accuracy.has_value());
    CHECK(parameter_bytes(v) == Approx(static_cast<double>(v.parameters) * (v.precision == Precision::f32 ? 4 : 1)));
  }
}
