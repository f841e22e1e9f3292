#include <fulcrum/tensor/shared_tensor.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("copies share storage until one is edited") {
  SharedTensor<float> a = Tensor<float>({3}, 1.0F);
  SharedTensor<float> b = a;
  const SharedTensor<float> c = a;
  CHECK(a.shares_with(b));

  b.edit().flat()[0] = 5.0F;
  CHECK_FALSE(a.shares_with(b));
  CHECK(a.shares_with(c));
  CHECK(a->flat()[0] == 1.0F);
  CHECK((*b).flat()[0] == 5.0F);
}

TEST_CASE("the only owner is edited in place") {
  SharedTensor<float> a = Tensor<float>({3}, 1.0F);
  const float* const storage = a->flat().data();
  a.edit().flat()[0] = 2.0F;
  CHECK(a->flat().data() == storage);
  {
    const SharedTensor<float> other = a;
    CHECK(a.edit().flat().data() != storage);
    CHECK(other->flat().data() == storage);
  }
  const float* const own = a->flat().data();
  CHECK(a.edit().flat().data() == own);
}

TEST_CASE("an empty shared tensor is empty and equals only an empty one") {
  const SharedTensor<float> empty;
  CHECK(empty.empty());
  CHECK_FALSE(static_cast<bool>(empty));
  CHECK(empty == SharedTensor<float>());
  CHECK_FALSE(empty == SharedTensor<float>(Tensor<float>({0})));
}

TEST_CASE("shared tensors compare by value") {
  const SharedTensor<float> a = Tensor<float>({2}, 1.0F);
  const SharedTensor<float> b = Tensor<float>({2}, 1.0F);
  CHECK(a == b);
  CHECK_FALSE(a.shares_with(b));
  CHECK_FALSE(a == SharedTensor<float>(Tensor<float>({2}, 2.0F)));
  CHECK_FALSE(a == SharedTensor<float>(Tensor<float>({1, 2}, 1.0F)));
}
