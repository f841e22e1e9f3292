#include <fulcrum/serve/served_version.hpp>

#include <fulcrum/exec/reference.hpp>

#include <support/catch.hpp>
#include <support/served_models.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;

TEST_CASE("a version says what it takes and gives, and runs it") {
  const Model<float> model = test::small_network(1);
  ModelSettings settings;
  settings.batching.max_batch = 4;
  ServedVersion version("small", "3", model, settings);
  CHECK(version.takes_samples());
  CHECK(version.inputs() == std::vector<TensorSpec>{{"input", ElementType::f32, {batch_dim, 4}}});
  CHECK(version.outputs().at(0).shape == Shape{batch_dim, 3});
  CHECK(version.src_elements() == std::vector<std::int64_t>{4});
  CHECK(version.runner() == nullptr);
  CHECK(version.start() == nullptr);

  const std::vector<float> values{1.0F, -2.0F, 3.0F, 0.5F};
  std::vector<float> result(3);
  const float* src[] = {values.data()};
  float* dst[] = {result.data()};
  CHECK(version.runner()->runner().infer(src, dst).status == RequestStatus::done);
  const std::vector<Tensor<float>> sample{Tensor<float>({1, 4}, std::span<const float>(values))};
  const Tensor<float> expected = ReferenceExecutor<float>(model).run(sample)[0];
  for (std::size_t i = 0; i < 3; ++i) CHECK(result[i] == Approx(expected.flat()[i]).epsilon(1e-4));

  const auto before = version.runner();
  CHECK(version.start() == before);
  CHECK(version.runner() != before);
}

TEST_CASE("a model whose samples are not independent takes one shape") {
  const Model<float> model = ModelBuilder<float>("mixed").input({3}).transpose({1, 0}).build();
  const ServedVersion version("mixed", "1", model, {});
  CHECK_FALSE(version.takes_samples());
  CHECK(version.inputs()[0].shape == Shape{1, 3});
  ModelSettings settings;
  settings.batching.max_batch = 2;
  ServedVersion batched("mixed", "1", model, settings);
  CHECK_THROWS_WITH(batched.start(), ContainsSubstring("keep the samples of a batch apart"));
}
