#include <fulcrum/train/taylor_saliency.hpp>

#include <vector>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

TEST_CASE("Taylor saliency is the squared sum of gradient times weight of a channel") {
  // One sample x = 2, hidden units h = w·x + b, output Σ v·h, loss ½(y − t)²·2/1 (mean squared error over one output).
  Model<float> model = ModelBuilder<float>("net").input({1}).dense(2).dense(1, false).build();
  auto& hidden = std::get<Dense<float>>(model.edit_layer(1));
  hidden.weights = Tensor<float>(Shape{2, 1}, {0.5F, -1.0F});
  hidden.bias = Tensor<float>(Shape{2}, {0.25F, 0.0F});
  std::get<Dense<float>>(model.edit_layer(2)).weights = Tensor<float>(Shape{1, 2}, {2.0F, 0.5F});
  const Tensor<float> src(Shape{1, 1}, {2.0F});
  const Tensor<float> targets(Shape{1, 1}, {0.0F});
  const ChannelDependencies dependencies = channel_dependencies(model);
  TaylorOptions options;
  options.loss = MeanSquaredError{};
  options.threads = 1;
  const std::vector<double> saliency = taylor_saliency(model, dependencies, SampleView(src, targets), options);
  // y = 2·1.25 + 0.5·(−2) = 1.5; ∂loss/∂y = 2y = 3; ∂/∂h = (6, 1.5); Σ g·w = ∂/∂h · h = (7.5, −3).
  const auto& units = dependencies.groups.at(0).units;
  CHECK(saliency[static_cast<std::size_t>(units[0])] == Approx(56.25));
  CHECK(saliency[static_cast<std::size_t>(units[1])] == Approx(9.0));
  options.batch = 0;
  CHECK_THROWS_WITH(taylor_saliency(model, dependencies, SampleView(src, targets), options),
                    ContainsSubstring("batches of 1 or more"));
}
