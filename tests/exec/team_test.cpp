#include <fulcrum/exec/detail/team.hpp>

#include <algorithm>
#include <atomic>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the parts of a loop on a team make up the whole, each position once") {
  for (const int threads : {1, 2, 3}) {
    for (const std::int64_t count : {0, 1, 2, 7, 100}) {
      INFO(threads << " threads, " << count << " positions");
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
      detail::for_parts(threads, count, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& n) { return n == 1; }));
    }
  }
}
