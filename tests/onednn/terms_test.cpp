#include <fulcrum/onednn/terms.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

TEST_CASE("a value's shape in oneDNN's terms holds the same elements") {
  CHECK(onednn_dims({}) == Shape{1});
  CHECK(onednn_dims({2, 3}) == Shape{2, 3});
  const Shape many(DNNL_MAX_NDIMS + 1, 2);
  CHECK(onednn_dims(many) == Shape{element_count(many)});
  CHECK(plain_desc({2, 3, 4}, DType::bf16).get_size() == 2 * 3 * 4 * 2);
}

TEST_CASE("types that oneDNN lacks are refused by name") {
  CHECK(data_type_of(DType::u8) == dnnl::memory::data_type::u8);
  CHECK_THROWS_WITH(data_type_of(DType::f64), ContainsSubstring("f64"));
}

TEST_CASE("functions that end in integers give f(x) / scale + zero point") {
  const auto value = [](const MappedFunctions& m, float x) {
    x *= m.factor;
    for (const Eltwise& f : m.functions) {
      if (f.algorithm == dnnl::algorithm::eltwise_relu) x = x > 0.0F ? x : f.alpha * x;
      if (f.algorithm == dnnl::algorithm::eltwise_clip) x = std::min(std::max(x, f.alpha), f.beta);
      if (f.algorithm == dnnl::algorithm::eltwise_linear) x = f.alpha * x + f.beta;
    }
    return x;
  };
  const std::vector<Eltwise> relu{{dnnl::algorithm::eltwise_relu}};
  const std::vector<Eltwise> clip{{dnnl::algorithm::eltwise_clip, 0.0F, 6.0F}};
  for (const float x : {-3.0F, 0.5F, 9.0F}) {
    for (const bool has_scale : {false, true}) {
      CAPTURE(x, has_scale);
      CHECK(value(mapped({}, {0.5F, 3}, has_scale), x) == x / 0.5F + 3.0F);
      CHECK(value(mapped(relu, {0.5F, 3}, has_scale), x) == std::max(x, 0.0F) / 0.5F + 3.0F);
      CHECK(value(mapped(clip, {0.25F, 0}, has_scale), x) == std::clamp(x, 0.0F, 6.0F) / 0.25F);
    }
  }
}
