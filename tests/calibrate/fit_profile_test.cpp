#include <fulcrum/calibrate/fit_profile.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {
/// Times on the synthetic machine, where a step takes its roofline time over an efficiency that depends on its output
/// channels.
std::vector<TimedStep> timed_steps(int count, std::uint64_t seed) {
  std::vector<TimedStep> timed;
  for (const Step& step : synthetic::conv_steps(count, seed)) {
    const double efficiency = 0.4 + 0.05 * std::log2(static_cast<double>(step.geometry.oc));
    timed.push_back({step, 1, roofline_point(step, synthetic::rates(), 1).time_us() / efficiency});
  }
  return timed;
}
}  // namespace

TEST_CASE("the peak is the highest rate of a layer that took long enough to be timed") {
  const Step big = synthetic::conv_step(1, 64, 64, 28, 3);
  const Step small = synthetic::conv_step(1, 1, 1, 4, 1);
  const double useful = big.flops * big.geometry.inside;
  const auto peaks = fit_peaks({{big, 1, 1000.0}, {big, 1, 2000.0}, {big, 2, 500.0}, {small, 1, 1e-6}});
  REQUIRE(peaks.size() == 2);
  CHECK(peaks[0].flop_per_s == Approx(useful / 1e-3));
  CHECK(peaks[1].threads == 2);
  CHECK(peaks[1].flop_per_s == Approx(useful / 5e-4));
}

TEST_CASE("the overhead is the shortest step of a thread count, less what its work takes") {
  const Step nothing = synthetic::conv_step(1, 1, 1, 4, 1);
  const Step work = synthetic::conv_step(1, 16, 32, 8, 3);  // 3 µs
  MachineRates rates = synthetic::rates();
  const double work_us = roofline_point(work, rates, 2).time_us() - rates.step_overhead_us(2);
  const auto overheads =
      fit_overheads({{nothing, 1, 3.0}, {nothing, 1, 0.5}, {work, 2, work_us + 2.0}, {work, 2, work_us + 3.0}}, rates);
  REQUIRE(overheads.size() == 2);
  CHECK(overheads[0].step_us == Approx(0.5).margin(0.01));
  CHECK(overheads[1].step_us == Approx(2.0));
}

TEST_CASE("efficiencies of a known machine are recovered for layers that were not timed") {
  MachineProfile profile = synthetic::machine();
  profile.efficiency = fit_efficiencies(timed_steps(120, 1), profile.rates);
  REQUIRE(profile.efficiency.size() == 1);
  CHECK(profile.efficiency[0].kernel == KernelClass::convolution);
  double worst = 0.0;
  for (const TimedStep& t : timed_steps(40, 77)) {
    const RooflinePoint roofline = roofline_point(t.step, profile.rates, 1);
    const double predicted = roofline.time_us() * std::exp(profile.slowdown(t.step, roofline, 1).log);
    worst = std::max(worst, std::abs(predicted / t.time_us - 1.0));
  }
  CHECK(worst < 0.1);
}

TEST_CASE("more samples than allowed are thinned out evenly") {
  const auto models = fit_efficiencies(timed_steps(90, 1), synthetic::rates(), 30);
  CHECK(models.at(0).samples.size() == 30);
}

TEST_CASE("contention is told apart into a factor and a cost per step") {
  std::vector<ContendedRun> runs;
  for (const auto& [alone, steps] : {std::pair{10.0, 5.0}, std::pair{100.0, 20.0}, std::pair{5000.0, 8.0}})
    runs.push_back({2, 2, alone, 1.5 * alone + 4.0 * steps, steps});
  const auto contention = fit_contention(runs);
  REQUIRE(contention.size() == 1);
  CHECK(contention[0].instances == 2);
  CHECK(contention[0].threads == 2);
  CHECK(contention[0].factor == Approx(1.5));
  CHECK(contention[0].extra_step_us == Approx(4.0));
}

TEST_CASE("running side by side is never believed to be a gain") {
  const auto contention = fit_contention({{2, 1, 100.0, 80.0, 5.0}, {2, 1, 10.0, 9.0, 5.0}});
  REQUIRE(contention.size() == 1);
  CHECK(contention[0].factor == 1.0);
  CHECK(contention[0].extra_step_us == 0.0);
}

TEST_CASE("jitter is relative to the median of its turn, and the middle one of the turns") {
  const auto turn = [](double median_ms, double last_ratio) {
    std::vector<double> times_ms(100, median_ms);
    times_ms.front() = 0.5 * median_ms;
    times_ms[50] = last_ratio * median_ms;
    return times_ms;
  };
  // A turn in which the machine was slow all the while says nothing of the tail, and one with an accident little.
  const Jitter jitter = jitter_from({turn(2.0, 1.5), turn(4.0, 1.25), turn(2.0, 100.0)}, 3, 2);
  CHECK(jitter.instances == 3);
  CHECK(jitter.threads == 2);
  CHECK(jitter.p50_ms == 2.0);
  CHECK(jitter.min_ratio == 0.5);
  CHECK(jitter.p90_ratio == 1.0);
  CHECK(jitter.p99_ratio == 1.5);
  CHECK(jitter.mean_ratio == Approx(1.0));
}

TEST_CASE("turns too short for a tail of their own are put together") {
  std::vector<std::vector<double>> turns(4, std::vector<double>(50, 1.0));
  turns[2].assign(50, 3.0);
  turns[2].back() = turns[2].front() = turns[2][25] = 9.0;
  const Jitter jitter = jitter_from(turns, 1, 1);
  CHECK(jitter.p95_ratio == 1.0);
  CHECK(jitter.p99_ratio == 3.0);  // 3 of 200
}

TEST_CASE("what shared cores cost is learnt from steps that were timed with it and without") {
  MachineRates rates;
  rates.peaks = {{Precision::f32, 1, 1e11}, {Precision::int8, 1, 4e11}};
  rates.overheads = {{1, 0.1, 1.0}};
  rates.bandwidths = {{"DRAM", 0.0, 1, 1e10}};
  const Step computes = synthetic::conv_step(1, 64, 64, 28, 3);
  Step moves = computes;
  moves.weight_bytes = 1e8;
  Step small = computes;
  small.flops = 1e4;
  std::vector<TimedStep> timed;
  for (int i = 0; i < 21; ++i) {
    const double scatter = 1.0 + 0.001 * (i - 10);
    timed.push_back({computes, 1, 700.0, 700.0 * 1.3 * scatter});
    timed.push_back({computes, 1, 700.0, 701.0});  // between two spells
    timed.push_back({moves, 1, 10000.0, 10000.0 * 1.05 * scatter});
    if (i < 5) timed.push_back({small, 1, 2.0, 20.0});  // too few to tell
  }
  timed.push_back({computes, 1, 910.0, 0.0, true});
  timed.push_back({moves, 1, 10500.0, 0.0, true});
  SharedCores cores{.slowdowns = fit_shared_slowdowns(timed, rates)};
  REQUIRE(cores.slowdowns.size() == 1);
  CHECK(cores.slowdowns[0].precision == Precision::f32);
  CHECK(cores.slowdowns[0].compute == Approx(1.3));
  CHECK(cores.slowdowns[0].memory == Approx(1.05));
  CHECK(cores.slowdowns[0].brief == SharedSlowdown{}.brief);

  const std::vector<TimedStep> alone = undisturbed(timed, cores, rates);
  CHECK(alone[alone.size() - 2].time_us == Approx(700.0));
  CHECK(alone.back().time_us == Approx(10000.0));
  CHECK(alone.front().time_us == 700.0);  // was
  const double brief_us = fit_overheads({{small, 1, 2.0}}, rates).at(0).step_us;
  CHECK(fit_overheads({{small, 1, 1.5, 0.0, true}, {small, 1, 2.0}}, rates).at(0).step_us == brief_us);
  CHECK(fit_overheads({{small, 1, 1.5, 0.0, true}}, rates).at(0).step_us < brief_us);  // where there is no other
}

TEST_CASE("an inference takes as much more than its steps as probes did, per precision and thread count") {
  const std::vector<TimedNetwork> networks{
      {Precision::f32, 1, 1050.0, 1000.0}, {Precision::f32, 1, 1040.0, 1000.0}, {Precision::f32, 1, 3000.0, 1000.0},
      {Precision::f32, 1, 42.0, 40.0},     {Precision::f32, 1, 11.0, 10.0},     {Precision::f32, 1, 104.0, 100.0},
      {Precision::int8, 2, 900.0, 1000.0}, {Precision::int8, 2, 50.0, 0.0},     {Precision::int8, 2, 9.0, 10.0}};
  std::vector<Composition> composition = fit_composition(networks);
  REQUIRE(composition.size() == 2);
  CHECK(composition[0].precision == Precision::f32);
  CHECK(composition[0].factor == Approx(1.05));
  CHECK(composition[0].networks == 3);
  CHECK(composition[1].factor == Approx(0.9));
  // Of short ones, what lies between the steps is a time.
  CHECK(fit_inference_overhead(networks, {}, 1) == Approx(2.0));
  CHECK(fit_inference_overhead(networks, {{Precision::f32, 1, 1.02, 0.0, 1}}, 1) == Approx(1.2));
  CHECK(fit_inference_overhead(networks, composition, 2) == 0.0);
  // Scatter that single steps explain is not counted again; a machine that never scatters is not believed.
  const auto network = [](double measured, double predicted, double sd) {
    return CheckedNetwork{Precision::f32, 1, measured, predicted, sd};
  };
  fit_networks({network(120.0, 100.0, 0.0), network(100.0, 100.0, 0.0), network(100.0, 120.0, 0.0)}, composition);
  CHECK(composition[0].factor == Approx(1.05));
  CHECK(composition[0].sd == Approx(1.4826 * std::log(1.2)));
  fit_networks({network(100.0, 100.0, 1.0)}, composition);
  CHECK(composition[0].sd == Approx(0.03));
  CHECK(composition[0].factor == Approx(1.05));
  // What all of them took longer is part of the factor; what they disagree about is not.
  fit_networks({network(110.0, 100.0, 0.0), network(110.0, 100.0, 0.0), network(110.0, 100.0, 0.0)}, composition);
  const double corrected = composition[0].factor;
  CHECK(corrected > 1.05 * 1.05);
  CHECK(corrected < 1.05 * 1.1);
  fit_networks({network(200.0, 100.0, 0.0), network(110.0, 100.0, 0.0), network(60.0, 100.0, 0.0)}, composition);
  CHECK(composition[0].factor == Approx(corrected).epsilon(0.01));
}

TEST_CASE("ranges become as wide as nine of ten networks need") {
  const std::vector<Composition> composition{{Precision::f32, 1, 1.0, 0.1, 0}};
  CHECK(fit_interval_scale({}, composition) == 1.0);
  std::vector<CheckedNetwork> networks;
  for (int i = 0; i < 400; ++i) {  // all of them 5 % too fast, and evenly up to 0.05 around that
    const double deviation = 0.05 * (2.0 * i / 399.0 - 1.0);
    networks.push_back({Precision::f32, 1, 1.05 * std::exp(deviation), 1.0, 0.0});
  }
  // Nine of ten lie within 0.045, where 0.1645 was said.
  CHECK(fit_interval_scale(networks, composition) == Approx(0.5).epsilon(0.05));
  for (CheckedNetwork& network : networks) network.measured_us = std::pow(network.measured_us, 5.0);
  CHECK(fit_interval_scale(networks, composition) == Approx(0.225 / 0.1645).epsilon(0.05));
  // A few say little.
  networks.resize(2);
  CHECK(fit_interval_scale(networks, composition) > 0.85);
}
