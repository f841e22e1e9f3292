// Every layer that layers/kernels defines, run by oneDNN or in Fulcrum's own loops, against the reference.
#include <fulcrum/exec/onednn.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

constexpr double exact = test::relative_tolerance(Precision::f32);

using Sources = std::vector<Tensor<float>>;

/// The worst difference from the reference over the model's outputs.
double difference(const Model<float>& model, const Sources& src, Precision precision = Precision::f32) {
  const auto expected = ReferenceExecutor<float>(model).run(src);
  OnednnExecutor executor(model, {.precision = precision});
  REQUIRE(executor.compiled().precision() == precision);
  double worst = 0.0;
  for (int run = 0; run < 2; ++run) {  // a step must not depend on what the run before left behind
    const auto dst = executor.run(src);
    REQUIRE(dst.size() == expected.size());
    for (std::size_t i = 0; i < dst.size(); ++i) {
      worst = std::max(worst, test::relative_difference(dst[i], expected[i]));
    }
  }
  return worst;
}

/// The layer alone, all its sources inputs of the model, and its result.
Model<float> alone(const Layer<float>& layer, const Sources& src) {
  Model<float> model("m");
  std::vector<NodeId> inputs;
  for (const Tensor<float>& tensor : src) {
    inputs.push_back(model.add({"in" + std::to_string(inputs.size()), Input{tensor.dims()}, {}, {}}));
  }
  model.set_outputs({model.add({"layer", layer, inputs, {}})});
  return model;
}

/// The same between layers that compute and store in layouts of their own: after an activation of each source and
/// before one of the result, which is also read twice.
Model<float> amid(const Layer<float>& layer, const Sources& src) {
  Model<float> model("m");
  std::vector<NodeId> values;
  for (const Tensor<float>& tensor : src) {
    const std::string number = std::to_string(values.size());
    const NodeId input = model.add({"in" + number, Input{tensor.dims()}, {}, {}});
    values.push_back(model.add({"abs" + number, Activation{ActivationKind::abs}, {input}, {}}));
  }
  const NodeId result = model.add({"layer", layer, values, {}});
  const NodeId relu = model.add({"relu", Activation{}, {result}, {}});
  model.set_outputs({model.add({"sum", Binary{BinaryKind::add}, {result, relu}, {}}), result});
  return model;
}

double difference(const Layer<float>& layer, const Sources& src) {
  return std::max(difference(alone(layer, src), src), difference(amid(layer, src), src));
}

Tensor<float> uniform(const Shape& shape, std::uint64_t seed = 1, double low = -2.0, double high = 2.0) {
  return test::random_tensor<float>(shape, seed, low, high);
}

/// Whole numbers in [low, high).
Tensor<float> whole(const Shape& shape, std::uint64_t seed, double low, double high) {
  Tensor<float> tensor = uniform(shape, seed, low, high);
  for (float& x : tensor.flat()) x = std::floor(x);
  return tensor;
}

/// What ran the model's step of that kind.
std::string implementation_of(const Model<float>& model, const std::string& kind,
                              Precision precision = Precision::f32) {
  const auto compiled = OnednnModel::compile(model, {.precision = precision});
  for (const StepInfo& step : compiled->steps()) {
    if (step.kind == kind) return step.implementation;
  }
  return "none";
}

}  // namespace

TEST_CASE("every activation agrees with the reference, in a vector, a scalar and a map of channels") {
  for (int kind = 0; kind <= static_cast<int>(ActivationKind::linear); ++kind) {
    Activation layer{static_cast<ActivationKind>(kind), 0.6F, 0.8F};
    INFO(name_of(layer.function));
    for (const Shape& shape : {Shape{}, Shape{37}, Shape{2, 3, 5, 7}, Shape{2, 3, 2, 3, 4}, Shape(13, 1)}) {
      CHECK(difference(layer, {uniform(shape, 3, -3.0, 3.0)}) <= exact);
    }
    CHECK(difference(layer, {Tensor<float>(Shape{2, 4}, 0.0F)}) <= exact);
  }
}

TEST_CASE("rounding and signs are exact") {
  Tensor<float> src(Shape{12});
  const std::vector<float> values{-2.5F, -1.5F, -0.5F, -0.2F, -0.0F, 0.0F, 0.2F, 0.5F, 1.5F, 2.5F, 8388609.0F, 1e20F};
  std::copy(values.begin(), values.end(), src.flat().begin());
  using enum ActivationKind;
  for (const ActivationKind kind : {round, floor, ceil, sign, neg, abs, logical_not}) {
    INFO(name_of(kind));
    const Model<float> model = alone(Activation{kind}, {src});
    const Tensor<float> dst = OnednnExecutor(model, {}).run({&src, 1})[0];
    for (std::size_t i = 0; i < values.size(); ++i) {
      CAPTURE(values[i]);
      CHECK(dst.flat()[i] == Activation{kind}(values[i]));
      if (kind == neg) CHECK(std::signbit(dst.flat()[i]) != std::signbit(values[i]));
    }
  }
}

TEST_CASE("every binary function broadcasts either source") {
  const std::vector<std::pair<Shape, Shape>> shapes{{{2, 3, 4, 5}, {2, 3, 4, 5}},
                                                    {{2, 3, 4, 5}, {3, 1, 1}},
                                                    {{3, 1, 1}, {2, 3, 4, 5}},
                                                    {{2, 3, 4, 5}, {}},
                                                    {{}, {2, 3, 4, 5}},
                                                    {{}, {}},
                                                    {{4, 1}, {1, 5}},
                                                    {{1, 1, 1}, {4, 5}},
                                                    {{4, 5}, {1, 1, 1}},
                                                    {{2, 1, 4}, {3, 1}},
                                                    {{1}, {1}},
                                                    {{7}, {1}},
                                                    {{2, 3, 2, 3, 2}, {2, 1, 2}},
                                                    {{2, 0, 3}, {2, 1, 3}},
                                                    {Shape(13, 1), {2}}};
  for (int kind = 0; kind <= static_cast<int>(BinaryKind::logical_xor); ++kind) {
    const Binary layer{static_cast<BinaryKind>(kind)};
    for (const auto& [a, b] : shapes) {
      INFO(kind << " " << name_of(layer.function) << " of " << to_string(a) << " and " << to_string(b));
      // Whole numbers so that some are equal, some 0; divisors are not.
      const bool divides = kind >= static_cast<int>(BinaryKind::div) && !is_predicate(layer.function);
      const Tensor<float> left = whole(a, 5, divides ? 1.0 : -3.0, 4.0);
      const Tensor<float> right = whole(b, 6, divides ? 1.0 : -3.0, 4.0);
      CHECK(difference(layer, {left, right}) <= exact);
    }
  }
}

TEST_CASE("a value minus itself and constants on either side agree") {
  for (const BinaryKind kind : {BinaryKind::sub, BinaryKind::div, BinaryKind::max, BinaryKind::pow, BinaryKind::less}) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{4, 1}, Shape{2, 3, 4, 5}}) {
      Model<float> model("m");
      const NodeId input = model.add({"in", Input{{2, 3, 4, 5}}, {}, {}});
      const NodeId constant = model.add({"c", Constant<float>{uniform(shape, 8, 0.5, 2.0)}, {}, {}});
      const NodeId itself = model.add({"itself", Binary{kind}, {input, input}, {}});
      const NodeId left = model.add({"left", Binary{kind}, {constant, input}, {}});
      const NodeId right = model.add({"right", Binary{kind}, {input, constant}, {}});
      const NodeId both = model.add({"both", Binary{kind}, {constant, constant}, {}});
      model.set_outputs({itself, left, right, both, model.add({"relu", Activation{}, {left}, {}})});
      INFO(name_of(kind) << " with " << to_string(shape));
      CHECK(difference(model, {uniform({2, 3, 4, 5}, 9, 0.5, 2.0)}) <= exact);
    }
  }
}

TEST_CASE("a turned-round function takes the activation after it") {
  for (const BinaryKind kind : {BinaryKind::sub, BinaryKind::div, BinaryKind::min}) {
    for (const ActivationKind after : {ActivationKind::relu, ActivationKind::hard_sigmoid, ActivationKind::tanh}) {
      Model<float> model("m");
      const NodeId a = model.add({"a", Input{{3, 1}}, {}, {}});
      const NodeId b = model.add({"b", Input{{2, 3, 4}}, {}, {}});
      const NodeId result = model.add({"result", Binary{kind}, {a, b}, {}});
      model.set_outputs({model.add({"after", Activation{after, 0.3F, 0.4F}, {result}, {}})});
      INFO(name_of(kind) << ", " << name_of(after));
      CHECK(difference(model, {uniform({3, 1}, 1, 0.5, 2.0), uniform({2, 3, 4}, 2, 0.5, 2.0)}) <= exact);
    }
  }
}

TEST_CASE("matrix products agree, transposed, scaled and with every way of broadcasting") {
  struct Case {
    Shape src, weights;  ///< the axes before the last two
  };
  for (const auto& [src, weights] : std::vector<Case>{{{}, {}},
                                                      {{3}, {}},
                                                      {{}, {3}},
                                                      {{3}, {3}},
                                                      {{2, 3}, {2, 3}},
                                                      {{2, 3}, {1, 3}},
                                                      {{2, 1}, {1, 3}},
                                                      {{2, 3}, {3}},
                                                      {{2, 3}, {2, 1}},
                                                      {{2, 1, 2}, {3, 1}},
                                                      {{1, 1}, {2, 2}}}) {
    for (const auto& [m, k, n] : std::vector<std::array<std::int64_t, 3>>{
             {5, 7, 6}, {1, 7, 6}, {5, 1, 6}, {5, 7, 1}, {1, 1, 1}, {33, 64, 48}, {1, 64, 1}}) {
      for (int flags = 0; flags < 4; ++flags) {
        MatMul layer{(flags & 1) != 0, (flags & 2) != 0, flags == 3 ? 0.125F : 1.0F};
        Shape a = src, b = weights;
        a.insert(a.end(), {layer.transpose_src ? k : m, layer.transpose_src ? m : k});
        b.insert(b.end(), {layer.transpose_weights ? n : k, layer.transpose_weights ? k : n});
        INFO(to_string(a) << " · " << to_string(b) << ", transposed " << flags);
        const Sources sources{uniform(a, 1), uniform(b, 2)};
        CHECK(difference(layer, sources) <= exact);
        if (cpu_supports(Precision::bf16)) {
          CHECK(difference(alone(layer, sources), sources, Precision::bf16) <=
                test::relative_tolerance(Precision::bf16));
        }
      }
    }
  }
}

TEST_CASE("attention agrees and its products run in oneDNN") {
  Model<float> model("attention");
  const Shape heads{2, 4, 16, 8};
  const NodeId q = model.add({"q", Input{heads}, {}, {}});
  const NodeId k = model.add({"k", Input{heads}, {}, {}});
  const NodeId v = model.add({"v", Input{heads}, {}, {}});
  const NodeId scores = model.add({"scores", MatMul{false, true, 0.35F}, {q, k}, {}});
  const NodeId shares = model.add({"shares", Softmax{-1}, {scores}, {}});
  const NodeId mixed = model.add({"mixed", MatMul{}, {shares, v}, {}});
  const NodeId rows = model.add({"rows", Transpose{{0, 2, 1, 3}}, {mixed}, {}});
  model.set_outputs({model.add({"joined", Reshape{{2, 16, 32}}, {rows}, {}})});
  const Sources src{uniform(heads, 1), uniform(heads, 2), uniform(heads, 3)};
  CHECK(difference(model, src) <= exact);
  CHECK_THAT(implementation_of(model, "MatMul"), !ContainsSubstring("fulcrum"));
  CHECK_THAT(implementation_of(model, "Transpose"), !ContainsSubstring("fulcrum"));
  if (!cpu_supports(Precision::bf16)) return;
  CHECK(difference(model, src, Precision::bf16) <= test::relative_tolerance(Precision::bf16));
  CHECK_THAT(implementation_of(model, "MatMul", Precision::bf16), !ContainsSubstring("fulcrum"));
}

TEST_CASE("layer normalization agrees over the last axis and over several") {
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, std::int64_t>>{{{4, 64}, -1},
                                                                               {{2, 3, 17}, -1},
                                                                               {{2, 3, 4, 5}, 1},
                                                                               {{2, 3, 4, 5}, 0},
                                                                               {{7}, 0},
                                                                               {{3, 1}, -1},
                                                                               {{2, 0}, -1},
                                                                               {{0, 3}, -1}}) {
    LayerNormalization<float> layer;
    layer.axis = axis;
    layer.epsilon = 1e-3;
    const Shape normalized(shape.begin() + static_cast<std::ptrdiff_t>(normalized_axis(axis, shape.size())),
                           shape.end());
    INFO(to_string(shape) << " from " << axis);
    CHECK(difference(layer, {uniform(shape)}) <= exact);
    layer.scale = uniform(normalized, 4);
    CHECK(difference(layer, {uniform(shape)}) <= exact);
    layer.shift = uniform(normalized, 5);
    CHECK(difference(layer, {uniform(shape)}) <= exact);
  }
}

TEST_CASE("the other normalizations agree") {
  for (const Shape& shape : {Shape{2, 6, 5, 7}, Shape{1, 6}, Shape{2, 6, 9}, Shape{2, 6, 2, 3, 4}, Shape{0, 6, 3}}) {
    INFO(to_string(shape));
    for (const std::int64_t groups : {0, 1, 2, 3}) {
      InstanceNormalization<float> layer;
      layer.scale = uniform({6}, 2);
      layer.shift = uniform({6}, 3);
      layer.groups = groups;
      CHECK(difference(layer, {uniform(shape)}) <= exact);
    }
    for (const std::int64_t size : {1, 2, 5}) {
      CHECK(difference(LocalResponseNormalization{size, 0.3F, 0.75F, 1.5F}, {uniform(shape)}) <= exact);
    }
  }
}

TEST_CASE("softmax and its logarithm agree along every axis") {
  for (const bool logarithm : {false, true}) {
    for (const Shape& shape : {Shape{9}, Shape{3, 17}, Shape{2, 3, 4, 5}, Shape{2, 0, 3}, Shape{2, 3, 2, 3, 2}}) {
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        INFO(to_string(shape) << " along " << axis);
        CHECK(difference(Softmax{static_cast<std::int64_t>(axis), logarithm}, {uniform(shape, 1, -9.0, 9.0)}) <= exact);
      }
    }
  }
  Shape deep(14, 1);
  deep[3] = 5;
  CHECK(difference(Softmax{3}, {uniform(deep)}) <= exact);
}

TEST_CASE("every reduction agrees over every choice of axes") {
  for (int kind = 0; kind <= static_cast<int>(ReduceKind::sum_square); ++kind) {
    Reduce layer{static_cast<ReduceKind>(kind), {}, true};
    INFO(name_of(layer.function));
    for (const std::vector<std::int64_t>& axes : std::vector<std::vector<std::int64_t>>{
             {}, {0}, {1}, {-1}, {0, 1}, {1, 2, 3}, {-1, -2}, {0, 2}, {0, 1, 2, 3}}) {
      layer.axes = axes;
      layer.keep_dims = axes.size() != 2;
      CHECK(difference(layer, {uniform({3, 4, 5, 6}, 7, 0.5, 1.5)}) <= exact);
    }
    layer.axes = {-1};
    CHECK(difference(layer, {uniform({3, 1}, 7, 0.5, 1.5)}) <= exact);
    CHECK(difference(layer, {uniform({1, 1000}, 7, 0.5, 1.01)}) <= exact);
    CHECK(difference(layer, {uniform({0, 4}, 7)}) <= exact);
    layer.axes = {};
    layer.keep_dims = false;
    CHECK(difference(layer, {uniform({}, 7, 0.5, 1.5)}) <= exact);
  }
  CHECK(difference(Reduce{ReduceKind::sum, {1}, false}, {Tensor<float>(Shape{3, 0})}) <= exact);
}

TEST_CASE("indices of the largest and smallest agree") {
  for (const bool largest : {true, false}) {
    for (const bool last : {true, false}) {
      for (const std::int64_t axis : {0, 1, 2}) {
        CHECK(difference(ArgReduce{largest, axis, axis != 1, last}, {whole({4, 5, 6}, 3, 0.0, 4.0)}) <= exact);
      }
    }
  }
  Window window{{3, 2}, {2, 1}, {1, 0, 1, 1}};
  CHECK(difference(MaxPoolIndices{window}, {uniform({2, 3, 7, 6})}) <= exact);
  window.depth = {2, 1, 0, 1, 1};
  CHECK(difference(MaxPoolIndices{window, true}, {uniform({2, 3, 4, 7, 6})}) <= exact);
}

TEST_CASE("transposition agrees for every order of axes") {
  std::vector<std::int64_t> perm{0, 1, 2, 3};
  do {
    INFO(to_string(perm));
    CHECK(difference(Transpose{perm}, {uniform({2, 3, 4, 5})}) <= exact);
  } while (std::next_permutation(perm.begin(), perm.end()));
  for (const Shape& shape : {Shape{}, Shape{5}, Shape{1, 7}, Shape{2, 0, 3}, Shape{2, 3, 2, 2, 3},
                             Shape{2, 1, 2, 2, 3, 2}, Shape{2, 1, 2, 2, 1, 2, 3}, Shape(13, 1)}) {
    INFO(to_string(shape));
    CHECK(difference(Transpose{}, {uniform(shape)}) <= exact);
  }
}

TEST_CASE("moved elements are exactly the source's") {
  const Tensor<float> src = uniform({3, 4, 5});
  CHECK(difference(Slice{{0, 2}, {1, -1}, {3, -6}, {1, -2}}, {src}) == 0.0);
  CHECK(difference(Slice{{1}, {2}, {2}, {}}, {src}) == 0.0);  // nothing is left
  CHECK(difference(Expand{{2, 3, 4, 5}}, {src}) == 0.0);
  CHECK(difference(Expand{{2, 3}}, {uniform({})}) == 0.0);
  CHECK(difference(Expand{{0, 3}}, {uniform({1})}) == 0.0);
  CHECK(difference(Tile{{2, 1, 3}}, {src}) == 0.0);
  CHECK(difference(Tile{{0, 1, 3}}, {src}) == 0.0);
  CHECK(difference(Tile{{}}, {uniform({})}) == 0.0);
  for (const PadKind mode : {PadKind::constant, PadKind::reflect, PadKind::edge, PadKind::wrap}) {
    CHECK(difference(Pad{mode, {1, 0, 3}, {2, 1, -1}, 7.0F}, {src}) == 0.0);
  }
  CHECK(difference(Pad{PadKind::constant, {1, 2}, {0, 1}, 3.0F}, {Tensor<float>(Shape{0, 2})}) == 0.0);
  for (const std::int64_t axis : {0, 1, 2}) {
    CHECK(difference(alone(Gather{axis}, {src, whole({2, 2}, 1, -3.0, 3.0)}), {src, whole({2, 2}, 1, -3.0, 3.0)}) ==
          0.0);
  }
  CHECK(difference(Gather{0}, {src, Tensor<float>(Shape{}, 2.0F)}) == 0.0);
  CHECK(difference(Gather{1}, {src, Tensor<float>(Shape{0})}) == 0.0);
}

TEST_CASE("interpolation agrees") {
  for (const ResizeKind mode : {ResizeKind::nearest, ResizeKind::linear, ResizeKind::cubic}) {
    Resize layer;
    layer.mode = mode;
    layer.scales = {1.0F, 1.0F, 2.0F, 1.5F};
    CHECK(difference(layer, {uniform({2, 3, 5, 6})}) <= exact);
    layer.scales = {};
    layer.sizes = {-1, -1, 3, 11};
    layer.coordinates = ResizeCoordinates::align_corners;
    CHECK(difference(layer, {uniform({2, 3, 5, 6})}) <= exact);
  }
}

TEST_CASE("interpolation behind a convolution agrees in the layout that the convolution gives") {
  for (const std::int64_t channels : {3, 8, 20, 32}) {  // some that fill no whole block
    for (const ResizeKind mode : {ResizeKind::nearest, ResizeKind::linear, ResizeKind::cubic}) {
      for (const ResizeCoordinates coordinates :
           {ResizeCoordinates::half_pixel, ResizeCoordinates::align_corners, ResizeCoordinates::tf_crop_and_resize}) {
        Resize layer;
        layer.mode = mode;
        layer.coordinates = coordinates;
        layer.scales = {1.0F, 1.0F, 2.0F, 1.5F};
        if (coordinates == ResizeCoordinates::tf_crop_and_resize) {
          layer.roi = {0, 0, 0.2F, -0.3F, 1, 1, 1, 1.4F};
          layer.extrapolation = 7.0F;
        }
        Model<float> model = ModelBuilder<float>("image", 5).input({4, 6, 7}).conv(channels, 3, {.padding = 1}).build();
        const NodeId resized = model.add({"resized", layer, {model.outputs()[0]}, {}});
        ModelBuilder<float> behind("behind", 6);
        const std::vector<Shape> shapes = infer_shapes(model, 1);
        Model<float> other = behind.input({channels, shapes[resized][2], shapes[resized][3]}).conv(8, 3).build();
        const NodeId conv = model.add({"conv_behind", other.node(other.outputs()[0]).layer, {resized}, {}});
        model.set_outputs({conv, resized});
        const std::vector<Tensor<float>> src{uniform({2, 4, 6, 7}, 3)};
        const auto expected = ReferenceExecutor<float>(model).run(src);
        for (const int threads : {1, 2}) {
          OnednnExecutor executor(model, {.batch = 2, .threads = threads});
          const auto actual = executor.run(src);
          for (std::size_t i = 0; i < expected.size(); ++i)
            CHECK(test::relative_difference(actual[i], expected[i]) <= test::relative_tolerance(Precision::f32));
          const std::vector<StepInfo> steps = executor.steps();
          CHECK(std::any_of(steps.begin(), steps.end(), [](const StepInfo& step) {
            return step.kind == "Resize" && step.algorithm == Algorithm::threaded_loops;
          }));
        }
      }
    }
  }
}

TEST_CASE("roundings to floats of 16 bits are as the Cast says, past the largest and below the smallest of them") {
  Tensor<float> x = uniform({2, 3, 5, 7}, 1, -3.0, 3.0);
  const std::vector<float> special{65504.0F, 65519.9F, 65520.0F, -1e6F, 1e-7F, 3e-8F, 2.9e-8F, 6.1e-5F, -0.0F, 1e38F};
  std::copy(special.begin(), special.end(), x.flat().begin() + 3);
  for (const ElementType type : {ElementType::f16, ElementType::bf16}) CHECK(difference(Cast{type}, {x}) == 0.0);
}

TEST_CASE("a Cast of floats to f32 is no step") {
  Model<float> model = ModelBuilder<float>("casts", 5).input({4, 6, 7}).conv(8, 3).build();
  const NodeId half = model.add({"half", Cast{ElementType::f16}, {model.outputs()[0]}, {}});
  const NodeId single = model.add({"single", Cast{ElementType::f32}, {half}, {}});
  model.set_outputs({model.add({"relu", Activation{ActivationKind::relu}, {single}, {}})});
  const auto compiled = OnednnModel::compile(model, {});
  const auto casts = std::count_if(compiled->steps().begin(), compiled->steps().end(),
                                   [](const StepInfo& step) { return step.kind == "Cast"; });
  CHECK(casts == 1);
  const std::vector<Tensor<float>> src{uniform({1, 4, 6, 7}, 3)};
  OnednnExecutor executor(model, {});
  CHECK(test::relative_difference(executor.run(src)[0], ReferenceExecutor<float>(model).run(src)[0]) <= 1e-3);
}

TEST_CASE("choice, change of type and quantization agree") {
  for (const auto& [c, a, b] : std::vector<std::array<Shape, 3>>{{Shape{3, 4}, Shape{3, 4}, Shape{3, 4}},
                                                                 {Shape{4}, Shape{3, 1}, Shape{}},
                                                                 {Shape{}, Shape{2, 1}, Shape{1, 3}}}) {
    CHECK(difference(Where{}, {whole(c, 1, -1.0, 2.0), uniform(a, 2), uniform(b, 3)}) == 0.0);
  }
  for (const ElementType type : all_element_types) {
    INFO(name_of(type));
    CHECK(difference(Cast{type}, {uniform({3, 50}, 1, -300.0, 300.0)}) == 0.0);
  }
  const Quantization tensor{DType::u8, {0.05F}, {100}, -1};
  const Quantization channels{DType::s8, {0.05F, 0.02F, 0.1F}, {0, 3, -5}, 1};
  for (const Quantization& q : {tensor, channels}) {
    CHECK(difference(QuantizeLinear{q}, {uniform({2, 3, 7}, 1, -9.0, 9.0)}) == 0.0);
    CHECK(difference(DequantizeLinear{q}, {whole({2, 3, 7}, 1, -20.0, 20.0)}) == 0.0);
  }
}

TEST_CASE("transposed convolutions agree") {
  Random random(5);
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bound)));
  };
  const std::array<std::int64_t, 4> sizes{1, 3, 16, 20};
  for (int run = 0; run < 40; ++run) {
    const bool deep = run % 4 == 3;
    ConvTranspose<float> layer;
    layer.groups = 1 + below(2) * (run % 3);
    const std::int64_t ic = layer.groups * sizes[static_cast<std::size_t>(below(4))];
    const std::int64_t oc = sizes[static_cast<std::size_t>(below(4))];
    Window& w = layer.window;
    w.kernel = {1 + below(4), 1 + below(4)};
    w.stride = {1 + below(3), 1 + below(3)};
    w.dilation = {1 + below(2), 1 + below(2)};
    w.padding = {below(2), below(2), below(3), below(3)};
    layer.output_padding = {below(w.stride[0]), below(w.stride[1])};
    Shape src{1 + below(2), ic, 4 + below(4), 4 + below(4)};
    Shape weights{ic, oc, w.kernel[0], w.kernel[1]};
    if (deep) {
      w.depth = {1 + below(3), 1 + below(2), below(2), below(2), 1};
      layer.depth_output_padding = below(w.depth.stride);
      src.insert(src.begin() + 2, 4 + below(2));
      weights.insert(weights.begin() + 2, w.depth.kernel);
    }
    layer.weights = uniform(weights, static_cast<std::uint64_t>(run), -1.0, 1.0);
    if (below(2) == 1) layer.bias = uniform({oc * layer.groups}, 3);
    INFO("run " << run << ": " << to_string(src) << ", weights " << to_string(weights) << " in " << layer.groups);
    CHECK(difference(layer, {uniform(src)}) <= exact);
  }
  ConvTranspose<float> usual;
  usual.weights = uniform({16, 8, 4, 4}, 2);
  usual.window = {{4, 4}, {2, 2}, 1};
  CHECK_THAT(implementation_of(alone(usual, {uniform({1, 16, 8, 8})}), "ConvTranspose"), !ContainsSubstring("fulcrum"));
}

TEST_CASE("convolution and pooling over depth agree in every precision that has no scales") {
  Random random(6);
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bound)));
  };
  for (int run = 0; run < 24; ++run) {
    const Shape src{2, run % 2 == 0 ? 3 : 16, 5 + below(3), 5 + below(3), 5 + below(3)};
    Window w;
    w.kernel = {1 + below(3), 1 + below(3)};
    w.stride = {1 + below(2), 1 + below(2)};
    w.padding = {below(w.kernel[0]), below(w.kernel[1]), below(w.kernel[0]), below(w.kernel[1])};
    w.depth.kernel = 1 + below(3);
    w.depth.stride = 1 + below(2);
    w.depth.front = below(w.depth.kernel);
    w.depth.back = below(w.depth.kernel);
    Model<float> model("m");
    const NodeId input = model.add({"in", Input{src}, {}, {}});
    Conv<float> conv;
    conv.window = w;
    conv.groups = run % 3 == 0 ? src[1] : 1;
    conv.weights = uniform({src[1] * 2, src[1] / conv.groups, w.depth.kernel, w.kernel[0], w.kernel[1]}, 3, -0.5, 0.5);
    conv.bias = uniform({src[1] * 2}, 4);
    const NodeId product = model.add({"conv", conv, {input}, {}});
    const NodeId relu = model.add({"relu", Activation{}, {product}, {}});
    w.ceil_mode = below(2) == 1;
    Pool pool{run % 2 == 0 ? PoolKind::max : PoolKind::average, w, below(2) == 1};
    if (w.depth.front >= w.depth.kernel) continue;
    const NodeId pooled = model.add({"pool", pool, {relu}, {}});
    const NodeId plain = model.add({"plain", Pool{PoolKind::average, w, true}, {input}, {}});
    model.set_outputs({relu, pooled, plain});
    INFO("run " << run << ": " << to_string(src));
    bool fits = true;
    try {
      static_cast<void>(infer_shapes(model, 1));
    } catch (const Error&) {
      fits = false;
    }
    if (!fits) continue;
    CHECK(difference(model, {uniform(src)}) <= exact);
    if (cpu_supports(Precision::bf16)) {
      CHECK(difference(model, {uniform(src)}, Precision::bf16) <= test::relative_tolerance(Precision::bf16));
    }
  }
}

TEST_CASE("recurrent layers agree in every direction, with and without first states") {
  for (const RecurrentKind cell : {RecurrentKind::lstm, RecurrentKind::gru, RecurrentKind::rnn}) {
    for (const RecurrentDirection direction :
         {RecurrentDirection::forward, RecurrentDirection::reverse, RecurrentDirection::bidirectional}) {
      Recurrent<float> layer;
      layer.cell = cell;
      layer.direction = direction;
      const std::int64_t rows = gates_of(cell) * 6;
      layer.weights = uniform({layer.directions(), rows, 5}, 1, -0.5, 0.5);
      layer.recurrent_weights = uniform({layer.directions(), rows, 6}, 2, -0.5, 0.5);
      layer.bias = uniform({layer.directions(), 2 * rows}, 3, -0.5, 0.5);
      for (std::int64_t d = 0; d < layer.directions(); ++d) {
        for (std::size_t f = 0; f < layer.functions_per_direction(); ++f) {
          const bool gate = f == 0 && cell != RecurrentKind::rnn;
          layer.functions.push_back({gate ? ActivationKind::sigmoid : ActivationKind::tanh});
        }
      }
      layer.with_cell_state = cell == RecurrentKind::lstm;
      INFO(name_of(cell));
      CHECK(difference(layer, {uniform({4, 2, 5}, 4)}) <= exact);
      CHECK(difference(layer, {uniform({4, 2, 5}, 4), uniform({layer.directions(), 2, 6}, 5)}) <= exact);
    }
  }
}

TEST_CASE("sources join whatever their number, empty ones and constants included") {
  for (const std::size_t count : std::vector<std::size_t>{1, 2, 3, 70}) {
    Sources src;
    for (std::size_t i = 0; i < count; ++i) src.push_back(uniform({2, static_cast<std::int64_t>(i % 3), 3}, i));
    CHECK(difference(Concat{1}, src) == 0.0);
  }
  CHECK(difference(Concat{0}, {Tensor<float>(Shape{0, 2}), Tensor<float>(Shape{0, 2})}) == 0.0);
  CHECK(difference(Concat{-1}, {uniform(Shape(13, 1)), uniform(Shape(13, 1), 2)}) == 0.0);
  Model<float> model("m");
  const NodeId input = model.add({"in", Input{{2, 3, 4, 4}}, {}, {}});
  const NodeId constant = model.add({"c", Constant<float>{uniform({2, 2, 4, 4})}, {}, {}});
  const NodeId empty = model.add({"e", Constant<float>{Tensor<float>(Shape{2, 0, 4, 4})}, {}, {}});
  const NodeId joined = model.add({"joined", Concat{1}, {constant, empty, input, input}, {}});
  const NodeId constants = model.add({"constants", Concat{0}, {constant, constant}, {}});
  model.set_outputs({joined, constants, empty});
  CHECK(difference(model, {uniform({2, 3, 4, 4}, 4)}) == 0.0);
}

TEST_CASE("values without elements pass through layers that oneDNN computes") {
  Model<float> model("m");
  const NodeId input = model.add({"in", Input{{1, 2, 4, 4}}, {}, {}});
  const NodeId nothing = model.add({"nothing", Slice{{0}, {1}, {1}, {}}, {input}, {}});
  Conv<float> conv;
  conv.weights = uniform({3, 2, 3, 3});
  conv.window.kernel = {3, 3};
  const NodeId product = model.add({"conv", conv, {nothing}, {}});
  const NodeId relu = model.add({"relu", Activation{}, {product}, {}});
  const NodeId pool = model.add({"pool", Pool{PoolKind::max, {{2, 2}}, false}, {relu}, {}});
  const NodeId flat = model.add({"flat", Flatten{1}, {pool}, {}});
  Dense<float> dense;
  dense.weights = uniform({5, 3});
  const NodeId last = model.add({"dense", dense, {flat}, {}});
  const NodeId no_columns = model.add({"no_columns", Slice{{1}, {0}, {0}, {}}, {flat}, {}});
  const NodeId none = model.add({"none", Transpose{}, {no_columns}, {}});
  const NodeId rows = model.add({"rows", MatMul{}, {none, no_columns}, {}});
  model.set_outputs({last, nothing, rows, relu, nothing, none});
  CHECK(difference(model, {uniform({1, 2, 4, 4})}) == 0.0);
  const MatMul of_nothing;
  const Sources src{Tensor<float>(Shape{3, 0}), Tensor<float>(Shape{0, 4})};
  CHECK(difference(alone(of_nothing, src), src) == 0.0);  // sums of nothing are 0
}

TEST_CASE("inputs of rank 0, constants and views may be outputs, more than once") {
  Model<float> model("m");
  const NodeId scalar = model.add({"scalar", Input{{}}, {}, {}});
  const NodeId deep = model.add({"deep", Input{Shape(13, 1)}, {}, {}});
  const NodeId constant = model.add({"constant", Constant<float>{uniform({2, 3})}, {}, {}});
  const NodeId pi = model.add({"pi", Constant<float>{Tensor<float>(Shape{}, 3.14F)}, {}, {}});
  const NodeId view = model.add({"view", Reshape{{3, 2}}, {constant}, {}});
  const NodeId vector = model.add({"vector", Reshape{{1}}, {scalar}, {}});
  const NodeId flat = model.add({"flat", Flatten{0}, {deep}, {}});
  const NodeId product = model.add({"product", Binary{BinaryKind::mul}, {scalar, pi}, {}});
  const NodeId turned = model.add({"turned", Transpose{}, {view}, {}});
  model.set_outputs({scalar, scalar, deep, constant, pi, view, vector, flat, product, product, turned, constant});
  CHECK(difference(model, {Tensor<float>(Shape{}, 2.0F), uniform(Shape(13, 1))}) <= exact);
}

TEST_CASE("an index out of range is refused by the layer's name and leaves the executor usable") {
  Model<float> model("m");
  const NodeId indices = model.add({"indices", Input{{2}}, {}, {}});
  const NodeId table = model.add({"table", Constant<float>{uniform({5, 3})}, {}, {}});
  const NodeId rows = model.add({"embedding", Gather{0}, {table, indices}, {}});
  model.set_outputs({model.add({"relu", Activation{}, {rows}, {}})});
  Tensor<float> src(Shape{2});
  src.flat()[0] = 4.0F;
  src.flat()[1] = -5.0F;
  OnednnExecutor executor(model, {});
  const auto expected = ReferenceExecutor<float>(model).run({&src, 1});
  CHECK(executor.run({&src, 1}) == expected);
  Tensor<float> outside = src;
  outside.flat()[1] = 5.0F;
  CHECK_THROWS_WITH(executor.run({&outside, 1}), ContainsSubstring("layer 'embedding'"));
  CHECK(executor.run({&src, 1}) == expected);
  const auto& steps = executor.compiled().steps();
  REQUIRE(!steps.empty());
  CHECK(steps.front().implementation == "fulcrum:Gather");
  std::vector<std::chrono::nanoseconds> times(steps.size());
  Tensor<float> dst(Shape{2, 3});
  const float* from = src.flat().data();
  float* to = dst.flat().data();
  executor.execute_timed({&from, 1}, {&to, 1}, times);
  CHECK(dst == expected[0]);
}

TEST_CASE("executors of one compiled model run apart") {
  const Model<float> model = alone(Transpose{{1, 0}}, {uniform({3, 4})});
  Model<float> native = alone(Slice{{0}, {1}, {3}, {}}, {uniform({3, 4})});
  const auto compiled = OnednnModel::compile(native, {});
  const Tensor<float> first = uniform({3, 4}, 1), second = uniform({3, 4}, 2);
  OnednnExecutor one(compiled), other(compiled);
  const auto a = one.run({&first, 1});
  const auto b = other.run({&second, 1});
  CHECK(one.run({&first, 1}) == a);
  OnednnExecutor moved = std::move(other);
  CHECK(moved.run({&second, 1}) == b);
  CHECK(difference(model, {first}) == 0.0);
}

TEST_CASE("in bf16 scores masked with float's lowest number give what they give in f32") {
  if (!cpu_supports(Precision::bf16)) return;
  constexpr float lowest = std::numeric_limits<float>::lowest();
  const Shape queries_and_keys{1, 1, 3, 4};
  const Tensor<float> kept(queries_and_keys, {1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0});  // for the last query nothing
  Tensor<float> added(queries_and_keys);
  for (std::size_t i = 0; i < kept.flat().size(); ++i) added.flat()[i] = kept.flat()[i] == 1.0F ? 0.0F : lowest;
  const Tensor<float> queries = test::random_tensor<float>({1, 2, 3, 8}, 3);
  const Tensor<float> keys = test::random_tensor<float>({1, 2, 4, 8}, 4);

  // The mask as BERT makes it, as a select makes it, and as the user gives it.
  for (const std::string how : {"arithmetic", "select", "input"}) {
    INFO(how);
    ModelBuilder<float> b("attention");
    const NodeId x = b.input({2, 3, 8}, "x").relu().last();
    const NodeId y = b.input({2, 4, 8}, "y").relu().last();
    const NodeId given = b.input({1, 3, 4}, "mask").last();
    NodeId mask = given;
    if (how != "input") {
      const NodeId low = b.constant(Tensor<float>({}, {lowest})).last();
      const NodeId one = b.constant(Tensor<float>({}, {1.0F})).last();
      const NodeId hidden = b.from(one).sub(given).last();
      mask =
          how == "arithmetic" ? b.mul(low).last() : b.layer(Where{}, {hidden, low, b.from(one).sub(one).last()}).last();
    }
    const Model<float> model = b.from(x).matmul(y, {.transpose_weights = true}).add(mask).softmax().matmul(y).build();
    const Sources src{queries, keys, how == "input" ? added : kept};
    CHECK(difference(model, src, Precision::bf16) <= test::relative_tolerance(Precision::bf16));
  }
}

TEST_CASE("finite numbers stay finite and infinite ones infinite where bf16 takes over from f32") {
  if (!cpu_supports(Precision::bf16)) return;
  constexpr double tolerance = test::relative_tolerance(Precision::bf16);
  constexpr float largest = std::numeric_limits<float>::max();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const Tensor<float> ends({2, 3}, {largest, -largest, 1.0F, infinity, -infinity, -2.0F});
  const Activation half{ActivationKind::leaky_relu, 0.5F};
  CHECK(difference(alone(half, {ends}), {ends}, Precision::bf16) <= tolerance);

  SECTION("in weights") {
    Dense<float> dense;
    dense.weights.value = Tensor<float>({2, 3}, {0.5F, largest, -largest, 0.25F, -largest, 1.0F});
    const Tensor<float> src({2, 3}, {1.0F, 0.0F, 0.5F, 2.0F, 0.25F, 0.0F});
    CHECK(difference(alone(dense, {src}), {src}, Precision::bf16) <= tolerance);
  }
  SECTION("where the layout changes as well") {
    Tensor<float> image = test::random_tensor<float>({1, 16, 6, 6}, 5);
    image.flat()[7] = -largest;
    image.flat()[500] = largest;
    ModelBuilder<float> b("m", 6);
    const Model<float> model = b.input({16, 6, 6}).conv(16, 3).relu().conv(16, 1).build();
    CHECK(difference(model, {image}, Precision::bf16) <= tolerance);
    ModelBuilder<float> transposed("m", 6);
    const Model<float> between = transposed.input({16, 6, 6}).conv(16, 1).transpose({0, 1, 3, 2}).max_pool(2).build();
    CHECK(difference(between, {image}, Precision::bf16) <= tolerance);
  }
  SECTION("in logarithms of a softmax") {
    Model<float> model("m");
    const NodeId scores = model.add({"scores", Input{{1, 4}}, {}, {}});
    const NodeId cut = model.add({"cut", Slice{{1}, {0}, {3}, {}}, {scores}, {}});
    const NodeId logarithm = model.add({"logarithm", Softmax{-1, true}, {cut}, {}});
    const NodeId wanted = model.add({"wanted", Input{{1, 3}}, {}, {}});
    model.set_outputs({model.add({"loss", Binary{BinaryKind::mul}, {logarithm, wanted}, {}})});
    const Sources src{Tensor<float>({1, 4}, {1.0F, 2.0F, -largest, 0.0F}), Tensor<float>({1, 3}, {1.0F, 1.0F, 0.0F})};
    CHECK(difference(model, src, Precision::bf16) <= tolerance);
  }
}

TEST_CASE("bf16 runs keep integers whole") {
  if (!cpu_supports(Precision::bf16)) return;
  Model<float> model("m");
  const NodeId indices = model.add({"indices", Input{{3}, ElementType::s64}, {}, {}});
  const NodeId offset =
      model.add({"offset", Constant<float>{Tensor<float>(Shape{1}, 1001.0F), ElementType::s64}, {}, {}});
  const NodeId sum = model.add({"sum", Binary{BinaryKind::add}, {indices, offset}, {}});
  const NodeId twice = model.add({"twice", Concat{0}, {sum, indices}, {}});
  const NodeId table = model.add({"table", Constant<float>{test::counting_tensor<float>({4096})}, {}, {}});
  const NodeId rows = model.add({"rows", Gather{0}, {table, twice}, {}});
  model.set_outputs({sum, twice, rows});
  Tensor<float> src(Shape{3});
  src.flat()[0] = 1.0F;
  src.flat()[1] = 1022.0F;
  src.flat()[2] = 3001.0F;
  CHECK(difference(model, {src}, Precision::bf16) == 0.0);
}

TEST_CASE("layers at indices, at positions and along an axis agree with the reference") {
  const Tensor<float> x = uniform({2, 3, 4}, 31);
  CHECK(difference(alone(GatherElements{1}, {x, whole({2, 5, 4}, 32, -3.0, 3.0)}),
                   {x, whole({2, 5, 4}, 32, -3.0, 3.0)}) <= exact);
  const Sources tuples{x, whole({2, 6, 1}, 33, 0.0, 3.0)};
  CHECK(difference(alone(GatherND{1}, tuples), tuples) <= exact);
  const Sources elements{x, whole({2, 2, 4}, 34, 0.0, 3.0), uniform({2, 2, 4}, 35)};
  CHECK(difference(alone(ScatterElements{1, ScatterKind::add}, elements), elements) <= exact);
  const Sources slices{x, whole({5, 1}, 36, 0.0, 2.0), uniform({5, 3, 4}, 37)};
  CHECK(difference(alone(ScatterND{ScatterKind::max}, slices), slices) <= exact);
  for (const std::int64_t axis : {0, 1, 2}) {
    CHECK(difference(TopK{2, axis}, {x}) <= exact);
    CHECK(difference(CumSum{axis, axis == 1, axis == 2}, {x}) <= exact);
  }
  const Sources image{uniform({2, 3, 5, 6}, 38), uniform({2, 4, 4, 2}, 39, -1.5, 1.5)};
  CHECK(difference(alone(GridSample{}, image), image) <= exact);
  const Sources regions{uniform({2, 3, 8, 8}, 40), Tensor<float>({2, 4}, {0, 1, 6, 7, 2, 2, 5, 3}),
                        Tensor<float>({2}, {1.0F, 0.0F})};
  CHECK(difference(alone(RoiAlign{2, 3, 2}, regions), regions) <= exact);
  const Sources boxes{uniform({2, 30, 4}, 41), uniform({2, 3, 30}, 42)};
  CHECK(difference(alone(NonMaxSuppression{5, 0.2F, 0.3F}, boxes), boxes) <= exact);
}
