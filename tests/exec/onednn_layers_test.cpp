// Settings of single layers and shapes of graphs that random networks meet too seldom.
#include <fulcrum/exec/onednn.hpp>

#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/passes/quantize.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/random_model.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

/// The worst difference from the reference over the model's outputs, for a batch of two.
double difference(const Model<float>& model, Precision precision = Precision::f32,
                  Roundings roundings = Roundings::keep) {
  std::vector<Tensor<float>> src;
  for (const NodeId id : model.inputs()) {
    src.push_back(test::random_tensor<float>(with_batch(std::get<Input>(model.node(id).layer).shape, 2), 40 + id));
  }
  const auto expected = ReferenceExecutor<float>(model, {.quantized = roundings == Roundings::keep}).run(src);
  const auto dst = OnednnExecutor(model, {.batch = 2, .precision = precision, .roundings = roundings}).run(src);
  REQUIRE(dst.size() == expected.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < dst.size(); ++i) {
    worst = std::max(worst, test::relative_difference(dst[i], expected[i]));
  }
  return worst;
}

constexpr double exact = test::relative_tolerance(Precision::f32);

Model<float> quantized(const Model<float>& model) {
  const Shape shape = with_batch(std::get<Input>(model.node(model.inputs().front()).layer).shape, 8);
  return quantize_post_training(model, test::random_tensor<float>(shape, 99), onednn_runner(),
                                int8_options_for_this_cpu())
      .model;
}

}  // namespace

TEST_CASE("every activation agrees with its definition, alone and after a convolution") {
  using enum ActivationKind;
  for (const auto& [kind, alpha, beta] :
       std::initializer_list<std::tuple<ActivationKind, float, float>>{{relu, 0, 0},
                                                                       {leaky_relu, 0.1F, 0},
                                                                       {clip, -0.3F, 0.4F},
                                                                       {sigmoid, 0, 0},
                                                                       {tanh, 0, 0},
                                                                       {elu, 0.7F, 0},
                                                                       {hard_swish, 0, 0},
                                                                       {hard_sigmoid, 0.3F, 0.4F},
                                                                       {swish, 1.5F, 0},
                                                                       {softplus, 0, 0},
                                                                       {gelu, 0, 0},
                                                                       {gelu_tanh, 0, 0}}) {
    INFO(name_of(kind));
    CHECK(difference(ModelBuilder<float>("m").input({5, 7}).activation(kind, alpha, beta).build()) <= exact);
    const Model<float> fused =
        ModelBuilder<float>("m", 3).input({4, 6, 6}).conv(8, 3).activation(kind, alpha, beta).conv(3, 1).build();
    CHECK(difference(fused) <= exact);
    CHECK(difference(quantized(fused), Precision::int8) <= test::relative_tolerance(Precision::int8));
  }
}

TEST_CASE("sums and products broadcast as in NumPy, on either side") {
  for (const BinaryKind kind : {BinaryKind::add, BinaryKind::mul}) {
    for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{{{3, 4, 5}, {3, 4, 5}},
                                                                   {{3, 4, 5}, {3, 1, 1}},
                                                                   {{3, 1, 1}, {3, 4, 5}},
                                                                   {{3, 1, 5}, {1, 4, 5}},
                                                                   {{1, 4, 1}, {3, 1, 5}},
                                                                   {{3, 4, 5}, {1, 1, 1}}}) {
      ModelBuilder<float> builder("m");
      const NodeId left = builder.input(a, "a").last();
      const NodeId right = builder.input(b, "b").last();
      builder.layer(Binary{kind}, {left, right}).relu();
      INFO(name_of(kind) << " of " << to_string(a) << " and " << to_string(b));
      CHECK(difference(builder.build()) <= exact);
    }
  }
  ModelBuilder<float> builder("scalar");
  const NodeId value = builder.input({3, 4}).last();
  const NodeId scalar = builder.layer(Constant<float>{Tensor<float>(Shape{}, 2.5F)}, {}).last();
  CHECK(difference(builder.layer(Binary{BinaryKind::mul}, {scalar, value}).build()) <= exact);
}

TEST_CASE("convolutions agree on windows that hang far over the edge or leave part of the source unread") {
  Random random(11);
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bound)));
  };
  const std::array<std::int64_t, 4> channels{1, 3, 16, 20};
  for (int run = 0; run < 25; ++run) {
    ModelBuilder<float> builder("m", static_cast<std::uint64_t>(run));
    builder.input({channels[static_cast<std::size_t>(below(4))], 4 + below(9), 4 + below(9)});
    const Extent2 kernel{1 + below(4), 1 + below(4)};
    ConvOptions options{{1 + below(4), 1 + below(4)}, {below(6), below(6), below(6), below(6)}};
    options.dilation = {1 + below(2), 1 + below(2)};
    const Shape src = builder.shape();
    for (std::size_t axis = 0; axis < 2; ++axis) {  // the window must fit
      const std::int64_t span = options.dilation[axis] * (kernel[axis] - 1) + 1;
      if (span > src[axis + 2]) (axis == 0 ? options.padding.top : options.padding.left) += span;
    }
    const Model<float> model = test::with_random_parameters(builder.conv(8, kernel, options).build(), 1);
    INFO("run " << run << ": source " << to_string(src) << ", kernel " << kernel[0] << "×" << kernel[1]);
    for (const Precision precision : all_precisions) {
      if (!cpu_supports(precision)) continue;
      const Model<float> run_model = precision == Precision::int8 ? quantized(model) : model;
      CHECK(difference(run_model, precision) <= test::relative_tolerance(precision));
    }
  }
}

TEST_CASE("quantized networks with other zero points agree with the reference") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Model<float> model = test::random_model(seed);
    if (std::none_of(model.nodes().begin(), model.nodes().end(), [](const Node<float>& node) {
          return std::holds_alternative<Conv<float>>(node.layer) || std::holds_alternative<Dense<float>>(node.layer);
        })) {
      continue;
    }
    INFO("seed " << seed);
    model = test::with_other_zero_points(quantized(model), seed);
    CHECK(difference(model, Precision::int8) <= test::relative_tolerance(Precision::int8));
  }
}

TEST_CASE("an int8 result is within one step of its scale") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    ModelBuilder<float> builder("m", seed);
    builder.input({16, 9, 9}).conv(24, 3, {.padding = 1}).relu();
    const NodeId shortcut = builder.last();
    builder.conv(24, 3, {.padding = 1}).add(shortcut).relu();
    const NodeId sum = builder.last();
    builder.max_pool(2).conv(8, 1);
    Model<float> model = quantized(test::with_random_parameters(builder.build(), seed));
    model.set_outputs({shortcut, sum});
    const Tensor<float> src = test::random_tensor<float>({2, 16, 9, 9}, seed);
    const auto expected = ReferenceExecutor<float>(model, {.quantized = true}).run({&src, 1});
    const auto dst = OnednnExecutor(model, {.batch = 2, .precision = Precision::int8}).run({&src, 1});
    for (const std::size_t i : {0, 1}) {
      const float step = model.node(model.outputs()[i]).dst_quantization->scale[0];
      double worst = 0.0;
      for (std::size_t k = 0; k < dst[i].flat().size(); ++k) {
        worst = std::max(worst, std::abs(static_cast<double>(dst[i].flat()[k]) - expected[i].flat()[k]) / step);
      }
      CHECK(worst <=
            test::int8_steps * static_cast<double>(i + 1));  // the sum also takes what one step of its source makes
    }
  }
}

TEST_CASE("any values may be outputs: inputs, constants, views, values that others read, one value twice") {
  ModelBuilder<float> builder("m", 2);
  const NodeId input = builder.input({6, 5, 5}).last();
  const NodeId constant = builder.layer(Constant<float>{test::random_tensor<float>({6, 1, 1}, 1)}, {}).last();
  const NodeId conv = builder.from(input).conv(6, 3, {.padding = 1}).last();
  const NodeId sum = builder.add(input).relu().last();
  const NodeId flat = builder.flatten().last();
  const NodeId view = builder.from(conv).reshape({0, 3, -1}).last();
  const NodeId scaled = builder.from(sum).mul(constant).last();
  builder.from(flat).dense(4);
  Model<float> model = builder.build();
  model.set_outputs({input, constant, conv, sum, flat, view, scaled, sum, model.outputs().front()});
  CHECK(difference(model) <= exact);
  if (cpu_supports(Precision::bf16)) CHECK(difference(model, Precision::bf16) <= 0.02);
}

TEST_CASE("random networks agree in every value they compute, so none is overwritten too early") {
  for (std::uint64_t seed = 30; seed < 45; ++seed) {
    Model<float> model = fold_batch_normalization(test::random_model(seed)).model;
    Random random(seed);
    std::vector<NodeId> outputs = model.outputs();
    for (const FusionGroup& group : fusion_groups(model)) {
      if (random.below(3) == 0) outputs.push_back(group.dst);
    }
    model.set_outputs(outputs);
    INFO("seed " << seed);
    CHECK(difference(model) <= exact);
  }
}

TEST_CASE("a flattened convolution reaches the dense layer without a step between") {
  for (const Precision precision : all_precisions) {
    if (!cpu_supports(precision)) continue;
    Model<float> model = ModelBuilder<float>("m", 4).input({16, 6, 6}).conv(20, 3).flatten().dense(7).build();
    if (precision == Precision::int8) model = quantized(model);
    CHECK(difference(model, precision) <= test::relative_tolerance(precision));
    const auto compiled = OnednnModel::compile(model, {.batch = 2, .precision = precision});
    REQUIRE(compiled->steps().size() >= 2);
    CHECK(compiled->steps().back().kind == "Dense");
    CHECK(compiled->steps()[compiled->steps().size() - 2].kind == "Conv");
  }
}

TEST_CASE("a residual sum whose operand dies is made in place") {
  ModelBuilder<float> builder("m", 4);
  builder.input({16, 8, 8}).conv(16, 3, {.padding = 1}).relu();
  const NodeId shortcut = builder.last();
  builder.conv(16, 3, {.padding = 1}).relu().conv(16, 3, {.padding = 1}).add(shortcut).relu().conv(4, 1);
  const Model<float> model = builder.build();
  std::vector<std::string> kinds;
  const auto compiled = OnednnModel::compile(model, {.batch = 2});
  for (const StepInfo& step : compiled->steps()) {
    if (step.kind != "Reorder") kinds.push_back(step.kind);
  }
  CHECK(kinds == std::vector<std::string>{"Conv+Relu", "Conv+Relu", "Conv+Add+Relu", "Conv"});
  CHECK(difference(model) <= exact);
  CHECK(difference(quantized(model), Precision::int8) <= test::relative_tolerance(Precision::int8));
}

TEST_CASE("a quantized model runs in f32 with its roundings, or without them by its float weights") {
  const Model<float> model =
      ModelBuilder<float>("m", 4).input({3, 8, 8}).conv(8, 3).relu().max_pool(2).flatten().dense(5).build();
  const Model<float> with_scales = quantized(model);
  CHECK(difference(with_scales) <= test::relative_tolerance(Precision::int8));
  CHECK(difference(with_scales, Precision::f32, Roundings::leave_out) <= exact);
  if (cpu_supports(Precision::bf16))
    CHECK(difference(with_scales, Precision::bf16) <= test::relative_tolerance(Precision::bf16));
  const Tensor<float> src = test::random_tensor<float>({2, 3, 8, 8}, 1);
  const auto in_f32 = OnednnExecutor(model, {.batch = 2}).run({&src, 1});
  CHECK(OnednnExecutor(with_scales, {.batch = 2, .roundings = Roundings::leave_out}).run({&src, 1}) == in_f32);
  CHECK_FALSE(OnednnExecutor(with_scales, {.batch = 2}).run({&src, 1}) == in_f32);
  const RunConfig int8{.precision = Precision::int8, .roundings = Roundings::leave_out};
  CHECK_THROWS_WITH(OnednnModel::compile(with_scales, int8), ContainsSubstring("cannot be left out"));
}

TEST_CASE("the clamp of a rounding stays in every precision") {
  // Zero point 0 of u8: what is below 0 goes, as in a ReLU.
  Model<float> model = ModelBuilder<float>("m", 4).input({3, 8, 8}).conv(8, 3).conv(4, 1).build();
  model.set_dst_quantization(*model.find("conv1"), Quantization{DType::u8, {0.01F}, {0}, -1});
  CHECK(difference(model) <= test::relative_tolerance(Precision::int8));
  CHECK(difference(model, Precision::int8) <= test::relative_tolerance(Precision::int8));
  CHECK(difference(model, Precision::f32, Roundings::leave_out) <= exact);
}

TEST_CASE("a model that rounds its values per channel is refused with the layer's name") {
  Model<float> model = quantized(ModelBuilder<float>("m").input({2, 4, 4}).conv(3, 1).relu().conv(2, 1).build());
  model.set_dst_quantization(model.inputs().front(), Quantization{DType::s8, {0.1F, 0.2F}, {0, 0}, 1});
  CHECK_THROWS_WITH(OnednnModel::compile(model, {.precision = Precision::int8}), ContainsSubstring("'input'"));
}

TEST_CASE("the caller's own OpenMP thread count is left as it was") {
  const int before = detail::fulcrum_omp_get_max_threads();
  const Model<float> model = ModelBuilder<float>("m").input({4}).dense(3).build();
  OnednnExecutor executor(model, {.batch = 2, .threads = before + 1});
  const Tensor<float> src({2, 4}, 1.0F);
  static_cast<void>(executor.run({&src, 1}));
  CHECK(detail::fulcrum_omp_get_max_threads() == before);
}

TEST_CASE("a convolution in int8 pads a source whose zero point is not 0 with that zero point") {
  struct Setting {
    std::int64_t groups;
    Window window;
  };
  std::vector<Setting> settings(3);
  settings[0] = {1, {}};
  settings[0].window.kernel = {3, 3};
  settings[0].window.padding = 1;
  settings[1] = {8, {}};  // depthwise
  settings[1].window.kernel = {3, 5};
  settings[1].window.stride = {2, 1};
  settings[1].window.padding = {1, 2, 0, 3};
  settings[2] = {2, {}};
  settings[2].window.kernel = {2, 2};
  settings[2].window.padding = {1, 0, 1, 0};
  for (const Setting& setting : settings) {
    INFO(setting.groups << " groups");
    Conv<float> conv;
    conv.window = setting.window;
    conv.groups = setting.groups;
    conv.weights = test::random_tensor<float>(
        {8, 8 / setting.groups, setting.window.kernel[0], setting.window.kernel[1]}, 5, -0.3, 0.3);
    auto b = ModelBuilder<float>("m", 3).input({3, 9, 7}).conv(8, 1).named("source");
    const NodeId source = b.last();
    const Model<float> model = std::move(b.layer(conv, {source}).named("padded").relu().conv(4, 1)).build();
    QuantizeOptions options = int8_options_for_this_cpu();
    options.unsigned_values = true;  // of both signs: zero points in the middle
    const Tensor<float> images = test::random_tensor<float>({8, 3, 9, 7}, 99);
    const Model<float> in_int8 = quantize_post_training(model, images, onednn_runner(), options).model;
    REQUIRE(in_int8.node(*in_int8.find("source")).dst_quantization->zero_point[0] != 0);
    CHECK(difference(in_int8, Precision::int8) <= test::relative_tolerance(Precision::int8));
    const auto compiled = OnednnModel::compile(in_int8, {.batch = 2, .precision = Precision::int8});
    const auto is = [](const char* kind, const char* name) {
      return [=](const StepInfo& step) { return step.kind == kind && step.name == name; };
    };
    const auto& steps = compiled->steps();
    const auto padded = std::find_if(steps.begin(), steps.end(), is("Conv+Relu", "padded"));
    REQUIRE(padded != steps.end());
    const bool has_kernel = padded->src == DType::u8;  // oneDNN may lack one for the shape, and says so
    if (!has_kernel) CHECK_FALSE(compiled->notes().empty());
    CHECK((std::find_if(steps.begin(), steps.end(), is("Pad", "source")) != steps.end()) == has_kernel);
    if (setting.groups == 1) CHECK(has_kernel);
  }
}

TEST_CASE("chains of activations run in the layer before them, around its sum as well") {
  using enum ActivationKind;
  auto chain = [] { return ModelBuilder<float>("chain", 5).input({8, 6, 6}).conv(8, 3, {.padding = 1}); };
  const std::vector<std::pair<const char*, Model<float>>> models{
      {"two", chain().relu().sigmoid().conv(3, 1).build()},
      {"three", chain().tanh().relu().swish().conv(3, 1).build()},
      {"one of a kind twice", chain().leaky_relu(0.1F).tanh().leaky_relu(0.5F).conv(3, 1).build()},
      {"around a sum", chain().tanh().add(0).sigmoid().conv(3, 1).build()},
      {"dense", ModelBuilder<float>("dense", 6).input({20}).dense(32).gelu().tanh().dense(5).build()},
      {"product", ModelBuilder<float>("product", 6).input({20}).dense(20).mul(0).tanh().sigmoid().dense(5).build()}};
  for (const auto& [name, model] : models) {
    INFO(name);
    CHECK(difference(model) <= exact);
    CHECK(difference(quantized(model), Precision::int8) <= test::relative_tolerance(Precision::int8));
  }
  const auto compiled = OnednnModel::compile(models[1].second, {.batch = 2});
  const auto runs_chain = [](const StepInfo& step) { return step.kind == "Conv+Tanh+Relu+Swish"; };
  CHECK(std::any_of(compiled->steps().begin(), compiled->steps().end(), runs_chain));
}

TEST_CASE("a batch normalization of its own runs with the Relu after it") {
  auto b = ModelBuilder<float>("normalized", 7).input({8, 6, 6}).max_pool(2).batch_normalization().relu().conv(4, 3);
  const Model<float> model = b.build();
  CHECK(difference(model) <= exact);
  const auto compiled = OnednnModel::compile(model, {.batch = 2});
  const auto runs_both = [](const StepInfo& step) { return step.kind == "BatchNormalization+Relu"; };
  CHECK(std::any_of(compiled->steps().begin(), compiled->steps().end(), runs_both));
  CHECK(difference(ModelBuilder<float>("n", 7).input({8, 6, 6}).max_pool(2).batch_normalization().sigmoid().build()) <=
        exact);
}

TEST_CASE("gates and means over planes keep to integers in int8") {
  auto b = ModelBuilder<float>("gated", 9).input({8, 9, 9}).conv(16, 3).swish();
  const NodeId image = b.last();
  const NodeId factor = b.global_average_pool().conv(16, 1).sigmoid().last();
  const Model<float> model = quantized(b.from(image).mul(factor).conv(4, 1).build());
  CHECK(difference(model, Precision::int8) <= test::relative_tolerance(Precision::int8));
  if (!why_unsupported(Precision::int8).empty()) return;
  const auto compiled = OnednnModel::compile(model, {.batch = 2, .precision = Precision::int8});
  for (const StepInfo& step : compiled->steps()) {
    INFO(step.kind << " of " << step.name << ": " << step.implementation);
    const bool small = step.name == "globalaveragepool1" || step.name == "sigmoid1" || step.name == "conv2";
    if (step.kind == "Reorder" && !small) CHECK((step.name == "input" || step.name == "conv3"));
    if (step.kind == "Mul" || step.kind == "GlobalAveragePool") CHECK(size_of(step.src) == 1);
    if (step.kind == "Mul") CHECK(size_of(step.dst) == 1);
  }
}

TEST_CASE("in bf16 nothing is converted around the softmax of an attention") {
  if (!cpu_supports(Precision::bf16)) return;
  auto b = ModelBuilder<float>("attention", 3).input({16, 32});
  const NodeId x = b.dense(32).last();
  const NodeId y = b.from(0).dense(32).last();
  const NodeId shift = b.constant(Tensor<float>({16}, std::vector<float>(16, 0.5F))).last();
  for (const bool shifted : {false, true}) {
    auto c = b;
    c.from(x).matmul(y, {.transpose_weights = true});
    if (shifted) c.add(shift);
    const Model<float> model = c.softmax().matmul(y).build();
    CHECK(difference(model, Precision::bf16) <= test::relative_tolerance(Precision::bf16));
    const auto compiled = OnednnModel::compile(model, {.batch = 2, .precision = Precision::bf16});
    for (const StepInfo& step : compiled->steps()) {
      INFO(step.kind << " of " << step.name << ": " << step.implementation);
      if (step.kind == "Softmax") CHECK(step.dst == DType::bf16);
      if (step.kind == "Reorder") CHECK(step.name == "input");
    }
  }
}

TEST_CASE("Softplus is right to its last digits far below 0, alone and behind a product") {
  const std::vector<float> x{-60.0F, -20.0F, -16.5F, -15.0F, -12.0F, -10.0F, -8.0F, -1.0F, 0.0F, 30.0F};
  const Tensor<float> src({1, 10}, std::span<const float>(x));
  Tensor<float> identity({10, 10});
  for (std::int64_t i = 0; i < 10; ++i) identity.at(i, i) = 1.0F;
  Dense<float> dense;
  dense.weights = std::move(identity);
  ModelBuilder<float> behind("m");
  behind.input({10});
  behind.layer(std::move(dense), {behind.last()}).activation(ActivationKind::softplus);
  for (const Model<float>& model :
       {ModelBuilder<float>("m").input({10}).activation(ActivationKind::softplus).build(), std::move(behind).build()}) {
    const Tensor<float> dst = OnednnExecutor(model, {}).run({&src, 1}).front();
    for (std::size_t i = 0; i < x.size(); ++i)
      CHECK(dst.flat()[i] == Approx(std::log1p(std::exp(static_cast<double>(x[i])))).epsilon(1e-5));
  }
}
