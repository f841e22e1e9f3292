#include <fulcrum/schedule/memory_plan.hpp>

#include <fulcrum/core/random.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
bool any_two_live_buffers_share_a_byte(const std::vector<BufferLifetime>& buffers, const MemoryPlan& plan) {
  for (std::size_t a = 0; a < buffers.size(); ++a) {
    for (std::size_t b = a + 1; b < buffers.size(); ++b) {
      if (!buffers[a].overlaps(buffers[b])) continue;
      if (plan.offsets[a] < plan.offsets[b] + buffers[b].bytes &&
          plan.offsets[b] < plan.offsets[a] + buffers[a].bytes) {
        return true;
      }
    }
  }
  return false;
}
}  // namespace

TEST_CASE("a chain of layers needs room for two neighbours only") {
  std::vector<BufferLifetime> chain;
  for (std::size_t i = 0; i < 10; ++i) chain.push_back({1024, i, i + 1});
  const MemoryPlan plan = plan_memory(chain);
  CHECK(plan.total == 2048);
  CHECK(largest_live_set(chain) == 2048);
  CHECK_FALSE(any_two_live_buffers_share_a_byte(chain, plan));
}

TEST_CASE("buffers of random sizes and lifetimes never overlap, are aligned, and waste little") {
  double worst = 1.0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    std::vector<BufferLifetime> buffers;
    const std::size_t steps = 3 + random.below(40);
    for (std::size_t i = 0; i < steps; ++i) {
      // As in networks: most values are read by the next step, some live on as the other source of a sum.
      const std::size_t life = random.below(4) == 0 ? 1 + random.below(6) : 1;
      buffers.push_back({1 + random.below(100000), i, i + life});
    }
    const MemoryPlan plan = plan_memory(buffers);
    REQUIRE(plan.offsets.size() == buffers.size());
    REQUIRE_FALSE(any_two_live_buffers_share_a_byte(buffers, plan));
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      REQUIRE(plan.offsets[i] % 64 == 0);
      REQUIRE(plan.offsets[i] + buffers[i].bytes <= plan.total);
    }
    REQUIRE(plan.total >= largest_live_set(buffers));
    worst = std::max(worst, static_cast<double>(plan.total) / static_cast<double>(largest_live_set(buffers)));
  }
  CHECK(worst < 1.6);
}

TEST_CASE("no buffers need no memory") {
  CHECK(plan_memory({}).total == 0);
  CHECK(largest_live_set({}) == 0);
}

TEST_CASE("plans of random lifetimes stay close to the largest live set") {
  Random random(7);
  for (int run = 0; run < 50; ++run) {
    std::vector<BufferLifetime> buffers;
    for (std::size_t step = 0; step < 60; ++step) {  // as in a network: each step writes one, most are read soon
      const std::size_t reach = random.below(8) == 0 ? 1 + random.below(12) : 1 + random.below(2);
      buffers.push_back({4096 * (1 + random.below(32)), step, step + reach});
    }
    const MemoryPlan plan = plan_memory(buffers);
    CHECK(static_cast<double>(plan.total) <= 1.1 * static_cast<double>(largest_live_set(buffers)));
  }
}

TEST_CASE("the largest live set is what the fullest step holds") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    std::vector<BufferLifetime> buffers;
    for (std::size_t i = 0; i < 1 + random.below(30); ++i) {
      const std::size_t first = random.below(20);
      buffers.push_back({random.below(1000), first, first + random.below(6)});
    }
    std::size_t fullest = 0;
    for (std::size_t step = 0; step < 30; ++step) {
      std::size_t live = 0;
      for (const BufferLifetime& b : buffers) {
        if (b.first_step <= step && step <= b.last_step) live += (b.bytes + 63) / 64 * 64;
      }
      fullest = std::max(fullest, live);
    }
    REQUIRE(largest_live_set(buffers) == fullest);
  }
}
