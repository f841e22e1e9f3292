#include <fulcrum/exec/any_executor.hpp>

#include <stdexcept>
#include <utility>

#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/own_executor.hpp>

using namespace fulcrum;

TEST_CASE("an executor behind AnyExecutor is the same executor") {
  AnyExecutor any = test::SumExecutor(2, 3);
  CHECK(any.src_shapes() == std::vector<Shape>{{2, 3}});
  CHECK(any.dst_shapes() == std::vector<Shape>{{2, 1}});
  const Tensor<float> src({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(run(any, {&src, 1}).front() == Tensor<float>({2, 1}, {6, 15}));
  AnyExecutor moved = std::move(any);
  CHECK(run(moved, {&src, 1}).front() == Tensor<float>({2, 1}, {6, 15}));
}

TEST_CASE("steps are timed where the executor times them, and are none where it does not") {
  const Tensor<float> src({2, 4}, 1.0F);
  Tensor<float> dst({2, 3});
  const std::vector<const float*> from{src.flat().data()};
  const std::vector<float*> to{dst.flat().data()};
  AnyExecutor onednn = OnednnExecutor(ModelBuilder<float>("m").input({4}).dense(3).build(), {.batch = 2});
  REQUIRE_FALSE(onednn.steps().empty());
  std::vector<std::chrono::nanoseconds> times(onednn.steps().size());
  onednn.execute_timed(from, to, times);
  for (const auto time : times) CHECK(time.count() > 0);

  AnyExecutor own = test::SumExecutor(2, 4);
  CHECK(own.steps().empty());
  own.execute_timed(from, to, {});
  CHECK(dst.flat()[0] == 4.0F);
  CHECK_THROWS_WITH(own.execute_timed(from, to, times), ContainsSubstring("times"));
}

TEST_CASE("what an executor throws comes out as it is") {
  AnyExecutor any = test::SumExecutor(1, 1, [] { throw std::domain_error("of its own"); });
  const Tensor<float> src({1, 1});
  CHECK_THROWS_AS(run(any, {&src, 1}), std::domain_error);
}
