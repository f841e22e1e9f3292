#include <fulcrum/exec/executor.hpp>

#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/exec/reference.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
struct RunsNothing {};

/// Code that works with any executor.
template <Executor E>
std::int64_t rows_of(E& executor, const Tensor<float>& src) {
  return executor.run({&src, 1}).front().dim(0);
}
}  // namespace

static_assert(Executor<OnednnExecutor> && Executor<ReferenceExecutor<float>>);
static_assert(!Executor<ReferenceExecutor<double>> && !Executor<RunsNothing>);

TEST_CASE("both executors serve code that is written for any executor") {
  const Model<float> model = ModelBuilder<float>("m").input({4}).dense(3).build();
  const Tensor<float> src({2, 4}, 1.0F);
  ReferenceExecutor<float> reference(model);
  OnednnExecutor onednn(model, {.batch = 2});
  CHECK(rows_of(reference, src) == 2);
  CHECK(rows_of(onednn, src) == 2);
}
