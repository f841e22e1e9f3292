#include <fulcrum/core/in_parts.hpp>

#include <algorithm>
#include <atomic>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every element is in one part, however many there are") {
  for (const std::size_t count : {0, 1, 7, 8, 9, 1000, 12345}) {
    std::vector<std::atomic<int>> visits(count);
    std::atomic<int> parts = 0;
    detail::in_parts(count, 4, [&](std::size_t first, std::size_t last) {
      ++parts;
      for (std::size_t i = first; i < last; ++i) ++visits[i];
    });
    for (const auto& visit : visits) CHECK(visit == 1);
    CHECK(parts >= 1);
    CHECK(static_cast<std::size_t>(parts) <= std::max<std::size_t>(count / 4, 1));
  }
}
