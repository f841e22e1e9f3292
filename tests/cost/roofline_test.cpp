#include <fulcrum/cost/roofline.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {
Step step_of(double flops, double activations, double weights) {
  Step step;
  step.flops = flops;
  step.src_bytes = activations;
  step.weight_bytes = weights;
  step.reuse_bytes = activations + weights;
  return step;
}
}  // namespace

TEST_CASE("much arithmetic on few bytes is bound by the peak") {
  const RooflinePoint point = roofline_point(step_of(1e9, 1e5, 0.0), synthetic::rates(), 1);
  CHECK(point.compute_us == Approx(1e4));  // 10⁹ FLOP at 10¹¹ FLOP/s: 10 ms
  CHECK(point.intensity_flop_per_byte == Approx(1e4));
  CHECK(point.attainable_flop_per_s == Approx(1e11));
  CHECK(point.time_us() == Approx(1e4 + 1.0));
  CHECK(bound_of(point, point.time_us()) == Bound::compute);
}

TEST_CASE("little arithmetic on many bytes is bound by memory") {
  const RooflinePoint point = roofline_point(step_of(1e6, 1e9, 0.0), synthetic::rates(), 1);
  CHECK(point.memory_us == Approx(1e5).epsilon(0.01));  // 10⁹ B at 10¹⁰ B/s
  CHECK(point.attainable_flop_per_s < 1e8);
  CHECK(bound_of(point, point.time_us()) == Bound::memory);
}

TEST_CASE("next to nothing is bound by the overhead") {
  const RooflinePoint point = roofline_point(step_of(100.0, 100.0, 0.0), synthetic::rates(), 1);
  CHECK(bound_of(point, point.time_us()) == Bound::overhead);
  // The same step, should it take a hundred times as long, is not.
  CHECK(bound_of(point, 100.0) != Bound::overhead);
}

TEST_CASE("weights come from where everything touched between two uses fits") {
  Step step = step_of(1e6, 1e3, 5e4);
  const double near = roofline_point(step, synthetic::rates(), 1).memory_us;
  step.reuse_bytes = 1e9;
  const double far = roofline_point(step, synthetic::rates(), 1).memory_us;
  CHECK(near == Approx(5.1e4 / 1e11 * 1e6).epsilon(1e-3));
  CHECK(far > 9.0 * near);
}

TEST_CASE("instances share the bandwidth but not the arithmetic") {
  const Step stream = step_of(1e6, 1e9, 0.0);
  const RooflinePoint alone = roofline_point(stream, synthetic::rates(), 1, 1);
  const RooflinePoint shared = roofline_point(stream, synthetic::rates(), 1, 2);
  CHECK(shared.memory_us == Approx(2.0 * alone.memory_us).epsilon(0.02));
  CHECK(shared.compute_us == alone.compute_us);
  // A set that fits the private caches of both is not slowed down.
  const Step small = step_of(1e6, 1e5, 0.0);
  CHECK(roofline_point(small, synthetic::rates(), 1, 2).memory_us ==
        Approx(roofline_point(small, synthetic::rates(), 1).memory_us).epsilon(1e-3));
}

TEST_CASE("taps in the padding take no time") {
  Step step = step_of(1e9, 1e5, 0.0);
  step.geometry.inside = 0.5;
  CHECK(roofline_point(step, synthetic::rates(), 1).compute_us == Approx(5e3));
}
