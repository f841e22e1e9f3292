#include <fulcrum/exec/onednn_executor.hpp>

#include <array>
#include <thread>

#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/passes/quantize.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/random_model.hpp>
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
