#include <fulcrum/zoo/recommendation.hpp>

#include <fulcrum/exec/reference.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("recommendation has the output, parameters and work it states") {
  const Model<float> model = recommendation<float>();
  REQUIRE(model.inputs().size() == 2);
  CHECK(fulcrum::test::output_shape(model, 5) == Shape{5, 1});
  const std::int64_t tables = 119'889 * 16;
  const std::int64_t bottom = (13 * 512 + 512) + (512 * 256 + 256) + (256 * 64 + 64) + (64 * 16 + 16);
  const std::int64_t top = (367 * 512 + 512) + (512 * 256 + 256) + (256 + 1);
  const std::int64_t pairs = 27 * 26 / 2;  // their places are constants
  CHECK(tables + bottom + top == 2'394'209);
  CHECK(parameter_count(model) == tables + bottom + top + pairs);
  const double dense = 13.0 * 512 + 512 * 256 + 256 * 64 + 64 * 16 + 367 * 512 + 512 * 256 + 256;
  CHECK(fulcrum::test::multiply_adds(model) == dense + 27.0 * 27 * 16);
}

TEST_CASE("recommendation's interactions are the products of all pairs of vectors") {
  Model<float> model = recommendation<float>(3);
  model.set_outputs({*model.find("concat1"), *model.find("gather27")});
  Tensor<float> features(Shape{1, 13});
  for (std::size_t i = 0; i < 13; ++i) features.flat()[i] = 0.1F * static_cast<float>(i);
  const std::vector<Tensor<float>> src{features, Tensor<float>(Shape{1, 26}, 2.0F)};
  const auto result = ReferenceExecutor<float>(model).run(std::span<const Tensor<float>>(src));
  const auto vectors = result[0].flat();
  const auto products = result[1].flat();
  REQUIRE(products.size() == 351);
  std::size_t next = 0;
  for (std::size_t i = 0; i < 27; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      float product = 0.0F;
      for (std::size_t k = 0; k < 16; ++k) product += vectors[i * 16 + k] * vectors[j * 16 + k];
      CHECK(products[next++] == Approx(product).margin(1e-5));
    }
  }
}
