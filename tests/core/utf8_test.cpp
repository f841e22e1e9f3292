#include <fulcrum/core/utf8.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("code points of one to four bytes are read") {
  const auto check = [](std::string_view text, std::uint32_t value) {
    const CodePoint c = decode_utf8(text, 0);
    CHECK(c.value == value);
    CHECK(c.bytes == text.size());
  };
  check("a", 0x61);
  check("µ", 0xb5);
  check("…", 0x2026);
  check("\xf0\x9f\x98\x80", 0x1f600);
  CHECK(decode_utf8("aµb", 1).bytes == 2);
}

TEST_CASE("a byte that is no UTF-8 stands for itself") {
  for (const std::string_view text : {"\x80", "\xff", "\xc3", "\xc0\xaf", "\xe2\x80", "\xed\xa0\x80",
                                      "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xe0\x80\xaf"}) {
    const CodePoint c = decode_utf8(text, 0);
    CHECK(c.value == 0xfffdU);
    CHECK(c.bytes == 1);
  }
}

TEST_CASE("text becomes valid UTF-8 and valid text stays as it is") {
  CHECK(valid_utf8("conv\xff") == "conv\xef\xbf\xbd");
  CHECK(valid_utf8("größe 卷 \xef\xbf\xbd\n") == "größe 卷 \xef\xbf\xbd\n");
  CHECK(valid_utf8("").empty());
  CHECK(valid_utf8(std::vector<std::string>{"a", "\xc3"}) == std::vector<std::string>{"a", "\xef\xbf\xbd"});
}
