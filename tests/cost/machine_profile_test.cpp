#include <fulcrum/cost/machine_profile.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

TEST_CASE("a profile speaks of its own machine") {
  const MachineProfile profile = synthetic::machine();
  CHECK_NOTHROW(check_profile_matches(profile, profile.environment));
  Environment elsewhere = profile.environment;
  elsewhere.affinity = {4, 5};
  elsewhere.versions.clear();  // not known: nothing to object to
  CHECK_NOTHROW(check_profile_matches(profile, elsewhere));
}

TEST_CASE("a profile of another machine is refused with whose it is and what to do") {
  const MachineProfile profile = synthetic::machine();
  Environment other = profile.environment;
  SECTION("another CPU") {
    other.cpu = "Another CPU";
    CHECK_THROWS_WITH(check_profile_matches(profile, other), ContainsSubstring("'Synthetic CPU'") &&
                                                                 ContainsSubstring("'Another CPU'") &&
                                                                 ContainsSubstring("fulcrum calibrate"));
  }
  SECTION("other instruction sets") {
    other.isa = "avx2";
    CHECK_THROWS_WITH(check_profile_matches(profile, other),
                      ContainsSubstring("avx512 vnni") && ContainsSubstring("'avx2'"));
  }
  SECTION("other limits") {
    other.cores = 1;
    CHECK_THROWS_WITH(check_profile_matches(profile, other), ContainsSubstring("cores is 2, here it is 1"));
  }
  SECTION("another oneDNN") {
    other.versions["oneDNN"] = "3.7.3";
    CHECK_THROWS_WITH(check_profile_matches(profile, other), ContainsSubstring("2.6.3") && ContainsSubstring("3.7.3"));
  }
}

TEST_CASE("a configuration takes what a profile knows of sparse products, for a model that has some") {
  MachineProfile profile = synthetic::machine();
  profile.sparse_costs = {{SparseKind::rows, 2, {1.0}, {0.5}}};
  Model<float> model = ModelBuilder<float>("net").input({100}).dense(10).build();
  CHECK(calibrated({}, model, profile) == RunConfig{});
  auto& weights = std::get<Dense<float>>(model.edit_layer(1)).weights.value.edit();
  for (std::size_t i = 0; i < weights.flat().size(); i += 2) weights.flat()[i] = 0.0F;
  CHECK(calibrated({}, model, profile).algorithms.sparse_costs == profile.sparse_costs);
  RunConfig own;
  own.algorithms.sparse_costs = {{SparseKind::windows, 1, {2.0}, {1.0}}};
  CHECK(calibrated(own, model, profile) == own);
}

TEST_CASE("one instance has nobody to contend with") {
  MachineProfile profile = synthetic::machine();
  profile.contention = {{2, 1, 1.2, 0.5}, {2, 2, 2.5, 8.0}};
  CHECK(profile.contention_of(1, 2).factor == 1.0);
  CHECK(profile.contention_of(2, 1).factor == 1.2);
  CHECK(profile.contention_of(2, 2).extra_step_us == 8.0);
  // Twice as many on the same cores wait twice as long.
  CHECK(profile.contention_of(4, 2).factor == Approx(5.0));
  CHECK(synthetic::machine().contention_of(2, 1).factor == 1.0);
}

TEST_CASE("the tail is interpolated between lengths of inference and taken from the nearest thread count") {
  MachineProfile profile = synthetic::machine();
  profile.jitter = {{1, 1, 0.1, 0.9, 1.2, 1.5, 1.6, 3.0, 9.0},
                    {1, 1, 10.0, 0.9, 1.0, 1.1, 1.2, 1.4, 2.0},
                    {1, 2, 1.0, 0.9, 1.0, 1.1, 1.2, 5.0, 2.0},
                    {2, 1, 1.0, 0.9, 1.0, 1.1, 1.2, 6.0, 2.0}};
  CHECK(profile.statistics_of(0.01, 1, 1).p99.count() == Approx(0.03));
  CHECK(profile.statistics_of(10.0, 1, 1).p99.count() == Approx(14.0));
  CHECK(profile.statistics_of(1.0, 1, 1).p99.count() == Approx(2.2));
  CHECK(profile.statistics_of(100.0, 1, 2).p99.count() == Approx(500.0));
  CHECK(profile.statistics_of(100.0, 2, 1).p99.count() == Approx(600.0));
  CHECK(profile.statistics_of(100.0, 2, 2).p99.count() == Approx(500.0));
  CHECK(profile.statistics_of(1.0, 1, 1).p50.count() == 1.0);
  CHECK(synthetic::machine().statistics_of(3.0, 1, 1).p99.count() == 3.0);
}

TEST_CASE("efficiency between two thread counts lies between theirs") {
  MachineProfile profile = synthetic::machine();
  const Step step = synthetic::conv_step(1, 16, 16, 8, 3);
  const RooflinePoint roofline = roofline_point(step, profile.rates, 1);
  const std::size_t width = efficiency_features(step, roofline).size();
  for (const auto& [threads, slowdown] : {std::pair{1, 0.2}, std::pair{4, 0.6}}) {
    EfficiencyModel model;
    model.threads = threads;
    model.trend.assign(width + 1, 0.0);
    model.trend[0] = slowdown;
    model.samples = {{efficiency_features(step, roofline), slowdown, 0.0}};
    profile.efficiency.push_back(model);
  }
  CHECK(profile.slowdown(step, roofline, 1).log == Approx(0.2));
  CHECK(profile.slowdown(step, roofline, 2).log == Approx(0.4));
  CHECK(profile.slowdown(step, roofline, 64).log == Approx(0.6));
  // A precision that was not calibrated borrows from f32; a class that was not is taken at its roofline.
  Step bf16 = step;
  bf16.arithmetic = Precision::bf16;
  CHECK(profile.slowdown(bf16, roofline, 1).log == Approx(0.2));
  Step pool = step;
  pool.kernel = KernelClass::pooling;
  CHECK(profile.slowdown(pool, roofline, 1).log == 0.0);
}
