// A NaN that goes into a model comes out of it, on both executors, in layers that run fused and apart.

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/environment.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {

constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();
constexpr float inf = std::numeric_limits<float>::infinity();

/// Numbers with a few NaNs and infinities among them.
Tensor<float> with_special_values(const Shape& shape, bool infinities) {
  Tensor<float> tensor = random_tensor<float>(shape, 11, -3.0, 3.0);
  for (std::size_t i = 0; i < tensor.flat().size(); i += 23) tensor.flat()[i] = nan_value;
  if (!infinities) return tensor;
  for (std::size_t i = 7; i < tensor.flat().size(); i += 31) tensor.flat()[i] = inf;
  for (std::size_t i = 5; i < tensor.flat().size(); i += 37) tensor.flat()[i] = -inf;
  return tensor;
}

/// Both executors give NaN in the same places, and in f32 infinities and about the same numbers.
void check_alike(const Model<float>& model, const Shape& src_shape, bool infinities = true) {
  const std::vector<Tensor<float>> src{with_special_values(src_shape, infinities)};
  const Tensor<float> expected = ReferenceExecutor<float>(model).run(src).front();
  std::vector<Tensor<float>> clean = src;
  for (float& value : clean.front().flat()) value = std::isnan(value) ? 0.0F : value;
  const Tensor<float> of_clean = ReferenceExecutor<float>(model).run(clean).front();
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    if (!cpu_supports(precision)) continue;
    for (const int threads : {1, 2}) {
      OnednnExecutor executor(model, {.batch = src_shape[0], .threads = threads, .precision = precision});
      const Tensor<float> actual = executor.run(src).front();
      INFO(model.name() << " in " << name_of(precision));
      REQUIRE(actual.dims() == expected.dims());
      int different = 0;
      int nans = 0;
      for (std::size_t i = 0; i < actual.flat().size(); ++i) {
        const float x = actual.flat()[i], y = expected.flat()[i];
        nans += std::isnan(y) ? 1 : 0;
        // bf16 takes a number to either side of where a function ends (a logarithm at 0, an arcsine at 1), and so to
        // NaN or not: only the NaNs of the source must stay.
        if (precision == Precision::bf16) {
          different += std::isnan(y) && !std::isnan(of_clean.flat()[i]) && !std::isnan(x) ? 1 : 0;
          continue;
        }
        const bool same = std::isnan(x) || std::isnan(y) ? std::isnan(x) == std::isnan(y)
                          : std::isinf(x) || std::isinf(y)
                              ? x == y
                              : std::abs(x - y) <= 1e-4 * (1.0 + static_cast<double>(std::abs(y)));
        different += same ? 0 : 1;
      }
      CHECK(different == 0);
      CHECK(nans > 0);
    }
  }
}

using Builder = ModelBuilder<float>;

}  // namespace

TEST_CASE("activations keep NaN, behind a convolution and by themselves") {
  for (int kind = 0; kind <= static_cast<int>(ActivationKind::linear); ++kind) {
    const auto function = static_cast<ActivationKind>(kind);
    if (function == ActivationKind::thresholded_relu || function == ActivationKind::shrink ||
        function == ActivationKind::logical_not)
      continue;  // whose formulas say what NaN gives
    const Activation f{function, function == ActivationKind::clip ? -1.0F : 0.5F,
                       function == ActivationKind::clip ? 1.0F : 0.5F};
    const std::string name(name_of(function));
    Builder alone(name);
    alone.input({16, 5, 5});
    // oneDNN 3 gives NaN for Gelu of ∞, which version 2 and the formula do not.
    check_alike(std::move(alone.layer(f, {alone.last()})).build(), {2, 16, 5, 5}, function != ActivationKind::gelu);
    // (Sums of infinities are NaN in an order of their own: behind products NaN alone.)
    Builder fused("Conv+" + name);
    fused.input({16, 5, 5}).conv(16, 1);
    check_alike(std::move(fused.layer(f, {fused.last()})).build(), {2, 16, 5, 5}, false);
    Builder dense("Dense+" + name);
    dense.input({16}).dense(16);
    check_alike(std::move(dense.layer(f, {dense.last()})).build(), {64, 16}, false);
  }
}

TEST_CASE("sums with functions behind them, batch norms and residual connections keep NaN") {
  Builder sum("Add+Relu");
  const NodeId left = sum.input({16, 5, 5}).last();
  check_alike(std::move(sum.add(left).relu()).build(), {2, 16, 5, 5}, false);
  Builder norm("BatchNormalization+Relu");
  norm.input({16, 5, 5}).batch_normalization().relu();
  check_alike(std::move(norm).build(), {2, 16, 5, 5}, false);
  Builder residual("Conv+Add+Relu");
  const NodeId shortcut = residual.input({16, 5, 5}).last();
  check_alike(std::move(residual.conv(16, 1).add(shortcut).relu()).build(), {2, 16, 5, 5}, false);
  Builder three("Conv3x3+Relu+Conv1x1+Relu6");
  three.input({16, 9, 9}).conv(16, 3, {.padding = 1}).relu().conv(8, 1).relu6();
  check_alike(std::move(three).build(), {2, 16, 9, 9}, false);
}

TEST_CASE("functions of two values, reductions and poolings keep NaN") {
  for (const BinaryKind function : {BinaryKind::add, BinaryKind::mul, BinaryKind::sub, BinaryKind::div, BinaryKind::min,
                                    BinaryKind::max, BinaryKind::pow}) {
    for (const Shape& other : {Shape{16, 5, 5}, Shape{16, 1, 1}, Shape{}}) {
      Builder b{std::string(name_of(function))};
      const NodeId value = b.input({16, 5, 5}).last();
      const NodeId constant = b.constant(random_tensor<float>(other, 3, 0.5, 2.0)).last();
      check_alike(Builder(b).layer(Binary{function}, {value, constant}).build(), {2, 16, 5, 5}, false);
      if (function != BinaryKind::pow)
        check_alike(Builder(b).layer(Binary{function}, {constant, value}).build(), {2, 16, 5, 5}, false);
    }
  }
  for (const ReduceKind function : {ReduceKind::sum, ReduceKind::mean, ReduceKind::max, ReduceKind::min,
                                    ReduceKind::prod, ReduceKind::l1, ReduceKind::l2, ReduceKind::log_sum_exp}) {
    for (const std::vector<std::int64_t>& axes : {std::vector<std::int64_t>{3}, {1}, {2, 3}}) {
      check_alike(Builder(std::string(name_of(function))).input({16, 5, 5}).reduce(function, axes).build(),
                  {2, 16, 5, 5}, false);
    }
  }
  check_alike(Builder("MaxPool").input({16, 6, 6}).max_pool(2).build(), {2, 16, 6, 6});
  check_alike(Builder("Conv+MaxPool").input({16, 7, 7}).conv(16, 1).max_pool(3, {.stride = {2, 2}}).build(),
              {2, 16, 7, 7}, false);
  check_alike(Builder("AveragePool").input({16, 6, 6}).average_pool(2).build(), {2, 16, 6, 6}, false);
  check_alike(Builder("GlobalMaxPool").input({16, 6, 6}).global_max_pool().build(), {2, 16, 6, 6});
  check_alike(Builder("GlobalAveragePool").input({16, 6, 6}).global_average_pool().build(), {2, 16, 6, 6}, false);
  check_alike(Builder("Softmax").input({16}).softmax().build(), {8, 16}, false);
}

TEST_CASE("numbers run as planned before and after a NaN") {
  const Model<float> model = Builder("turns").input({16, 5, 5}).conv(16, 3).relu().build();
  OnednnExecutor executor(model, {.batch = 2, .threads = 2});
  CHECK(executor.compiled().schedule().loses_nan);
  const std::vector<Tensor<float>> numbers{random_tensor<float>({2, 16, 5, 5}, 1)};
  const std::vector<Tensor<float>> nans{with_special_values({2, 16, 5, 5}, false)};
  const Tensor<float> before = executor.run(numbers).front();
  CHECK(std::isnan(executor.run(nans).front().flat()[0]));
  CHECK(executor.run(numbers).front() == before);
  CHECK(executor.steps().size() == executor.compiled().steps().size());
}

TEST_CASE("integers hold no NaN: one that is rounded to them becomes their zero point in the reference") {
  CHECK(quantize(nan_value, 0.1F, 3, DType::s8) == 3);
  Model<float> model = Builder("rounded").input({4}).build();
  model.set_dst_quantization(0, Quantization{DType::s8, {0.1F}, {3}, -1});
  const std::vector<Tensor<float>> src{Tensor<float>({1, 4}, {nan_value, 0.5F, 1.0F, nan_value})};
  const Tensor<float> dst = ReferenceExecutor<float>(model, ReferenceOptions{.quantized = true}).run(src).front();
  CHECK(dst.flat()[0] == 0.0F);
}
