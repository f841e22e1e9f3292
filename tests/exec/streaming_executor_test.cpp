#include <fulcrum/exec/streaming_executor.hpp>

#include <fulcrum/exec/reference.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/streaming_model.hpp>

using namespace fulcrum;

TEST_CASE("an executor with states gives what one gives that is handed them from step to step") {
  const Model<float> model = test::streaming_model();
  ReferenceExecutor<float> plain(model, {.batch = 2});
  StreamingExecutor streaming(ReferenceExecutor<float>(model, {.batch = 2}), model,
                              {{"c", "cn", Tensor<float>(Shape{}, 0.25F)}, {"h", "hn"}, {"tail", "new_tail"}});
  CHECK(streaming.src_shapes() == std::vector<Shape>{{2, 24}});
  CHECK(streaming.dst_shapes() == std::vector<Shape>{{2, 3}});
  CHECK(streaming.states().states.size() == 3);
  std::vector<Tensor<float>> first;
  for (int sequence = 0; sequence < 2; ++sequence) {
    Tensor<float> tail({2, 8}), h({1, 2, 16}), c({1, 2, 16}, 0.25F);
    for (std::uint64_t step = 0; step < 5; ++step) {
      const Tensor<float> x = test::random_tensor<float>({2, 24}, step);
      const std::vector<Tensor<float>> expected = plain.run(std::vector<Tensor<float>>{x, tail, h, c});
      const std::vector<Tensor<float>> actual = streaming.run({&x, 1});
      REQUIRE(actual.size() == 1);
      CHECK(actual[0] == expected[0]);
      h = expected[1];
      c = expected[2];
      tail = expected[3];
      CHECK(std::equal(h.flat().begin(), h.flat().end(), streaming.state("h").begin()));
    }
    streaming.reset_states();
  }
}

TEST_CASE("states of any executor are named as its model has them") {
  const Model<float> model = test::streaming_model();
  const auto with = [&](std::vector<State> states) {
    return StreamingExecutor(ReferenceExecutor<float>(model), model, std::move(states));
  };
  CHECK_THROWS_WITH(with({{"h", "y"}}), ContainsSubstring("joins an output (1, 3) to an input (1, 1, 16)"));
  auto executor = with({{"h", "hn"}});
  CHECK_THROWS_WITH(executor.state("c"), ContainsSubstring("they are 'h'"));
  CHECK_THROWS_WITH(executor.execute({}, {}), ContainsSubstring("give 3 and 3"));
}
