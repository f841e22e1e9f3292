#include <fulcrum/cost/data_sheet.hpp>

#include <cmath>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/predict.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/cost/step_basis.hpp>
#include <fulcrum/zoo/zoo.hpp>
#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;

namespace {
DataSheet server() {
  return {.cpu = "Server",
          .isa = "avx2",
          .cores = 6,
          .clock_ghz = 3.0,
          .gflop_per_s = {{Precision::f32, 100.0}, {Precision::int8, 200.0}},
          .l2_kib = 512.0,
          .l3_mib = 32.0,
          .memory_gb_per_s = 40.0,
          .memory_gb_per_s_per_core = 16.0};
}

nlohmann::json sheet_json() {
  return {{"clock_ghz", 3.0}, {"gflop_per_s", {{"f32", 600.0}}}, {"l2_kib", 512}, {"memory_gb_per_s", 40.0}};
}

double half_width(const LatencyReport& report) { return report.interval->p50_high / report.latency.p50; }
}  // namespace

TEST_CASE("a data sheet's rates are those of its cores, as far as programs reach them") {
  const MachineProfile profile = profile_from(server());
  CHECK(profile.from_data_sheet);
  CHECK(profile.environment.cores == 6);
  CHECK(profile.rates.peak(Precision::f32, 1) < 1e11);
  CHECK(profile.rates.peak(Precision::f32, 1) > 0.5e11);
  CHECK(profile.rates.peak(Precision::f32, 6) == Approx(6.0 * profile.rates.peak(Precision::f32, 1)));
  CHECK(profile.rates.peak(Precision::int8, 2) == Approx(2.0 * profile.rates.peak(Precision::f32, 2)));
  // Memory: a core's share, until all is used.
  CHECK(profile.rates.bandwidth(1e10, 2) == Approx(2.0 * profile.rates.bandwidth(1e10, 1)).epsilon(1e-3));
  CHECK(profile.rates.bandwidth(1e10, 6) == Approx(2.5 * profile.rates.bandwidth(1e10, 1)).epsilon(1e-3));
  for (const double set : {1e3, 1e5, 1e7})
    CHECK(profile.rates.bandwidth(set, 1) > profile.rates.bandwidth(100 * set, 1));
  CHECK(profile.rates.caches().l2 == 512 * 1024);
  CHECK_FALSE(profile.rates.knows(Precision::bf16));
}

TEST_CASE("predictions from a data sheet are made for every network, in wide ranges, and say so") {
  const MachineProfile profile = machine_profile_from_json(to_json(profile_from(server())));
  CHECK(profile.from_data_sheet);
  for (const char* name : {"fashion_cnn", "mlp", "speech_lstm"}) {
    for (const Precision precision : {Precision::f32, Precision::int8}) {
      for (const int threads : {1, 4}) {
        INFO(name << " " << name_of(precision) << " " << threads);
        const LatencyReport report = predict(zoo_model(name), {.threads = threads, .precision = precision}, profile);
        CHECK(report.latency.p50.count() > 0.0);
        CHECK(report.latency.p99 > report.latency.p50);
        CHECK(half_width(report) > 1.4);
        CHECK(half_width(report) < 20.0);
        CHECK_THAT(report.notes.back(), ContainsSubstring("data sheet"));
      }
    }
  }
}

TEST_CASE("ranges from a data sheet are wider than those of steps that were timed") {
  MachineProfile timed = synthetic::machine();
  std::vector<TimedStep> steps;
  for (const Step& step : synthetic::conv_steps(200, 1))
    steps.push_back({step, 1, 2.0 * roofline_point(step, timed.rates, 1).time_us()});
  timed.efficiency = fit_efficiencies(steps, timed.rates);
  auto b = ModelBuilder<float>("net").input({16, 16, 16});
  for (int i = 0; i < 4; ++i) b.conv(32, 3, {.padding = 1});
  const Model<float> model = std::move(b).build();
  CHECK(half_width(predict(model, {}, profile_from(server()))) > 1.3 * half_width(predict(model, {}, timed)));
}

TEST_CASE("more instances than cores wait, by a data sheet too") {
  DataSheet one = server();
  one.cores = 1;
  const MachineProfile profile = profile_from(one);
  const LatencyReport alone = predict(zoo_model("fashion_cnn"), {}, profile);
  const LatencyReport beside = predict(zoo_model("fashion_cnn"), {.instances = 2}, profile);
  CHECK(beside.latency.p50 > 1.8 * alone.latency.p50);
}

TEST_CASE("what a step's prediction rests on is then no probe") {
  const StepBasis basis = basis_of(synthetic::conv_step(1, 16, 16, 8, 3), profile_from(server()));
  CHECK(basis.basis == BasisKind::data_sheet);
  CHECK(basis.probes.empty());
  CHECK(basis.of_roof < 1.0);
}

TEST_CASE("a profile from a data sheet is of any machine") {
  Environment other;
  other.cpu = "Other";
  CHECK_NOTHROW(check_profile_matches(profile_from(server()), other));
}

TEST_CASE("a data sheet that leaves out its machine is of this one") {
  Environment here;
  here.cpu = "Here";
  here.isa = "avx512 vnni";
  here.cores = 6;
  const DataSheet sheet = data_sheet_from_json(sheet_json(), here);
  CHECK(sheet.cpu == "Here");
  CHECK(sheet.isa == "avx512 vnni");
  CHECK(sheet.gflop_per_s.at(Precision::f32) == Approx(100.0));
  nlohmann::json j = sheet_json();
  j["cores"] = 3;
  CHECK(data_sheet_from_json(j, here).gflop_per_s.at(Precision::f32) == Approx(200.0));
}

TEST_CASE("a data sheet that cannot be used is refused in one sentence") {
  const auto refused = [](const char* key, const nlohmann::json& value, const std::string& words) {
    nlohmann::json j = sheet_json();
    if (value.is_null())
      j.erase(key);
    else
      j[key] = value;
    INFO(key << " " << value);
    CHECK_THROWS_WITH(profile_from(data_sheet_from_json(j, {})), ContainsSubstring(words));
  };
  refused("clock_ghz", nullptr, "clock_ghz: must be");
  refused("clock_ghz", 0, "clock_ghz");
  refused("clock_ghz", 3400, "clock_ghz");
  refused("clock_ghz", "fast", "clock_ghz");
  refused("l2_kib", nullptr, "l2_kib");
  refused("memory_gb_per_s", -1, "memory_gb_per_s");
  refused("cores", 0, "cores");
  refused("cores", 1.5, "cores");
  refused("l3_mib", -1, "l3_mib");
  refused("clock_mhz", 3400, "clock_mhz");
  refused("gflop_per_s", nullptr, "gflop_per_s_per_core or gflop_per_s");
  refused("gflop_per_s_per_core", {{"f32", 100.0}}, "peaks once");
  refused("gflop_per_s", {{"f32", 0.0}}, "f32");
  refused("gflop_per_s", {{"f64", 10.0}}, "f64");
  refused("gflop_per_s", {{"int8", 10.0}}, "f32");
  CHECK_THROWS_WITH(data_sheet_from_json(nlohmann::json::array(), {}), ContainsSubstring("object"));
  DataSheet sheet = server();
  sheet.memory_gb_per_s = std::nan("");
  CHECK_THROWS_WITH(profile_from(sheet), ContainsSubstring("memory_gb_per_s"));
}

TEST_CASE("a data sheet's file is named when it is bad") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_WITH(load_data_sheet(folder.path("none.json"), {}), ContainsSubstring("none.json"));
  write_file_atomically(folder.path("bad.json"), "{");
  CHECK_THROWS_WITH(load_data_sheet(folder.path("bad.json"), {}), ContainsSubstring("bad.json"));
  write_file_atomically(folder.path("empty.json"), "{}");
  CHECK_THROWS_WITH(load_data_sheet(folder.path("empty.json"), {}), ContainsSubstring("empty.json"));
}
