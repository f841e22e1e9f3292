#include <fulcrum/model/builder_options.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("layers without options have the plainest settings") {
  auto b = ModelBuilder<float>("m").input({4, 8, 8});
  CHECK(b.conv(6, 3).shape() == Shape{1, 6, 6, 6});
  CHECK(b.max_pool(2).shape() == Shape{1, 6, 3, 3});
  const Model<float> model = b.build();
  const auto& conv = std::get<Conv<float>>(model.node(1).layer);
  CHECK(conv.groups == 1);
  CHECK_FALSE(conv.bias.empty());
  CHECK(std::get<Pool>(model.node(2).layer).window.stride == Extent2{2, 2});
}

TEST_CASE("options say what a layer does beside its sizes") {
  auto b = ModelBuilder<float>("m").input({4, 8, 8});
  CHECK(b.conv(6, 3, {.stride = {2, 2}, .padding = 1, .groups = 2, .bias = false}).shape() == Shape{1, 6, 4, 4});
  CHECK(b.max_pool(3, {.stride = {2, 2}, .ceil_mode = true}).shape() == Shape{1, 6, 2, 2});
  const Model<float> model = b.build();
  const auto& conv = std::get<Conv<float>>(model.node(1).layer);
  CHECK(conv.weights.value->dims() == Shape{6, 2, 3, 3});
  CHECK(conv.bias.empty());
}

TEST_CASE("products are scaled and transposed as the options say") {
  auto b = ModelBuilder<float>("m").input({3, 4}, "a").input({5, 4}, "b");
  b.from(0).matmul(1, {.transpose_weights = true, .scale = 0.5F});
  CHECK(b.shape() == Shape{1, 3, 5});
  CHECK(std::get<MatMul>(b.build().node(2).layer) == MatMul{false, true, 0.5F});
}

TEST_CASE("a recurrent layer may read the sequence both ways, with or without biases") {
  auto b = ModelBuilder<float>("m").input({4, 6}).transpose({1, 0, 2});  // (steps, N, input)
  CHECK(
      b.gru(5, {.direction = RecurrentDirection::bidirectional, .bias = false, .linear_before_reset = true}).shape() ==
      Shape{4, 2, 1, 5});
  const Model<float> model = b.build();
  const auto& gru = std::get<Recurrent<float>>(model.node(2).layer);
  CHECK(gru.bias.empty());
  CHECK(gru.linear_before_reset);
  CHECK(gru.functions.size() == 4);
}

TEST_CASE("a recurrent layer begins with states and gives the last ones where it is told to") {
  auto b = ModelBuilder<float>("m").input({4, 6}).transpose({1, 0, 2});
  const NodeId x = b.last();
  const NodeId h = b.layer(Input{{1, batch_dim, 5}}, {}).last();
  const NodeId c = b.layer(Input{{1, batch_dim, 5}}, {}).last();
  CHECK(b.from(x).lstm(5, {.states = {h, c}, .with_last_states = true}).shape() == Shape{6, 1, 1, 5});
  CHECK(b.build().node(b.last()).src == std::vector<NodeId>{x, h, c});
  CHECK(b.from(x).gru(5, {.states = {h}, .with_last_states = true}).shape() == Shape{5, 1, 1, 5});
  CHECK_THROWS_WITH(b.from(x).gru(5, {.states = {h, c}}), ContainsSubstring("takes 1 to 2 sources"));
}
