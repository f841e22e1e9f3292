#include <fulcrum/measure/core_watch.hpp>

#include <chrono>
#include <vector>

#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/onednn/team.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

TEST_CASE("a look takes microseconds on one core and on all") {
  const int cores = onednn_environment().cores;
  for (const int threads : {1, cores}) {
    const std::chrono::nanoseconds least = time_undisturbed_look(threads);
    CHECK(least > 1us);
    const auto before = std::chrono::steady_clock::now();
    const CoreLook look = look_at_cores(threads);
    CHECK(look.at > before);
    CHECK(look.took > least / 2);
    detail::release_team();
  }
}

TEST_CASE("what was seen around a run is what the looks before and after it say") {
  const std::chrono::steady_clock::time_point zero{};
  const std::vector<CoreLook> looks{{zero + 1ms, 10us}, {zero + 10ms, 11us}, {zero + 20ms, 18us}, {zero + 30ms, 17us}};
  const std::vector<std::chrono::steady_clock::time_point> finished{zero + 500us, zero + 5ms,  zero + 12ms,
                                                                    zero + 15ms,  zero + 25ms, zero + 40ms};
  const std::vector<std::chrono::nanoseconds> took{400us, 3ms, 4ms, 4ms, 4ms, 8ms};
  const std::vector<Around> around = seen_around(finished, took, looks, 10us);
  CHECK(around == std::vector<Around>{Around::unclear, Around::undisturbed, Around::unclear, Around::unclear,
                                      Around::disturbed, Around::unclear});
  CHECK(times_where(took, around, Around::undisturbed) == std::vector<std::chrono::nanoseconds>{3ms});
  CHECK(times_where(took, around, Around::disturbed) == std::vector<std::chrono::nanoseconds>{4ms});
  CHECK(seen_around({}, {}, looks, 10us).empty());
  CHECK(is_undisturbed(12us, 10us));
  CHECK_FALSE(is_undisturbed(13us, 10us));
}
