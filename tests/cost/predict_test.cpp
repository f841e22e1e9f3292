#include <fulcrum/cost/predict.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {
Model<float> predicted_network() {
  return ModelBuilder<float>("network")
      .input({3, 16, 16})
      .conv(16, 3, {.padding = 1})
      .batch_normalization()
      .relu()
      .max_pool(2)
      .flatten()
      .dense(10)
      .softmax()
      .build();
}
}  // namespace

TEST_CASE("without efficiencies a prediction is the roofline") {
  const MachineProfile machine = synthetic::machine();
  const LatencyReport report = predict(predicted_network(), {4, 1, 1, Precision::f32}, machine);
  CHECK(report.kind == ReportKind::predicted);
  CHECK(report.model == "network");
  REQUIRE(report.layers.size() == 4);  // the batch normalization is folded, the flatten moves nothing
  CHECK(report.layers[0].kind == "Conv+Relu");
  double total_ms = 2e-3;  // the overhead of an inference
  for (const StepLatency& layer : report.layers) {
    CHECK(layer.latency.count() > 0.0);
    CHECK(layer.bound.has_value());
    total_ms += layer.latency.count();
  }
  CHECK(report.latency.p50.count() == Approx(total_ms));
  const Step conv = make_schedule(predicted_network(), {.batch = 4}, machine_of(machine)).steps.front().step;
  CHECK(Microseconds(report.layers[0].latency).count() == Approx(roofline_point(conv, machine.rates, 1).time_us()));
  CHECK(report.throughput_per_s == Approx(4.0 / (report.latency.mean.count() * 1e-3)));
  CHECK(report.flops > 0.0);
  CHECK(report.environment == machine.environment);
}

TEST_CASE("a layer that is slower than its roofline everywhere is predicted so") {
  MachineProfile machine = synthetic::machine();
  std::vector<TimedStep> timed;
  for (const Step& step : synthetic::conv_steps(30, 1))
    timed.push_back({step, 1, 2.0 * roofline_point(step, machine.rates, 1).time_us()});
  const LatencyReport before = predict(predicted_network(), {4, 1, 1, Precision::f32}, machine);
  machine.efficiency = fit_efficiencies(timed, machine.rates);
  const LatencyReport after = predict(predicted_network(), {4, 1, 1, Precision::f32}, machine);
  CHECK(after.layers[0].latency / before.layers[0].latency == Approx(2.0).epsilon(0.1));
  CHECK(after.layers[1].latency == before.layers[1].latency);
}

TEST_CASE("more samples take longer, and never more than in proportion on a fixed machine") {
  const MachineProfile machine = synthetic::machine();
  double before_ms = 0.0;
  double before_throughput = 0.0;
  for (const std::int64_t batch : {1, 2, 4, 8, 16, 32, 64}) {
    const LatencyReport report = predict(predicted_network(), {batch, 1, 1, Precision::f32}, machine);
    CHECK(report.latency.p50.count() > before_ms);
    if (batch <= 8) CHECK(report.throughput_per_s > before_throughput);  // beyond, the caches are full
    before_ms = report.latency.p50.count();
    before_throughput = report.throughput_per_s;
  }
}

TEST_CASE("a batch that runs in slices is predicted as instances of one thread that take turns") {
  const MachineProfile machine = synthetic::machine();
  const Model<float> wide =
      ModelBuilder<float>("wide").input({32, 56, 56}).conv(32, 1).relu().conv(32, 1).relu().build();
  const Schedule schedule = make_schedule(wide, {.batch = 64, .threads = 2}, machine_of(machine));
  const BatchSlices& slices = schedule.slices;
  const RunConfig& of_slice = schedule.of_slice;
  REQUIRE(slices.cut());
  CHECK(of_slice == RunConfig{.batch = slices.samples, .instances = 2, .slice = slices.samples});
  const LatencyReport whole = predict(wide, {64, 2, 1, Precision::f32}, machine);
  const LatencyReport slice = predict(wide, of_slice, machine);
  // But for the start of the lanes, which take the overhead of a step on two threads.
  CHECK(whole.latency.p50.count() == Approx(slices.rounds() * slice.latency.p50.count() + 1e-3));
  CHECK(whole.flops == Approx(static_cast<double>(slices.count) * slice.flops));
  CHECK(whole.config.threads == 2);
  CHECK_THAT(whole.notes.front(), ContainsSubstring("slices of"));
}

TEST_CASE("threads and narrower numbers make big layers quicker") {
  const MachineProfile machine = synthetic::machine();
  const auto p50 = [&](int threads, Precision precision) {
    return predict(predicted_network(), {64, threads, 1, precision}, machine).latency.p50.count();
  };
  CHECK(p50(2, Precision::f32) < p50(1, Precision::f32));
  CHECK(p50(1, Precision::bf16) < p50(1, Precision::f32));
  CHECK(p50(1, Precision::int8) < p50(1, Precision::bf16));
}

TEST_CASE("instances multiply the throughput but for what they share") {
  MachineProfile machine = synthetic::machine();
  const LatencyReport one = predict(predicted_network(), {8, 1, 1, Precision::f32}, machine);
  const LatencyReport two = predict(predicted_network(), {8, 1, 2, Precision::f32}, machine);
  CHECK(two.throughput_per_s > one.throughput_per_s);
  CHECK(two.throughput_per_s <= 2.0 * one.throughput_per_s * (1.0 + 1e-9));
  machine.contention = {{2, 1, 1.5, 0.0}};
  const LatencyReport contended = predict(predicted_network(), {8, 1, 2, Precision::f32}, machine);
  CHECK(contended.latency.p50 / two.latency.p50 == Approx(1.5));
  CHECK(two.notes.empty());
}

TEST_CASE("percentiles follow the machine's jitter") {
  MachineProfile machine = synthetic::machine();
  machine.jitter = {{1, 1, 1.0, 0.8, 1.1, 1.2, 1.3, 1.7, 4.0}};
  const LatencyStatistics l = predict(predicted_network(), {1, 1, 1, Precision::f32}, machine).latency;
  CHECK(l.min.count() == Approx(0.8 * l.p50.count()));
  CHECK(l.mean.count() == Approx(1.1 * l.p50.count()));
  CHECK(l.p99.count() == Approx(1.7 * l.p50.count()));
  CHECK(l.p99_9.count() == Approx(4.0 * l.p50.count()));
  CHECK(l.samples == 0);
}

TEST_CASE("the reader is told what a prediction supposes") {
  const MachineProfile machine = synthetic::machine();
  const LatencyReport int8 = predict(predicted_network(), {1, 1, 1, Precision::int8}, machine);
  REQUIRE(int8.notes.size() == 1);
  CHECK_THAT(int8.notes[0], ContainsSubstring("not quantized"));
  const LatencyReport crowded = predict(predicted_network(), {1, 2, 2, Precision::f32}, machine);
  REQUIRE(crowded.notes.size() == 1);
  CHECK_THAT(crowded.notes[0], ContainsSubstring("4 threads share 2 usable core(s)"));
}

TEST_CASE("a precision that was not calibrated is not guessed at") {
  MachineProfile machine = synthetic::machine();
  std::erase_if(machine.rates.peaks, [](const PeakRate& p) { return p.precision == Precision::bf16; });
  CHECK_THROWS_WITH(predict(predicted_network(), {1, 1, 1, Precision::bf16}, machine), ContainsSubstring("bf16"));
  CHECK_THROWS_WITH(predict(predicted_network(), {1, 0, 1, Precision::f32}, machine),
                    ContainsSubstring("threads: is 0"));
}

TEST_CASE("a prediction says where a measurement lies, the wider the less is known of its steps") {
  const Model<float> model = ModelBuilder<float>("m").input({16, 16, 16}).conv(32, 3, {.padding = 1}).relu().build();
  const LatencyReport unknown = predict(model, {}, synthetic::machine());
  REQUIRE(unknown.interval.has_value());
  CHECK(unknown.interval->p50_low < unknown.latency.p50);
  CHECK(unknown.interval->p50_high > unknown.latency.p50);
  CHECK(unknown.interval->p99_low < unknown.latency.p99);
  CHECK(unknown.interval->throughput_low_per_s < unknown.throughput_per_s);
  CHECK(unknown.interval->throughput_high_per_s > unknown.throughput_per_s);

  MachineProfile profile = synthetic::machine();
  const Step step = make_schedule(model, {}, machine_of(profile)).steps.front().step;
  const std::vector<double> features = efficiency_features(step, roofline_point(step, profile.rates, 1));
  EfficiencyModel known;
  known.kernel = step.kernel;
  known.noise = 0.05;
  known.trend.assign(features.size() + 1, 0.0);
  known.samples = {{features, 0.0, 0.0}};
  profile.efficiency = {known};
  profile.composition = {{Precision::f32, 1, 1.0, 0.03, 10}};
  CHECK(profile.knows(step));
  const LatencyReport sure = predict(model, {}, profile);
  CHECK(sure.interval->p50_high / sure.latency.p50 < 0.6 * (unknown.interval->p50_high / unknown.latency.p50));
  // 1.645 deviations of 5 % of the step and 3 % of the whole, in common.
  CHECK(std::log(sure.interval->p50_high / sure.latency.p50) == Approx(1.645 * std::hypot(0.05, 0.03)).epsilon(0.1));
  // What whole networks take beyond their steps.
  profile.composition[0].factor = 1.1;
  CHECK(predict(model, {}, profile).layers[0].latency / sure.layers[0].latency == Approx(1.1));
}

TEST_CASE("what earlier predictions had does not change later ones") {
  const MachineProfile machine = synthetic::machine();
  StepPredictions steps(machine);
  for (int turn = 0; turn < 2; ++turn) {
    for (const std::int64_t batch : {1, 4}) {
      for (const int instances : {1, 2}) {
        const Schedule schedule =
            make_schedule(predicted_network(), {.batch = batch, .instances = instances}, machine_of(machine));
        CHECK(predict(schedule, steps) == predict(schedule, machine));
      }
    }
  }
}

TEST_CASE("steps that differ in one thing are predicted apart") {
  const MachineProfile machine = synthetic::machine();
  const Step step = make_schedule(predicted_network(), {.batch = 4}, machine_of(machine)).steps.front().step;
  StepPredictions steps(machine);
  const double alone_us = steps.of(step, 1).alone.time_us;
  for (const auto change : {+[](Step& s) { s.flops *= 8.0; }, +[](Step& s) { s.src_bytes *= 1000.0; },
                            +[](Step& s) { s.weight_bytes *= 10000.0; }, +[](Step& s) { s.function_flops = 1e9; },
                            +[](Step& s) { s.reread_bytes = 1e9, s.reread_set = 1e9; }}) {
    Step other = step;
    change(other);
    CHECK(steps.of(other, 1).alone.time_us > alone_us);
    CHECK(steps.of(other, 1).alone.time_us == predict_step(other, machine).time_us);
  }
  CHECK(steps.of(step, 1).alone.time_us == alone_us);
}
