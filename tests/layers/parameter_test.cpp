#include <fulcrum/layers/parameter.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a parameter is empty or has the size of its tensor") {
  const Parameter<float> empty;
  CHECK(empty.empty());
  CHECK(empty.size() == 0);
  const Parameter<float> weights = Tensor<float>({3, 4});
  CHECK_FALSE(weights.empty());
  CHECK(weights.size() == 12);
}

TEST_CASE("parameters are equal in value, mask and quantization") {
  const Parameter<float> a = Tensor<float>({2}, 1.0F);
  Parameter<float> b = Tensor<float>({2}, 1.0F);
  CHECK(a == b);
  b.mask = Tensor<std::uint8_t>({2}, std::uint8_t{1});
  CHECK_FALSE(a == b);
  b = a;
  b.quantization = Quantization{DType::s8, {0.1F}, {0}, -1};
  CHECK_FALSE(a == b);
}

TEST_CASE("a copied parameter shares its tensor until edited") {
  const Parameter<float> a = Tensor<float>({2}, 1.0F);
  Parameter<float> b = a;
  CHECK(b.value.shares_with(a.value));
  b.value.edit().flat()[0] = 0.0F;
  CHECK(a.value->flat()[0] == 1.0F);
}
