#include <fulcrum/calibrate/detail/sparse_pair.hpp>

#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/sparse.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("layers that are timed dense and sparse are of bounded size, with about the density that is asked for") {
  Random random(3);
  for (int i = 0; i < 30; ++i) {
    const StepGeometry g = detail::draw_sparse_layer(random);
    const detail::Probe probe = detail::sparse_layer_probe(g, 0.3, random);
    RunConfig config{.batch = probe.batch, .slice = probe.batch};
    config.algorithms.sparse = UseAlgorithm::always;
    const Schedule schedule = make_schedule(probe.model, config, {.isa = "avx512"});
    REQUIRE(schedule.steps.size() == 1);
    const Step& step = schedule.steps[0].step;
    CHECK(step.algorithm == Algorithm::sparse);
    CHECK(step.density == Approx(0.3).margin(0.05));
    CHECK(sparse_kind(step.geometry) == sparse_kind(g));
    CHECK(step.geometry.oh == g.oh);
    CHECK(step.flops <= 6.1e8);
  }
}
