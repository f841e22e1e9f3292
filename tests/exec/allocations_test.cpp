// A run in the steady state takes nothing from the heap.
#include <memory>

#include <fulcrum/exec/any_executor.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/counted_allocations.hpp>
#include <support/data.hpp>
#include <support/streaming_model.hpp>

using namespace fulcrum;
using test::counted, test::counting;

namespace {

/// What ten runs allocate once some have been made.
int allocations(const Model<float>& model, const RunConfig& options, std::vector<State> states = {}) {
  AnyExecutor executor = OnednnExecutor(model, options, std::move(states));  // as it is measured
  std::vector<Tensor<float>> src;
  for (const Shape& shape : executor.src_shapes()) src.emplace_back(shape);
  std::vector<Tensor<float>> dst;
  for (const Shape& shape : executor.dst_shapes()) dst.emplace_back(shape);
  std::vector<const float*> from;
  for (const Tensor<float>& tensor : src) from.push_back(tensor.flat().data());
  std::vector<float*> to;
  for (Tensor<float>& tensor : dst) to.push_back(tensor.flat().data());
  for (int i = 0; i < 3; ++i) executor.execute(from, to);
  counted = 0;
  counting = true;
  for (int i = 0; i < 10; ++i) executor.execute(from, to);
  counting = false;
  return counted;
}

}  // namespace

TEST_CASE("what is counted is what this executable allocates") {
  counted = 0;
  counting = true;
  const auto owned = std::make_unique<std::vector<int>>(100);
  counting = false;
  CHECK(counted >= 2);
}

TEST_CASE("a run in the steady state allocates nothing") {
  for (const std::string name :
       {"fashion_cnn", "squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x1_0", "recommendation", "speech_lstm"}) {
    INFO(name);
    CHECK(allocations(zoo_model(name), {.threads = 2}) == 0);
  }
}

TEST_CASE("neither does a batch in slices") {
  CHECK(allocations(zoo_model("fashion_cnn"), {.batch = 8, .threads = 2, .slice = 2}) == 0);
}

TEST_CASE("neither does a step of a sequence with states") {
  CHECK(allocations(test::streaming_model(), {}, {{"h", "hn"}, {"c", "cn"}, {"tail", "new_tail"}}) == 0);
}

TEST_CASE("neither does one in int8") {
  const Model<float> model = zoo_model("fashion_cnn");
  const Tensor<float> images = test::random_tensor<float>({16, 1, 28, 28}, 1);
  CHECK(allocations(quantize_post_training(model, images, onednn_runner(), int8_options_for_this_cpu()).model,
                    {.precision = Precision::int8}) == 0);
}

TEST_CASE("neither do layers that run in loops of Fulcrum's own") {
  using Builder = ModelBuilder<float>;
  const auto input = [] { return Builder("own", 3).input({4, 6, 6}); };
  const auto one = [&](Layer<float> layer) { return input().layer(std::move(layer), {0}).build(); };
  Pad pad;
  pad.before = {0, 0, 1, 2};
  pad.after = {0, 0, 2, 1};
  Pad reflected = pad;
  reflected.mode = PadKind::reflect;
  Resize nearest;
  nearest.scales = {1.0F, 1.0F, 2.0F, 2.0F};
  Resize linear = nearest;
  linear.mode = ResizeKind::linear;
  Reduce reduce;
  reduce.axes = {1};
  reduce.function = ReduceKind::log_sum_exp;
  const std::vector<std::pair<const char*, Model<float>>> models{
      {"Pad", one(pad)},
      {"Pad by reflection", one(reflected)},
      {"Resize to the nearest", one(nearest)},
      {"Resize, linear", one(linear)},
      {"Reduce", one(reduce)},
      {"ArgReduce", one(ArgReduce{true, 1})},
      {"Tile", one(Tile{{1, 2, 1, 1}})},
      {"Expand", Builder("own", 3).input({1, 6, 6}).layer(Expand{{1, 4, 6, 6}}, {0}).build()},
      {"sine", input().activation(ActivationKind::sin).build()},
      {"LRN", input().layer(LocalResponseNormalization{}, {0}).build()},
      {"gate", [&] {
         auto b = input();
         const NodeId factor = b.global_average_pool().sigmoid().last();
         return b.from(0).mul(factor).build();
       }()}};
  for (const auto& [name, model] : models) {
    INFO(name);
    CHECK(allocations(model, {.threads = 1}) == 0);
  }
}
