#include <fulcrum/layers/recurrent.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/run_kernel.hpp>

using namespace fulcrum;
using test::check_close;
using test::random_tensor;
using test::run_kernel;
using Values = Tensor<double>;

namespace {
double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// A layer with ONNX's usual functions and random parameters; no peepholes.
Recurrent<double> layer_of(RecurrentKind cell, RecurrentDirection direction, std::int64_t input, std::int64_t hidden) {
  Recurrent<double> layer;
  layer.cell = cell;
  layer.direction = direction;
  const std::int64_t rows = gates_of(cell) * hidden;
  layer.weights = random_tensor<double>({layer.directions(), rows, input}, 1);
  layer.recurrent_weights = random_tensor<double>({layer.directions(), rows, hidden}, 2);
  layer.bias = random_tensor<double>({layer.directions(), 2 * rows}, 3);
  const Activation gate{ActivationKind::sigmoid, 0.0F, 0.0F};
  const Activation state{ActivationKind::tanh, 0.0F, 0.0F};
  for (std::int64_t d = 0; d < layer.directions(); ++d) {
    if (cell != RecurrentKind::rnn) layer.functions.push_back(gate);
    layer.functions.push_back(state);
    if (cell == RecurrentKind::lstm) layer.functions.push_back(state);
  }
  return layer;
}

/// One hidden unit, one input, weights as given, nothing else.
Recurrent<double> scalar_layer(RecurrentKind cell, const std::vector<double>& weights,
                               const std::vector<double>& recurrent) {
  Recurrent<double> layer = layer_of(cell, RecurrentDirection::forward, 1, 1);
  layer.weights = Values({1, gates_of(cell), 1}, weights);
  layer.recurrent_weights = Values({1, gates_of(cell), 1}, recurrent);
  layer.bias = {};
  return layer;
}

/// What enters gate k of unit j by the input (state = false: weights, Wb) or the state (R, Rb).
double gate_of(const Recurrent<double>& layer, bool of_state, std::int64_t direction, std::int64_t k, std::int64_t j,
               const std::vector<double>& x) {
  const std::int64_t hidden = layer.hidden(), rows = gates_of(layer.cell) * hidden, row = k * hidden + j;
  double sum = layer.bias.empty() ? 0.0 : layer.bias.value->at(direction, (of_state ? rows : 0) + row);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Values& weights = of_state ? *layer.recurrent_weights.value : *layer.weights.value;
    sum += weights.at(direction, row, static_cast<std::int64_t>(i)) * x[i];
  }
  return sum;
}

/// A GRU of ONNX's usual functions, straight from the formulas.
Values gru_from_definition(const Recurrent<double>& layer, const Values& x, const Values& first) {
  const std::int64_t steps = x.dim(0), n = x.dim(1), hidden = layer.hidden();
  Values dst({steps, layer.directions(), n, hidden});
  for (std::int64_t d = 0; d < layer.directions(); ++d) {
    for (std::int64_t b = 0; b < n; ++b) {
      std::vector<double> h;
      for (std::int64_t j = 0; j < hidden; ++j) h.push_back(first.at(d, b, j));
      for (std::int64_t s = 0; s < steps; ++s) {
        const std::int64_t t = d == 1 ? steps - 1 - s : s;
        std::vector<double> input;
        for (std::int64_t i = 0; i < x.dim(2); ++i) input.push_back(x.at(t, b, i));
        const auto total = [&](std::int64_t k, std::int64_t j) {
          return gate_of(layer, false, d, k, j, input) + gate_of(layer, true, d, k, j, h);
        };
        std::vector<double> reset;
        for (std::int64_t j = 0; j < hidden; ++j)
          reset.push_back(sigmoid(total(1, j)) * h[static_cast<std::size_t>(j)]);
        std::vector<double> next;
        for (std::int64_t j = 0; j < hidden; ++j) {
          const double z = sigmoid(total(0, j));
          const double of_state = layer.linear_before_reset ? sigmoid(total(1, j)) * gate_of(layer, true, d, 2, j, h)
                                                            : gate_of(layer, true, d, 2, j, reset);
          const double candidate = std::tanh(gate_of(layer, false, d, 2, j, input) + of_state);
          next.push_back((1 - z) * candidate + z * h[static_cast<std::size_t>(j)]);
          dst.at(t, d, b, j) = next.back();
        }
        h = next;
      }
    }
  }
  return dst;
}

Shape shape_of(const Recurrent<double>& layer, const std::vector<Shape>& src) { return layer.dst_shape(src); }
}  // namespace

TEST_CASE("one step of an LSTM, by hand") {
  // Gates i, o, f, c of x = 2, h = 1/2, C = 3.
  auto layer = scalar_layer(RecurrentKind::lstm, {0.1, 0.2, 0.3, 0.4}, {1, -1, 2, -2});
  layer.with_cell_state = true;
  const double i = sigmoid(0.2 + 0.5), f = sigmoid(0.6 + 1.0), c = std::tanh(0.8 - 1.0), o = sigmoid(0.4 - 0.5);
  const double cell = f * 3 + i * c;
  const std::vector<Values> src{Values({1, 1, 1}, {2}), Values({1, 1, 1}, {0.5}), Values({1, 1, 1}, {3})};
  check_close(run_kernel(layer, src), Values({2, 1, 1, 1}, {o * std::tanh(cell), cell}), 1e-12);

  layer.couple_input_forget = true;
  const double coupled = (1 - i) * 3 + i * c;
  check_close(run_kernel(layer, src), Values({2, 1, 1, 1}, {o * std::tanh(coupled), coupled}), 1e-12);
}

TEST_CASE("peepholes let the gates of an LSTM see the cell, the output gate the new one") {
  auto layer = scalar_layer(RecurrentKind::lstm, {0.1, 0.2, 0.3, 0.4}, {0, 0, 0, 0});
  layer.peepholes = Values({1, 3}, {0.5, 0.25, -0.5});  // i, o, f
  layer.bias = Values({1, 8}, {1, 0, 0, 0, 0, 0, 2, 0});
  const double i = sigmoid(0.2 + 1 + 1.5), f = sigmoid(0.6 + 2 - 1.5), c = std::tanh(0.8);
  const double cell = f * 3 + i * c;
  const double o = sigmoid(0.4 + 0.25 * cell);
  const std::vector<Values> src{Values({1, 1, 1}, {2}), Values({1, 1, 1}), Values({1, 1, 1}, {3})};
  check_close(run_kernel(layer, src), Values({1, 1, 1, 1}, {o * std::tanh(cell)}), 1e-12);
}

TEST_CASE("clipping bounds what enters the functions, not the cell") {
  auto layer = scalar_layer(RecurrentKind::lstm, {9, 9, 9, -9}, {0, 0, 0, 0});
  layer.clip = 1.0F;
  layer.with_cell_state = true;
  const double cell = sigmoid(1.0) * 5 + sigmoid(1.0) * std::tanh(-1.0);
  check_close(run_kernel(layer, {Values({1, 1, 1}, {2}), Values({1, 1, 1}), Values({1, 1, 1}, {5})}),
              Values({2, 1, 1, 1}, {sigmoid(1.0) * std::tanh(1.0), cell}), 1e-12);
}

TEST_CASE("an RNN applies its one function to the sum, step after step") {
  auto layer = scalar_layer(RecurrentKind::rnn, {2}, {10});
  layer.bias = Values({1, 2}, {1, 0.5});
  layer.functions = {{ActivationKind::relu, 0.0F, 0.0F}};
  CHECK(run_kernel(layer, {Values({3, 1, 1}, {1, -100, 3})}) == Values({3, 1, 1, 1}, {3.5, 0, 7.5}));
  layer.direction = RecurrentDirection::reverse;
  CHECK(run_kernel(layer, {Values({3, 1, 1}, {1, -100, 3})}) == Values({3, 1, 1, 1}, {3.5, 0, 7.5}));
  CHECK(run_kernel(layer, {Values({2, 1, 1}, {1, 2})}) == Values({2, 1, 1, 1}, {2 + 55 + 1.5, 5.5}));
}

TEST_CASE("a GRU follows its formulas, resetting before or after the product") {
  for (const bool linear_before_reset : {false, true}) {
    for (const RecurrentDirection direction : {RecurrentDirection::forward, RecurrentDirection::bidirectional}) {
      auto layer = layer_of(RecurrentKind::gru, direction, 3, 4);
      layer.linear_before_reset = linear_before_reset;
      const Values x = random_tensor<double>({5, 2, 3}, 4);
      const Values first = random_tensor<double>({layer.directions(), 2, 4}, 5);
      check_close(run_kernel(layer, {x, first}), gru_from_definition(layer, x, first), 1e-12);
      layer.bias = {};
      check_close(run_kernel(layer, {x}), gru_from_definition(layer, x, Values(first.dims())), 1e-12);
    }
  }
}

TEST_CASE("the two directions of a layer are two layers, the second from the end") {
  for (const RecurrentKind cell : {RecurrentKind::lstm, RecurrentKind::gru, RecurrentKind::rnn}) {
    CAPTURE(name_of(cell));
    auto both = layer_of(cell, RecurrentDirection::bidirectional, 2, 3);
    both.with_cell_state = cell == RecurrentKind::lstm;
    const Values x = random_tensor<double>({4, 2, 2}, 6);
    const Values dst = run_kernel(both, {x});
    for (std::int64_t d = 0; d < 2; ++d) {
      Recurrent<double> one = both;
      one.direction = d == 0 ? RecurrentDirection::forward : RecurrentDirection::reverse;
      const auto half = [&](const Parameter<double>& parameter) {
        Shape shape = parameter.value->dims();
        shape[0] = 1;
        const auto count = static_cast<std::size_t>(element_count(shape));
        return Values(shape, parameter.value->flat().subspan(static_cast<std::size_t>(d) * count, count));
      };
      one.weights = half(both.weights);
      one.recurrent_weights = half(both.recurrent_weights);
      one.bias = half(both.bias);
      one.functions.resize(one.functions_per_direction());
      const Values alone = run_kernel(one, {x});
      REQUIRE(alone.dim(0) == dst.dim(0));
      for (std::int64_t t = 0; t < dst.dim(0); ++t)
        for (std::int64_t b = 0; b < 2; ++b)
          for (std::int64_t j = 0; j < 3; ++j)
            REQUIRE(dst.at(t, d, b, j) == Approx(alone.at(t, 0, b, j)).margin(1e-14));
    }
  }
}

TEST_CASE("each sample of a batch with lengths is as if it were by itself, cut to its length") {
  for (const RecurrentKind cell : {RecurrentKind::lstm, RecurrentKind::gru, RecurrentKind::rnn}) {
    CAPTURE(name_of(cell));
    auto layer = layer_of(cell, RecurrentDirection::bidirectional, 2, 3);
    const bool lstm = cell == RecurrentKind::lstm;
    layer.with_cell_state = lstm;
    layer.with_hidden_state = true;
    layer.with_lengths = true;
    const Values x = random_tensor<double>({4, 3, 2}, 6), hidden = random_tensor<double>({2, 3, 3}, 7);
    const Values lengths({3}, {4, 0, 2});
    std::vector<Values> src{x, hidden, lengths};
    if (lstm) src.insert(src.begin() + 2, random_tensor<double>({2, 3, 3}, 8));
    const Values dst = run_kernel(layer, src);
    auto alone = layer;
    alone.with_lengths = false;
    for (std::int64_t b = 0; b < 3; ++b) {
      const auto length = static_cast<std::int64_t>(lengths.at(b));
      Values part({length, 1, 2}), first({2, 1, 3}), first_cell({2, 1, 3});
      for (std::int64_t t = 0; t < length; ++t)
        for (std::int64_t i = 0; i < 2; ++i) part.at(t, 0, i) = x.at(t, b, i);
      for (std::int64_t d = 0; d < 2; ++d)
        for (std::int64_t j = 0; j < 3; ++j) {
          first.at(d, 0, j) = hidden.at(d, b, j);
          if (lstm) first_cell.at(d, 0, j) = src[2].at(d, b, j);
        }
      std::vector<Values> own{part, first};
      if (lstm) own.push_back(first_cell);
      const Values expected = run_kernel(alone, own);
      for (std::int64_t row = 0; row < dst.dim(0); ++row)
        for (std::int64_t d = 0; d < 2; ++d)
          for (std::int64_t j = 0; j < 3; ++j) {
            const bool ended = row >= length && row < 4;
            const std::int64_t same = row < 4 ? row : length + row - 4;
            REQUIRE(dst.at(row, d, b, j) == Approx(ended ? 0.0 : expected.at(same, d, 0, j)).margin(1e-14));
          }
    }
  }
}

TEST_CASE("lengths that a sequence cannot have are refused") {
  auto layer = layer_of(RecurrentKind::gru, RecurrentDirection::forward, 2, 3);
  layer.with_lengths = true;
  const Values x({4, 2, 2});
  CHECK(shape_of(layer, {{4, 2, 2}, {2}}) == Shape{4, 1, 2, 3});
  CHECK_THROWS_WITH(shape_of(layer, {{4, 2, 2}}), ContainsSubstring("2 to 3 sources"));
  CHECK_THROWS_WITH(shape_of(layer, {{4, 2, 2}, {3}}), ContainsSubstring("as many lengths"));
  CHECK_THROWS_WITH(run_kernel(layer, {x, Values({2}, {1, 5})}), ContainsSubstring("whole number of 0 to 4"));
  CHECK_THROWS_WITH(run_kernel(layer, {x, Values({2}, {1.5, 4})}), ContainsSubstring("of sequence 0"));
  CHECK_THROWS_AS(run_kernel(layer, {x, Values({2}, {NAN, 4})}), Error);
}

TEST_CASE("without a sequence the first states are the last") {
  auto layer = layer_of(RecurrentKind::lstm, RecurrentDirection::forward, 2, 1);
  layer.with_cell_state = true;
  CHECK(run_kernel(layer, {Values({0, 1, 2}), Values({1, 1, 1}, {4}), Values({1, 1, 1}, {5})}) ==
        Values({1, 1, 1, 1}, {5}));
  layer.with_cell_state = false;
  CHECK(run_kernel(layer, {Values({3, 0, 2})}).dims() == Shape{3, 1, 0, 1});
}

TEST_CASE("work counts both products and eight FLOPs more for each gate") {
  const auto layer = layer_of(RecurrentKind::lstm, RecurrentDirection::bidirectional, 3, 5);
  const std::vector<Shape> src{{7, 2, 3}};
  CHECK(layer.dst_shape(src) == Shape{7, 2, 2, 5});
  const Work work = layer.work(src, {7, 2, 2, 5});
  CHECK(work.flops == 2.0 * 7 * 2 * 2 * 4 * 5 * (3 + 5) + 8.0 * 7 * 2 * 2 * 4 * 5);
  CHECK(work.src_elements == 42);
  CHECK(work.weight_elements == 2 * (20 * 3 + 20 * 5 + 40));
  CHECK(work.dst_elements == 140);
  CHECK(name_of(RecurrentKind::gru) == "GRU");
  CHECK(name_of(RecurrentKind::rnn) == "RNN");
}

TEST_CASE("sources and settings that do not fit each other are refused") {
  const std::vector<Shape> src{{7, 2, 3}};
  const auto layer = layer_of(RecurrentKind::lstm, RecurrentDirection::forward, 3, 5);
  CHECK_NOTHROW(shape_of(layer, src));
  CHECK_THROWS_AS(shape_of(layer, {}), Error);
  CHECK_THROWS_AS(shape_of(layer, {{7, 2, 4}}), Error);
  CHECK_THROWS_AS(shape_of(layer, {{7, 2}}), Error);
  CHECK_THROWS_WITH(shape_of(layer, {{7, 2, 3}, {1, 3, 5}}), ContainsSubstring("first state (1, 2, 5)"));
  CHECK_THROWS_WITH(
      shape_of(layer_of(RecurrentKind::gru, RecurrentDirection::forward, 3, 5), {{7, 2, 3}, {1, 2, 5}, {1, 2, 5}}),
      ContainsSubstring("1 to 2 sources"));
  auto changed = layer;
  changed.direction = RecurrentDirection::bidirectional;
  CHECK_THROWS_WITH(shape_of(changed, src), ContainsSubstring("2 direction(s)"));
  changed = layer;
  changed.weights = {};
  CHECK_THROWS_WITH(shape_of(changed, src), ContainsSubstring("no weights"));
  changed = layer;
  changed.bias = Values({1, 20});
  CHECK_THROWS_WITH(shape_of(changed, src), ContainsSubstring("bias"));
  changed = layer;
  changed.peepholes = Values({1, 20});
  CHECK_THROWS_WITH(shape_of(changed, src), ContainsSubstring("peepholes"));
  changed = layer;
  changed.functions.pop_back();
  CHECK_THROWS_WITH(shape_of(changed, src), ContainsSubstring("2 functions"));
  auto gru = layer_of(RecurrentKind::gru, RecurrentDirection::forward, 3, 5);
  gru.with_cell_state = true;
  CHECK_THROWS_WITH(shape_of(gru, src), ContainsSubstring("no cell state"));
}
