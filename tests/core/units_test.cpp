#include <fulcrum/core/units.hpp>

#include <limits>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

TEST_CASE("durations convert without losing fractions") {
  CHECK(Milliseconds(1500us).count() == Approx(1.5));
  CHECK(Seconds(Milliseconds(2.5)).count() == Approx(0.0025));
  CHECK(Microseconds(1ns).count() == Approx(0.001));
}

TEST_CASE("FLOPs print with decimal prefixes") {
  CHECK(format_flops(0) == "0 FLOP");
  CHECK(format_flops(999) == "999 FLOP");
  CHECK(format_flops(1000) == "1.00 kFLOP");
  CHECK(format_flops(8'080'000) == "8.08 MFLOP");
  CHECK(format_flops(7.7e9) == "7.70 GFLOP");
  CHECK(format_flops(1e21) == "1000000.00 PFLOP");  // past the last prefix the number grows
}

TEST_CASE("bytes print with binary prefixes") {
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1024) == "1.00 KiB");
  CHECK(format_bytes(1.25 * 1024 * 1024) == "1.25 MiB");
  CHECK(format_bytes(-2048) == "-2.00 KiB");
}

TEST_CASE("what rounds up to a prefix is printed with that prefix") {
  CHECK(format_flops(999'999) == "1.00 MFLOP");
  CHECK(format_flops(999.6) == "1.00 kFLOP");
  CHECK(format_bytes(1024.0 * 1024.0 - 1) == "1.00 MiB");
}

TEST_CASE("counts are grouped by thousands") {
  CHECK(format_count(0) == "0");
  CHECK(format_count(999) == "999");
  CHECK(format_count(1000) == "1,000");
  CHECK(format_count(1234567) == "1,234,567");
  CHECK(format_count(-999) == "-999");
  CHECK(format_count(-123456) == "-123,456");
  CHECK(format_count(std::numeric_limits<long long>::min()) == "-9,223,372,036,854,775,808");
}
