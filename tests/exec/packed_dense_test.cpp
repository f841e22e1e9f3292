// Dense layers with weights of a few bits: what oneDNN's executor gives against the reference.
#include <string>
#include <vector>

#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/passes/quantize_weights.hpp>

#include <support/catch.hpp>
#include <support/random_model.hpp>
#include <support/random_nbits.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

namespace {

void check_like_reference(const Model<float>& model, std::int64_t batch) {
  const std::vector<Tensor<float>> src = random_sources(model, batch, 5);
  const std::vector<Tensor<float>> expected = ReferenceExecutor<float>(model).run(src);
  for (const int threads : {1, 2}) {
    for (const Precision precision : {Precision::f32, Precision::bf16}) {
      if (!cpu_supports(precision)) continue;
      INFO(model.name() << ", batch " << batch << ", " << threads << " thread(s), " << name_of(precision));
      OnednnExecutor executor(model, {.batch = batch, .threads = threads, .precision = precision});
      for (int run = 0; run < 2; ++run) {
        const std::vector<Tensor<float>> actual = executor.run(src);
        for (std::size_t i = 0; i < expected.size(); ++i)
          CHECK(test::relative_difference(actual[i], expected[i]) <= test::relative_tolerance(precision));
      }
    }
  }
}

}  // namespace

TEST_CASE("random networks whose dense layers stay packed give what the reference gives") {
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    const Model<float> model = test::random_model(seed);
    const WeightQuantizeOptions options{
        .bits = seed % 2 == 0 ? 4 : 8, .group = seed % 3 == 0 ? 16 : 64, .symmetric = seed % 4 < 2};
    for (const std::int64_t batch : {1, 5}) check_like_reference(quantize_weights(model, options).model, batch);
  }
}

TEST_CASE("packed dense layers take residual sums and functions, rows of any number, and a flattened image") {
  Random random(4);
  for (const int bits : {2, 4, 8}) {
    ModelBuilder<float> b("residual", 3);
    b.input({6, 48}).layer(test::random_nbits(random, 48, 48, bits, 16, true, true), {b.last()}).gelu();
    const NodeId first = b.last();
    b.layer(test::random_nbits(random, 130, 48, bits, 32, false, true), {b.last()}).relu();
    b.layer(test::random_nbits(random, 48, 130, bits, 32, true, false), {b.last()}).add(first).sigmoid();
    const Model<float> model = std::move(b).build();
    for (const std::int64_t batch : {1, 3, 40}) check_like_reference(model, batch);
  }
  ModelBuilder<float> b("image", 3);
  b.input({3, 6, 6}).conv(24, 3).relu().flatten();
  b.layer(test::random_nbits(random, 10, 24 * 16, 4, 32, true, true), {b.last()}).softmax();
  check_like_reference(std::move(b).build(), 2);
}

TEST_CASE("dense layers with weights of 8 bits and a source in float run by their integers") {
  ModelBuilder<float> b("weights", 3);
  b.input({700}).dense(500).gelu().dense(600);
  Model<float> model = std::move(b).build();
  for (const std::string name : {"dense1", "dense2"}) {
    Parameter<float>& weights = std::get<Dense<float>>(model.edit_layer(*model.find(name))).weights;
    weights.quantization = symmetric_quantization(*weights.value, 8, name == "dense1" ? 0 : -1);
  }
  check_like_reference(model, 1);
  check_like_reference(model, 3);
  const auto compiled = OnednnModel::compile(model, {});
  for (const StepInfo& step : compiled->steps()) CHECK(step.algorithm == Algorithm::packed);
}

TEST_CASE("a recurrent layer and a dense one whose weights alone are quantized run by them in int8") {
  const Model<float> model =
      ModelBuilder<float>("sequence", 1).input({6, 20}).transpose({1, 0, 2}).lstm(24).dense(70).build();
  const Model<float> packed = quantize_weights(model, {.bits = 8}).model;
  const std::vector<Tensor<float>> src = random_sources(packed, 2, 5);
  const std::vector<Tensor<float>> expected = ReferenceExecutor<float>(packed).run(src);
  OnednnExecutor executor(packed, {.batch = 2, .threads = 2, .precision = Precision::int8});
  CHECK(test::relative_difference(executor.run(src)[0], expected[0]) <= test::relative_tolerance(Precision::f32));
}

TEST_CASE("what a compiled model holds of packed weights is as few bytes as the layer says, about") {
  Random random(8);
  ModelBuilder<float> b("large", 3);
  b.input({512}).layer(test::random_nbits(random, 1024, 512, 4, 32, false, false), {b.last()});
  const Model<float> model = std::move(b).build();
  const auto compiled = OnednnModel::compile(model, {});
  const auto& layer = std::get<MatMulNBits>(model.node(1).layer);
  CHECK(static_cast<std::int64_t>(compiled->memory().weights) < layer.bytes() + 8192);
  CHECK(static_cast<std::int64_t>(compiled->memory().weights) >= layer.bytes());
}
