#include <fulcrum/onednn/adapter.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

TEST_CASE("a layout's blocks are read in either version") {
  using tag = dnnl::memory::format_tag;
  const Desc blocked({2, 32, 4, 5}, dnnl::memory::data_type::f32, tag::nChw16c);
  const Blocking blocking = blocking_of(blocked);
  REQUIRE(blocking.inner_blocks.size() == 1);
  CHECK(blocking.inner_blocks[0] == 16);
  CHECK(dims_of(blocked) == Dims{2, 32, 4, 5});
  CHECK(data_type_of(blocked) == dnnl::memory::data_type::f32);
}

TEST_CASE("a convolution described in either version has the layouts that were asked for") {
  const Geometry geometry{{3, 3}, {1, 1}, {0, 0}, {1, 1}, {1, 1}};
  const Desc src = plain_desc({1, 3, 8, 8}, DType::f32);
  const Desc dst = plain_desc({1, 4, 8, 8}, DType::f32);
  const auto pd =
      conv_forward(dnnl::prop_kind::forward_inference, src, any_desc({4, 3, 3, 3}, DType::f32), Desc{}, dst, geometry);
  CHECK(dims_of(pd.dst_desc()) == Dims{1, 4, 8, 8});
  CHECK(pd.src_desc() == src);
}
