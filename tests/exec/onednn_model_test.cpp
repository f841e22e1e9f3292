#include <fulcrum/exec/onednn_model.hpp>

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
  CHECK_THROWS_WITH(OnednnModel::compile(small_cnn(), {.batch = 0}), ContainsSubstring("batch 0"));
  CHECK_THROWS_WITH(OnednnModel::compile(small_cnn(), {.threads = 0}), ContainsSubstring("1 or more"));
  CHECK_THROWS_WITH(OnednnModel::compile(small_cnn(), {.precision = Precision::int8}), ContainsSubstring("quantize"));
}

TEST_CASE("a precision that the CPU lacks is refused, or falls back to f32 with a note when that is asked for") {
  const bool supported = cpu_supports(Precision::bf16);
  const auto compiled = OnednnModel::compile(small_cnn(), {.precision = Precision::bf16, .allow_fallback = true});
  CHECK(compiled->precision() == (supported ? Precision::bf16 : Precision::f32));
  CHECK(compiled->notes().empty() == supported);
  if (!supported)
    CHECK_THROWS_WITH(OnednnModel::compile(small_cnn(), {.precision = Precision::bf16}), ContainsSubstring("bf16"));
}
