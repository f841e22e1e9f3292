#include <fulcrum/schedule/plane_chains.hpp>

#include <algorithm>
#include <string>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

ModelBuilder<float> block() {
  ModelBuilder<float> b("block", 1);
  b.input({32, 28, 28}).conv(192, 1).relu6().depthwise_conv(3, {.padding = 1}).relu6().conv(32, 1);
  return b;
}

Schedule planned(ModelBuilder<float> b, UseAlgorithm use, const char* isa = "avx512", bool keeps_nan = false) {
  const Model<float> model = prune(std::move(b).build(), {.sparsity = 0.9}).model;
  return make_schedule(model, {.algorithms = {.sparse = use}}, {.isa = isa}, keeps_nan);
}

std::int64_t in_chains(const Schedule& schedule) {
  return std::count_if(schedule.steps.begin(), schedule.steps.end(),
                       [](const ScheduledStep& entry) { return entry.in_chain; });
}

}  // namespace

TEST_CASE("a depthwise convolution between sparse products is planned in planes, and neither turns anything for it") {
  const Schedule schedule = planned(block(), UseAlgorithm::automatic);
  REQUIRE(schedule.steps.size() == 3);
  CHECK(in_chains(schedule) == 3);
  CHECK(schedule.loses_nan);
  const Step& first = schedule.steps[0].step;
  const Step& middle = schedule.steps[1].step;
  const Step& last = schedule.steps[2].step;
  CHECK(first.algorithm == Algorithm::sparse);
  CHECK(middle.algorithm == Algorithm::threaded_loops);
  CHECK(middle.kernel == KernelClass::depthwise_convolution);
  CHECK(last.algorithm == Algorithm::sparse);
  CHECK(schedule.steps[0].in_planes);
  CHECK(schedule.steps[1].in_planes);
  CHECK_FALSE(schedule.steps[2].in_planes);
  CHECK(first.turned_bytes == 4.0 * 32 * 28 * 28);
  CHECK(middle.turned_bytes == 0.0);
  CHECK(last.turned_bytes == 4.0 * 32 * 28 * 28);
}

TEST_CASE("what somebody else reads, what is forbidden and what keeps NaN stays with the channels innermost") {
  CHECK(in_chains(planned(block(), UseAlgorithm::never)) == 0);
  CHECK(in_chains(planned(block(), UseAlgorithm::automatic, "sse4.1")) == 0);
  CHECK(in_chains(planned(block(), UseAlgorithm::automatic, "avx512", true)) == 0);
  CHECK(in_chains(planned(block(), UseAlgorithm::always, "sse4.1")) == 3);

  // Two layers take what the depthwise convolution makes.
  ModelBuilder<float> b("two", 1);
  b.input({32, 28, 28}).conv(64, 1).relu6().depthwise_conv(3, {.padding = 1}).relu6();
  const NodeId both = b.last();
  b.conv(64, 1).add(both);
  CHECK(in_chains(planned(std::move(b), UseAlgorithm::always)) == 0);

  // A sum behind it, a depthwise convolution of two results a channel, and one that no product makes the source of.
  ModelBuilder<float> sum("sum", 1);
  sum.input({32, 28, 28}).conv(64, 1);
  const NodeId before = sum.last();
  sum.relu().depthwise_conv(3, {.padding = 1}).add(before).conv(64, 1);
  CHECK(in_chains(planned(std::move(sum), UseAlgorithm::always)) == 0);
  ModelBuilder<float> wide("wide", 1);
  wide.input({32, 28, 28}).conv(64, 1).conv(128, 3, {.padding = 1, .groups = 64}).conv(64, 1);
  CHECK(in_chains(planned(std::move(wide), UseAlgorithm::always)) == 0);
  ModelBuilder<float> first("first", 1);
  first.input({32, 28, 28}).depthwise_conv(3, {.padding = 1}).conv(64, 1);
  CHECK(in_chains(planned(std::move(first), UseAlgorithm::always)) == 0);
}

TEST_CASE("layers that keep all their weights stay dense beside a depthwise convolution") {
  const Model<float> model = block().build();
  CHECK(in_chains(make_schedule(model, {}, {.isa = "avx512"})) == 0);
}

TEST_CASE("windows that are read where they lie take less in planes than others") {
  StepGeometry g;
  g.ic = g.oc = g.groups = 144;
  g.ih = g.iw = g.oh = g.ow = 56;
  g.kh = g.kw = 3;
  for (const int threads : {1, 2, 8}) {
    StepGeometry dilated = g;
    dilated.dilation = 2;
    CHECK(depthwise_times(g, threads).in_planes > 0.0);
    CHECK(depthwise_times(dilated, threads).in_planes > 2.0 * depthwise_times(g, threads).in_planes);
    CHECK(depthwise_times(dilated, threads).innermost == depthwise_times(g, threads).innermost);
  }
}
