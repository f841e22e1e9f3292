#include <fulcrum/analysis/computes_in_f32.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("what most of a network's work is runs in the precision of the model") {
  for (const Layer<float>& layer : {Layer<float>(Conv<float>{}), Layer<float>(Dense<float>{}), Layer<float>(MatMul{}),
                                    Layer<float>(Pool{}), Layer<float>(GlobalPool{}), Layer<float>(Concat{}),
                                    Layer<float>(Reshape{}), Layer<float>(Activation{}), Layer<float>(Binary{})}) {
    CAPTURE(kind_of(layer));
    CHECK_FALSE(computes_in_f32(layer));
  }
}

TEST_CASE("what would lose by fewer digits computes in f32") {
  for (const Layer<float>& layer :
       {Layer<float>(Softmax{}), Layer<float>(LayerNormalization<float>{}),
        Layer<float>(InstanceNormalization<float>{}), Layer<float>(LocalResponseNormalization{}),
        Layer<float>(Reduce{}), Layer<float>(ArgReduce{}), Layer<float>(Cast{}), Layer<float>(Recurrent<float>{}),
        Layer<float>(Gather{}), Layer<float>(Resize{})}) {
    CAPTURE(kind_of(layer));
    CHECK(computes_in_f32(layer));
  }
}

TEST_CASE("of the element-wise functions, those that oneDNN fuses do not") {
  CHECK_FALSE(computes_in_f32<float>(Activation{ActivationKind::sigmoid, 0.0F, 0.0F}));
  CHECK(computes_in_f32<float>(Activation{ActivationKind::exp, 0.0F, 0.0F}));
  CHECK_FALSE(computes_in_f32<double>(Binary{BinaryKind::mul}));
  CHECK(computes_in_f32<double>(Binary{BinaryKind::equal}));
}
