#include <fulcrum/exec/kernels/sparse_product.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <fulcrum/exec/kernels/sparse_rows.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/schedule/sparse.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

/// With weights set to 0 at random, all of an output channel now and then.
Model<float> masked(Model<float> model, double sparsity, unsigned seed = 3) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  for (NodeId id = 0; id < model.size(); ++id) {
    Layer<float>& layer = model.edit_layer(id);
    auto* conv = std::get_if<Conv<float>>(&layer);
    auto* dense = std::get_if<Dense<float>>(&layer);
    if (conv == nullptr && dense == nullptr) continue;
    Tensor<float>& weights = (conv != nullptr ? conv->weights : dense->weights).value.edit();
    const std::size_t row = weights.flat().size() / static_cast<std::size_t>(weights.dim(0));
    for (std::size_t i = 0; i < weights.flat().size(); ++i) {
      if (uniform(random) < sparsity || i / row % 19 == 5) weights.flat()[i] = 0.0F;
    }
  }
  return model;
}

std::int64_t sparse_steps(const OnednnModel& model) {
  return std::count_if(model.steps().begin(), model.steps().end(),
                       [](const StepInfo& step) { return step.algorithm == Algorithm::sparse; });
}

/// The worst difference from the reference, with what ran as sparse products checked.
double sparse_difference(const Model<float>& model, RunConfig config, std::int64_t expected_steps) {
  config.algorithms.sparse = UseAlgorithm::always;
  std::vector<Tensor<float>> src;
  for (const NodeId id : model.inputs()) {
    const Shape& shape = std::get<Input>(model.node(id).layer).shape;
    src.push_back(test::random_tensor<float>(with_batch(shape, config.batch), 11 + id));
  }
  OnednnExecutor executor(model, config);
  CHECK(sparse_steps(executor.compiled()) == expected_steps);
  return test::relative_difference(executor.run(src)[0], ReferenceExecutor<float>(model).run(src)[0]);
}

ModelBuilder<float> pruned_image(const Shape& shape) { return ModelBuilder<float>("sparse", 7).input(shape); }

constexpr double sparse_tolerance = test::relative_tolerance(Precision::f32);

}  // namespace

TEST_CASE("sparse convolutions give what the reference gives") {
  struct Setting {
    Shape src;
    std::int64_t oc;
    Extent2 kernel;
    ConvOptions options;
  };
  const Setting settings[] = {
      {{32, 14, 14}, 48, {1, 1}, {}},
      {{24, 9, 7}, 40, {1, 1}, {}},
      {{20, 14, 14}, 200, {1, 1}, {}},  // tiles of unequal size, results in several parts
      {{700, 5, 6}, 72, {1, 1}, {}},    // a source in several blocks
      {{3, 15, 17}, 5, {1, 1}, {}},
      {{32, 15, 14}, 32, {1, 1}, {.stride = {2, 2}}},
      {{16, 13, 11}, 20, {3, 3}, {.padding = 1}},
      {{40, 7, 7}, 33, {3, 3}, {.padding = 1}},
      {{17, 20, 23}, 24, {3, 3}, {.padding = {0, 2, 1, 0}}},
      {{8, 22, 21}, 16, {3, 3}, {.stride = {2, 2}, .padding = 1}},
      {{3, 40, 38}, 16, {7, 7}, {.stride = {2, 2}, .padding = 3}},
      {{16, 19, 18}, 16, {3, 3}, {.padding = 2, .dilation = {2, 2}}},
      {{16, 19, 18}, 16, {3, 2}, {.stride = {2, 3}, .padding = {3, 1, 2, 4}, .dilation = {3, 2}}},
      {{12, 1, 50}, 18, {1, 5}, {.padding = {0, 2, 0, 2}}},
      {{12, 30, 1}, 18, {3, 1}, {.stride = {2, 1}, .padding = {1, 0, 1, 0}}},
      {{8, 6, 6}, 16, {1, 1}, {.padding = 1}},
      {{8, 12, 12}, 16, {5, 5}, {.stride = {4, 4}}},
      {{16, 60, 50}, 16, {3, 3}, {.padding = 1}},
  };
  unsigned seed = 0;
  for (const Setting& s : settings) {
    for (const double sparsity : {0.0, 0.5, 0.93}) {
      for (const auto& [batch, threads] : {std::pair{1, 1}, {1, 2}, {3, 2}}) {
        INFO(to_string(s.src) << " to " << s.oc << " channels, window " << s.kernel[0] << "x" << s.kernel[1]
                              << ", sparsity " << sparsity << ", batch " << batch << ", " << threads << " threads");
        const Model<float> model =
            masked(pruned_image(s.src).conv(s.oc, s.kernel, s.options).build(), sparsity, ++seed);
        CHECK(sparse_difference(model, {.batch = batch, .threads = threads, .slice = batch}, 1) < sparse_tolerance);
      }
    }
  }
}

TEST_CASE("sparse dense layers give what the reference gives, for one row and many") {
  for (const std::int64_t batch : {1, 2, 3, 4, 16, 37, 130}) {
    for (const int threads : {1, 2}) {
      for (const bool bias : {false, true}) {
        INFO("batch " << batch << ", " << threads << " threads");
        const Model<float> model = masked(pruned_image({100}).dense(77, bias).build(), 0.8);
        CHECK(sparse_difference(model, {.batch = batch, .threads = threads, .slice = batch}, 1) < sparse_tolerance);
      }
    }
  }
  // Few positions and a source of several blocks.
  for (const std::int64_t batch : {4, 16, 20, 40}) {
    for (const int threads : {1, 2}) {
      const Model<float> model = masked(pruned_image({1500}).dense(70).build(), 0.9);
      CHECK(sparse_difference(model, {.batch = batch, .threads = threads, .slice = batch}, 1) < sparse_tolerance);
    }
  }
  // Places of 32 bits.
  CHECK(sparse_difference(masked(pruned_image({70000}).dense(9).build(), 0.99), {.threads = 2}, 1) < sparse_tolerance);
  // Behind a convolution, whose layout the rows have.
  const Model<float> model = masked(pruned_image({8, 9, 9}).conv(24, 3).relu().flatten().dense(30).build(), 0.8);
  for (const std::int64_t batch : {1, 5})
    CHECK(sparse_difference(model, {.batch = batch, .threads = 2, .slice = batch}, 2) < sparse_tolerance);
  // Rows of a sequence.
  const Model<float> sequence = masked(ModelBuilder<float>("sequence", 1).input({21, 64}).dense(96).build(), 0.8);
  CHECK(sparse_difference(sequence, {.batch = 2, .threads = 2, .slice = 2}, 1) < sparse_tolerance);
}

TEST_CASE("with the sum and the functions that follow") {
  for (const int threads : {1, 2}) {
    for (const std::int64_t kernel : {1, 3}) {
      const auto conv = [&] { return pruned_image({24, 13, 13}).conv(24, kernel, {.padding = kernel / 2}); };
      const RunConfig config{.batch = 2, .threads = threads, .slice = 2};
      CHECK(sparse_difference(masked(conv().relu().build(), 0.8), config, 1) < sparse_tolerance);
      CHECK(sparse_difference(masked(conv().relu6().build(), 0.8), config, 1) < sparse_tolerance);
      CHECK(sparse_difference(masked(conv().swish().build(), 0.8), config, 1) < sparse_tolerance);
      CHECK(sparse_difference(masked(conv().add(0).build(), 0.8), config, 1) < sparse_tolerance);
      ModelBuilder<float> block = conv();
      const NodeId first = block.last();
      block.relu().conv(24, kernel, {.padding = kernel / 2}).add(first).relu();
      CHECK(sparse_difference(masked(std::move(block).build(), 0.8), config, 2) < sparse_tolerance);
    }
    const auto dense = [] { return pruned_image({60}).dense(60); };
    for (const std::int64_t batch : {1, 20}) {
      const RunConfig config{.batch = batch, .threads = threads, .slice = batch};
      CHECK(sparse_difference(masked(dense().relu().build(), 0.8), config, 1) < sparse_tolerance);
      CHECK(sparse_difference(masked(dense().gelu().build(), 0.8), config, 1) < sparse_tolerance);
      CHECK(sparse_difference(masked(dense().add(0).relu().build(), 0.8), config, 1) < sparse_tolerance);
    }
  }
}

TEST_CASE("between sparse convolutions values lie in planes") {
  for (const std::int64_t batch : {1, 3}) {
    for (const int threads : {1, 2}) {
      for (const std::int64_t extent : {7, 16, 25}) {
        INFO("batch " << batch << ", " << threads << " threads, images of " << extent);
        ModelBuilder<float> blocks = pruned_image({24, extent, extent + 1});
        blocks.conv(40, 1).relu();
        const NodeId first = blocks.last();
        blocks.conv(32, 1).relu6().conv(32, 3, {.padding = 1}).swish().conv(40, 1).add(first).relu();
        const NodeId second = blocks.last();
        blocks.conv(48, 3, {.stride = {2, 2}, .padding = 1}).relu().conv(56, 1);
        const NodeId left = blocks.last();
        blocks.from(second).conv(56, 1, {.stride = {2, 2}}).add(left).relu().conv(50, 1).swish().conv(8, 1);
        const Model<float> model = masked(std::move(blocks).build(), 0.7);
        const RunConfig config{.batch = batch, .threads = threads, .slice = batch};
        CHECK(sparse_difference(model, config, 9) < sparse_tolerance);
      }
    }
  }
}

TEST_CASE("an infinity or NaN counts where its weight is not 0") {
  for (const std::int64_t batch : {1, 20}) {
    Model<float> model = pruned_image({40}).dense(3, false).build();
    Tensor<float>& weights = std::get<Dense<float>>(model.edit_layer(1)).weights.value.edit();
    for (std::size_t i = 0; i < weights.flat().size(); ++i) weights.flat()[i] = i % 40 == i / 40 ? 2.0F : 0.0F;
    OnednnExecutor executor(model, {.batch = batch, .slice = batch, .algorithms = {.sparse = UseAlgorithm::always}});
    CHECK(sparse_steps(executor.compiled()) == 1);
    Tensor<float> src({batch, 40});
    std::fill(src.flat().begin(), src.flat().end(), 1.0F);
    src.at(0, 1) = std::numeric_limits<float>::infinity();
    const Tensor<float> dst = executor.run({&src, 1})[0];
    CHECK(dst.at(0, 0) == 2.0F);
    CHECK(dst.at(0, 1) == std::numeric_limits<float>::infinity());
    CHECK(dst.at(0, 2) == 2.0F);
    // A source that holds a NaN goes through products that multiply it by every weight.
    src.at(0, 1) = std::numeric_limits<float>::quiet_NaN();
    const Tensor<float> with_nan = executor.run({&src, 1})[0];
    for (std::int64_t i = 0; i < 3; ++i) CHECK(std::isnan(with_nan.at(0, i)));
  }
}

TEST_CASE("a sparse product is taken where it pays, and not where the configuration forbids it") {
  const auto steps = [](double sparsity, UseAlgorithm use) {
    const Model<float> model = masked(pruned_image({256, 14, 14}).conv(256, 1).relu().build(), sparsity);
    return sparse_steps(*OnednnModel::compile(model, {.algorithms = {.sparse = use}}));
  };
  CHECK(steps(0.0, UseAlgorithm::always) == 1);
  CHECK(steps(0.95, UseAlgorithm::never) == 0);
  CHECK(steps(0.0, UseAlgorithm::automatic) == 0);
  CHECK(steps(0.95, UseAlgorithm::automatic) == (isa_runs_sparse(current_machine().isa) ? 1 : 0));
}

TEST_CASE("executors that share a sparse model run side by side") {
  const auto compiled =
      OnednnModel::compile(masked(pruned_image({32, 14, 14}).conv(32, 3, {.padding = 1}).build(), 0.8),
                           {.algorithms = {.sparse = UseAlgorithm::always}});
  CHECK(sparse_steps(*compiled) == 1);
  OnednnExecutor a(compiled), b(compiled);
  const Tensor<float> first = test::random_tensor<float>({1, 32, 14, 14}, 1);
  const Tensor<float> second = test::random_tensor<float>({1, 32, 14, 14}, 2);
  const Tensor<float> of_first = a.run({&first, 1})[0];
  const Tensor<float> of_second = b.run({&second, 1})[0];
  CHECK(test::relative_difference(a.run({&second, 1})[0], of_second) == 0.0);
  CHECK(test::relative_difference(b.run({&first, 1})[0], of_first) == 0.0);
}
