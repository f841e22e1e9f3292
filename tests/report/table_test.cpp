#include <fulcrum/report/table.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("words stand left, figures right, and every line is as wide as it needs to be") {
  Table table({{"layer"}, {"FLOPs", Align::right}}, "a model");
  table.add_row({"conv1", "7"});
  table.add_rule();
  table.add_row({"total", "1,234,567"});
  CHECK(table.to_string() ==
        "a model\n"
        "layer      FLOPs\n"
        "────────────────\n"
        "conv1          7\n"
        "────────────────\n"
        "total  1,234,567\n");
}

TEST_CASE("missing cells are empty, a title is not needed and lines do not end in spaces") {
  Table table({{"a"}, {"b"}, {"c"}});
  CHECK(table.empty());
  table.add_row({"x"});
  CHECK(table.to_string() == "a  b  c\n───────\nx\n");
}

TEST_CASE("width counts what a terminal shows, not bytes") {
  CHECK(display_width("µs") == 2);
  CHECK(display_width("p99 ≤ 1 ms") == 10);
  CHECK(display_width("e\xcc\x81") == 1);                 // e and a combining acute accent
  CHECK(display_width("\xe5\x8d\xb7\xe7\xa9\x8d") == 4);  // two wide characters
  CHECK(display_width("\xff\xc0") == 2);                  // invalid bytes show as one mark each
  Table table({{"t", Align::right}, {"n"}});
  table.add_row({"55 µs", "a"});
  table.add_row({"3.82 ms", "b"});
  CHECK_THAT(table.to_string(), ContainsSubstring("  55 µs  a\n3.82 ms  b\n"));
}

TEST_CASE("names that would command the terminal are made harmless") {
  CHECK(printable("conv\x1b[2J\n1") ==
        "conv\xef\xbf\xbd[2J\xef\xbf\xbd"
        "1");
  CHECK(printable("\xc2\x9b") == "\xef\xbf\xbd");                      // a control character of two bytes
  CHECK(printable("\xed\xa0\x80").find('\xed') == std::string::npos);  // half of a surrogate pair
  CHECK(printable("größe µ 卷") == "größe µ 卷");
}

TEST_CASE("a row with too many cells or a table without columns is refused") {
  Table table({{"a"}});
  CHECK_THROWS_WITH(table.add_row({"1", "2"}), ContainsSubstring("has 2 cells for 1 columns"));
  CHECK_THROWS_WITH(Table({}), ContainsSubstring("no columns"));
}
