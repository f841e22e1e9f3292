#include <fulcrum/serve/response_cache.hpp>

#include <string>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a cache keeps what was used last, within its bytes") {
  ResponseCache cache(10'000);
  const auto key = [](int i) { return sha256(std::to_string(i)); };
  const auto results = [](int i) { return ResponseCache::Results{std::vector<float>(100, static_cast<float>(i))}; };
  for (int i = 0; i < 50; ++i) {
    cache.put(key(i), results(i));
    CHECK(cache.bytes() <= 10'000);
    REQUIRE(cache.find(key(0)) != nullptr);  // used all the time
    CHECK((*cache.find(key(i)))[0][99] == static_cast<float>(i));
  }
  CHECK(cache.find(key(1)) == nullptr);
  CHECK(cache.find(key(49)) != nullptr);
  cache.put(key(99), {std::vector<float>(5000)});  // larger than all of it
  CHECK(cache.find(key(99)) == nullptr);
  CHECK(cache.find(key(49)) != nullptr);
  CHECK_FALSE(ResponseCache(0).enabled());
}
