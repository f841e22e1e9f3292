#pragma once
/// \file
/// How fast this machine moves bytes, by level of its memory hierarchy.

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <fulcrum/core/cpu.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/cost/machine_rates.hpp>
#include <fulcrum/tensor/aligned_allocator.hpp>

namespace fulcrum::detail {

/// Bytes read per second by `cpus.size()` threads that each read a buffer of `working_set` bytes again and again. Each
/// thread's rate is the upper quartile over pieces of the buffer, so that interruptions do not count.
FULCRUM_DECLARE double read_bandwidth(std::span<const int> cpus, std::size_t working_set, Seconds duration);

/// One entry per level. L1 and L2 are taken as private, L3 as shared by all.
FULCRUM_DECLARE std::vector<Bandwidth> measure_bandwidths(std::span<const int> cpus, const CacheSizes& caches,
                                                          Seconds duration);

}  // namespace fulcrum::detail

#if FULCRUM_DEFINES(calibrate)

namespace fulcrum::detail {

FULCRUM_DEFINE double read_bandwidth(std::span<const int> cpus, std::size_t working_set, Seconds duration) {
  using SteadyClock = std::chrono::steady_clock;
  const std::size_t bytes = std::max<std::size_t>(working_set, 64);
  const std::size_t piece = std::min<std::size_t>(bytes, 2U << 20U);
  const std::size_t repeats = std::max<std::size_t>(1, (256U << 10U) / piece);  // long enough for the clock
  std::barrier barrier(static_cast<std::ptrdiff_t>(cpus.size()));
  std::vector<double> rate(cpus.size());
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < cpus.size(); ++t) {
    threads.emplace_back([&, t] {
      static_cast<void>(set_affinity(cpus.subspan(t, 1)));
      // In huge pages where there are any, as the executor's buffers are.
      constexpr std::size_t huge_page = 2U << 20U;
      std::vector<std::byte, AlignedAllocator<std::byte>> memory;
      memory.reserve(bytes + huge_page);
      const std::size_t begin = (huge_page - reinterpret_cast<std::uintptr_t>(memory.data()) % huge_page) % huge_page;
#ifdef MADV_HUGEPAGE
      static_cast<void>(madvise(memory.data() + begin, bytes / huge_page * huge_page, MADV_HUGEPAGE));
#endif
      memory.resize(bytes + huge_page);
      const std::span<const std::byte> buffer(memory.data() + begin, bytes);
      std::vector<double> rates;
      barrier.arrive_and_wait();
      const SteadyClock::time_point start = SteadyClock::now();
      do {
        for (std::size_t at = 0; at + piece <= bytes; at += piece) {
          const SteadyClock::time_point before = SteadyClock::now();
          bool complete = true;
          for (std::size_t i = 0; i < repeats; ++i) {
            // The search for a byte that is not there reads them all, in the widest vectors that the C library finds on
            // this CPU, whatever this header was compiled for. The result is looked at, so that none is left out.
            complete = std::memchr(buffer.data() + at, 1, piece) == nullptr && complete;
            std::atomic_signal_fence(std::memory_order_seq_cst);
          }
          const Seconds elapsed = SteadyClock::now() - before;
          if (complete) rates.push_back(static_cast<double>(piece * repeats) / elapsed.count());
        }
      } while (SteadyClock::now() - start < duration);
      const auto quartile = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() * 3 / 4);
      std::nth_element(rates.begin(), quartile, rates.end());
      rate[t] = *quartile;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return std::accumulate(rate.begin(), rate.end(), 0.0);
}

FULCRUM_DEFINE std::vector<Bandwidth> measure_bandwidths(std::span<const int> cpus, const CacheSizes& caches,
                                                         Seconds duration) {
  const auto threads = static_cast<double>(cpus.size());
  std::vector<Bandwidth> result;
  const auto add = [&](const char* level, double capacity, double working_set) {
    const double rate = read_bandwidth(cpus, static_cast<std::size_t>(working_set), duration);
    // A farther level is not faster than a nearer one, whatever a disturbed round says.
    result.push_back({level, capacity, static_cast<int>(cpus.size()),
                      result.empty() ? rate : std::min(rate, result.back().byte_per_s)});
  };
  const auto l1 = static_cast<double>(caches.l1d);
  const auto l2 = static_cast<double>(caches.l2);
  const auto l3 = static_cast<double>(caches.l3);
  if (l1 > 0.0) add("L1", threads * l1, 0.5 * l1);
  if (l2 > l1) add("L2", threads * l2, 0.5 * l2);
  if (l3 > threads * l2) add("L3", l3, std::min(0.5 * l3 / threads, std::max(4.0 * l2, 4e6)));
  const double largest = std::max({l1, l2, l3, 8e6});
  add("DRAM", 0.0, std::min(2.0 * largest, 128e6) / threads);
  return result;
}

}  // namespace fulcrum::detail

#endif
