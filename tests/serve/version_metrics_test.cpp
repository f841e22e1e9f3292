#include <fulcrum/serve/version_metrics.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every end of a request is counted by itself") {
  VersionMetrics metrics;
  for (const ServedAs as : all_served_as) {
    for (int i = 0; i <= static_cast<int>(as); ++i) metrics.count(as);
  }
  for (const ServedAs as : all_served_as) CHECK(metrics.counted(as) == static_cast<std::uint64_t>(as) + 1);
}
