#include <fulcrum/core/quiet_thread.hpp>

#include <sched.h>

#include <stdexcept>
#include <thread>

#include <fulcrum/core/cpu_limits.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("what runs quietly has the lowest priority, a thread of its own and the caller's CPUs") {
  const std::vector<int> one{current_affinity().back()};
  const PinnedThread pinned(one);
  const std::thread::id caller = std::this_thread::get_id();
  int policy = -1;
  std::vector<int> cpus;
  bool apart = false;
  run_quietly([&] {
    policy = ::sched_getscheduler(0);
    cpus = current_affinity();
    apart = std::this_thread::get_id() != caller;
  });
  CHECK(policy == SCHED_IDLE);
  CHECK(cpus == one);
  CHECK(apart);
  CHECK(::sched_getscheduler(0) == SCHED_OTHER);
}

TEST_CASE("what is thrown quietly reaches the caller") {
  CHECK_THROWS_WITH(run_quietly([] { throw std::runtime_error("no"); }), "no");
}

TEST_CASE("a thread that waits for a CPU knows how long") {
  const auto before = waited_for_cpu();
  CHECK(before.count() >= 0);
  std::this_thread::yield();
  CHECK(waited_for_cpu() >= before);
}
