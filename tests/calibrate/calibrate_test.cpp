#include <fulcrum/calibrate/calibrate.hpp>

#include <set>

#include <nlohmann/json.hpp>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/calibrate/detail/probe_source.hpp>
#include <fulcrum/calibrate/detail/time_probe.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/random_model.hpp>

using namespace fulcrum;

TEST_CASE("a calibration of a moment gives a whole profile that survives its file format") {
  CalibrateOptions options;
  options.budget = Seconds(0.05);
  options.threads = {1};
  std::vector<double> fractions;
  const MachineProfile profile =
      calibrate(options, [&](const Progress& progress) { fractions.push_back(progress.fraction); });

  CHECK_NOTHROW(check_profile_matches(profile, onednn_environment()));
  CHECK_FALSE(profile.created_utc.empty());
  CHECK(profile.duration_s > 0.0);
  for (const Precision precision : all_precisions) CHECK(profile.rates.knows(precision) == cpu_supports(precision));
  for (const PeakRate& peak : profile.rates.peaks) CHECK(peak.flop_per_s > 1e6);
  REQUIRE_FALSE(profile.rates.bandwidths.empty());
  CHECK(profile.rates.bandwidths.back().level == "DRAM");
  for (const Bandwidth& bandwidth : profile.rates.bandwidths) CHECK(bandwidth.byte_per_s > 1e6);
  REQUIRE(profile.rates.overheads.size() == 1);
  CHECK(profile.rates.overheads[0].step_us > 0.0);
  CHECK_FALSE(profile.jitter.empty());
  CHECK_FALSE(profile.contention.empty());
  CHECK_FALSE(profile.layout_changes.empty());
  REQUIRE(profile.drift_probe.size() == 1);
  CHECK(profile.drift_probe[0].compute_us > 0.0);
  CHECK(profile.drift_probe[0].memory_us > 0.0);

  std::set<KernelClass> classes;
  for (const EfficiencyModel& model : profile.efficiency) {
    CHECK(model.threads == 1);
    CHECK_FALSE(model.samples.empty());
    classes.insert(model.kernel);
  }
  CHECK(classes.count(KernelClass::convolution) == 1);
  CHECK(classes.count(KernelClass::dense) == 1);

  const MachineProfile again = machine_profile_from_json(to_json(profile));
  CHECK(again == machine_profile_from_json(to_json(again)));
  CHECK(again.environment == profile.environment);

  REQUIRE_FALSE(fractions.empty());
  CHECK(std::is_sorted(fractions.begin(), fractions.end()));
  CHECK(fractions.back() == 1.0);

  // And it predicts.
  const Model<float> model =
      ModelBuilder<float>("network").input({3, 16, 16}).conv(16, 3).relu().flatten().dense(10).softmax().build();
  for (const Precision precision : all_precisions) {
    if (!cpu_supports(precision)) continue;
    const LatencyReport report = predict(model, {4, 1, 1, precision}, profile);
    CHECK(report.latency.p50.count() > 0.0);
    CHECK(std::isfinite(report.latency.p99_9.count()));
    CHECK(report.throughput_per_s > 0.0);
  }
}

TEST_CASE("a calibration that cannot be done is refused") {
  CalibrateOptions options;
  options.budget = Seconds(0.0);
  CHECK_THROWS_WITH(calibrate(options), ContainsSubstring("budget"));
  options.budget = Seconds(0.1);
  options.threads = {0};
  CHECK_THROWS_WITH(calibrate(options), ContainsSubstring("thread count 0"));
  options.threads = {100000};
  CHECK_THROWS_WITH(calibrate(options), ContainsSubstring("100000"));
}

TEST_CASE("the same seed draws the same probes, and another seed others") {
  detail::ProbeSource a(7);
  detail::ProbeSource b(7);
  detail::ProbeSource c(8);
  bool differs = false;
  for (int i = 0; i < 10; ++i) {
    const detail::Probe x = a.next();
    const detail::Probe y = b.next();
    CHECK(x.batch == y.batch);
    CHECK(x.model == y.model);
    const detail::Probe z = c.next();
    differs = differs || !(x.model == z.model);
  }
  CHECK(differs);
}

namespace {

/// Which model of efficiency a step asks for.
std::string model_of(const Step& step) {
  return std::string(name_of(step.kernel)) + ", " + std::string(name_of(step.algorithm)) + " " +
         std::string(loops_of(step));
}

/// Those that the first `count` probes teach.
std::set<std::string> taught(int count) {
  detail::ProbeSource source(3, "avx2");
  std::set<std::string> models;
  for (int i = 0; i < count; ++i) {
    const detail::Probe probe = source.next();
    CHECK(total_work(probe.model, probe.batch).flops < 1.5e10);
    CHECK(parameter_count(probe.model) < 40'000'000);
    for (const Precision precision : all_precisions) {
      const Model<float> model = precision == Precision::int8 ? detail::quantized_probe(probe.model) : probe.model;
      const Schedule steps = make_schedule(model, {probe.batch, 1, 1, precision},
                                           {.isa = precision == Precision::bf16 ? "avx512" : "avx2"});
      CHECK_FALSE(steps.steps.empty());
      for (const ScheduledStep& entry : steps.steps) models.insert(model_of(entry.step));
    }
  }
  return models;
}

}  // namespace

TEST_CASE("probes are valid models of bounded size, and teach every kind of step that networks are made of") {
  const std::set<std::string> known = taught(275);
  std::set<std::string> classes;
  for (const std::string& model : known) classes.insert(model.substr(0, model.find(',')));
  CHECK(classes.size() == all_kernel_classes.size());
  const auto check = [&](const Model<float>& model) {
    for (const Precision precision : {Precision::f32, Precision::int8}) {
      const Schedule schedule = make_schedule(model, {.precision = precision}, {.isa = "avx2"});
      for (const ScheduledStep& entry : schedule.steps) {
        INFO(model.name() << ": " << entry.step.name << " " << entry.step.kind << ", " << model_of(entry.step));
        CHECK(known.count(model_of(entry.step)) == 1);
      }
    }
  };
  for (std::uint64_t seed = 0; seed < 60; ++seed) check(test::RandomModel(seed).make(5));
  for (const char* name : {"mobilenet_v2", "densenet121", "shufflenet_v2_x1_0", "regnet_y_400mf", "recommendation"})
    check(zoo_model(name, 1));
}

TEST_CASE("the executor runs the steps and the movements that are expected of it") {
  detail::ProbeSource source(11, onednn_environment().isa);
  for (int i = 0; i < 6; ++i) {
    const detail::Probe probe = source.next();
    for (const Precision precision : all_precisions) {
      if (!cpu_supports(precision)) continue;
      const Model<float> model = precision == Precision::int8 ? detail::quantized_probe(probe.model) : probe.model;
      if (precision == Precision::int8 && !is_quantized(model)) continue;
      const auto compiled = OnednnModel::compile(model, {.threads = 2, .precision = precision});
      const Schedule steps = make_schedule(model, compiled->config(), current_machine());
      const auto places = detail::match_steps(steps, compiled->schedule());
      const auto seen = detail::observed_layout_changes(steps, compiled->steps(), places);
      const std::vector<ScheduledStep> expected = expected_steps(steps, seen);
      for (std::size_t k = 0; k < places.size(); ++k) {
        const Step& step = steps.steps[k].step;
        if (step.kind == "Concat" && !places[k]) continue;  // its sources are computed inside its result
        REQUIRE(places[k].has_value());
        const StepInfo& info = compiled->steps()[*places[k]];
        INFO(step.name << ' ' << step.kind << ": " << info.implementation);
        if (!info.implementation.starts_with("fulcrum:")) CHECK(info.threads == step.threads);
        if (precision == Precision::f32) {
          CHECK(info.implementation.starts_with("winograd:") == (step.kernel == KernelClass::winograd_convolution));
        }
      }
      std::size_t computing = 0;
      for (const StepInfo& info : compiled->steps()) computing += info.layers.empty() ? 0U : 1U;
      std::size_t expected_computing = 0;
      for (const ScheduledStep& entry : expected) expected_computing += entry.step.kind != "Reorder";
      CHECK(computing == expected_computing);
    }
  }
}
