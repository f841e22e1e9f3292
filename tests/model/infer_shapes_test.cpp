#include <fulcrum/model/infer_shapes.hpp>

#include <fulcrum/core/random.hpp>
#include <fulcrum/model/builder.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Model<float> small_cnn() {
  return ModelBuilder<float>("cnn")
      .input({1, 28, 28})
      .conv(32, 3)
      .relu()
      .max_pool(2)
      .conv(64, 3)
      .relu()
      .max_pool(2)
      .flatten()
      .dense(64)
      .relu()
      .dense(10)
      .softmax()
      .build();
}

const Shape& shape_of(const Model<float>& model, const std::vector<Shape>& shapes, const char* name) {
  return shapes.at(model.find(name).value());
}
}  // namespace

TEST_CASE("shapes follow the batch through the model") {
  const Model<float> model = small_cnn();
  for (const std::int64_t batch : {1, 7}) {
    const auto shapes = infer_shapes(model, batch);
    REQUIRE(shapes.size() == model.size());
    CHECK(shape_of(model, shapes, "input") == Shape{batch, 1, 28, 28});
    CHECK(shape_of(model, shapes, "conv1") == Shape{batch, 32, 26, 26});
    CHECK(shape_of(model, shapes, "maxpool2") == Shape{batch, 64, 5, 5});
    CHECK(shape_of(model, shapes, "flatten1") == Shape{batch, 1600});
    CHECK(shape_of(model, shapes, "softmax1") == Shape{batch, 10});
  }
}

TEST_CASE("work grows with the batch, weights do not") {
  const Model<float> model = small_cnn();
  const Work one = total_work(model, 1);
  const Work eight = total_work(model, 8);
  CHECK(eight.flops == 8 * one.flops);
  CHECK(eight.src_elements == 8 * one.src_elements);
  CHECK(eight.dst_elements == 8 * one.dst_elements);
  CHECK(eight.weight_elements == one.weight_elements);
  CHECK(one.weight_elements == parameter_count(model));
}

TEST_CASE("the work of a model is that of its layers, counted by hand") {
  const Model<float> model = small_cnn();
  const auto work = infer_work(model, infer_shapes(model, 1));
  const auto flops = [&](const char* name) { return work.at(model.find(name).value()).flops; };
  CHECK(flops("conv1") == 32 * 26 * 26 * (2 * 9 + 1));
  CHECK(flops("conv2") == 64 * 11 * 11 * (2 * 9 * 32 + 1));
  CHECK(flops("maxpool1") == 32 * 13 * 13 * 4);
  CHECK(flops("dense1") == 64 * (2 * 1600 + 1));
  CHECK(flops("softmax1") == 50);
  CHECK(flops("input") == 0);
  double total = 0.0;
  for (const Work& w : work) total += w.flops;
  CHECK(total == total_work(model, 1).flops);
}

TEST_CASE("a layer that does not fit is named") {
  Model<float> model("broken");
  const NodeId x = model.add({"x", Input{{batch_dim, 3, 8, 8}}, {}, {}});
  Dense<float> layer;
  layer.weights = Tensor<float>({10, 5});
  model.set_outputs({model.add({"classifier", layer, {x}, {}})});
  CHECK_THROWS_WITH(infer_shapes(model, 1),
                    ContainsSubstring("layer 'classifier'") && ContainsSubstring("(1, 3, 8, 8)"));
}

TEST_CASE("a batch below 1 and an input past all memory are refused") {
  CHECK_THROWS_WITH(infer_shapes(small_cnn(), 0), ContainsSubstring("batch 0"));
  CHECK_THROWS_AS(infer_shapes(small_cnn(), -1), Error);
  Model<float> model("huge");
  model.add({"x", Input{{batch_dim, std::int64_t{1} << 62}}, {}, {}});
  CHECK_NOTHROW(infer_shapes(model, 1));
  CHECK_THROWS_WITH(infer_shapes(model, 4), ContainsSubstring("layer 'x'"));
}

TEST_CASE("sources have the shapes of the nodes they name") {
  Model<float> model("sum");
  const NodeId a = model.add({"a", Input{{batch_dim, 3}}, {}, {}});
  const NodeId b = model.add({"b", Input{{1, 3}}, {}, {}});
  const NodeId sum = model.add({"sum", Binary{}, {b, a}, {}});
  const auto shapes = infer_shapes(model, 5);
  CHECK(src_shapes(model.node(sum), shapes) == std::vector<Shape>{{1, 3}, {5, 3}});
  CHECK(shapes[sum] == Shape{5, 3});
}

TEST_CASE("random chains of layers scale linearly in the batch") {
  Random random(8);
  for (int i = 0; i < 30; ++i) {
    auto builder = ModelBuilder<float>("chain", static_cast<std::uint64_t>(i));
    builder.input({1 + static_cast<std::int64_t>(random.below(4)), 12, 12});
    for (int layer = 0; layer < 5; ++layer) {
      switch (random.below(5)) {
        case 0: builder.conv(1 + static_cast<std::int64_t>(random.below(6)), 3, {.padding = 1}); break;
        case 1: builder.depthwise_conv(3, {.padding = 1}); break;
        case 2: builder.relu(); break;
        case 3: builder.batch_normalization(); break;
        default: builder.average_pool(3, {.stride = {1, 1}, .padding = 1}); break;
      }
    }
    const Model<float> model = std::move(builder).build();
    const auto batch = 2 + static_cast<std::int64_t>(random.below(6));
    const auto one = infer_shapes(model, 1);
    const auto many = infer_shapes(model, batch);
    for (NodeId id = 0; id < model.size(); ++id) REQUIRE(element_count(many[id]) == batch * element_count(one[id]));
    REQUIRE(total_work(model, batch).flops == static_cast<double>(batch) * total_work(model, 1).flops);
  }
}
