#include <fulcrum/zoo/bert_base.hpp>

#include <support/catch.hpp>
#include <zoo/counts.hpp>

using namespace fulcrum;

TEST_CASE("bert_base has the outputs, parameters and work that are published for it") {
  const Model<float> model = bert_base<float>();
  const auto shapes = infer_shapes(model, 2);
  REQUIRE(model.inputs().size() == 3);
  for (const NodeId id : model.inputs()) {
    CHECK(shapes[id] == Shape{2, 128});
    CHECK(std::get<Input>(model.node(id).layer).element == ElementType::s64);
  }
  REQUIRE(model.outputs().size() == 2);
  CHECK(shapes[model.outputs()[0]] == Shape{2, 128, 768});
  CHECK(shapes[model.outputs()[1]] == Shape{2, 768});
  CHECK(parameter_count(model) == 109'482'240 + 2);  // the two numbers that turn the mask into scores
  // Per token: four projections of 768², two dense layers of 768 · 3072, 768 for each score and each weighted value of
  // 128 tokens. The pooler reads one token.
  const double per_token = 4.0 * 768 * 768 + 2.0 * 768 * 3072 + 2.0 * 128 * 768;
  CHECK(fulcrum::test::multiply_adds(model) == 12.0 * 128 * per_token + 768.0 * 768);
}

TEST_CASE("bert_base takes sequences that its positions cover") {
  CHECK_THROWS_WITH(bert_base<float>(0, 0), ContainsSubstring("0 tokens"));
  CHECK_THROWS_WITH(bert_base<float>(0, 513), ContainsSubstring("513 tokens"));
}
