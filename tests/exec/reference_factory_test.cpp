#include <fulcrum/exec/reference_factory.hpp>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/quantize.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {
Model<float> dense_and_relu() { return ModelBuilder<float>("dense and relu", 3).input({4}).dense(6).relu().build(); }
}  // namespace

TEST_CASE("the reference runs for code that takes any executor, in f32 and in the meaning of int8") {
  const Model<float> model = dense_and_relu();
  const Tensor<float> src = test::random_tensor<float>({5, 4}, 1);
  AnyExecutor f32 = reference_executors()(model, {.batch = 5}).instance();
  CHECK(run(f32, {&src, 1}) == ReferenceExecutor<float>(model).run({&src, 1}));

  const ModelRunner runner = [](const Model<float>& m, std::span<const Tensor<float>> sources) {
    return ReferenceExecutor<float>(m).run(sources);
  };
  const Model<float> quantized = quantize_post_training(model, src, runner).model;
  AnyExecutor int8 = reference_executors()(quantized, {.batch = 5, .precision = Precision::int8}).instance();
  CHECK(run(int8, {&src, 1}) == ReferenceExecutor<float>(quantized, {.quantized = true}).run({&src, 1}));
  CHECK_FALSE(run(int8, {&src, 1}) == run(f32, {&src, 1}));
}

TEST_CASE("the reference says that it is slow and on how many threads it runs") {
  CHECK(reference_executors()(dense_and_relu(), {}).notes.size() == 1);
  const PreparedModel two = reference_executors()(dense_and_relu(), {.threads = 2});
  REQUIRE(two.notes.size() == 2);
  CHECK_THAT(two.notes[1], ContainsSubstring("one thread"));
  CHECK(two.openmp_threads == 0);
}

TEST_CASE("what the reference does not compute is refused") {
  const ExecutorFactory reference = reference_executors();
  CHECK_THROWS_WITH(reference(dense_and_relu(), {.precision = Precision::bf16}), ContainsSubstring("f32"));
  CHECK_THROWS_WITH(reference(dense_and_relu(), {.precision = Precision::int8}), ContainsSubstring("not quantized"));
  CHECK_THROWS_WITH(reference(dense_and_relu(), {.layer_precision = {{"dense1", Precision::bf16}}}),
                    ContainsSubstring("whole model"));
  CHECK_THROWS_WITH(reference(dense_and_relu(), {.batch = 0}), ContainsSubstring("batch: is 0"));
}
