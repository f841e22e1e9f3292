#include <fulcrum/exec/detail/layout.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {
Desc tagged(const Shape& shape, dnnl::memory::format_tag tag) {
  return {Dims(shape.begin(), shape.end()), dnnl::memory::data_type::f32, tag};
}
}  // namespace

TEST_CASE("a layout is row-major by where its elements lie, not by its name") {
  using tag = dnnl::memory::format_tag;
  CHECK(is_plain(plain_desc({2, 3, 4, 5}, DType::f32)));
  CHECK_FALSE(is_plain(tagged({2, 3, 4, 5}, tag::nhwc)));
  CHECK(is_plain(tagged({2, 1, 4, 5}, tag::nhwc)));
  CHECK(is_plain(tagged({2, 3, 1, 1}, tag::nhwc)));
  CHECK(is_plain(tagged({2, 32, 1, 1}, tag::nChw16c)));
  CHECK_FALSE(is_plain(tagged({2, 20, 1, 1}, tag::nChw16c)));  // padded to 32
  CHECK_FALSE(is_plain(tagged({2, 32, 4, 5}, tag::nChw16c)));
}

TEST_CASE("two layouts are one when they differ in the strides of single elements only") {
  using tag = dnnl::memory::format_tag;
  CHECK(same_layout(tagged({2, 1, 4, 5}, tag::nhwc), tagged({2, 1, 4, 5}, tag::nchw)));
  CHECK_FALSE(same_layout(tagged({2, 2, 4, 5}, tag::nhwc), tagged({2, 2, 4, 5}, tag::nchw)));
  CHECK_FALSE(same_layout(tagged({2, 2, 4, 5}, tag::nhwc), tagged({2, 2, 5, 4}, tag::nhwc)));
}

TEST_CASE("rows of a channels-last or blocked value say where each element of a flattened row lies") {
  using tag = dnnl::memory::format_tag;
  const auto last = row_layout_of(tagged({7, 2, 1, 3}, tag::nhwc));
  REQUIRE(last.has_value());
  CHECK(last->width == 6);
  CHECK(last->offsets == std::vector<std::int64_t>{0, 2, 4, 1, 3, 5});

  const auto blocked = row_layout_of(tagged({7, 17, 1, 2}, tag::nChw16c));  // 2 blocks of 16 channels
  REQUIRE(blocked.has_value());
  CHECK(blocked->width == 64);
  CHECK(blocked->offsets[0] == 0);
  CHECK(blocked->offsets[1] == 16);       // (c 0, w 1)
  CHECK(blocked->offsets[2 * 15] == 15);  // (c 15, w 0)
  CHECK(blocked->offsets[2 * 16] == 32);  // (c 16, w 0)

  CHECK_FALSE(row_layout_of(tagged({2, 3}, tag::ba)).has_value());  // rows lie side by side
}

TEST_CASE("a strided layout exists in every type, a blocked one is left alone") {
  using tag = dnnl::memory::format_tag;
  const auto bytes = with_dtype(tagged({2, 3, 4, 5}, tag::nhwc), DType::u8);
  REQUIRE(bytes.has_value());
  CHECK(*bytes == channels_last_desc({2, 3, 4, 5}, DType::u8));
  CHECK_FALSE(with_dtype(tagged({2, 16, 4, 5}, tag::nChw16c), DType::u8).has_value());
}
