#include <fulcrum/zoo/mlp.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("mlp has the layers, parameters and work it states") {
  const Model<float> model = mlp<float>(1);
  const auto shapes = infer_shapes(model, 3);
  CHECK(shapes[*model.find("dense1")] == Shape{3, 256});
  CHECK(shapes[*model.find("dense2")] == Shape{3, 128});
  CHECK(shapes[model.outputs().front()] == Shape{3, 10});
  CHECK(model.node(model.outputs().front()).name == "probabilities");
  CHECK(parameter_count(model) == (784 * 256 + 256) + (256 * 128 + 128) + (128 * 10 + 10));
  CHECK(parameter_count(model) == 235'146);
  const double dense = 2.0 * (784 * 256 + 256 * 128 + 128 * 10) + 256 + 128 + 10;
  CHECK(total_work(model, 1).flops == dense + (256 + 128) + 50);
}

TEST_CASE("mlp is reproduced by its seed") {
  CHECK(mlp<float>(3) == mlp<float>(3));
  CHECK_FALSE(mlp<float>(3) == mlp<float>(4));
}
