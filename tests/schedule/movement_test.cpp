#include <fulcrum/schedule/movement.hpp>

#include <algorithm>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

#include <support/catch.hpp>

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

std::vector<std::string> kinds(const std::vector<ScheduledStep>& steps) {
  std::vector<std::string> result;
  for (const ScheduledStep& entry : steps) result.push_back(entry.step.kind + " " + entry.step.name);
  return result;
}
}  // namespace

TEST_CASE("without having seen a machine, values move when their type changes") {
  const Model<float> model = network();
  const auto f32 = expected_steps(make_schedule(model, {1, 1, 1, Precision::f32}, {}), {});
  CHECK(f32.size() == 4);
  const auto bf16 = expected_steps(make_schedule(model, {1, 1, 1, Precision::bf16}, {}), {});
  REQUIRE(bf16.size() == 5);
  CHECK(bf16[0].step.kind == "Reorder");
  CHECK(bf16[0].step.name == "input");
  CHECK(bf16[0].step.src == DType::f32);
  CHECK(bf16[0].step.dst == DType::bf16);
  CHECK(bf16[0].step.kernel == KernelClass::movement);
  CHECK(bf16[0].step.bytes() == 3 * 8 * 8 * (4.0 + 2.0));
}

TEST_CASE("an int8 model rounds its input once") {
  const auto steps = expected_steps(make_schedule(network(), {1, 1, 1, Precision::int8}, {}), {});
  CHECK(kinds(steps) == std::vector<std::string>{"Reorder input", "Conv+Relu conv1", "MaxPool maxpool1", "Dense dense1",
                                                 "Softmax softmax1"});
}

TEST_CASE("what was seen on a machine decides") {
  const Schedule steps = make_schedule(network(), {1, 1, 1, Precision::f32}, {});
  std::vector<LayoutChange> seen;
  for (const ValueEdge& edge : value_edges(steps)) {
    seen.push_back(edge.place);
    seen.back().reorders = edge.place.from == "input" ? 0.9 : 0.1;
  }
  const auto moved = expected_steps(steps, seen);
  REQUIRE(moved.size() == 5);
  CHECK(moved[0].step.kind == "Reorder");
  CHECK(moved[0].step.name == "input");
  // Seen in another precision, it says nothing of this one.
  for (LayoutChange& change : seen) change.precision = Precision::int8;
  CHECK(expected_steps(steps, seen).size() == 4);
}

TEST_CASE("ways are told apart by their ends, their channels and whether the type changes") {
  const auto edges = value_edges(make_schedule(network(), {1, 1, 1, Precision::bf16}, {}));
  REQUIRE(edges.size() == 6);
  CHECK(edges[0].place.from == "input");
  CHECK(edges[0].place.to == "convolution");
  CHECK(edges[0].place.channels == 3);
  CHECK(edges[0].place.converts);
  CHECK(edges[1].place.from == "convolution");
  CHECK(edges[1].place.to == "pooling");
  CHECK(edges[1].place.channels == 16);
  CHECK_FALSE(edges[1].place.converts);
  // Flatten reads rows and gives rows.
  CHECK(edges[2].place.from == "pooling");
  CHECK(edges[2].place.to == "view");
  CHECK(edges[3].place.from == "view");
  CHECK(edges[3].place.to == "dense");
  CHECK(edges[3].place.channels == 0);
  CHECK(edges[5].place.to == "output");
  CHECK(edges[5].before == 4);
}

TEST_CASE("a value goes through a view as often as it goes to the user, and its type changes before its layout") {
  const Schedule plan = make_schedule(network(), {1, 1, 1, Precision::bf16}, {});
  const auto moves = [&](const std::vector<LayoutChange>& seen) {
    std::vector<std::string> result;
    for (const ScheduledStep& entry : expected_steps(plan, seen)) {
      if (entry.step.kind == "Reorder")
        result.push_back(entry.step.name + " " + std::string(name_of(entry.step.src)) + " " +
                         std::string(name_of(entry.step.dst)));
    }
    return result;
  };
  // The network's pooling was never seen before a view; it was before the user.
  const std::vector<LayoutChange> seen{{Precision::bf16, "input", "convolution", true, 3, 1.9},
                                       {Precision::bf16, "pooling", "output", true, 16, 2.0}};
  CHECK(moves(seen) == std::vector<std::string>{"input f32 bf16", "input bf16 bf16", "flatten1 bf16 bf16"});
}

TEST_CASE("narrow groups and the ways to move elements are places of their own") {
  Step step;
  step.kernel = KernelClass::grouped_convolution;
  step.geometry = {.ic = 64, .oc = 64, .groups = 4};
  CHECK(place_of(step) == "grouped_convolution");
  step.geometry.groups = 8;
  CHECK(place_of(step) == "narrow_grouped_convolution");
  step.kernel = KernelClass::movement;
  step.movement = Movement::permuted;
  CHECK(place_of(step) == "permuted");
  step.movement = Movement::joined;
  CHECK(place_of(step) == "joined");
  step.kernel = KernelClass::sparse_convolution;
  CHECK(place_of(step) == "convolution");
}

TEST_CASE("a value that two steps want alike is moved once") {
  auto b = ModelBuilder<float>("fork");
  b.input({8, 8, 8});
  const NodeId input = b.last();
  b.conv(8, 1);
  const NodeId left = b.last();
  b.from(input).conv(8, 1).mul(left);
  const Model<float> model = std::move(b).build();
  const auto steps = expected_steps(make_schedule(model, {1, 1, 1, Precision::bf16}, {}), {});
  int moves = 0;
  for (const ScheduledStep& entry : steps) moves += entry.step.kind == "Reorder" && entry.step.name == "input";
  CHECK(moves == 1);
}

TEST_CASE("a sum copies a residual that others still need") {
  auto b = ModelBuilder<float>("copy");
  b.input({8, 8, 8}).conv(8, 1).relu();
  const NodeId before = b.last();
  b.conv(8, 3, {.padding = 1}).add(before);
  const auto steps = expected_steps(make_schedule(std::move(b).build(), {1, 1, 1, Precision::f32}, {}), {});
  CHECK(kinds(steps) == std::vector<std::string>{"Conv+Relu conv1", "Reorder relu1", "Conv+Add conv2"});
}

TEST_CASE("a float-only step of an int8 model is surrounded by conversions") {
  auto b = ModelBuilder<float>("swish");
  b.input({8, 8, 8}).conv(8, 1).relu().max_pool(2).sigmoid().conv(8, 1);
  const auto steps = expected_steps(make_schedule(std::move(b).build(), {1, 1, 1, Precision::int8}, {}), {});
  const auto names = kinds(steps);
  REQUIRE(names.size() >= 5);
  const auto sigmoid = std::find(names.begin(), names.end(), "Sigmoid sigmoid1");
  REQUIRE(sigmoid != names.end());
  CHECK(*(sigmoid + 1) == "Reorder sigmoid1");
}

TEST_CASE("a Concat whose sources are computed in its result costs nothing on a machine where that was seen") {
  ModelBuilder<float> b("branches");
  const NodeId left = b.input({8, 6, 6}).conv(8, 1).last();
  const Model<float> model = b.from(0).conv(8, 1).concat({left}).conv(4, 1).build();
  const auto joins = [&](std::int64_t batch, const std::vector<LayoutChange>& seen) {
    const auto steps = expected_steps(make_schedule(model, {batch, 1, 1, Precision::f32}, {}), seen);
    return std::count_if(steps.begin(), steps.end(),
                         [](const ScheduledStep& entry) { return entry.step.kind == "Concat"; });
  };
  CHECK(joins(1, {}) == 1);
  const LayoutChange seen{Precision::f32, "sources", "joined_sample", false, 16, 0.0};
  CHECK(joins(1, {seen}) == 0);
  CHECK(joins(4, {seen}) == 1);
}

TEST_CASE("expected steps are those of the schedule, and movements between them") {
  const Schedule schedule = make_schedule(network(), {1, 1, 1, Precision::bf16}, {});
  const ExpectedSteps expected(schedule, {});
  REQUIRE(expected.in_order().size() == schedule.steps.size() + 1);
  CHECK(expected.in_order().front()->step.kind == "Reorder");
  for (std::size_t i = 0; i < schedule.steps.size(); ++i) CHECK(expected.in_order()[i + 1] == &schedule.steps[i]);
}
