#include <fulcrum/onednn/pinned_team.hpp>

#include <set>
#include <vector>

#include <support/catch.hpp>
#include <support/threads.hpp>

using namespace fulcrum;

TEST_CASE("each thread of a team has a CPU of its own") {
  const std::vector<int> usable = current_affinity();
  std::set<int> seen;
  test::on_new_thread([&] {
    const std::vector<int> cpus(usable.begin(), usable.begin() + std::min<std::ptrdiff_t>(2, std::ssize(usable)));
    const auto threads = static_cast<int>(cpus.size());
    const PinnedThread pin(cpus);
    detail::pin_team(cpus);
    std::vector<std::vector<int>> affinity(cpus.size());
    detail::in_team(threads,
                    [&](std::int64_t thread) { affinity[static_cast<std::size_t>(thread)] = current_affinity(); });
    for (const std::vector<int>& of_thread : affinity) {
      if (of_thread.size() == 1) seen.insert(of_thread.front());
    }
    CHECK(seen == std::set<int>(cpus.begin(), cpus.end()));
  });
  CHECK(current_affinity() == usable);
}
