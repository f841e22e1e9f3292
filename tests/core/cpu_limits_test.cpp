#include <fulcrum/core/cpu_limits.hpp>

#include <thread>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a version 2 control group's quota is CPUs, and max is no limit") {
  CHECK(parse_cgroup_v2_quota("200000 100000\n") == Approx(2.0));
  CHECK(parse_cgroup_v2_quota("50000 100000") == Approx(0.5));
  CHECK(parse_cgroup_v2_quota("max 100000\n") == 0.0);
  CHECK(parse_cgroup_v2_quota("") == 0.0);
  CHECK(parse_cgroup_v2_quota("100000 0") == 0.0);
}

TEST_CASE("a version 1 control group's quota is CPUs, and -1 is no limit") {
  CHECK(parse_cgroup_v1_quota("150000\n", "100000\n") == Approx(1.5));
  CHECK(parse_cgroup_v1_quota("-1\n", "100000\n") == 0.0);
}

TEST_CASE("a quota is rounded down, but never to nothing and never above the affinity") {
  CHECK(usable_cores(8, 0.0) == 8);
  CHECK(usable_cores(8, 2.0) == 2);
  CHECK(usable_cores(8, 2.5) == 2);
  CHECK(usable_cores(8, 2.97) == 3);
  CHECK(usable_cores(8, 0.2) == 1);
  CHECK(usable_cores(2, 16.0) == 2);
}

TEST_CASE("a process' own version 2 group and those above it may limit it") {
  const auto found = cgroup_cpu_directories("0::/system.slice/service\n",
                                            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  CHECK(found == std::vector<CgroupDirectory>{{"/sys/fs/cgroup/system.slice/service", true},
                                              {"/sys/fs/cgroup/system.slice", true},
                                              {"/sys/fs/cgroup", true}});
}

TEST_CASE("only the version 1 hierarchy with the cpu controller counts") {
  const auto found =
      cgroup_cpu_directories("9:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/docker/abc\n",
                             "31 23 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
                             "32 23 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
                             "33 23 0:30 /docker/abc /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n");
  // Inside the container its own group is what is mounted.
  CHECK(found == std::vector<CgroupDirectory>{{"/sys/fs/cgroup/cpu,cpuacct", false}});
}

TEST_CASE("texts that say nothing name no directory") {
  CHECK(cgroup_cpu_directories("", "").empty());
  CHECK(cgroup_cpu_directories("nonsense\n", "nonsense\n").empty());
}

TEST_CASE("a thread is pinned as long as the scope lasts") {
  std::thread([] {
    const std::vector<int> before = current_affinity();
    REQUIRE_FALSE(before.empty());
    {
      const std::vector<int> one{before.back()};
      const PinnedThread pinned(one);
      CHECK(current_affinity() == one);
    }
    CHECK(current_affinity() == before);
  }).join();
}

TEST_CASE("pinning to no CPU or to one that is not there is refused") {
  CHECK_THROWS_AS(PinnedThread(std::vector<int>{}), Error);
  CHECK_THROWS_WITH(PinnedThread(std::vector<int>{-3}), ContainsSubstring("-3"));
}

TEST_CASE("the quota of this process is a number of CPUs or no limit") { CHECK(current_cpu_quota() >= 0.0); }

TEST_CASE("threads that would never get their turn are refused") {
  CHECK(most_threads_on(1) == 64);
  CHECK(most_threads_on(64) == 1024);
  CHECK_NOTHROW(expect_threads(64));
  CHECK_THROWS_WITH(expect_threads(100'000),
                    ContainsSubstring("100000 threads: are more than") && ContainsSubstring("best one for each core"));
}
