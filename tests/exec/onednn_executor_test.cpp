#include <fulcrum/exec/onednn_executor.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <thread>

#include <fulcrum/analysis/independent_samples.hpp>
#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/exec/streaming_executor.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/zoo/speech_lstm.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/random_model.hpp>
#include <support/streaming_model.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

Shape input_shape(const Model<float>& model, std::int64_t batch) {
  return with_batch(std::get<Input>(model.node(model.inputs().front()).layer).shape, batch);
}

/// A random network as the precision runs it.
Model<float> random_model_in(Precision precision, std::uint64_t seed, bool other_zero_points = false) {
  Model<float> model = test::random_model(seed);
  if (precision != Precision::int8) return model;
  model = quantize_post_training(model, test::random_tensor<float>(input_shape(model, 16), 99), onednn_runner()).model;
  return other_zero_points ? test::with_other_zero_points(std::move(model), seed) : model;
}

/// The worst difference from the reference over batches and threads; every run is made twice and must repeat itself.
double worst_difference(const Model<float>& model, Precision precision, std::uint64_t seed) {
  double worst = 0.0;
  for (const auto& [batch, threads] : {std::pair<std::int64_t, int>{1, 2}, {3, 1}, {8, 2}}) {
    const Tensor<float> src = test::random_tensor<float>(input_shape(model, batch), seed + 17);
    const Tensor<float> expected =
        ReferenceExecutor<float>(model, {.quantized = precision == Precision::int8}).run({&src, 1}).front();
    OnednnExecutor executor(model, {.batch = batch, .threads = threads, .precision = precision});
    const Tensor<float> dst = executor.run({&src, 1}).front();
    REQUIRE(executor.run({&src, 1}).front() == dst);
    worst = std::max(worst, test::relative_difference(dst, expected));
  }
  return worst;
}

}  // namespace

TEST_CASE("random networks agree with the reference in every precision") {
  const Precision precision = GENERATE(Precision::f32, Precision::bf16, Precision::int8);
  if (!cpu_supports(precision)) return;  // refused, as onednn_model_test checks
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    Model<float> model("none");
    try {
      model = random_model_in(precision, seed);
    } catch (const Error& error) {  // a network without a layer that has an int8 form
      REQUIRE_THAT(error.what(), ContainsSubstring("no "));
      continue;
    }
    if (precision == Precision::int8 && !is_quantized(model)) continue;
    INFO("seed " << seed << ", precision " << name_of(precision));
    CHECK(worst_difference(model, precision, seed) <= test::relative_tolerance(precision));
  }
}

TEST_CASE("one compiled model serves executors on several threads with one set of weights") {
  const Model<float> model = test::random_model(3);
  const auto compiled = OnednnModel::compile(model, {.batch = 2});
  const Tensor<float> src = test::random_tensor<float>(input_shape(model, 2), 1);
  const Tensor<float> expected = OnednnExecutor(compiled).run({&src, 1}).front();
  std::array<bool, 4> same{};
  std::array<std::thread, 4> threads;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&, i] {
      OnednnExecutor executor(compiled);
      same[i] = true;
      for (int run = 0; run < 10; ++run) same[i] = same[i] && executor.run({&src, 1}).front() == expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(same == std::array<bool, 4>{true, true, true, true});
}

TEST_CASE("a batch in slices gives what the whole batch gives, run after run") {
  int cut = 0;
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const Model<float> model = test::random_model(seed);
    if (!samples_are_independent(model, 6, 1)) continue;
    ++cut;
    const Tensor<float> src = test::random_tensor<float>(input_shape(model, 6), seed);
    const Tensor<float> expected = ReferenceExecutor<float>(model).run({&src, 1}).front();
    for (const auto& [slice, threads] : {std::pair<std::int64_t, int>{1, 2}, {2, 2}, {3, 1}, {2, 4}}) {
      INFO("seed " << seed << ", slices of " << slice << ", " << threads << " threads");
      OnednnExecutor executor(model, {.batch = 6, .threads = threads, .slice = slice});
      CHECK(executor.compiled().slices().count == 6 / slice);
      CHECK(executor.compiled().src_shapes().front() == input_shape(model, 6));
      const Tensor<float> dst = executor.run({&src, 1}).front();
      CHECK(test::relative_difference(dst, expected) <= test::relative_tolerance(Precision::f32));
      OnednnExecutor moved = std::move(executor);
      CHECK(moved.run({&src, 1}).front() == dst);
    }
  }
  CHECK(cut >= 8);
}

TEST_CASE("recurrent networks in slices give what the whole batch gives") {
  const RecurrentOptions both_ways{.direction = RecurrentDirection::bidirectional};
  auto b = ModelBuilder<float>("text", 5).input({3, 8, 12}).conv(8, 3, {.padding = 1}).relu().mean({2}, false);
  b.transpose({2, 0, 1}).lstm(20, both_ways).transpose({0, 2, 1, 3}).reshape({12, -1, 40}).gru(9);
  const Model<float> model = b.reshape({12, -1, 9}).tanh().transpose({1, 0, 2}).dense(7).softmax().build();
  for (const Model<float>& each : {model, speech_lstm<float>(1, 3)}) {
    if (!samples_are_independent(each, 6, 1)) FAIL("samples are apart");
    const Tensor<float> src = test::random_tensor<float>(input_shape(each, 6), 3);
    const Tensor<float> expected = OnednnExecutor(each, {.batch = 6, .slice = 6}).run({&src, 1}).front();
    for (const auto& [slice, threads] : {std::pair<std::int64_t, int>{1, 2}, {2, 2}, {3, 1}}) {
      INFO(each.name() << ", slices of " << slice << ", " << threads << " threads");
      OnednnExecutor executor(each, {.batch = 6, .threads = threads, .slice = slice});
      CHECK(executor.compiled().slices().count == 6 / slice);
      CHECK(test::relative_difference(executor.run({&src, 1}).front(), expected) <=
            test::relative_tolerance(Precision::f32));
    }
  }
}

TEST_CASE("steps of slices have times too") {
  const Model<float> model = ModelBuilder<float>("m").input({3, 16, 16}).conv(16, 3).relu().flatten().dense(4).build();
  OnednnExecutor executor(model, {.batch = 8, .threads = 2, .slice = 2});
  const OnednnModel& compiled = executor.compiled();
  CHECK(to_string(compiled.slices()) == "4 slices of 2 samples, 2 at a time");
  CHECK_THAT(compiled.notes().back(), ContainsSubstring("4 slices of 2 samples"));
  const auto whole = OnednnModel::compile(model, {.batch = 8, .threads = 2, .slice = 8});
  CHECK_FALSE(whole->slices().cut());
  double flops = 0.0, flops_of_whole = 0.0;
  for (const StepInfo& step : compiled.steps()) flops += step.flops;
  for (const StepInfo& step : whole->steps()) flops_of_whole += step.flops;
  CHECK(flops == Approx(flops_of_whole));

  const Tensor<float> src = test::random_tensor<float>({8, 3, 16, 16}, 1);
  const Tensor<float> expected = executor.run({&src, 1}).front();
  Tensor<float> dst(expected.dims());
  const std::array<const float*, 1> from{src.flat().data()};
  const std::array<float*, 1> to{dst.flat().data()};
  std::vector<std::chrono::nanoseconds> times(compiled.steps().size());
  executor.execute_timed(from, to, times);
  CHECK(dst == expected);
  for (const auto time : times) CHECK(time.count() > 0);
  executor.time_step(0, from, to, times);
  for (const auto time : times) CHECK(time.count() > 0);
}

TEST_CASE("an index out of range in one slice is refused and leaves the executor usable") {
  Model<float> model("m");
  const NodeId table = model.add({"table", Constant<float>{test::random_tensor<float>({5, 3}, 1)}, {}, {}});
  const NodeId indices = model.add({"indices", Input{{batch_dim, 2}, ElementType::s64}, {}, {}});
  model.set_outputs({model.add({"embedding", Gather{0}, {table, indices}, {}})});
  OnednnExecutor executor(model, {.batch = 8, .threads = 2, .slice = 1});
  CHECK(executor.compiled().steps().front().bytes == 4.0 * 8 * (2 * 3 + 2 + 2 * 3));  // of the table, what is taken
  Tensor<float> src({8, 2}, 1.0F);
  const std::vector<Tensor<float>> expected = ReferenceExecutor<float>(model).run({&src, 1});
  CHECK(executor.run({&src, 1}) == expected);
  src.flat()[9] = 5.0F;
  CHECK_THROWS_WITH(executor.run({&src, 1}), ContainsSubstring("layer 'embedding'"));
  src.flat()[9] = 1.0F;
  CHECK(executor.run({&src, 1}) == expected);
}

TEST_CASE("slices that cannot be are refused") {
  const Model<float> model = ModelBuilder<float>("m").input({4}).dense(3).build();
  CHECK_THROWS_WITH(OnednnModel::compile(model, {.batch = 4, .slice = 3}), ContainsSubstring("does not divide"));
  CHECK_THROWS_WITH(OnednnModel::compile(model, {.batch = 4, .slice = -1}), ContainsSubstring("does not divide"));
  Model<float> mixing = model;
  mixing.set_outputs({mixing.add({"mean", Reduce{ReduceKind::mean, {0}, true}, {mixing.outputs()[0]}, {}})});
  CHECK_THROWS_WITH(OnednnModel::compile(mixing, {.batch = 4, .slice = 2}), ContainsSubstring("mixes the samples"));
  CHECK_FALSE(OnednnModel::compile(mixing, {.batch = 4})->slices().cut());
}

TEST_CASE("timed execution gives the same result and a time for every step") {
  const Model<float> model = test::random_model(5);
  OnednnExecutor executor(model, {.batch = 2});
  const Tensor<float> src = test::random_tensor<float>(input_shape(model, 2), 1);
  const Tensor<float> expected = executor.run({&src, 1}).front();
  Tensor<float> dst(expected.dims());
  std::vector<std::chrono::nanoseconds> times(executor.compiled().steps().size());
  const std::array<const float*, 1> from{src.flat().data()};
  const std::array<float*, 1> to{dst.flat().data()};
  executor.execute_timed(from, to, times);
  CHECK(dst == expected);
  for (const auto time : times) CHECK(time.count() > 0);
  times.pop_back();
  CHECK_THROWS_WITH(executor.execute_timed(from, to, times), ContainsSubstring("room for"));
}

TEST_CASE("sources of another shape or number are refused") {
  OnednnExecutor executor(ModelBuilder<float>("m").input({4}).dense(3).build(), {.batch = 2});
  const std::vector<Tensor<float>> wrong{Tensor<float>({3, 4})};
  CHECK_THROWS_WITH(executor.run(wrong), ContainsSubstring("(3, 4)"));
  CHECK_THROWS_WITH(executor.run({}), ContainsSubstring("0 source"));
}

namespace {

const std::vector<State> all_states{{"tail", "new_tail"}, {"h", "hn"}, {"c", "cn"}};

Tensor<float> of(std::span<const float> elements, const Shape& shape) { return Tensor<float>(shape, elements); }

}  // namespace

TEST_CASE("a sequence with states gives what a model gives that is handed them from step to step") {
  const Model<float> model = test::streaming_model();
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    if (!cpu_supports(precision)) continue;
    for (const auto& [batch, threads] : {std::pair<std::int64_t, int>{1, 1}, {1, 2}, {5, 2}}) {
      INFO(name_of(precision) << ", batch " << batch << ", " << threads << " threads");
      const RunConfig config{.batch = batch, .threads = threads, .precision = precision};
      OnednnExecutor by_hand(model, config);
      OnednnExecutor streaming(model, config, all_states);
      StreamingExecutor reference(ReferenceExecutor<float>(model, {.batch = batch}), model, all_states);
      CHECK(streaming.src_shapes() == std::vector<Shape>{{batch, 24}});
      CHECK(streaming.dst_shapes() == std::vector<Shape>{{batch, 3}});
      CHECK(streaming.states().states.size() == 3);
      Tensor<float> tail({batch, 8}), h({1, batch, 16}), c({1, batch, 16});
      for (std::uint64_t step = 0; step < 12; ++step) {
        const Tensor<float> x = test::random_tensor<float>({batch, 24}, step);
        const std::vector<Tensor<float>> expected = by_hand.run(std::vector<Tensor<float>>{x, tail, h, c});
        const Tensor<float> y = streaming.run({&x, 1}).front();
        CHECK(y == expected[0]);
        CHECK(test::relative_difference(y, reference.run({&x, 1}).front()) <= test::relative_tolerance(precision));
        h = expected[1];
        c = expected[2];
        tail = expected[3];
        CHECK(of(streaming.state("h"), h.dims()) == h);
        CHECK(of(streaming.state("c"), c.dims()) == c);
        CHECK(of(streaming.state("tail"), tail.dims()) == tail);
      }
    }
  }
}

TEST_CASE("a state is written where it lies unless some step reads it afterwards") {
  const auto compiled = OnednnModel::compile(test::streaming_model(), {}, all_states);
  for (const BoundState& state : compiled->states().states) {
    INFO(state.input);
    CHECK(state.in_place);  // the LSTM and the join have read it before the slices write
  }
  // s' = x + s; y = s' · s reads s once s' is there.
  ModelBuilder<float> b("apart");
  const NodeId x = b.input({6}, "x").last();
  const NodeId s = b.input({6}, "s").last();
  const NodeId next = b.from(x).add(s).last();
  const NodeId y = b.from(next).mul(s).last();
  Model<float> model = b.build();
  model.set_outputs({y, next}, {"y", "next"});
  const auto apart = OnednnModel::compile(model, {.batch = 2}, {{"s", "next", Tensor<float>(Shape{}, 1.0F)}});
  CHECK_FALSE(apart->states().states[0].in_place);
  CHECK(apart->memory().activations >= 2 * 12 * sizeof(float));
  OnednnExecutor executor(apart);
  StreamingExecutor reference(ReferenceExecutor<float>(model, {.batch = 2}), model,
                              {{"s", "next", Tensor<float>(Shape{}, 1.0F)}});
  for (std::uint64_t step = 0; step < 5; ++step) {
    const Tensor<float> src = test::random_tensor<float>({2, 6}, step);
    CHECK(test::relative_difference(executor.run({&src, 1}).front(), reference.run({&src, 1}).front()) <=
          test::relative_tolerance(Precision::f32));
  }
}

TEST_CASE("executors of one compiled model have states of their own, to be saved, restored and reset") {
  const auto compiled = OnednnModel::compile(test::streaming_model(), {}, all_states);
  OnednnExecutor one(compiled), other(compiled);
  const auto run = [](OnednnExecutor& executor, std::uint64_t step) {
    const Tensor<float> x = test::random_tensor<float>({1, 24}, step);
    return executor.run({&x, 1}).front();
  };
  std::vector<Tensor<float>> results;
  for (std::uint64_t step = 0; step < 4; ++step) results.push_back(run(one, step));
  CHECK(results[1] != run(one, 1));  // another state
  for (std::uint64_t step = 0; step < 4; ++step) {
    if (step == 2) {  // goes on elsewhere
      for (const char* name : {"tail", "h", "c"}) {
        const std::span<const float> from = other.state(name);
        std::copy(from.begin(), from.end(), one.state(name).begin());
      }
      CHECK(run(one, step) == results[step]);
    }
    CHECK(run(other, step) == results[step]);
  }
  other.reset_states();
  CHECK(run(other, 0) == results[0]);
  OnednnExecutor moved = std::move(other);
  CHECK(run(moved, 1) == results[1]);
  CHECK_THROWS_WITH(moved.state("x"), ContainsSubstring("they are 'tail', 'h', 'c'"));
  CHECK_THROWS_WITH(OnednnExecutor(test::streaming_model(), {}).state("h"),
                    ContainsSubstring("name them when the model is compiled"));
  CHECK_THROWS_WITH(OnednnModel::compile(test::streaming_model(), {}, {{"h", "y"}}), ContainsSubstring("joins"));
}

TEST_CASE("states are cut into slices with their batch") {
  ModelBuilder<float> b("moving_average", 3);
  const NodeId x = b.input({4, 9, 9}, "x").last();
  const NodeId s = b.input({8, 9, 9}, "s").last();
  const NodeId next = b.from(x).conv(8, 3, {.padding = 1}).add(s).tanh().last();
  const NodeId y = b.global_average_pool().flatten().dense(5).last();
  Model<float> model = b.build();
  model.set_outputs({y, next}, {"y", "next"});
  for (const auto& [slice, threads] : {std::pair<std::int64_t, int>{6, 1}, {1, 2}, {2, 2}, {3, 1}}) {
    INFO("slices of " << slice << ", " << threads << " threads");
    OnednnExecutor executor(model, {.batch = 6, .threads = threads, .slice = slice}, {{"s", "next"}});
    CHECK(executor.compiled().slices().count == 6 / slice);
    CHECK(executor.state("s").size() == 6 * 8 * 9 * 9);
    StreamingExecutor reference(ReferenceExecutor<float>(model, {.batch = 6}), model, {{"s", "next"}});
    std::vector<std::chrono::nanoseconds> times(executor.steps().size());
    for (std::uint64_t step = 0; step < 4; ++step) {
      const Tensor<float> src = test::random_tensor<float>({6, 4, 9, 9}, step);
      const Tensor<float> expected = reference.run({&src, 1}).front();
      Tensor<float> actual({6, 5});
      const float* from = src.flat().data();
      float* to = actual.flat().data();
      if (step % 2 == 0)
        executor.execute({&from, 1}, {&to, 1});
      else
        executor.execute_timed({&from, 1}, {&to, 1}, times);
      CHECK(test::relative_difference(actual, expected) <= test::relative_tolerance(Precision::f32));
    }
  }
  CHECK_THROWS_WITH(OnednnModel::compile(test::streaming_model(), {.batch = 4, .slice = 2}, {{"tail", "hn"}}),
                    ContainsSubstring("slice 2"));
}

TEST_CASE("a NaN stays in a state until it is reset") {
  ModelBuilder<float> b("decay", 2);
  const NodeId x = b.input({3, 5, 5}, "x").last();
  const NodeId s = b.input({6, 5, 5}, "s").last();
  const NodeId next = b.from(x).conv(6, 3, {.padding = 1}).relu().add(s).relu().last();
  Model<float> model = b.build();
  const NodeId y = model.add({"y", Activation{ActivationKind::relu}, {next}, {}});
  model.set_outputs({y, next}, {"y", "next"});
  OnednnExecutor executor(model, {}, {{"s", "next"}});
  StreamingExecutor reference(ReferenceExecutor<float>(model), model, {{"s", "next"}});
  for (int step = 0; step < 5; ++step) {
    INFO("step " << step);
    Tensor<float> src = test::random_tensor<float>({1, 3, 5, 5}, static_cast<std::uint64_t>(step));
    if (step == 1) src.flat()[30] = std::numeric_limits<float>::quiet_NaN();
    if (step == 4) {
      executor.reset_states();
      reference.reset_states();
    }
    const Tensor<float> actual = executor.run({&src, 1}).front();
    CHECK(test::relative_difference(actual, reference.run({&src, 1}).front()) <=
          test::relative_tolerance(Precision::f32));
    const bool has_nan = std::any_of(actual.flat().begin(), actual.flat().end(), [](float v) { return std::isnan(v); });
    CHECK(has_nan == (step >= 1 && step <= 3));
  }
}
