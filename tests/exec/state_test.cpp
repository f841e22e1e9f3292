#include <fulcrum/exec/state.hpp>

#include <array>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/streaming_model.hpp>

using namespace fulcrum;

namespace {

StateBinding bind(const Model<float>& model, std::vector<State> states, std::int64_t batch = 1) {
  const std::vector<Shape> shapes = infer_shapes(model, batch);
  std::vector<Shape> src, dst;
  for (const NodeId id : model.inputs()) src.push_back(shapes[id]);
  for (const NodeId id : model.outputs()) dst.push_back(shapes[id]);
  return bind_states(model, std::move(states), std::move(src), std::move(dst));
}

/// x, s, k → x + s, and where it is largest, a whole number.
Model<float> with_an_index() {
  ModelBuilder<float> b("index");
  const NodeId x = b.input({4}, "x").last();
  const NodeId s = b.input({4}, "s").last();
  const NodeId k = b.input({1}, "k").last();
  const NodeId sum = b.from(x).add(s).last();
  const NodeId index = b.layer(ArgReduce{true, 1}, {sum}).last();
  static_cast<void>(k);
  Model<float> model = b.build();
  model.set_outputs({sum, index}, {"sum", "index"});
  return model;
}

}  // namespace

TEST_CASE("states are found by the names of inputs and of outputs or their layers") {
  const Model<float> model = test::streaming_model();
  const std::string layer = model.node(model.outputs()[2]).name;
  const StateBinding binding = bind(model, {{"h", "hn"}, {"c", layer}}, 3);
  REQUIRE(binding.states.size() == 2);
  CHECK(binding.states[0].src == 2);
  CHECK(binding.states[0].dst == 1);
  CHECK(binding.states[1].src == 3);
  CHECK(binding.states[1].dst == 2);
  CHECK(binding.states[0].shape == Shape{1, 3, 16});
  CHECK(binding.states[0].initial == Tensor<float>({1, 3, 16}));
  CHECK(binding.src == std::vector<std::size_t>{0, 1});
  CHECK(binding.dst == std::vector<std::size_t>{0, 3});
  CHECK(StateBinding::at(binding.src_shapes, binding.src) == std::vector<Shape>{{3, 24}, {3, 8}});
  CHECK(bind(model, {{"h", "hn", Tensor<float>(Shape{}, 2.0F)}}).states[0].initial == Tensor<float>({1, 1, 16}, 2.0F));
}

TEST_CASE("states that do not fit the model are refused in a sentence") {
  const Model<float> model = test::streaming_model();
  CHECK_THROWS_WITH(
      bind(model, {{"hidden", "hn"}}),
      ContainsSubstring("state 'hidden' = 'hn': names no input of model 'streaming'; it has 'x', 'tail'"));
  CHECK_THROWS_WITH(bind(model, {{"h", "h_n"}}),
                    ContainsSubstring("state 'h' = 'h_n': names no output of model 'streaming'; it has 'y', 'hn'"));
  CHECK_THROWS_WITH(bind(model, {{"h", "hn"}, {"h", "cn"}}), ContainsSubstring("names an input that is a state"));
  CHECK_THROWS_WITH(bind(model, {{"h", "hn"}, {"c", "hn"}}), ContainsSubstring("names an output that is a state"));
  CHECK_THROWS_WITH(bind(model, {{"tail", "hn"}}), ContainsSubstring("joins an output (1, 1, 16) to an input (1, 8)"));
  CHECK_THROWS_WITH(bind(model, {{"h", "hn", Tensor<float>({16})}}), ContainsSubstring("begins with"));
  const Model<float> index = with_an_index();
  CHECK(bind(index, {{"s", "sum"}}).dst == std::vector<std::size_t>{1});
  CHECK_THROWS_WITH(bind(index, {{"k", "index"}}), ContainsSubstring("an output of s64 to an input of f32"));
}

TEST_CASE("the next value of a state is written over it or beside it, and nothing is copied") {
  const Model<float> model = with_an_index();
  StateBinding binding = bind(model, {{"s", "sum", Tensor<float>({1, 4}, {1, 2, 3, 4})}});
  std::array<float, 4> x{};
  std::array<float, 1> k{};
  std::array<float, 1> index{};
  const std::array<const float*, 2> src{x.data(), k.data()};
  const std::array<float*, 1> dst{index.data()};
  const auto write = [](const detail::StateBuffers::Arrays& arrays, float value) {
    std::fill_n(arrays.dst[0], 4, value);
  };
  for (const bool in_place : {false, true}) {
    binding.states[0].in_place = in_place;
    detail::StateBuffers buffers(binding);
    CHECK_FALSE(buffers.empty());
    CHECK(buffers.at("s")[2] == 3.0F);
    const auto first = buffers.arrays(src, dst);
    CHECK(first.src[0] == x.data());
    CHECK(first.src[2] == k.data());
    CHECK(first.dst[1] == index.data());
    CHECK((first.src[1] == first.dst[0]) == in_place);
    const float* const written = first.dst[0];
    write(first, 5.0F);
    buffers.advance();
    CHECK(buffers.at("s").data() == written);
    CHECK(buffers.at("s")[2] == 5.0F);
    const auto apart = buffers.arrays(src, dst, true);
    CHECK(apart.src[1] == written);
    CHECK(apart.dst[0] != written);
    write(apart, 6.0F);
    CHECK(buffers.at("s")[2] == 5.0F);
    buffers.advance();
    CHECK(buffers.at("s")[2] == 6.0F);
    buffers.reset();
    CHECK(buffers.at("s")[2] == 3.0F);
    CHECK_THROWS_WITH(buffers.at("t"),
                      ContainsSubstring("state(\"t\"): is none of the executor's states; they are 's'"));
  }
  CHECK(detail::StateBuffers().empty());
}
