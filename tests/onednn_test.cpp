#include <fulcrum/onednn.hpp>

#include <vector>

#include <fulcrum/fulcrum.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

TEST_CASE("onednn.hpp runs a model as the reference does") {
  const Model<float> model =
      ModelBuilder<float>("small", 1).input({1, 8, 8}).conv(4, 3).relu().flatten().dense(3).build();
  const std::vector<Tensor<float>> src{test::random_tensor<float>({2, 1, 8, 8}, 2)};
  RunConfig options;
  options.batch = 2;
  const Tensor<float> expected = ReferenceExecutor<float>(model).run(src).front();
  const Tensor<float> result = OnednnExecutor(model, options).run(src).front();
  CHECK(test::relative_difference(result, expected) < test::relative_tolerance(Precision::f32));
}
