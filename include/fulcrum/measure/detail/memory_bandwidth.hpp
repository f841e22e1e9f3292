#pragma once
/// \file
/// How fast this machine moves bytes, by level of its memory hierarchy.

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/cost/machine_rates.hpp>
#include <fulcrum/tensor/aligned_allocator.hpp>

namespace fulcrum::detail {

/// Bytes read and written per second by `cpus.size()` threads that each copy half of `working_set` bytes onto the other
/// half again and again: the best of a few rounds.
inline double copy_bandwidth(std::span<const int> cpus, std::size_t working_set, Seconds round) {
  using Clock = std::chrono::steady_clock;
  constexpr int rounds = 4;
  const std::size_t half = std::max<std::size_t>(working_set / 2, 64);
  const auto passes =
      std::max<std::size_t>(1, static_cast<std::size_t>(round.count() * 2e10 / static_cast<double>(2 * half)));
  std::barrier barrier(static_cast<std::ptrdiff_t>(cpus.size()));
  std::vector<std::vector<double>> rates(cpus.size());
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < cpus.size(); ++t) {
    threads.emplace_back([&, t] {
      static_cast<void>(set_affinity(cpus.subspan(t, 1)));
      std::vector<std::byte, AlignedAllocator<std::byte>> buffer(2 * half);
      std::byte* src = buffer.data();
      std::byte* dst = buffer.data() + half;
      for (int i = 0; i < rounds; ++i) {
        std::memcpy(dst, src, half);
        barrier.arrive_and_wait();
        const Clock::time_point start = Clock::now();
        for (std::size_t pass = 0; pass < passes; ++pass) {
          std::memcpy(dst, src, half);
          std::atomic_signal_fence(std::memory_order_seq_cst);  // the copy is not to be left out
          std::swap(src, dst);
        }
        const Seconds elapsed = Clock::now() - start;
        rates[t].push_back(static_cast<double>(2 * half * passes) / elapsed.count());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  double best = 0.0;
  for (int i = 0; i < rounds; ++i) {
    double sum = 0.0;
    for (const auto& own : rates) sum += own[static_cast<std::size_t>(i)];
    best = std::max(best, sum);
  }
  return best;
}

/// One entry per level. L1 and L2 are taken as private, L3 as shared by all.
inline std::vector<Bandwidth> measure_bandwidths(std::span<const int> cpus, const CacheSizes& caches, Seconds round) {
  const auto threads = static_cast<double>(cpus.size());
  std::vector<Bandwidth> result;
  const auto add = [&](const char* level, double capacity, double working_set) {
    const double rate = copy_bandwidth(cpus, static_cast<std::size_t>(working_set), round);
    // A farther level is not faster than a nearer one, whatever a disturbed round says.
    result.push_back({level, capacity, static_cast<int>(cpus.size()),
                      result.empty() ? rate : std::min(rate, result.back().byte_per_s)});
  };
  const auto l1 = static_cast<double>(caches.l1d);
  const auto l2 = static_cast<double>(caches.l2);
  const auto l3 = static_cast<double>(caches.l3);
  if (l1 > 0.0) add("L1", threads * l1, 0.6 * l1);
  if (l2 > l1) add("L2", threads * l2, 0.6 * l2);
  if (l3 > threads * l2) add("L3", l3, std::min(0.5 * l3 / threads, std::max(4.0 * l2, 4e6)));
  const double largest = std::max({l1, l2, l3, 8e6});
  add("DRAM", 0.0, std::min(2.0 * largest, 128e6) / threads);
  return result;
}

}  // namespace fulcrum::detail
