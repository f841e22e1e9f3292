#include <fulcrum/core/utc.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a time is written as ISO 8601 says") {
  CHECK(utc_text(0) == "1970-01-01T00:00:00Z");
  CHECK(utc_text(1'769'860'800) == "2026-01-31T12:00:00Z");
}

TEST_CASE("now lies between before and after") {
  const std::string before = utc_text(std::time(nullptr));
  const std::string now = utc_now();
  CHECK(before <= now);
  CHECK(now <= utc_text(std::time(nullptr)));
}
