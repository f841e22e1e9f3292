#include <fulcrum/layers/facts.hpp>

#include <fulcrum/layers/layer.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("what most of a network's work is runs in the precision of the model") {
  for (const Layer<float>& layer :
       {Layer<float>(Conv<float>{}), Layer<float>(Dense<float>{}), Layer<float>(MatMul{}), Layer<float>(Pool{}),
        Layer<float>(GlobalPool{}), Layer<float>(Concat{}), Layer<float>(Reshape{}), Layer<float>(Activation{}),
        Layer<float>(Binary{}), Layer<float>(Recurrent<float>{})}) {
    CAPTURE(kind_of(layer));
    CHECK_FALSE(facts_of(layer).needs_f32);
  }
}

TEST_CASE("what would lose by fewer digits computes in f32") {
  for (const Layer<float>& layer :
       {Layer<float>(Softmax{}), Layer<float>(LayerNormalization<float>{}),
        Layer<float>(InstanceNormalization<float>{}), Layer<float>(LocalResponseNormalization{}),
        Layer<float>(Reduce{}), Layer<float>(ArgReduce{}), Layer<float>(Cast{}), Layer<float>(Gather{}),
        Layer<float>(Resize{})}) {
    CAPTURE(kind_of(layer));
    CHECK(facts_of(layer).needs_f32);
  }
}

TEST_CASE("of the element-wise functions, those that oneDNN fuses do not") {
  CHECK_FALSE(facts_of<float>(Activation{ActivationKind::sigmoid, 0.0F, 0.0F}).needs_f32);
  CHECK(facts_of<float>(Activation{ActivationKind::exp, 0.0F, 0.0F}).needs_f32);
  CHECK_FALSE(facts_of<double>(Binary{BinaryKind::mul}).needs_f32);
  CHECK(facts_of<double>(Binary{BinaryKind::equal}).needs_f32);
}

TEST_CASE("products, views and joins say what they are") {
  CHECK(facts_of<float>(Conv<float>{}).is_product);
  CHECK(facts_of<float>(MatMul{}).is_product);
  CHECK_FALSE(facts_of<float>(ConvTranspose<float>{}).is_product);
  CHECK(facts_of<float>(Reshape{}).is_view);
  CHECK_FALSE(facts_of<float>(Transpose{}).is_view);
  CHECK(facts_of<float>(Dense<float>{}).takes_post_operations);
  CHECK_FALSE(facts_of<float>(Pool{}).takes_post_operations);
  CHECK(facts_of<float>(Concat{}).integers == IntegerUse::combines);
  CHECK(facts_of<float>(Pool{}).integers == IntegerUse::passes);
  CHECK(facts_of<float>(Softmax{}) == LayerFacts{});
}
