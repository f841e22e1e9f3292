#include <fulcrum/model/random_sources.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// ids (N, 3) → rows of a table (5, 2); a mask (N, 3) of truth values and a real input beside it.
Model<float> embedding() {
  Model<float> model("embedding");
  const NodeId ids = model.add({"ids", Input{{batch_dim, 3}, ElementType::s64}, {}, {}});
  const NodeId mask = model.add({"mask", Input{{batch_dim, 3}, ElementType::boolean}, {}, {}});
  const NodeId reals = model.add({"reals", Input{{batch_dim, 3, 2}}, {}, {}});
  const NodeId table = model.add({"table", Constant<float>{Tensor<float>(Shape{5, 2})}, {}, {}});
  const NodeId flat = model.add({"flat", Reshape{{-1}}, {ids}, {}});
  const NodeId rows = model.add({"rows", Gather{0}, {table, flat}, {}});
  model.set_outputs({rows, mask, reals});
  return model;
}

}  // namespace

TEST_CASE("Inputs that index a table take its rows, truth values 0 or 1, others reals") {
  const Model<float> model = embedding();
  const std::vector<SourceRange> ranges = source_ranges(model, infer_shapes(model, 2));
  REQUIRE(ranges.size() == 3);
  CHECK(ranges[0].limit == 5);
  CHECK(ranges[1].limit == 2);
  CHECK(ranges[2].limit == 0);
}

TEST_CASE("Random sources have the inputs' shapes, keep to the ranges and follow the seed") {
  const Model<float> model = embedding();
  const std::vector<Tensor<float>> sources = random_sources(model, 40, 7);
  REQUIRE(sources.size() == 3);
  CHECK(sources[0].dims() == Shape{40, 3});
  bool largest = false;
  for (const float x : sources[0].flat()) {
    CHECK((x >= 0.0F && x < 5.0F && x == std::floor(x)));
    largest = largest || x == 4.0F;
  }
  CHECK(largest);
  for (const float x : sources[1].flat()) CHECK((x == 0.0F || x == 1.0F));
  bool between = false;
  for (const float x : sources[2].flat()) {
    CHECK((x >= 0.0F && x < 1.0F));
    between = between || (x > 0.0F && x < 1.0F);
  }
  CHECK(between);
  CHECK(random_sources(model, 40, 7)[2] == sources[2]);
  CHECK_FALSE(random_sources(model, 40, 8)[2] == sources[2]);
}

TEST_CASE("Inputs that index elements stay within the axis that they index") {
  Model<float> model("m");
  const NodeId x = model.add({"x", Input{{batch_dim, 3, 7}}, {}, {}});
  const NodeId i = model.add({"i", Input{{batch_dim, 2, 7}, ElementType::s64}, {}, {}});
  const NodeId j = model.add({"j", Input{{batch_dim, 3, 4}, ElementType::s64}, {}, {}});
  const NodeId a = model.add({"a", GatherElements{1}, {x, i}, {}});
  const NodeId b = model.add({"b", ScatterElements{2}, {x, j, j}, {}});
  model.set_outputs({a, b});
  const std::vector<SourceRange> ranges = source_ranges(model, infer_shapes(model, 2));
  REQUIRE(ranges.size() == 3);
  CHECK(ranges[1].limit == 3);
  CHECK(ranges[2].limit == 7);
}
