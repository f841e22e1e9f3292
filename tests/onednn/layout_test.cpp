#include <fulcrum/onednn/layout.hpp>

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

TEST_CASE("a layout's name gives the order of the axes in memory and the blocks") {
  using tag = dnnl::memory::format_tag;
  CHECK(layout_name(plain_desc({2, 3, 4, 5}, DType::f32)) == "abcd");
  CHECK(layout_name(tagged({2, 3, 4, 5}, tag::nhwc)) == "acdb");
  CHECK(layout_name(tagged({2, 16, 4, 5}, tag::nChw8c)) == "aBcd8b");
}

TEST_CASE("a blocked channels layout is recognised by its block") {
  for (const std::int64_t block : {4, 8, 16}) {
    CHECK(channel_block_of(blocked_channels_desc({2, 32, 3, 3}, DType::f32, block)) == block);
    CHECK(channel_block_of(blocked_channels_desc({2, 32, 3, 3, 3}, DType::f32, block)) == block);
  }
  CHECK(channel_block_of(channels_last_desc({2, 32, 3, 3}, DType::f32)) == 0);
}

TEST_CASE("a part has a place in the whole where it lies there in one piece") {
  const auto blocked = [](const Shape& shape) { return blocked_channels_desc(shape, DType::f32, 8); };
  // One sample: 16 of 40 channels after the first 8.
  CHECK(place_of_part(blocked({1, 40, 3, 3}), blocked({1, 16, 3, 3}), 1, 8) == 8U * 9 * sizeof(float));
  // The next sample's channels lie elsewhere.
  CHECK_FALSE(place_of_part(blocked({2, 40, 3, 3}), blocked({2, 16, 3, 3}), 1, 8));
  // A part that begins or ends within a block, unless the whole ends with it.
  CHECK_FALSE(place_of_part(blocked({1, 40, 3, 3}), blocked({1, 16, 3, 3}), 1, 4));
  CHECK_FALSE(place_of_part(blocked({1, 40, 3, 3}), blocked({1, 12, 3, 3}), 1, 8));
  CHECK(place_of_part(blocked({1, 20, 3, 3}), blocked({1, 12, 3, 3}), 1, 8) == 8U * 9 * sizeof(float));
  // Channels of one pixel are neighbours when they come last.
  CHECK_FALSE(place_of_part(channels_last_desc({1, 40, 3, 3}, DType::f32),
                            channels_last_desc({1, 16, 3, 3}, DType::f32), 1, 8));
  CHECK(place_of_part(plain_desc({4, 6}, DType::u8), plain_desc({2, 6}, DType::u8), 0, 1) == 6U);
  CHECK_FALSE(place_of_part(plain_desc({4, 6}, DType::u8), plain_desc({2, 6}, DType::s8), 0, 1));
}
