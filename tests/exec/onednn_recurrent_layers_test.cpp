// Recurrent layers in the engine's product and Fulcrum's own loops, against the reference.
#include <fulcrum/exec/onednn.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/schedule/recurrent.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

using Sources = std::vector<Tensor<float>>;

Tensor<float> uniform(const Shape& shape, std::uint64_t seed, double bound = 1.0) {
  return test::random_tensor<float>(shape, seed, -bound, bound);
}

/// A layer and sources for it.
struct Case {
  Recurrent<float> layer;
  Sources src;
};

class RandomCases {
public:
  explicit RandomCases(std::uint64_t seed) : random_(seed) {}

  Case next() {
    Case c;
    Recurrent<float>& l = c.layer;
    l.cell = static_cast<RecurrentKind>(below(3));
    l.direction = static_cast<RecurrentDirection>(below(3));
    const std::int64_t hidden = 1 + below(50), input = 1 + below(20), steps = 1 + below(6), n = 1 + below(9);
    const std::int64_t rows = gates_of(l.cell) * hidden, directions = l.directions();
    const double bound = 1.0 / std::sqrt(static_cast<double>(hidden));
    l.weights = uniform({directions, rows, input}, random_(), bound);
    l.recurrent_weights = uniform({directions, rows, hidden}, random_(), bound);
    if (below(4) != 0) l.bias = uniform({directions, 2 * rows}, random_());
    const bool lstm = l.cell == RecurrentKind::lstm;
    if (lstm && below(3) == 0) l.peepholes = uniform({directions, 3 * hidden}, random_());
    for (std::size_t i = 0; i < l.functions_per_direction() * static_cast<std::size_t>(directions); ++i) {
      const bool gate = i % l.functions_per_direction() == 0 && l.cell != RecurrentKind::rnn;
      l.functions.push_back({gate ? ActivationKind::sigmoid : ActivationKind::tanh});
      if (below(6) == 0) l.functions.back() = {ActivationKind::hard_sigmoid, 0.25F, 0.4F};
      if (below(8) == 0) l.functions.back() = {ActivationKind::softsign};
    }
    if (below(3) == 0) l.clip = 0.5F;
    l.linear_before_reset = l.cell == RecurrentKind::gru && below(2) == 0;
    l.couple_input_forget = lstm && below(4) == 0;
    l.with_cell_state = lstm && below(2) == 0;
    c.src.push_back(uniform({steps, n, input}, random_()));
    const std::int64_t states = below(lstm ? 3 : 2);
    for (std::int64_t i = 0; i < states; ++i) c.src.push_back(uniform({directions, n, hidden}, random_()));
    l.with_hidden_state = below(3) == 0;
    l.with_lengths = below(3) == 0;
    if (l.with_lengths) {
      Tensor<float> lengths(Shape{n});
      for (float& length : lengths.flat()) length = static_cast<float>(below(steps + 1));
      c.src.push_back(std::move(lengths));
    }
    return c;
  }

private:
  std::int64_t below(std::int64_t end) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(end)));
  }
  Random random_;
};

std::string text_of(const Case& c) {
  const Recurrent<float>& l = c.layer;
  std::string text(name_of(l.cell));
  text += ", direction " + std::to_string(static_cast<int>(l.direction)) + ", hidden " + std::to_string(l.hidden()) +
          ", clip " + std::to_string(l.clip) + ", reset " + std::to_string(l.linear_before_reset) + ", coupled " +
          std::to_string(l.couple_input_forget) + ", cell " + std::to_string(l.with_cell_state) + ", peepholes " +
          std::to_string(!l.peepholes.empty()) + ", bias " + std::to_string(!l.bias.empty()) + ", hidden " +
          std::to_string(l.with_hidden_state) + ", lengths " + std::to_string(l.with_lengths) + ", functions";
  for (const Activation& f : l.functions) text.append(" ").append(name_of(f.function));
  for (const Tensor<float>& src : c.src) text += ", " + to_string(src.dims());
  return text;
}

Model<float> model_of(const Case& c) {
  Model<float> model("m");
  std::vector<NodeId> inputs;
  for (const Tensor<float>& src : c.src) {
    const bool lengths = c.layer.with_lengths && &src == &c.src.back();
    const ElementType element = lengths ? ElementType::s32 : ElementType::f32;
    inputs.push_back(model.add({"in" + std::to_string(inputs.size()), Input{src.dims(), element}, {}, {}}));
  }
  model.set_outputs({model.add({"layer", c.layer, inputs, {}})});
  return model;
}

/// The difference from the reference, of two runs: one must not depend on what the run before left behind.
double difference(const Model<float>& model, const Sources& src, const RunConfig& config) {
  const Tensor<float> expected =
      ReferenceExecutor<float>(model, {.quantized = config.precision == Precision::int8}).run(src)[0];
  OnednnExecutor executor(model, config);
  double worst = 0.0;
  for (int run = 0; run < 2; ++run) worst = std::max(worst, test::relative_difference(executor.run(src)[0], expected));
  return worst;
}

Algorithm algorithm_of(const Model<float>& model, const RunConfig& config) {
  return OnednnModel::compile(model, config)->steps().back().algorithm;
}

/// One scale per row of the weights, s8, of as many bits as this CPU's kernels sum without loss.
Quantization by_rows(const Tensor<float>& weights) {
  return symmetric_quantization(weights, cpu_sums_int8_exactly() ? 8 : 7, 1);
}

}  // namespace

TEST_CASE("random recurrent layers agree with the reference in every precision, on one thread and two") {
  RandomCases cases(11);
  for (int run = 0; run < 150; ++run) {
    const Case c = cases.next();
    INFO("run " << run << ": " << text_of(c));
    const Model<float> model = model_of(c);
    for (const int threads : {1, 2}) {
      CHECK(difference(model, c.src, {.threads = threads}) <= test::relative_tolerance(Precision::f32));
      if (cpu_supports(Precision::bf16)) {
        CHECK(difference(model, c.src, {.threads = threads, .precision = Precision::bf16}) <=
              test::relative_tolerance(Precision::bf16));
      }
    }
    CHECK(algorithm_of(model, {}) == Algorithm::recurrent);
  }
}

TEST_CASE("quantized recurrent layers run on their integers") {
  RandomCases cases(12);
  for (int run = 0; run < 60; ++run) {
    Case c = cases.next();
    INFO("run " << run << ": " << text_of(c));
    c.layer.recurrent_weights.quantization = by_rows(*c.layer.recurrent_weights.value);
    const bool whole = run % 2 == 0;  // the weights of the source, too
    if (whole) c.layer.weights.quantization = by_rows(*c.layer.weights.value);
    Model<float> model = model_of(c);
    const bool zero = run % 4 == 0 && !int8_options_for_this_cpu().unsigned_values;
    if (run % 3 != 0)
      model.set_dst_quantization(0, zero ? Quantization{DType::s8, {1.0F / 127.0F}, {0}, -1}
                                         : Quantization{DType::u8, {2.0F / 255.0F}, {127}, -1});
    for (const int threads : {1, 2}) {
      // Sums of integers are exact, so that only the sums' order and the functions differ.
      CHECK(difference(model, c.src, {.threads = threads, .precision = Precision::int8}) <=
            test::relative_tolerance(Precision::f32));
    }
  }
}

TEST_CASE("a length that no sequence has stops a run, and the executor stays usable") {
  Case c;
  c.layer.cell = RecurrentKind::rnn;
  c.layer.weights = uniform({1, 4, 2}, 1);
  c.layer.recurrent_weights = uniform({1, 4, 4}, 2);
  c.layer.functions = {{ActivationKind::tanh}};
  c.layer.with_lengths = true;
  c.src = {uniform({3, 2, 2}, 3), Tensor<float>({2}, {3, 4})};
  OnednnExecutor executor(model_of(c), {});
  CHECK_THROWS_WITH(executor.run(c.src), ContainsSubstring("'layer'") && ContainsSubstring("0 to 3"));
  c.src[1] = Tensor<float>({2}, {3, 1});
  CHECK_NOTHROW(executor.run(c.src));
}

TEST_CASE("a long sequence runs in chunks, and many weights in 24 bits, as exactly") {
  Case c;
  c.layer.cell = RecurrentKind::lstm;
  c.layer.direction = RecurrentDirection::bidirectional;
  constexpr std::int64_t hidden = 600;
  const double bound = 1.0 / std::sqrt(static_cast<double>(hidden));
  c.layer.weights = uniform({2, 4 * hidden, 3}, 1, bound);
  c.layer.recurrent_weights = uniform({2, 4 * hidden, hidden}, 2, bound);
  c.layer.bias = uniform({2, 8 * hidden}, 3);
  for (int d = 0; d < 2; ++d) {
    c.layer.functions.insert(c.layer.functions.end(),
                             {{ActivationKind::sigmoid}, {ActivationKind::tanh}, {ActivationKind::tanh}});
  }
  c.src = {uniform({35, 70, 3}, 4)};
  const Model<float> model = model_of(c);
  const RunConfig config{.batch = 1, .threads = 2};
  CHECK(recurrent_weights(c.layer, Precision::f32) == RecurrentWeights::s24);
  CHECK(difference(model, c.src, config) <= test::relative_tolerance(Precision::f32));

  // A weight that others are nothing beside would take their digits from them.
  Case uneven = c;
  for (std::int64_t row = 0; row < 4 * hidden; ++row) uneven.layer.recurrent_weights.value.edit().at(0, row, 7) = 1e6F;
  uneven.layer.cell = RecurrentKind::lstm;
  CHECK(recurrent_weights(uneven.layer, Precision::f32) == RecurrentWeights::f32);
}
