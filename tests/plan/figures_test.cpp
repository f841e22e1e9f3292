#include <fulcrum/plan/figures.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a latency prints with three digits in the unit that suits") {
  CHECK(format_latency(Milliseconds(0.0551)) == "55.1 µs");
  CHECK(format_latency(Milliseconds(0.99951)) == "1.00 ms");
  CHECK(format_latency(Milliseconds(3.816)) == "3.82 ms");
  CHECK(format_latency(Milliseconds(12.34)) == "12.3 ms");
  CHECK(format_latency(Milliseconds(123.4)) == "123 ms");
  CHECK(format_latency(Milliseconds(1200.0)) == "1.20 s");
  CHECK(format_latency(Milliseconds(0.0)) == "0.00 µs");
  CHECK(format_latency(Milliseconds(-0.25)) == "-250 µs");
}

TEST_CASE("a rate prints with thousands set apart") {
  CHECK(format_rate(61234.4) == "61,234/s");
  CHECK(format_rate(999.6) == "1,000/s");
  CHECK(format_rate(87.25) == "87.2/s");
}

TEST_CASE("an accuracy prints in percent with both digits that a test set of ten thousand gives") {
  CHECK(format_accuracy(0.91234) == "91.23 %");
}

TEST_CASE("a change prints with its sign and without one when it rounds to nothing") {
  CHECK(format_change(0.123) == "+12 %");
  CHECK(format_change(-0.03) == "−3 %");
  CHECK(format_change(-0.001) == "0 %");
  CHECK(format_points(-0.14) == "−0.14 points");
  CHECK(format_points(0.0) == "0.00 points");
}
