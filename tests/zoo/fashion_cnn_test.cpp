#include <fulcrum/zoo/fashion_cnn.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("fashion_cnn has the layers, parameters and work it states") {
  const Model<float> model = fashion_cnn<float>(1);
  std::vector<std::string> names;
  for (const auto& node : model.nodes()) names.push_back(node.name);
  CHECK(names == std::vector<std::string>{"input", "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten",
                                          "dense1", "relu3", "dense2", "probabilities"});

  const auto shapes = infer_shapes(model, 5);
  CHECK(shapes[*model.find("pool1")] == Shape{5, 32, 14, 14});
  CHECK(shapes[*model.find("pool2")] == Shape{5, 64, 7, 7});
  CHECK(shapes[model.outputs().front()] == Shape{5, 10});

  CHECK(parameter_count(model) == (32 * 9 + 32) + (64 * 32 * 9 + 64) + (64 * 3136 + 64) + (10 * 64 + 10));
  CHECK(parameter_count(model) == 220'234);
  const double conv1 = 2.0 * 784 * 32 * 9 + 784 * 32;  // multiply-adds, bias
  const double conv2 = 2.0 * 196 * 64 * 288 + 196 * 64;
  const double dense = 2.0 * 3136 * 64 + 64 + 2.0 * 64 * 10 + 10;
  const double relu = 784 * 32 + 196 * 64 + 64;
  const double pool = 4.0 * (196 * 32 + 49 * 64);
  const double softmax = 5.0 * 10;
  CHECK(total_work(model, 1).flops == conv1 + conv2 + dense + relu + pool + softmax);
}

TEST_CASE("fashion_cnn is reproduced by its seed and exists in double") {
  CHECK(fashion_cnn<float>(3) == fashion_cnn<float>(3));
  CHECK_FALSE(fashion_cnn<float>(3) == fashion_cnn<float>(4));
  CHECK(parameter_count(fashion_cnn<double>(3)) == 220'234);
}
