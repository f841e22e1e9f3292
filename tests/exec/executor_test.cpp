#include <fulcrum/exec/executor.hpp>

#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/exec/reference.hpp>

#include <support/catch.hpp>
#include <support/own_executor.hpp>

using namespace fulcrum;

namespace {
struct RunsNothing {};
}  // namespace

static_assert(StepTimingExecutor<OnednnExecutor> && StepTimingExecutor<ReferenceExecutor<float>>);
static_assert(Executor<test::SumExecutor> && !StepTimingExecutor<test::SumExecutor>);
static_assert(!Executor<ReferenceExecutor<double>> && !Executor<RunsNothing>);

TEST_CASE("all executors serve code that is written for any executor") {
  const Model<float> model = ModelBuilder<float>("m").input({4}).dense(3).build();
  const Tensor<float> src({2, 4}, 1.0F);
  ReferenceExecutor<float> reference(model, {.batch = 2});
  OnednnExecutor onednn(model, {.batch = 2});
  test::SumExecutor own(2, 4);
  CHECK(run(reference, {&src, 1}).front().dims() == Shape{2, 3});
  CHECK(run(onednn, {&src, 1}).front().dims() == Shape{2, 3});
  CHECK(run(own, {&src, 1}).front() == Tensor<float>({2, 1}, 4.0F));
}

TEST_CASE("sources that an executor does not take are refused before it runs") {
  test::SumExecutor own(2, 4);
  const std::vector<Tensor<float>> two(2, Tensor<float>({2, 4}));
  const std::vector<Tensor<float>> wide(1, Tensor<float>({2, 5}));
  CHECK_THROWS_WITH(run(own, two), ContainsSubstring("2 source(s)"));
  CHECK_THROWS_WITH(run(own, wide), ContainsSubstring("(2, 5)") && ContainsSubstring("(2, 4)"));
}
