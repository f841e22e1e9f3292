#include <fulcrum/exec/reference.hpp>

#include <cmath>
#include <limits>
#include <numeric>

#include <fulcrum/exec/executor.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/cast.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::counting_tensor;
using fulcrum::test::random_tensor;

static_assert(Executor<ReferenceExecutor<float>>);

namespace {

/// A model that is one layer on inputs of the sources' shapes, run on them.
Tensor<double> run_layer(Layer<double> layer, const std::vector<Tensor<double>>& src) {
  Model<double> model("one layer");
  std::vector<NodeId> inputs;
  for (std::size_t i = 0; i < src.size(); ++i) {
    std::string name = "input";
    name += std::to_string(i);
    inputs.push_back(model.add({std::move(name), Input{src[i].dims()}, {}, {}}));
  }
  model.set_outputs({model.add({"layer", std::move(layer), inputs, {}})});
  return ReferenceExecutor<double>(model).run(src).at(0);
}

Conv<double> conv_of(Tensor<double> weights, const Window& window = {}, std::int64_t groups = 1) {
  Conv<double> conv;
  conv.window = window;
  conv.window.kernel = {weights.dim(2), weights.dim(3)};
  conv.weights = std::move(weights);
  conv.groups = groups;
  return conv;
}

Pool pool_of(PoolKind kind, const Window& window, bool count_include_pad = false) {
  Pool pool;
  pool.pool = kind;
  pool.window = window;
  pool.count_include_pad = count_include_pad;
  return pool;
}

void check_close(const Tensor<double>& actual, const Tensor<double>& expected, double margin = 1e-12) {
  REQUIRE(actual.dims() == expected.dims());
  for (std::size_t i = 0; i < actual.flat().size(); ++i) {
    CHECK(actual.flat()[i] == Approx(expected.flat()[i]).margin(margin));
  }
}

/// The sum of the layer's docstring, straight from the formula.
double convolution_at(const Conv<double>& conv, const Tensor<double>& src, std::int64_t n, std::int64_t oc,
                      std::int64_t oh, std::int64_t ow) {
  const Shape w = conv.weights.value->dims();
  const std::int64_t group = oc / (w[0] / conv.groups);
  double sum = conv.bias.empty() ? 0.0 : conv.bias.value->at(oc);
  for (std::int64_t ic = 0; ic < w[1]; ++ic) {
    for (std::int64_t kh = 0; kh < w[2]; ++kh) {
      for (std::int64_t kw = 0; kw < w[3]; ++kw) {
        const std::int64_t h = oh * conv.window.stride[0] - conv.window.padding.top + kh * conv.window.dilation[0];
        const std::int64_t x = ow * conv.window.stride[1] - conv.window.padding.left + kw * conv.window.dilation[1];
        if (h < 0 || h >= src.dim(2) || x < 0 || x >= src.dim(3)) continue;
        sum += conv.weights.value->at(oc, ic, kh, kw) * src.at(n, group * w[1] + ic, h, x);
      }
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("a convolution sums its window, with zeros around the source") {
  const auto src = counting_tensor<double>({1, 1, 3, 3});
  Conv<double> conv = conv_of(Tensor<double>({1, 1, 2, 2}, {1, 2, 3, 4}));
  conv.bias = Tensor<double>({1}, {0.5});
  // 0·1 + 1·2 + 3·3 + 4·4 + ½
  check_close(run_layer(conv, {src}), Tensor<double>({1, 1, 2, 2}, {27.5, 37.5, 57.5, 67.5}));

  conv.window.padding = {1, 1, 0, 0};
  conv.window.stride = {2, 2};
  check_close(run_layer(conv, {src}), Tensor<double>({1, 1, 2, 2}, {0.5, 11.5, 30.5, 67.5}));
}

TEST_CASE("a dilated convolution skips elements") {
  const auto src = counting_tensor<double>({1, 1, 3, 3});
  Window window;
  window.dilation = {2, 2};
  check_close(run_layer(conv_of(Tensor<double>({1, 1, 2, 2}, {1, 2, 3, 4}), window), {src}),
              Tensor<double>({1, 1, 1, 1}, {0 * 1 + 2 * 2 + 6 * 3 + 8 * 4}));
}

TEST_CASE("groups of a convolution see their own channels") {
  const Tensor<double> src({1, 2, 1, 2}, {1, 2, 3, 4});
  check_close(run_layer(conv_of(Tensor<double>({4, 1, 1, 1}, {1, 10, 100, 1000}), {}, 2), {src}),
              Tensor<double>({1, 4, 1, 2}, {1, 2, 10, 20, 300, 400, 3000, 4000}));
}

TEST_CASE("a convolution with every setting at once follows the formula") {
  Window window;
  window.stride = {2, 1};
  window.dilation = {1, 2};
  window.padding = {1, 0, 2, 3};
  Conv<double> conv = conv_of(random_tensor<double>({6, 2, 3, 2}, 1), window, 3);
  conv.bias = random_tensor<double>({6}, 2);
  const auto src = random_tensor<double>({2, 6, 7, 5}, 3);
  const Tensor<double> dst = run_layer(conv, {src});
  REQUIRE(dst.dims() == Shape{2, 6, 4, 6});
  for (std::int64_t n = 0; n < 2; ++n) {
    for (std::int64_t oc = 0; oc < 6; ++oc) {
      for (std::int64_t oh = 0; oh < 4; ++oh) {
        for (std::int64_t ow = 0; ow < 6; ++ow) {
          CHECK(dst.at(n, oc, oh, ow) == Approx(convolution_at(conv, src, n, oc, oh, ow)).margin(1e-12));
        }
      }
    }
  }
}

TEST_CASE("a convolution over depth sums over depth too") {
  Conv<double> conv;
  conv.weights = random_tensor<double>({4, 2, 3, 2, 3}, 1);
  conv.bias = random_tensor<double>({4}, 2);
  conv.groups = 2;
  conv.window.kernel = {2, 3};
  conv.window.stride = {1, 2};
  conv.window.padding = {1, 0, 0, 1};
  conv.window.depth = {3, 2, 2, 1, 2};
  const auto src = random_tensor<double>({2, 4, 5, 3, 4}, 3);
  const Tensor<double> dst = run_layer(conv, {src});
  REQUIRE(dst.dims() == Shape{2, 4, 2, 3, 2});
  // One depth of the result is the sum of what each tap over depth gives of its own plane of the source.
  for (std::int64_t od = 0; od < 2; ++od) {
    Tensor<double> sum({2, 4, 3, 2});
    for (std::int64_t kd = 0; kd < 3; ++kd) {
      Tensor<double> plane({2, 4, 3, 4});
      const std::int64_t d = od * 2 - 2 + kd * 2;
      if (d < 0 || d >= 5) continue;
      for (std::int64_t n = 0; n < 2; ++n)
        for (std::int64_t c = 0; c < 4; ++c)
          for (std::int64_t h = 0; h < 3; ++h)
            for (std::int64_t w = 0; w < 4; ++w) plane.at(n, c, h, w) = src.at(n, c, d, h, w);
      Tensor<double> weights({4, 2, 2, 3});
      for (std::int64_t oc = 0; oc < 4; ++oc)
        for (std::int64_t ic = 0; ic < 2; ++ic)
          for (std::int64_t h = 0; h < 2; ++h)
            for (std::int64_t w = 0; w < 3; ++w) weights.at(oc, ic, h, w) = conv.weights.value->at(oc, ic, kd, h, w);
      Window window = conv.window;
      window.depth = {};
      const Tensor<double> part = run_layer(conv_of(weights, window, 2), {plane});
      for (std::size_t i = 0; i < sum.flat().size(); ++i) sum.flat()[i] += part.flat()[i];
    }
    for (std::int64_t n = 0; n < 2; ++n)
      for (std::int64_t oc = 0; oc < 4; ++oc)
        for (std::int64_t h = 0; h < 3; ++h)
          for (std::int64_t w = 0; w < 2; ++w) {
            CHECK(dst.at(n, oc, od, h, w) == Approx(sum.at(n, oc, h, w) + conv.bias.value->at(oc)).margin(1e-12));
          }
  }
}

TEST_CASE("a dense layer multiplies rows by its weights, at any rank") {
  Dense<double> dense;
  dense.weights = Tensor<double>({2, 3}, {1, 2, 3, -1, 0, 1});
  check_close(run_layer(dense, {Tensor<double>({2, 3}, {1, 1, 1, 0, 1, 2})}), Tensor<double>({2, 2}, {6, 0, 8, 2}));
  dense.bias = Tensor<double>({2}, {10, 20});
  check_close(run_layer(dense, {Tensor<double>({1, 2, 3}, {1, 1, 1, 0, 1, 2})}),
              Tensor<double>({1, 2, 2}, {16, 20, 18, 22}));
}

TEST_CASE("batch normalization scales and shifts each channel") {
  BatchNormalization<double> norm;
  norm.scale = Tensor<double>({2}, {2, 3});
  norm.shift = Tensor<double>({2}, {1, -1});
  norm.mean = Tensor<double>({2}, {1, 2});
  norm.variance = Tensor<double>({2}, {3.75, 8.75});
  norm.epsilon = 0.25;  // deviations 2 and 3
  check_close(run_layer(norm, {Tensor<double>({1, 2, 1, 2}, {1, 3, 2, 5})}),
              Tensor<double>({1, 2, 1, 2}, {1, 3, -1, 2}));
  check_close(run_layer(norm, {Tensor<double>({1, 2}, {3, 5})}), Tensor<double>({1, 2}, {3, 2}));
}

TEST_CASE("max pooling ignores padding, even when every value is negative") {
  const Tensor<double> src({1, 1, 2, 2}, {-4, -3, -2, -1});
  Window window;
  window.kernel = {2, 2};
  window.padding = 1;
  check_close(run_layer(pool_of(PoolKind::max, window), {src}),
              Tensor<double>({1, 1, 3, 3}, {-4, -3, -3, -2, -1, -1, -2, -1, -1}));
}

TEST_CASE("average pooling divides by the elements, or by the elements and their padding") {
  const Tensor<double> src({1, 1, 2, 2}, {4, 8, 12, 16});
  Window window;
  window.kernel = {2, 2};
  window.padding = 1;
  check_close(run_layer(pool_of(PoolKind::average, window), {src}),
              Tensor<double>({1, 1, 3, 3}, {4, 6, 8, 8, 10, 12, 12, 14, 16}));
  check_close(run_layer(pool_of(PoolKind::average, window, true), {src}),
              Tensor<double>({1, 1, 3, 3}, {1, 3, 2, 4, 10, 6, 3, 7, 4}));
}

TEST_CASE("what a last window reaches past source and padding never counts in an average") {
  // The 4×4 example of ONNX AveragePool with ceil_mode.
  Tensor<double> square = counting_tensor<double>({1, 1, 4, 4});
  for (double& x : square.flat()) x += 1.0;
  Window window;
  window.kernel = {3, 3};
  window.stride = {2, 2};
  window.ceil_mode = true;
  const Tensor<double> expected({1, 1, 2, 2}, {6, 7.5, 12, 13.5});
  check_close(run_layer(pool_of(PoolKind::average, window), {square}), expected);
  check_close(run_layer(pool_of(PoolKind::average, window, true), {square}), expected);

  // A row of 9, kernel 7, stride 3, padding 3: the last window starts at 6 and ends past the padding at 12, so it
  // holds 3 elements and 3 zeros.
  Window row;
  row.kernel = {1, 7};
  row.stride = {1, 3};
  row.padding = {0, 3, 0, 3};
  row.ceil_mode = true;
  const Tensor<double> line({1, 1, 1, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  check_close(run_layer(pool_of(PoolKind::average, row, true), {line}),
              Tensor<double>({1, 1, 1, 4}, {10.0 / 7, 28.0 / 7, 39.0 / 7, 24.0 / 6}));
  check_close(run_layer(pool_of(PoolKind::average, row), {line}),
              Tensor<double>({1, 1, 1, 4}, {10.0 / 4, 28.0 / 7, 39.0 / 6, 24.0 / 3}));
  check_close(run_layer(pool_of(PoolKind::max, row), {line}), Tensor<double>({1, 1, 1, 4}, {4, 7, 9, 9}));
}

TEST_CASE("a dilated pooling window skips elements") {
  Window window;
  window.kernel = {1, 2};
  window.dilation = {1, 2};
  const Tensor<double> src({1, 1, 1, 4}, {1, 8, 3, 2});
  check_close(run_layer(pool_of(PoolKind::max, window), {src}), Tensor<double>({1, 1, 1, 2}, {3, 8}));
  check_close(run_layer(pool_of(PoolKind::average, window), {src}), Tensor<double>({1, 1, 1, 2}, {2, 5}));
}

TEST_CASE("pooling over depth takes the planes together") {
  Window window{{1, 2}, {1, 2}, 0};
  window.depth = {2, 1, 1, 0, 1};
  const Tensor<double> src({1, 1, 2, 1, 4}, {1, 2, 3, -4, 5, 0, -7, 8});
  check_close(run_layer(pool_of(PoolKind::max, window), {src}), Tensor<double>({1, 1, 2, 1, 2}, {2, 3, 5, 8}));
  check_close(run_layer(pool_of(PoolKind::average, window), {src}), Tensor<double>({1, 1, 2, 1, 2}, {1.5, -0.5, 2, 0}));
  check_close(run_layer(pool_of(PoolKind::average, window, true), {src}),
              Tensor<double>({1, 1, 2, 1, 2}, {0.75, -0.25, 2, 0}));
}

TEST_CASE("at its indices lies what max pooling gives") {
  const Window window{{3, 2}, {2, 1}, {1, 1, 0, 1}, {1, 2}, true};
  const auto src = random_tensor<double>({2, 3, 6, 7}, 4);
  const Tensor<double> largest = run_layer(pool_of(PoolKind::max, window), {src});
  const Tensor<double> indices = run_layer(MaxPoolIndices{window, false}, {src});
  REQUIRE(indices.dims() == largest.dims());
  for (std::size_t i = 0; i < indices.flat().size(); ++i)
    CHECK(src.flat()[static_cast<std::size_t>(indices.flat()[i])] == largest.flat()[i]);
}

TEST_CASE("global pooling takes whole planes") {
  const Tensor<double> src({1, 2, 1, 3}, {1, 2, 6, -3, -2, -1});
  check_close(run_layer(GlobalPool{PoolKind::average}, {src}), Tensor<double>({1, 2, 1, 1}, {3, -2}));
  check_close(run_layer(GlobalPool{PoolKind::max}, {src}), Tensor<double>({1, 2, 1, 1}, {6, -1}));
}

TEST_CASE("activations give the values of their formulas") {
  const auto at = [](ActivationKind kind, double x, float alpha = 0.0F, float beta = 0.0F) {
    return run_layer(Activation{kind, alpha, beta}, {Tensor<double>({1}, {x})}).at(0);
  };
  CHECK(at(ActivationKind::relu, -2) == 0.0);
  CHECK(at(ActivationKind::relu, 2) == 2.0);
  CHECK(at(ActivationKind::leaky_relu, -2, 0.25F) == -0.5);
  CHECK(at(ActivationKind::clip, 7, 0.0F, 6.0F) == 6.0);
  CHECK(at(ActivationKind::clip, -7, -1.0F, 6.0F) == -1.0);
  CHECK(at(ActivationKind::sigmoid, std::log(3.0)) == Approx(0.75));
  CHECK(at(ActivationKind::tanh, std::log(2.0)) == Approx(0.6));
  CHECK(at(ActivationKind::elu, -std::log(2.0), 2.0F) == Approx(-1.0));
  CHECK(at(ActivationKind::hard_sigmoid, 1, 0.25F, 0.5F) == 0.75);
  CHECK(at(ActivationKind::hard_sigmoid, 9, 0.25F, 0.5F) == 1.0);
  CHECK(at(ActivationKind::hard_swish, 1.5) == Approx(1.125));
  CHECK(at(ActivationKind::hard_swish, -3) == 0.0);
  CHECK(at(ActivationKind::swish, std::log(3.0), 1.0F) == Approx(0.75 * std::log(3.0)));
  CHECK(at(ActivationKind::softplus, std::log(3.0)) == Approx(std::log(4.0)));
  CHECK(at(ActivationKind::softplus, 800.0) == 800.0);
  CHECK(at(ActivationKind::gelu, 1) == Approx(0.841344746068543));
  CHECK(at(ActivationKind::gelu_tanh, 1) == Approx(0.841191990608303));
}

TEST_CASE("element-wise sums and products broadcast either side") {
  const Tensor<double> a({2, 1, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor<double> b({2, 1}, {10, 20});
  check_close(run_layer(Binary{BinaryKind::add}, {a, b}),
              Tensor<double>({2, 2, 3}, {11, 12, 13, 21, 22, 23, 14, 15, 16, 24, 25, 26}));
  check_close(run_layer(Binary{BinaryKind::mul}, {b, a}),
              Tensor<double>({2, 2, 3}, {10, 20, 30, 20, 40, 60, 40, 50, 60, 80, 100, 120}));
  check_close(run_layer(Binary{BinaryKind::add}, {Tensor<double>({}, {1}), Tensor<double>({2}, {1, 2})}),
              Tensor<double>({2}, {2, 3}));
}

TEST_CASE("concatenation interleaves along its axis") {
  const Tensor<double> a({2, 1, 2}, {1, 2, 3, 4});
  const Tensor<double> b({2, 2, 2}, {5, 6, 7, 8, 9, 10, 11, 12});
  const Tensor<double> expected({2, 3, 2}, {1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12});
  check_close(run_layer(Concat{1}, {a, b}), expected);
  check_close(run_layer(Concat{-2}, {a, b}), expected);
  check_close(run_layer(Concat{0}, {a}), a);
}

TEST_CASE("reshape and flatten keep the elements' order") {
  const auto src = counting_tensor<double>({2, 3, 2});
  check_close(run_layer(Reshape{{0, -1}, false}, {src}), src.reshaped({2, 6}));
  check_close(run_layer(Flatten{2}, {src}), src.reshaped({6, 2}));
}

TEST_CASE("softmax sums to one along its axis and survives large values") {
  const double third = std::log(2.0);
  check_close(run_layer(Softmax{-1}, {Tensor<double>({2, 2}, {0, third, 1000, 1000})}),
              Tensor<double>({2, 2}, {1.0 / 3, 2.0 / 3, 0.5, 0.5}));
  check_close(run_layer(Softmax{0}, {Tensor<double>({2, 2}, {0, 1000, third, 1000})}),
              Tensor<double>({2, 2}, {1.0 / 3, 0.5, 2.0 / 3, 0.5}));
  check_close(run_layer(Softmax{1}, {Tensor<double>({1, 2, 2}, {0, 5, third, 5})}),
              Tensor<double>({1, 2, 2}, {1.0 / 3, 0.5, 2.0 / 3, 0.5}));
}

TEST_CASE("a constant is a source like any other") {
  auto b = ModelBuilder<double>("scaled").input({2});
  const NodeId input = b.last();
  b.layer(Constant<double>{Tensor<double>({2}, {3, 5})}, {}).mul(input);
  const auto model = std::move(b).build();
  const std::vector<Tensor<double>> src{Tensor<double>({2, 2}, {1, 2, 3, 4})};
  check_close(ReferenceExecutor<double>(model).run(src).at(0), Tensor<double>({2, 2}, {3, 10, 9, 20}));
}

TEST_CASE("a batch gives what its samples give one by one") {
  auto b = ModelBuilder<float>("residual", 5).input({3, 6, 6}).conv(4, 3, {.padding = 1}).batch_normalization();
  const NodeId shortcut = b.last();
  const auto model =
      std::move(b.relu().conv(4, 3, {.padding = 1}).add(shortcut).max_pool(2).flatten().dense(5)).build();
  const ReferenceExecutor<float> executor(model);
  const std::vector<Tensor<float>> batch{random_tensor<float>({3, 3, 6, 6}, 9)};
  const Tensor<float> together = executor.run(batch).at(0);
  for (std::size_t n = 0; n < 3; ++n) {
    const std::vector<Tensor<float>> one{
        Tensor<float>({1, 3, 6, 6}, std::span<const float>(batch[0].flat()).subspan(n * 108, 108))};
    const Tensor<float> alone = executor.run(one).at(0);
    for (std::size_t c = 0; c < 5; ++c) CHECK(alone.flat()[c] == Approx(together.flat()[n * 5 + c]).epsilon(1e-5));
  }
}

TEST_CASE("run returns the outputs among the values that run_all keeps") {
  auto b = ModelBuilder<double>("two outputs", 3).input({4}).dense(3);
  const NodeId hidden = b.last();
  Model<double> model = std::move(b.relu().dense(2)).build();
  model.set_outputs({model.outputs().front(), hidden, 0});
  const ReferenceExecutor<double> executor(model);
  const std::vector<Tensor<double>> src{random_tensor<double>({2, 4}, 1)};
  const auto all = executor.run_all(src);
  const auto dst = executor.run(src);
  REQUIRE(all.size() == model.size());
  REQUIRE(dst.size() == 3);
  CHECK(dst[0] == all.back());
  CHECK(dst[1] == all[hidden]);
  CHECK(dst[2] == src[0]);
}

TEST_CASE("float and double agree on a network to float's precision") {
  const auto model = ModelBuilder<float>("net", 11)
                         .input({2, 8, 8})
                         .conv(6, 3)
                         .gelu()
                         .average_pool(2)
                         .flatten()
                         .dense(7)
                         .softmax()
                         .build();
  const std::vector<Tensor<float>> src{random_tensor<float>({2, 2, 8, 8}, 4)};
  const std::vector<Tensor<double>> wide{cast<double>(src[0])};
  const auto narrow = ReferenceExecutor<float>(model).run(src).at(0);
  check_close(cast<double>(narrow), ReferenceExecutor<double>(cast<double>(model)).run(wide).at(0), 1e-6);
}

TEST_CASE("values and weights go through their integers unless quantization is left out") {
  Model<double> model("quantized");
  const NodeId input = model.add({"input", Input{{batch_dim, 2}}, {}, Quantization{DType::u8, {0.5F}, {10}, -1}});
  Dense<double> dense;
  dense.weights = Tensor<double>({2, 2}, {1.2, -0.8, 3.0, 0.4});
  dense.weights.quantization = Quantization{DType::s8, {1.0F, 2.0F}, {0, 0}, 0};
  dense.bias = Tensor<double>({2}, {0.25, 0.0});
  model.set_outputs({model.add({"dense", dense, {input}, Quantization{DType::s8, {0.5F}, {0}, -1}})});

  // 0.75/0.5 = 1.5 rounds to 2 (half to even) → 1.0; −9 saturates at q = 0 → −5. The weights become
  // (1, −1) and (2·half_even(1.5) = 4, 2·half_even(0.2) = 0).
  const std::vector<Tensor<double>> src{Tensor<double>({1, 2}, {0.75, -9.0})};
  const ReferenceExecutor<double> quantized(model);
  check_close(quantized.run_all(src)[input], Tensor<double>({1, 2}, {1.0, -5.0}), 0.0);
  // (1 + 5 + ¼)/½ = 12.5 rounds to 12 → 6; (4 + 0)/½ = 8 → 4.
  check_close(quantized.run(src).at(0), Tensor<double>({1, 2}, {6.0, 4.0}), 0.0);
  // Without, neither is applied: 0.9 + 7.2 + 0.25 and 2.25 − 3.6.
  const ReferenceExecutor<double> without(model, {.quantized = false});
  check_close(without.run(src).at(0), Tensor<double>({1, 2}, {8.35, -1.35}));
}

TEST_CASE("a quantization that does not fit its value is refused by layer name") {
  auto model = ModelBuilder<double>("m").input({3}).dense(2).build();
  auto& dense = std::get<Dense<double>>(model.edit_layer(1));
  dense.weights.quantization = Quantization{DType::s8, {1.0F}, {0}, 0};
  CHECK_THROWS_WITH(ReferenceExecutor<double>(model, {.quantized = true}), ContainsSubstring("layer 'dense1'"));
  dense.weights.quantization.reset();
  model.set_dst_quantization(0, Quantization{DType::u8, {1.0F, 1.0F}, {0, 0}, -1});
  const std::vector<Tensor<double>> src{Tensor<double>({1, 3})};
  const ReferenceExecutor<double> executor(model, {.quantized = true});
  CHECK_THROWS_WITH(executor.run(src), ContainsSubstring("layer 'input'"));
}

TEST_CASE("sources that the model does not take are refused with both shapes") {
  const ReferenceExecutor<float> executor(ModelBuilder<float>("m").input({3, 4, 4}, "image").relu().build());
  const std::vector<Tensor<float>> wrong{Tensor<float>({2, 3, 4, 5})};
  const std::vector<Tensor<float>> flat{Tensor<float>({48})};
  const std::vector<Tensor<float>> scalar{Tensor<float>()};
  const std::vector<Tensor<float>> empty{Tensor<float>({0, 3, 4, 4})};
  const std::vector<Tensor<float>> two(2, Tensor<float>({1, 3, 4, 4}));
  CHECK_THROWS_WITH(executor.run(wrong), ContainsSubstring("image") && ContainsSubstring("(2, 3, 4, 5)") &&
                                             ContainsSubstring("(N, 3, 4, 4)"));
  CHECK_THROWS_WITH(executor.run(flat), ContainsSubstring("(48)"));
  CHECK_THROWS_WITH(executor.run(scalar), ContainsSubstring("takes (N, 3, 4, 4)"));
  CHECK_THROWS_WITH(executor.run(empty), ContainsSubstring("(0, 3, 4, 4)"));
  CHECK_THROWS_WITH(executor.run(two), ContainsSubstring("takes 1 input(s) but was given 2"));
}

TEST_CASE("the reference runs one batch size on arrays, as it runs tensors") {
  const Model<float> model =
      ModelBuilder<float>("m", 2).input({2, 6, 6}).conv(3, 3).relu().flatten().dense(4).softmax().build();
  ReferenceExecutor<float> executor(model, {.batch = 3});
  CHECK(executor.src_shapes() == std::vector<Shape>{{3, 2, 6, 6}});
  CHECK(executor.dst_shapes() == std::vector<Shape>{{3, 4}});
  const Tensor<float> src = random_tensor<float>({3, 2, 6, 6}, 1);
  const Tensor<float> expected = executor.run({&src, 1}).front();
  CHECK(run(executor, {&src, 1}).front() == expected);

  Tensor<float> dst({3, 4});
  const std::vector<const float*> from{src.flat().data()};
  const std::vector<float*> to{dst.flat().data()};
  const std::vector<StepInfo> steps = executor.steps();
  std::vector<std::chrono::nanoseconds> times(steps.size());
  executor.execute_timed(from, to, times);
  CHECK(dst == expected);
  REQUIRE(steps.size() == 5);
  CHECK(steps[0].kind == "Conv");
  CHECK(steps[0].name == "conv1");
  CHECK(steps[0].flops == 2.0 * 3 * 3 * 4 * 4 * 2 * 9 + 3 * 3 * 4 * 4);
  CHECK(times[0].count() > 0);
  CHECK_THROWS_WITH(executor.execute_timed(from, to, {}), ContainsSubstring("times"));
  CHECK_THROWS_WITH(executor.execute({}, to), ContainsSubstring("0 source(s)"));
}
