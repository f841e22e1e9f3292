#include <fulcrum/train/network.hpp>

#include <string>
#include <vector>

#include <fulcrum/model/builder.hpp>

#include <train/gradient_check.hpp>

using namespace fulcrum;
using test::check_gradients;
using test::random_tensor;

namespace {

/// Random scale, shift and biases, so that no gradient is right by being multiplied with 0 or 1.
Model<float> randomized(Model<float> model, std::uint64_t seed) {
  for_each_model_parameter(model, [&](NodeId id, const char* name, Parameter<float>& p) {
    if (std::string(name) == "weights") return;
    p = random_tensor<float>(p.value->dims(), seed + id, 0.5, 1.5);
  });
  return model;
}

ModelBuilder<float> builder(const Shape& sample) { return ModelBuilder<float>("m", 3).input(sample); }

}  // namespace

TEST_CASE("gradients of convolutions match finite differences") {
  check_gradients(builder({3, 6, 7}).conv(16, 3, {.padding = 1}).conv(5, 2).flatten().dense(4).build(), 3, 1);
  check_gradients(builder({2, 7, 8})
                      .conv(6, 3, {.stride = {2, 1}, .padding = {1, 0, 2, 1}, .dilation = {1, 2}, .bias = false})
                      .conv(4, Extent2{1, 3}, {.stride = {1, 2}})
                      .flatten()
                      .dense(3)
                      .build(),
                  2, 2);
  check_gradients(builder({3, 5, 5})
                      .conv(32, 1)
                      .conv(32, 3, {.padding = 1, .groups = 2})
                      .depthwise_conv(3, {.stride = {2, 2}, .padding = 1})
                      .conv(6, 1, {.groups = 2})
                      .flatten()
                      .dense(3)
                      .build(),
                  2, 3);
}

TEST_CASE("gradients of dense layers match finite differences") {
  check_gradients(builder({9}).dense(17).dense(8, false).dense(4).softmax().build(), 5, 4);
  check_gradients(builder({3, 4, 5}).dense(6).dense(2).flatten().dense(3).build(), 2, 5);
}

TEST_CASE("gradients of batch normalization, with the statistics of the batch, match finite differences") {
  check_gradients(randomized(builder({2, 4, 4})
                                 .conv(16, 3, {.bias = false})
                                 .batch_normalization()
                                 .relu()
                                 .conv(5, 2)
                                 .batch_normalization(1e-3)
                                 .flatten()
                                 .dense(3)
                                 .build(),
                             1),
                  4, 6);
  check_gradients(randomized(builder({7}).dense(6).batch_normalization().tanh().dense(3).build(), 2), 6, 7);
}

TEST_CASE("gradients of pooling match finite differences") {
  const auto after_conv = [] { return builder({2, 7, 6}).conv(16, 2, {.padding = 1}); };
  check_gradients(after_conv().max_pool(2).flatten().dense(3).build(), 2, 8);
  check_gradients(after_conv().max_pool(3, {.stride = {2, 1}, .padding = 1}).flatten().dense(3).build(), 2, 9);
  check_gradients(after_conv().max_pool(3, {.stride = {2, 2}, .ceil_mode = true}).flatten().dense(3).build(), 2, 10);
  check_gradients(after_conv().average_pool(3, {.stride = {2, 2}, .padding = 1}).flatten().dense(3).build(), 2, 11);
  check_gradients(after_conv()
                      .average_pool(3, {.stride = {2, 2}, .padding = 1, .count_include_pad = true})
                      .flatten()
                      .dense(3)
                      .build(),
                  2, 12);
  check_gradients(after_conv().average_pool(2, {.ceil_mode = true}).flatten().dense(3).build(), 2, 13);
  check_gradients(after_conv().global_average_pool().flatten().dense(3).build(), 2, 14);
  check_gradients(after_conv().global_max_pool().flatten().dense(3).build(), 2, 15);
}

TEST_CASE("a ReLU before max pooling trains as well as any other and keeps its place") {
  auto b = builder({2, 7, 6}).conv(16, 2, {.padding = 1}).relu().max_pool(3, {.stride = {2, 2}, .padding = 1});
  const NodeId trunk = b.last();
  const NodeId branch = b.conv(16, 1).relu().last();  // two layers take this one
  const NodeId pooled = b.max_pool(1).last();
  const Model<float> model =
      b.from(branch).concat({trunk, pooled}).conv(8, 2).relu().global_max_pool().flatten().dense(3).build();
  check_gradients(model, 3, 25);
  CHECK(TrainingNetwork(model, 3).model() == model);
}

TEST_CASE("gradients of every activation match finite differences") {
  const std::vector<Activation> activations{{ActivationKind::relu},
                                            {ActivationKind::leaky_relu, 0.1F},
                                            {ActivationKind::clip, -0.3F, 0.4F},
                                            {ActivationKind::sigmoid},
                                            {ActivationKind::tanh},
                                            {ActivationKind::elu, 0.7F},
                                            {ActivationKind::hard_sigmoid, 0.9F, 0.5F},
                                            {ActivationKind::hard_swish},
                                            {ActivationKind::swish, 1.3F},
                                            {ActivationKind::softplus},
                                            {ActivationKind::gelu},
                                            {ActivationKind::gelu_tanh}};
  REQUIRE(activations.size() == static_cast<std::size_t>(ActivationKind::gelu_tanh) + 1);
  for (const Activation& a : activations) {
    INFO(name_of(a.function));
    check_gradients(builder({2, 4, 4})
                        .conv(5, 2)
                        .activation(a.function, a.alpha, a.beta)
                        .flatten()
                        .dense(6)
                        .activation(a.function, a.alpha, a.beta)
                        .dense(3)
                        .build(),
                    3, 16);
  }
}

TEST_CASE("gradients of sums and products, broadcast or not, match finite differences") {
  const BinaryKind function = GENERATE(BinaryKind::add, BinaryKind::mul);
  INFO(name_of(function));
  SECTION("equal shapes") {
    auto b = builder({3, 5, 4});
    const NodeId left = b.conv(16, 3, {.padding = 1}).last();
    const NodeId right = b.from(0).conv(16, 1).relu().last();
    check_gradients(b.layer(Binary{function}, {left, right}).flatten().dense(3).build(), 2, 17);
  }
  SECTION("one factor per channel, computed from the value itself") {
    auto b = builder({3, 5, 4}).conv(16, 3, {.padding = 1});
    const NodeId value = b.last();
    const NodeId gate = b.global_average_pool().conv(16, 1).sigmoid().last();
    check_gradients(b.layer(Binary{function}, {gate, value}).flatten().dense(3).build(), 2, 18);
  }
  SECTION("both sources repeated, one of lower rank") {
    auto b = builder({3, 5, 4});
    const NodeId row = b.conv(6, Extent2{5, 1}).last();             // (n, 6, 1, 4)
    const NodeId column = b.from(0).conv(6, Extent2{1, 4}).last();  // (n, 6, 5, 1)
    const NodeId plane = b.layer(Binary{function}, {row, column}).last();
    const NodeId constant = b.layer(Constant<float>{random_tensor<float>({6, 1, 4}, 4)}, {}).last();
    check_gradients(b.layer(Binary{function}, {plane, constant}).flatten().dense(3).build(), 2, 19);
  }
  SECTION("a value with itself") {
    auto b = builder({6}).dense(5);
    check_gradients(b.layer(Binary{function}, {b.last(), b.last()}).dense(3).build(), 2, 20);
  }
  SECTION("the second source repeated over the batch") {
    auto b = builder({6}).dense(5);
    const NodeId value = b.last();
    const NodeId constant = b.layer(Constant<float>{random_tensor<float>({1, 5}, 4)}, {}).last();
    check_gradients(b.layer(Binary{function}, {value, constant}).dense(3).build(), 2, 20);
  }
}

TEST_CASE("gradients of concatenations match finite differences") {
  for (const std::int64_t channels : {16, 5}) {
    auto b = builder({2, 4, 5});
    const NodeId left = b.conv(channels, 3, {.padding = 1}).last();
    const NodeId right = b.from(0).conv(32, 1).last();
    check_gradients(b.from(left).concat({right, left}).conv(4, 2).flatten().dense(3).build(), 2, 21);
  }
  auto b = builder({2, 4, 5}).conv(6, 2);
  const NodeId top = b.last();
  const NodeId bottom = b.from(0).conv(6, 2).relu().last();
  check_gradients(b.from(top).concat({bottom, 0 + top}, 2).conv(20, 2).flatten().dense(3).build(), 2, 22);
}

TEST_CASE("gradients through reshapes and a softmax in the middle match finite differences") {
  check_gradients(builder({2, 4, 4})
                      .conv(16, 2)
                      .reshape({0, 8, -1})
                      .dense(5)
                      .softmax()
                      .flatten(-2)
                      .reshape({-1, 40})
                      .dense(3)
                      .build(),
                  2, 23);
  check_gradients(builder({2, 4, 4}).conv(16, 2).softmax(1).conv(3, 2).flatten().dense(3).softmax(0).dense(4).build(),
                  2, 24);
}

TEST_CASE("gradients of random small networks match finite differences") {
  for (std::uint64_t seed = 100; seed < 106; ++seed) {
    Random random(seed);
    auto b = ModelBuilder<float>("random", seed).input({2, 8, 8});
    std::vector<NodeId> same;  // values that can be added
    for (int depth = 0; depth < 5; ++depth) {
      switch (random.below(6)) {
        case 0: b.conv(16, 3, {.padding = 1}).relu(); break;
        case 1: b.conv(12, 3, {.padding = 1, .bias = false}).batch_normalization().swish(); break;
        case 2:
          if (b.shape()[2] >= 4) b.max_pool(2);
          break;
        case 3: {
          const NodeId shortcut = b.last();
          const std::int64_t channels = b.shape()[1];
          b.conv(channels, 3, {.padding = 1}).gelu().conv(channels, 1).add(shortcut);
          break;
        }
        case 4: {
          const NodeId trunk = b.last();
          const NodeId branch = b.conv(16, 1).tanh().last();
          b.from(trunk).concat({branch});
          break;
        }
        default: {
          const NodeId trunk = b.last();
          const std::int64_t channels = b.shape()[1];
          const NodeId gate = b.global_average_pool().conv(channels, 1).sigmoid().last();
          b.from(trunk).mul(gate);
        }
      }
    }
    INFO("seed " << seed);
    check_gradients(randomized(b.global_average_pool().flatten().dense(5).softmax().build(), seed), 3, seed, 4);
  }
}

TEST_CASE("a loss that takes the output itself gets the softmax at its end, with its gradient") {
  const Model<float> model = builder({2, 4, 4}).conv(5, 2).relu().flatten().dense(3).softmax().build();
  check_gradients(model, 3, 26, 6, LossInput::output);
  const auto src = random_tensor<float>({3, 2, 4, 4}, 1);
  TrainingNetwork network(model, 3, LossInput::output);
  const Tensor<float> dst = network.forward(src);
  for (std::int64_t i = 0; i < 3; ++i) CHECK(dst.at(i, 0) + dst.at(i, 1) + dst.at(i, 2) == Approx(1.0F));
}

TEST_CASE("gradients of the mean squared error of images match finite differences") {
  check_gradients(builder({2, 5, 4}).conv(6, 3, {.padding = 1}).tanh().conv(2, 1).build(), 2, 27, 6, LossInput::output);
}

TEST_CASE("running averages of batch normalization follow the batches") {
  auto b = builder({2}).dense(3);
  const Model<float> model = b.batch_normalization().dense(2).build();
  const auto src = random_tensor<float>({8, 2}, 5);
  TrainingNetwork network(model, 8);
  network.forward(src);
  network.forward(src);

  const auto value = ReferenceExecutor<float>(model).run_all(std::span(&src, 1))[*model.find("dense1")];
  const Model<float> trained = network.model();
  const auto& layer = std::get<BatchNormalization<float>>(trained.node(*trained.find("batchnormalization1")).layer);
  for (std::int64_t c = 0; c < 3; ++c) {
    double mean = 0.0;
    double square = 0.0;
    for (std::int64_t i = 0; i < 8; ++i) {
      mean += static_cast<double>(value.at(i, c)) / 8.0;
      square += static_cast<double>(value.at(i, c)) * static_cast<double>(value.at(i, c)) / 8.0;
    }
    const double after_two = 1.0 - 0.9 * 0.9;
    CHECK(static_cast<double>(layer.mean.value->at(c)) == Approx(after_two * mean).margin(1e-6));
    CHECK(static_cast<double>(layer.variance.value->at(c)) ==
          Approx(0.81 + after_two * (square - mean * mean)).epsilon(1e-5));
  }
}

TEST_CASE("layers that the logits do not depend on keep their weights") {
  auto b = builder({4}).dense(3);
  const NodeId kept = b.last();
  b.from(0).dense(7);
  const Model<float> model = b.from(kept).dense(2).softmax().build();
  TrainingNetwork network(model, 2);
  CHECK(network.parameters().size() == 4);
  for (const TrainableParameter& p : network.parameters()) CHECK(model.node(p.node).name != "dense2");
  network.parameters()[0].value.flat()[0] = 5.0F;
  const Model<float> changed = network.model();
  CHECK(changed.node(*changed.find("dense2")) == model.node(*model.find("dense2")));
  CHECK(std::get<Dense<float>>(changed.node(kept).layer).weights.value->flat()[0] == 5.0F);
  CHECK_FALSE(changed == model);
}

TEST_CASE("what cannot be trained is refused") {
  CHECK_THROWS_WITH(TrainingNetwork(builder({4}).relu().build(), 2), ContainsSubstring("nothing to train"));
  CHECK_THROWS_WITH(TrainingNetwork(builder({4}).input({4}, "second").dense(2).build(), 2),
                    ContainsSubstring("2 input(s)"));
  Model<float> quantized = builder({4}).dense(2).build();
  quantized.set_dst_quantization(0, Quantization{DType::u8, {0.1F}, {0}, -1});
  CHECK_THROWS_WITH(TrainingNetwork(quantized, 2), ContainsSubstring("is quantized"));
  TrainingNetwork network(builder({4}).dense(2).build(), 2);
  CHECK_THROWS_WITH(network.forward(Tensor<float>(Shape{3, 4})), ContainsSubstring("(3, 4)"));
  CHECK_THROWS_WITH(network.backward(Tensor<float>(Shape{2, 3})), ContainsSubstring("(2, 3)"));
}
