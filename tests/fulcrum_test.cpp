#include <fulcrum/fulcrum.hpp>

#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

TEST_CASE("fulcrum.hpp alone builds, changes, costs and runs a model") {
  const Model<float> model = ModelBuilder<float>("small", 1)
                                 .input({1, 8, 8})
                                 .conv(4, 3)
                                 .batch_normalization()
                                 .relu()
                                 .flatten()
                                 .dense(3)
                                 .build();
  const Model<float> folded = fold_batch_normalization(model).model;
  CHECK(folded.size() == model.size() - 1);
  CHECK(total_work(folded, 1).flops < total_work(model, 1).flops);
  CHECK_THAT(summary(folded), ContainsSubstring("conv1"));

  const std::vector<Tensor<float>> src{test::random_tensor<float>({2, 1, 8, 8}, 2)};
  const Tensor<float> before = ReferenceExecutor<float>(model).run(src).front();
  const Tensor<float> after = ReferenceExecutor<float>(folded).run(src).front();
  CHECK(before.dims() == Shape{2, 3});
  CHECK(test::relative_difference(after, before) < test::relative_tolerance(Precision::f32));
}
