#include <fulcrum/plan/advice.hpp>

#include <fulcrum/model/builder.hpp>
#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {
Model<float> network() {
  return ModelBuilder<float>("net")
      .input({16, 32, 32})
      .conv(64, 3, {.padding = 1})
      .relu()
      .conv(64, 3, {.padding = 1})
      .relu()
      .global_average_pool()
      .flatten()
      .dense(4096)
      .relu()
      .dense(10)
      .build();
}

MachineProfile machine() {
  MachineProfile profile = synthetic::machine();
  profile.environment.isa = "avx512 vnni bf16";
  return profile;
}

const LayerAdvice& advice_of(const Advice& advice, const std::string& layer) {
  return *std::find_if(advice.layers.begin(), advice.layers.end(), [&](const auto& l) { return l.layer == layer; });
}

const LayerOption& option(const LayerAdvice& layer, const std::string& name) {
  return *std::find_if(layer.options.begin(), layer.options.end(), [&](const auto& o) { return o.name == name; });
}
}  // namespace

TEST_CASE("advice says of every weighted layer what each change would save of an inference") {
  const Advice advice = advise(network(), {}, machine());
  CHECK(advice.latency == predict(network(), {}, machine()).latency.p50);
  REQUIRE(advice.layers.size() == 4);
  CHECK(advice.layers[0].layer == "conv2");  // by falling time
  REQUIRE(advice.precisions.size() == 3);
  for (const PrecisionAdvice& p : advice.precisions)
    CHECK(p.latency == predict(network(), {.precision = p.precision}, machine()).latency.p50);
  CHECK(option(advice_of(advice, "conv2"), "int8").saves->count() > 0.0);
}

TEST_CASE("what a precision saves in a layer is what the model in it would lose with that layer in f32") {
  const Advice advice = advise(network(), {}, machine());
  const double whole = predict(network(), {.precision = Precision::int8}, machine()).latency.p50.count();
  RunConfig without{.precision = Precision::int8};
  without.layer_precision["conv1"] = Precision::f32;
  const double one = predict(network(), without, machine()).latency.p50.count();
  CHECK(option(advice_of(advice, "conv1"), "int8").saves->count() == Approx(one - whole));
}

TEST_CASE("half the channels of a convolution spare half of it and half of the next one") {
  const Advice advice = advise(network(), {}, machine());
  const double first = advice_of(advice, "conv1").time.count();
  const double second = advice_of(advice, "conv2").time.count();
  const LayerOption& channels = option(advice_of(advice, "conv1"), "channels");
  CHECK(channels.what == "32 of 64 channels");
  REQUIRE(channels.saves);
  CHECK(channels.saves->count() == Approx(0.5 * (first + second)).epsilon(0.15));
  CHECK_FALSE(option(advice_of(advice, "dense2"), "channels").saves);
  CHECK(option(advice_of(advice, "dense2"), "channels").why_not == "they are an output of the model");
}

TEST_CASE("sparse weights save what the layer's sparse product does, or say where it breaks even") {
  const Advice advice = advise(network(), {}, machine(), {.sparsity = 0.95});
  const LayerOption& sparse = option(advice_of(advice, "conv2"), "sparse");
  CHECK_THAT(sparse.what, ContainsSubstring("95 % of weights 0"));
  CHECK(sparse.saves->count() > 0.0);
  const Advice little = advise(network(), {}, machine(), {.sparsity = 0.1});
  CHECK_THAT(option(advice_of(little, "conv2"), "sparse").why_not, ContainsSubstring("it breaks even at "));
  const Advice in_bf16 = advise(network(), {.precision = Precision::bf16}, machine());
  for (const LayerOption& o : advice_of(in_bf16, "conv2").options) CHECK(o.name != "sparse");
}

TEST_CASE("low rank is for dense layers, and costs where two steps take longer than one") {
  const Advice advice = advise(network(), {}, machine());
  for (const LayerOption& o : advice_of(advice, "conv1").options) CHECK(o.name != "low rank");
  const LayerOption& wide = option(advice_of(advice, "dense1"), "low rank");
  CHECK(wide.what == "rank 31");  // 64 × 4096 weights, half of them in 31 × (64 + 4096)
  CHECK(wide.saves.has_value());
}

TEST_CASE("the best mixture is no slower than any precision alone, and is what predict says of it") {
  const Advice advice = advise(network(), {.threads = 2}, machine());
  for (const PrecisionAdvice& p : advice.precisions) CHECK(advice.best_latency <= p.latency);
  RunConfig mixture{.threads = 2, .precision = advice.best_precision};
  mixture.layer_precision = advice.best_layers;
  CHECK(advice.best_latency.count() == Approx(predict(network(), mixture, machine()).latency.p50.count()));
}

TEST_CASE("advice is refused where there is none to give") {
  AdviceOptions options;
  options.kept_channels = 1.0;
  CHECK_THROWS_AS(advise(network(), {}, machine(), options), Error);
  options = {};
  options.rank_share = 0.0;
  CHECK_THROWS_AS(advise(network(), {}, machine(), options), Error);
}
