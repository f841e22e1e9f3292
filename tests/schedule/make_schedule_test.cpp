#include <fulcrum/schedule/make_schedule.hpp>

#include <algorithm>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/schedule/step_geometry.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Model<float> small_network() {
  return ModelBuilder<float>("small")
      .input({1, 28, 28})
      .conv(32, 3, {.padding = 1})
      .relu()
      .max_pool(2)
      .flatten()
      .dense(10)
      .softmax()
      .build();
}

/// conv → two convolutions with a residual around them → global pooling.
Model<float> residual_network() {
  auto b = ModelBuilder<float>("residual");
  b.input({8, 14, 14}).conv(8, 3, {.padding = 1}).relu();
  const NodeId shortcut = b.last();
  b.conv(8, 3, {.padding = 1}).relu().conv(8, 3, {.padding = 1}).add(shortcut).relu().global_average_pool();
  return std::move(b).build();
}
}  // namespace

TEST_CASE("a model runs as its fused steps, without its views") {
  const Schedule steps = make_schedule(small_network(), {2, 1, 1, Precision::f32}, {});
  REQUIRE(steps.steps.size() == 4);
  CHECK(steps.steps[0].step.kind == "Conv+Relu");
  CHECK(steps.steps[1].step.kind == "MaxPool");
  CHECK(steps.steps[2].step.kind == "Dense");
  CHECK(steps.steps[3].step.kind == "Softmax");
  // The dense layer takes what the flatten looks at.
  CHECK(steps.steps[2].src == std::vector<NodeId>{steps.steps[1].dst});
}

TEST_CASE("a step knows its extents, work and traffic") {
  const Step conv = make_schedule(small_network(), {2, 1, 1, Precision::f32}, {}).steps[0].step;
  CHECK(conv.kernel == KernelClass::convolution);
  CHECK(conv.geometry.n == 2);
  CHECK(conv.geometry.ic == 1);
  CHECK(conv.geometry.oc == 32);
  CHECK(conv.geometry.oh == 28);
  CHECK(conv.geometry.kw == 3);
  CHECK(conv.flops == 2.0 * 32 * 28 * 28 * (2 * 9 + 1 + 1));  // nine products and sums, bias, Relu
  CHECK(conv.src_bytes == 4.0 * 2 * 28 * 28);
  CHECK(conv.weight_bytes == 4.0 * (32 * 9 + 32));
  CHECK(conv.dst_bytes == 4.0 * 2 * 32 * 28 * 28);
}

TEST_CASE("taps in the padding are told from those inside") {
  // 3 taps over 28 rows with one row of padding on each side: the first and the last output miss one tap each.
  CHECK(detail::inside_share(28, 28, 3, 1, 1, 1) == Approx(82.0 / 84.0));
  CHECK(detail::inside_share(28, 14, 2, 2, 1, 0) == 1.0);
  // Every output of a window as wide as the source: 2, 3, 2 of 3 taps.
  CHECK(detail::inside_share(3, 3, 3, 1, 1, 1) == Approx(7.0 / 9.0));
  // Two taps two apart over three rows, padding 1: (-1, 1), (0, 2), (1, 3).
  CHECK(detail::inside_share(3, 3, 2, 1, 2, 1) == Approx(4.0 / 6.0));
}

TEST_CASE("bf16 keeps what only a softmax reads in f32") {
  const Schedule steps = make_schedule(small_network(), {1, 1, 1, Precision::bf16}, {});
  CHECK(steps.steps[0].step.dst == DType::bf16);
  CHECK(steps.steps[0].step.arithmetic == Precision::bf16);
  CHECK(steps.steps[2].step.src == DType::bf16);
  CHECK(steps.steps[2].step.dst == DType::f32);
  CHECK(steps.steps[3].step.src == DType::f32);
  CHECK(steps.steps[3].step.arithmetic == Precision::f32);
}

TEST_CASE("in bf16 a softmax reads its source as it is kept, and gives bf16 to those who want it") {
  auto b = ModelBuilder<float>("attention").input({6, 8});
  const NodeId x = b.last();
  b.matmul(x, {.transpose_weights = true}).softmax().matmul(x);
  const Schedule steps = make_schedule(b.build(), {1, 1, 1, Precision::bf16}, {});
  REQUIRE(steps.steps.size() == 3);
  CHECK(steps.steps[0].step.dst == DType::f32);
  CHECK(steps.steps[1].step.src == DType::f32);
  CHECK(steps.steps[1].step.dst == DType::bf16);
  CHECK(steps.steps[1].src_dtypes == std::vector<DType>{DType::f32});
  CHECK(steps.steps[2].step.src == DType::bf16);
}

TEST_CASE("in bf16 a logarithm of a softmax stays in f32 where its source is in it") {
  auto b = ModelBuilder<float>("scores").input({6, 8});
  const NodeId scores = b.reduce(ReduceKind::max, {2}).reshape({0, 6}).last();
  const Model<float> model = b.layer(Softmax{-1, true}, {scores}).named("logarithm").dense(3).build();
  const Schedule schedule = make_schedule(model, {.precision = Precision::bf16}, {});
  const auto logarithm = std::find_if(schedule.steps.begin(), schedule.steps.end(),
                                      [](const ScheduledStep& s) { return s.step.name == "logarithm"; });
  REQUIRE(logarithm != schedule.steps.end());
  CHECK(logarithm->step.src == DType::f32);
  CHECK(logarithm->step.dst == DType::f32);
  CHECK(schedule.steps.back().step.src == DType::bf16);
}

TEST_CASE("int8 of a model without quantization is planned as a pass would leave it") {
  const Schedule steps = make_schedule(small_network(), {1, 1, 1, Precision::int8}, {});
  CHECK(steps.quantization_assumed);
  CHECK(steps.steps[0].step.arithmetic == Precision::int8);
  CHECK(steps.steps[0].step.src == DType::u8);
  CHECK(steps.steps[1].step.dst == DType::u8);
  CHECK(steps.steps[2].step.arithmetic == Precision::int8);
  CHECK(steps.steps[2].step.dst == DType::f32);
  CHECK(steps.steps[3].step.arithmetic == Precision::f32);
  CHECK_FALSE(make_schedule(small_network(), {1, 1, 1, Precision::f32}, {}).quantization_assumed);
}

TEST_CASE("int8 of a model in which one layer alone is quantized runs the others in f32") {
  Model<float> model = small_network();
  model.set_dst_quantization(model.inputs().front(), Quantization{DType::u8, {0.1F}, {0}, -1});
  auto& conv = std::get<Conv<float>>(model.edit_layer(*model.find("conv1")));
  conv.weights.quantization = Quantization{DType::s8, std::vector<float>(32, 0.1F), std::vector<int>(32, 0), 0};
  const Schedule steps = make_schedule(model, {1, 1, 1, Precision::int8}, {});
  CHECK_FALSE(steps.quantization_assumed);
  CHECK(steps.steps[0].step.arithmetic == Precision::int8);
  CHECK(steps.steps[0].step.dst == DType::f32);
  CHECK(steps.steps[2].step.arithmetic == Precision::f32);
}

TEST_CASE("int8 keeps the image of a gate in integers, and takes means of them as real numbers") {
  auto b = ModelBuilder<float>("gate").input({4, 8, 8}).conv(8, 3).swish();
  const NodeId image = b.last();
  b.global_average_pool().conv(8, 1).sigmoid().mul(image).conv(4, 1);
  const Schedule steps = make_schedule(b.build(), {1, 1, 1, Precision::int8}, {});
  const auto step_of = [&](const std::string& kind) {
    for (const ScheduledStep& entry : steps.steps) {
      if (entry.step.kind == kind) return entry;
    }
    FAIL("no step " << kind);
    return steps.steps.front();
  };
  const ScheduledStep gate = step_of("Mul");
  CHECK(gate.step.arithmetic == Precision::int8);
  CHECK(gate.step.src == DType::u8);
  CHECK(gate.step.dst == DType::u8);
  CHECK(gate.src_dtypes == std::vector<DType>{DType::f32, DType::u8});
  CHECK(step_of("GlobalAveragePool").step.src == DType::u8);
  CHECK(step_of("GlobalAveragePool").step.dst == DType::f32);
}

TEST_CASE("a residual may be overwritten when nobody reads it afterwards") {
  const Schedule steps = make_schedule(residual_network(), {1, 1, 1, Precision::f32}, {});
  REQUIRE(steps.steps.size() == 4);
  const ScheduledStep& sum = steps.steps[2];
  CHECK(sum.step.kind == "Conv+Add+Relu");
  CHECK(sum.src.size() == 2);
  CHECK(sum.own_src == 1);
  CHECK(sum.step.geometry.extra_src == 1);
  CHECK(sum.may_overwrite_sum);

  auto b = ModelBuilder<float>("own source");
  b.input({8, 14, 14}).conv(8, 1).relu();
  const NodeId before = b.last();
  b.conv(8, 3, {.padding = 1}).add(before);
  CHECK_FALSE(make_schedule(std::move(b).build(), {1, 1, 1, Precision::f32}, {}).steps.back().may_overwrite_sum);
}

TEST_CASE("weights are used again after everything else has been touched") {
  const Schedule steps = make_schedule(small_network(), {1, 1, 1, Precision::f32}, {});
  double weights = 0.0;
  for (const ScheduledStep& entry : steps.steps) weights += entry.step.weight_bytes;
  for (const ScheduledStep& entry : steps.steps) CHECK(entry.step.reuse_bytes > weights);
}

TEST_CASE("of a table, a step reads the rows that it takes") {
  Model<float> model("table");
  const NodeId table = model.add({"table", Constant<float>{Tensor<float>({1000, 16})}, {}, {}});
  const NodeId ids = model.add({"ids", Input{{batch_dim, 8}, ElementType::s64}, {}, {}});
  model.set_outputs({model.add({"rows", Gather{0}, {table, ids}, {}})});
  const Schedule steps = make_schedule(model, {2, 1, 1, Precision::f32}, {});
  REQUIRE(steps.steps.size() == 1);
  CHECK(steps.steps[0].step.src_bytes == 4.0 * (2 * 8 * 16 + 2 * 8));
  CHECK(steps.steps[0].step.dst_bytes == 4.0 * (2 * 8 * 16));
}

TEST_CASE("a configuration out of range is refused") {
  CHECK_THROWS_WITH(make_schedule(small_network(), {.threads = 0}, {}), ContainsSubstring("threads: is 0"));
}
