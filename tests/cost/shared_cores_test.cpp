#include <fulcrum/cost/shared_cores.hpp>

#include <fulcrum/cost/predict.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/model/builder.hpp>
#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {
Model<float> network() {
  return ModelBuilder<float>("network")
      .input({8, 16, 16})
      .conv(16, 3, {.padding = 1})
      .relu()
      .flatten()
      .dense(10)
      .build();
}
}  // namespace

TEST_CASE("of short inferences the median meets shared cores wholly or not at all, of long ones as often as they are") {
  const Milliseconds brief(0.01), lengthy(400.0);
  CHECK(share_in_quantile(0.2, brief) == Approx(0.0).margin(0.01));
  CHECK(share_in_quantile(0.8, brief) == Approx(1.0).margin(0.01));
  CHECK(share_in_quantile(0.2, lengthy) == Approx(0.2).margin(0.01));
  CHECK(share_in_quantile(0.8, lengthy) == Approx(0.8).margin(0.01));
  CHECK(share_in_quantile(0.2, brief, 0.99) == Approx(1.0).margin(0.01));  // the slowest hundredth is among them
  CHECK(share_in_quantile(0.001, brief, 0.99) == Approx(0.0).margin(0.01));
  for (const Milliseconds latency : {brief, Milliseconds(4.0), lengthy}) {
    double last = 0.0;
    for (const double share : {0.0, 0.1, 0.5, 0.9, 1.0}) {
      const double shown = share_in_quantile(share, latency);
      CHECK(shown >= last);
      CHECK(shown <= share_in_quantile(share, latency, 0.95) + 1e-9);
      last = shown;
    }
    CHECK(share_in_quantile(0.0, latency, 0.99) == 0.0);
    CHECK(share_in_quantile(1.0, latency) == Approx(1.0));
  }
}

TEST_CASE("a prediction follows how often cores are shared by what bounds its layers") {
  const SharedCores cores{.slowdowns = {{Precision::f32, 1.5, 1.2, 1.1}}};
  LatencyReport report;
  report.latency.p50 = Milliseconds(10.0);
  report.layers = {{"a", "Conv", 0, 0, Milliseconds(5.0), Bound::compute},
                   {"b", "Dense", 0, 0, Milliseconds(4.0), Bound::memory},
                   {"c", "Relu", 0, 0, Milliseconds(0.002), Bound::memory}};
  const LatencyReport shared = at_share(report, cores, 0.0, 1.0);
  CHECK(shared.layers[0].latency.count() == Approx(6.0));
  CHECK(shared.layers[1].latency.count() == Approx(4.4));
  CHECK(shared.layers[2].latency.count() == Approx(0.003));  // brief, whatever bounds it
  CHECK(shared.latency.p50.count() == Approx(6.0 + 4.4 + 0.003 + 1.5 * 0.998));
  CHECK(at_share(shared, cores, 1.0, 0.0).latency.p50.count() == Approx(10.0));
  CHECK(SharedCores{}.slowdown(Precision::bf16, Bound::compute, 100.0) == SharedSlowdown{}.compute);
}

TEST_CASE("a profile of cores that were often shared predicts what is usual there") {
  MachineProfile profile = synthetic::machine();
  const RunConfig config{};
  const LatencyReport alone = predict(network(), config, profile);
  profile.shared_cores = {.looks = {{1, 10.0, 1.0, Persistence{{0.5, 0.0, 0.0, 0.25, 0.0}}}, {2, 10.0, 0.3}},
                          .slowdowns = {{Precision::f32, 1.5, 1.5, 1.5}}};
  CHECK(profile.shared_cores.share_of(1) == 1.0);
  CHECK(profile.shared_cores.share_of(3) == 0.3);
  const LatencyReport shared = predict(network(), config, profile);
  CHECK(shared.latency.p50 / alone.latency.p50 == Approx(1.5));
  CHECK(shared.latency.p99 / alone.latency.p99 == Approx(1.5));
  CHECK(shared.throughput_per_s * 1.5 == Approx(alone.throughput_per_s));
  CHECK_FALSE(alone.persistence);
  REQUIRE(shared.persistence);
  CHECK(*shared.persistence == in_runs_of(profile.shared_cores.looks[0].lasts, shared.latency.p50));
  CHECK(machine_profile_from_json(nlohmann::json::parse(profile_file_text(profile))) == profile);
}
