#include <fulcrum/measure/measure.hpp>

#include <atomic>

#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/exec/reference_factory.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/own_executor.hpp>
#include <support/streaming_model.hpp>
#include <support/threads.hpp>

using namespace fulcrum;

namespace {
Model<float> network() {
  return ModelBuilder<float>("network")
      .input({3, 8, 8})
      .conv(8, 3)
      .relu()
      .max_pool(2)
      .flatten()
      .dense(4)
      .softmax()
      .build();
}

/// As short as it gets.
MeasureOptions brief() {
  MeasureOptions options;
  options.warm_up = Seconds(0.001);
  options.min_duration = Seconds(0.005);
  options.max_duration = Seconds(5.0);
  options.min_samples = 20;
  options.layer_runs = 5;
  return options;
}

bool has_note(const LatencyReport& report, const std::string& words) {
  return std::any_of(report.notes.begin(), report.notes.end(),
                     [&](const std::string& note) { return note.find(words) != std::string::npos; });
}
}  // namespace

TEST_CASE("a model with states is measured step by step, and its executors keep them") {
  const Model<float> model = test::streaming_model();
  const std::vector<State> states{{"c", "cn"}, {"h", "hn"}, {"tail", "new_tail"}};
  MeasureOptions options = brief();
  options.executors = onednn_executors(states);
  CHECK(options.executors(model, {}).sources == std::vector<std::size_t>{0});
  const LatencyReport report = measure(model, {.batch = 2, .instances = 2}, options);
  CHECK(report.latency.samples >= 20);
  CHECK(!report.layers.empty());
  options.executors = reference_executors(states);
  CHECK(measure(model, {.batch = 2}, options).latency.samples >= 20);
  options.executors = onednn_executors({{"none", "hn"}});
  CHECK_THROWS_WITH(measure(model, {}, options), ContainsSubstring("none"));
}

TEST_CASE("a measurement fills the whole report") {
  const LatencyReport report = measure(network(), {2, 1, 1, Precision::f32}, brief());
  CHECK(report.kind == ReportKind::measured);
  CHECK(report.model == "network");
  CHECK(report.config == RunConfig{2, 1, 1, Precision::f32});
  CHECK(report.latency.samples >= 20);
  CHECK(report.latency.min.count() > 0.0);
  CHECK(report.latency.min <= report.latency.p50);
  CHECK(report.latency.p50 <= report.latency.p90);
  CHECK(report.latency.p90 <= report.latency.p95);
  CHECK(report.latency.p95 <= report.latency.p99);
  CHECK(report.latency.p99 <= report.latency.p99_9);
  CHECK(report.latency.mean >= report.latency.min);
  CHECK(report.throughput_per_s > 0.0);
  REQUIRE(report.blocks.size() == 10);
  CHECK(report.blocks[0].p50 >= report.latency.min);
  CHECK(report.blocks[0].throughput_per_s > 0.0);
  CHECK(report.creation.count() > 0.0);
  CHECK(report.flops > 0.0);
  CHECK(report.bytes > 0.0);
  CHECK(report.environment.cores >= 1);
  CHECK_FALSE(report.environment.versions.at("oneDNN").empty());
}

TEST_CASE("no thread of the caller's waits among those of the instances") {
  bool has_team = false;
  bool is_gone = false;
  test::on_new_thread([&] {
    const std::size_t before = test::threads_of_process();
    const auto compiled = OnednnModel::compile(network(), {.batch = 2});
    OnednnExecutor executor(network(), {.batch = 64, .threads = 3, .slice = 64});
    const std::vector<Tensor<float>> src{Tensor<float>({64, 3, 8, 8})};
    static_cast<void>(executor.run(src));
    has_team = test::threads_become(before + 2);
    detail::InstancePlan plan;
    plan.min_duration = Seconds(0.005);
    static_cast<void>(detail::run_instances(prepared_model(compiled), plan));
    is_gone = test::threads_become(before);
  });
  CHECK(has_team);
  CHECK(is_gone);
}

TEST_CASE("every step has its row with its time") {
  const LatencyReport report = measure(network(), {1, 1, 1, Precision::f32}, brief());
  REQUIRE(report.layers.size() >= 4);
  double flops = 0.0;
  std::vector<std::string> kinds;
  for (const StepLatency& layer : report.layers) {
    CHECK(layer.latency.count() > 0.0);
    CHECK_FALSE(layer.bound.has_value());
    flops += layer.flops;
    kinds.push_back(layer.kind);
  }
  CHECK(flops == report.flops);
  for (const char* kind : {"Conv+Relu", "MaxPool", "Dense", "Softmax"})
    CHECK(std::find(kinds.begin(), kinds.end(), kind) != kinds.end());
}

TEST_CASE("layers are not timed when nobody asks for it") {
  MeasureOptions options = brief();
  options.layer_runs = 0;
  for (const StepLatency& layer : measure(network(), {1, 1, 1, Precision::f32}, options).layers)
    CHECK(layer.latency.count() == 0.0);
}

TEST_CASE("instances run side by side and their samples are taken together") {
  const LatencyReport report = measure(network(), {1, 1, 2, Precision::f32}, brief());
  CHECK(report.latency.samples >= 40);
  CHECK(report.throughput_per_s > 0.0);
}

TEST_CASE("more threads than cores are measured and spoken of") {
  const int cores = current_environment().cores;
  MeasureOptions options = brief();
  options.min_samples = 3;
  const LatencyReport report = measure(network(), {1, cores, 2, Precision::f32}, options);
  CHECK(has_note(report, "usable core(s)"));
}

TEST_CASE("sources rotate over more memory than the last cache holds when they are to be cold") {
  MeasureOptions options = brief();
  options.cold_cache = true;
  options.min_samples = 3;
  CHECK(has_note(measure(network(), {64, 1, 1, Precision::f32}, options), "cold"));
}

TEST_CASE("a measurement that has no time left says how many samples it has") {
  MeasureOptions options = brief();
  options.min_samples = 1'000'000;
  options.max_duration = Seconds(0.02);
  CHECK(has_note(measure(network(), {1, 1, 1, Precision::f32}, options), "of 1000000 samples"));
}

TEST_CASE("with a profile, layers say what bounds them") {
  MachineProfile profile;
  profile.rates.peaks = {{Precision::f32, 1, 1e11}};
  profile.rates.bandwidths = {{"DRAM", 0.0, 1, 1e10}};
  profile.rates.overheads = {{1, 1e6, 0.0}};  // nothing but overhead
  MeasureOptions options = brief();
  options.profile = &profile;
  for (const StepLatency& layer : measure(network(), {1, 1, 1, Precision::f32}, options).layers) {
    if (layer.kind == "Reorder") continue;
    REQUIRE(layer.bound.has_value());
    CHECK(*layer.bound == Bound::overhead);
  }
}

TEST_CASE("a batch in slices is measured as a whole, and said to be in slices") {
  MachineProfile profile;
  profile.rates.peaks = {{Precision::f32, 1, 1e11}};
  profile.rates.bandwidths = {{"DRAM", 0.0, 1, 1e10}};
  profile.rates.overheads = {{1, 1e6, 0.0}};
  MeasureOptions options = brief();
  options.profile = &profile;
  const LatencyReport whole = measure(network(), {.batch = 8, .threads = 2, .slice = 8}, options);
  const LatencyReport cut = measure(network(), {.batch = 8, .threads = 2, .slice = 2}, options);
  CHECK(has_note(cut, "4 slices of 2 samples, 2 at a time"));
  CHECK_FALSE(has_note(whole, "slices"));
  CHECK(cut.flops == Approx(whole.flops));
  CHECK(cut.config.slice == 2);
  for (const StepLatency& layer : cut.layers) {
    CHECK(layer.latency.count() > 0.0);
    if (layer.kind != "Reorder") CHECK(layer.bound == Bound::overhead);
  }
}

TEST_CASE("progress is told before and after, never less than all in the end") {
  std::vector<double> fractions;
  static_cast<void>(measure(network(), {1, 1, 1, Precision::f32}, brief(),
                            [&](const Progress& progress) { fractions.push_back(progress.fraction); }));
  REQUIRE(fractions.size() >= 2);
  CHECK(std::is_sorted(fractions.begin(), fractions.end()));
  CHECK(fractions.back() == 1.0);
}

TEST_CASE("what cannot run is refused") {
  CHECK_THROWS_WITH(measure(network(), {1, 0, 1, Precision::f32}, brief()), ContainsSubstring("threads: is 0"));
  CHECK_THROWS_AS(measure(network(), {1, 1, 1, Precision::int8}, brief()), Error);  // not quantized
  CHECK_THROWS_WITH(measure(network(), {1, 100, 10, Precision::f32}, brief()), ContainsSubstring("1000 threads: are"));
  for (const double seconds :
       {0.0, -1.0, 1e300, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    MeasureOptions options = brief();
    options.min_duration = Seconds(seconds);
    CHECK_THROWS_WITH(measure(network(), {}, options), ContainsSubstring("time to measure for: is"));
  }
}

TEST_CASE("throughput counts the runs of all instances in the time they share") {
  using namespace std::chrono_literals;
  const detail::Clock::time_point zero{};
  detail::InstanceSamples a;
  a.start = zero;
  detail::InstanceSamples b;
  b.start = zero + 5ms;  // began late: half of its first neighbour's run lies before the window
  for (int i = 1; i <= 10; ++i) {
    a.latency.push_back(10ms);
    a.finished.push_back(zero + i * 10ms);
  }
  for (int i = 1; i <= 5; ++i) {
    b.latency.push_back(10ms);
    b.finished.push_back(b.start + i * 10ms);
  }
  // From 5 to 55 ms: 0.5 + 4 runs of a in 45 ms (the one that ends at 60 ms is outside), 5 of b in 50; batches of 3.
  CHECK(detail::throughput_of({a, b}, 3) == Approx(3.0 * (4.5 / 0.045 + 5.0 / 0.050)));
}

TEST_CASE("looks between runs are no part of the throughput, and tell which runs were left alone") {
  using namespace std::chrono_literals;
  const detail::Clock::time_point zero{};
  detail::InstanceSamples a;
  a.start = zero;
  a.looks.push_back({zero, 10us});
  auto now = zero;
  for (int i = 1; i <= 8; ++i) {
    const auto took = i > 4 ? 15ms : 10ms;
    now += took;
    a.latency.push_back(took);
    a.finished.push_back(now);
    now += 1ms;
    a.looks.push_back({now, i >= 4 ? 18us : 10us});
  }
  CHECK(detail::throughput_of({a}, 1) == Approx(8.0 / 0.100));
  const Disturbance d = detail::disturbance_of({a}, 10us).value();
  CHECK(d.samples == 3);  // the fourth had a disturbed look after it
  CHECK(d.p50 == Milliseconds(10.0));
  CHECK(d.share == Approx(4.0 / 8.0));  // the last look was after the last run
  CHECK_FALSE(detail::disturbance_of({detail::InstanceSamples{}}, 10us));
}

TEST_CASE("a measurement says how far something else took part of the cores") {
  const LatencyReport report = measure(network(), {}, brief());
  REQUIRE(report.disturbance);
  CHECK(report.disturbance->looks > 0);
  CHECK(report.disturbance->least_us > 1.0);
  CHECK(report.disturbance->share <= 1.0);
  if (report.disturbance->samples > 0) CHECK(report.disturbance->p50.count() > 0.0);
}

TEST_CASE("an instance that fails ends the measurement with its error") {
  // CPU 4095 does not exist here, so pinning throws on the instance's own thread.
  const auto compiled = OnednnModel::compile(network(), {});
  detail::InstancePlan plan;
  plan.instances = 2;
  plan.cpus = {{current_affinity().front()}, {4095}};
  plan.min_duration = Seconds(0.001);
  plan.max_duration = Seconds(0.05);
  CHECK_THROWS_AS(detail::run_instances(prepared_model(compiled), plan), Error);
}

TEST_CASE("the reference is measured like any other executor, layer by layer") {
  MeasureOptions options = brief();
  options.min_samples = 3;
  options.executors = reference_executors();
  const LatencyReport report = measure(network(), {2, 1, 2, Precision::f32}, options);
  CHECK(report.latency.samples >= 6);
  CHECK(report.throughput_per_s > 0.0);
  CHECK(report.creation.count() > 0.0);
  CHECK(has_note(report, "reference executor"));
  REQUIRE(report.layers.size() == 6);
  CHECK(report.layers[0].kind == "Conv");
  for (const StepLatency& layer : report.layers) CHECK(layer.latency.count() > 0.0);
  CHECK(report.flops == Approx(total_work(network(), 2).flops));
  CHECK_THROWS_WITH(measure(network(), {1, 1, 1, Precision::bf16}, options), ContainsSubstring("reference"));
}

TEST_CASE("an executor of the user's is measured, and has no layers when it does not time its steps") {
  const Model<float> model = ModelBuilder<float>("own").input({100}).dense(1).build();
  std::atomic<int> made = 0;
  MeasureOptions options = brief();
  options.executors = [&](const Model<float>& of, const RunConfig& config) {
    ++made;
    CHECK(of.name() == "own");
    return test::SumExecutor(config.batch, 100);
  };
  const LatencyReport report = measure(model, {4, 1, 3, Precision::f32}, options);
  CHECK(made == 3);
  CHECK(report.latency.samples >= 60);
  CHECK(report.layers.empty());
  CHECK(report.flops == total_work(model, 4).flops);
  CHECK(report.memory == MemoryUse{});
}
