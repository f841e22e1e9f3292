#include <fulcrum/exec/onednn_model.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Model<float> small_cnn() {
  return ModelBuilder<float>("cnn", 1)
      .input({3, 8, 8})
      .conv(8, 3, {.padding = 1})
      .batch_normalization()
      .relu()
      .max_pool(2)
      .flatten()
      .dense(5)
      .softmax()
      .build();
}
}  // namespace

TEST_CASE("a compiled model tells its shapes, its steps and its memory") {
  const auto compiled = OnednnModel::compile(small_cnn(), {.batch = 4});
  CHECK(compiled->src_shapes() == std::vector<Shape>{{4, 3, 8, 8}});
  CHECK(compiled->dst_shapes() == std::vector<Shape>{{4, 5}});
  CHECK(compiled->precision() == Precision::f32);
  CHECK(compiled->creation_time().count() > 0.0);
  CHECK(compiled->memory().weights >= (8 * 3 * 9 + 5 * 128) * sizeof(float));
  CHECK(compiled->memory().activations > 0);

  double flops = 0.0;
  std::vector<std::string> kinds;
  for (const StepInfo& step : compiled->steps()) {
    flops += step.flops;
    CHECK_FALSE(step.implementation.empty());
    if (step.kind != "Reorder") kinds.push_back(step.kind);
  }
  // Batch norm is folded, the activation fused, the flatten a view.
  CHECK(kinds == std::vector<std::string>{"Conv+Relu", "MaxPool", "Dense", "Softmax"});
  CHECK(flops > 0.0);
}

TEST_CASE("options out of range and int8 without scales are refused in one sentence") {
  CHECK_THROWS_WITH(OnednnModel::compile(small_cnn(), {.batch = 0}), ContainsSubstring("batch: is 0"));
  CHECK_THROWS_WITH(OnednnModel::compile(small_cnn(), {.threads = 0}), ContainsSubstring("threads: is 0"));
  CHECK_THROWS_WITH(OnednnModel::compile(small_cnn(), {.precision = Precision::int8}), ContainsSubstring("quantize"));
  CHECK_THROWS_WITH(OnednnModel::compile(small_cnn(), {.layer_precision = {{"conv9", Precision::f32}}}),
                    ContainsSubstring("'conv9'"));
}

TEST_CASE("the arena of the zoo's networks is at most 1.1 times what lives in it at once") {
  for (const std::string name : {"fashion_cnn", "resnet18", "mobilenet_v2", "squeezenet1_1", "densenet121"}) {
    for (const std::int64_t batch : {1, 4}) {
      INFO(name << ", batch " << batch);
      const auto compiled = OnednnModel::compile(zoo_model(name), {.batch = batch});
      struct Life {
        std::size_t bytes = 0, first = SIZE_MAX, last = 0;
      };
      std::map<std::size_t, Life> lives;  // by buffer
      const auto& steps = compiled->program().steps;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        for (const auto& argument : steps[i].arguments) {
          if (argument.where.place != detail::onednn::Location::Place::arena) continue;
          Life& life = lives[argument.where.index];
          life.bytes = std::max(life.bytes, argument.where.offset + argument.desc.get_size());
          life.first = std::min(life.first, i);
          life.last = i;
        }
      }
      std::size_t most = 0;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        std::size_t live = 0;
        for (const auto& [index, life] : lives) live += life.first <= i && i <= life.last ? life.bytes : 0;
        most = std::max(most, live);
      }
      CHECK(static_cast<double>(compiled->memory().activations) <= 1.1 * static_cast<double>(most));
      CHECK(compiled->memory().activations >= most);
    }
  }
}

TEST_CASE("a precision that the CPU lacks is refused, or falls back to f32 with a note when that is asked for") {
  const bool supported = cpu_supports(Precision::bf16);
  const auto compiled =
      OnednnModel::compile(small_cnn(), {.precision = Precision::bf16, .missing_precision = MissingPrecision::f32});
  CHECK(compiled->precision() == (supported ? Precision::bf16 : Precision::f32));
  CHECK(compiled->notes().empty() == supported);
  if (!supported)
    CHECK_THROWS_WITH(OnednnModel::compile(small_cnn(), {.precision = Precision::bf16}), ContainsSubstring("bf16"));
}
