#include <fulcrum/cost/memory.hpp>

#include <fulcrum/exec/onednn_model.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
MemoryUse predicted(const Model<float>& model, const RunConfig& config, const Machine& machine = {}) {
  return predicted_memory(make_schedule(model, config, machine), machine);
}
constexpr std::size_t f32 = sizeof(float);
}  // namespace

TEST_CASE("values that are needed at the same time have room of their own, others share") {
  // input (user's) → 256 → 512 → 256 → 128 (user's)
  const Model<float> chain =
      ModelBuilder<float>("chain").input({64}).dense(256).dense(512).dense(256).dense(128).build();
  const MemoryUse memory = predicted(chain, {.batch = 2});
  CHECK(memory.activations == 2 * (256 + 512) * f32);
  CHECK(memory.weights == (64 * 256 + 256 + 256 * 512 + 512 + 512 * 256 + 256 + 256 * 128 + 128) * f32);
}

TEST_CASE("a sum is made where its residual lies, and needs no more room") {
  ModelBuilder<float> b("sum");
  b.input({64}).dense(64);
  const NodeId shortcut = b.last();
  const Model<float> model = std::move(b.dense(64).dense(64).add(shortcut)).dense(8).build();
  CHECK(predicted(model, {}).activations == 2 * 64 * f32);  // the residual, and what is added to it
}

TEST_CASE("constants that a step reads as values are weights too") {
  ModelBuilder<float> b("constant");
  b.input({64}).dense(64).sigmoid();
  const NodeId value = b.last();
  b.constant(Tensor<float>({1, 64}));
  const Model<float> model = std::move(b.mul(value)).build();
  CHECK(predicted(model, {}).weights == (64 * 64 + 64 + 64) * f32);
}

TEST_CASE("every lane of a batch in slices has an arena") {
  const Model<float> model = ModelBuilder<float>("net").input({32, 16, 16}).conv(32, 1).conv(32, 1).conv(32, 1).build();
  RunConfig config{.batch = 8, .threads = 2};
  config.slice = 2;
  RunConfig one{.batch = 2};
  one.slice = 2;
  CHECK(predicted(model, config).activations == 2 * predicted(model, one).activations);
}

TEST_CASE("predicted memory is that of the compiled model, for layers whose layouts are not padded") {
  const Machine machine = current_machine();
  ModelBuilder<float> b("net");
  b.input({64, 14, 14}).conv(64, 3, {.padding = 1}).relu();
  const NodeId shortcut = b.last();
  b.conv(64, 3, {.padding = 1}).add(shortcut).relu().max_pool(2).conv(128, 1).relu().global_average_pool().flatten();
  const Model<float> model = std::move(b.dense(64)).build();
  for (const std::int64_t batch : {1, 4}) {
    RunConfig config{.batch = batch, .slice = batch};
    const MemoryUse is = OnednnModel::compile(model, config)->memory();
    const MemoryUse said = predicted(model, config, machine);
    const auto total = [](const MemoryUse& m) { return static_cast<double>(m.weights + m.activations + m.scratchpad); };
    INFO(said.weights << " " << is.weights << " " << said.activations << " " << is.activations);
    CHECK(total(said) == Approx(total(is)).epsilon(0.1));
  }
}
