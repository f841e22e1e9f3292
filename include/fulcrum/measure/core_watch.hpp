#pragma once
/// \file
/// Whether something else takes part of the cores at this moment.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>

namespace fulcrum {

/// What a watch of the cores saw.
struct CoreLook {
  std::chrono::steady_clock::time_point at;  ///< when it was done
  std::chrono::nanoseconds took{};           ///< on the slowest of the cores
};

/// Runs a fixed loop of some thousand cycles in registers, about 13 µs, on each thread of the calling thread's team,
/// and says what it took where it took longest. It takes always the same on a core that is ours alone, and half again
/// to twice as long while a neighbour is at work on the other half of it, another process on the same one, or the clock
/// is lower. It touches no memory but the stack.
///
/// \param threads  of the team, the caller among them; ≥ 1
FULCRUM_DECLARE CoreLook look_at_cores(int threads) noexcept;

/// The least that a look took: what it takes on cores that are ours alone, if one of them was.
/// Precondition: there is one
FULCRUM_DECLARE [[nodiscard]] std::chrono::nanoseconds least_of(std::span<const CoreLook> looks);

/// The shortest of looks over eight milliseconds.
///
/// \param threads  as of look_at_cores()
FULCRUM_DECLARE [[nodiscard]] std::chrono::nanoseconds time_undisturbed_look(int threads);

/// Whether a look that took this long saw cores that are ours alone: at most a fifth more than the least.
[[nodiscard]] inline bool is_undisturbed(std::chrono::nanoseconds took, std::chrono::nanoseconds least) noexcept {
  return 5 * took <= 6 * least;
}

/// What the looks around a run saw.
enum class Around : std::uint8_t {
  undisturbed,  ///< both: cores that were ours alone
  disturbed,    ///< both: something else on one of them
  unclear       ///< one this, one that, or there was none on one side
};

/// What the last look before each run began and the first after it ended saw.
/// \param finished  when each run was done, ascending
/// \param took      each run; as many
/// \param looks     ascending
/// \param least     what a look at undisturbed cores takes
FULCRUM_DECLARE [[nodiscard]] std::vector<Around> seen_around(
    std::span<const std::chrono::steady_clock::time_point> finished, std::span<const std::chrono::nanoseconds> took,
    std::span<const CoreLook> looks, std::chrono::nanoseconds least);

/// The times of the runs around which this was seen.
/// \param around  as many as times
FULCRUM_DECLARE [[nodiscard]] std::vector<std::chrono::nanoseconds> times_where(
    std::span<const std::chrono::nanoseconds> times, std::span<const Around> around, Around wanted);

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

#include <algorithm>
#include <array>
#include <atomic>

#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail {

/// Sums whose results nobody takes, as many a cycle as a core can add up, so that a neighbour's work shows. No vectors:
/// their registers may be slower for what ran before.
FULCRUM_DECLARE void spin_registers(std::uint32_t rounds) noexcept {
#if defined(__x86_64__)
  // As it stands here, whatever the compiler and its options are.
  asm volatile(
      ".p2align 5\n"
      "1:\n\t"
      "addq $1, %%rax\n\taddq $1, %%rcx\n\taddq $1, %%rdx\n\t"
      "addq $1, %%rsi\n\taddq $1, %%rdi\n\taddq $1, %%r8\n\t"
      "addq $1, %%rax\n\taddq $1, %%rcx\n\taddq $1, %%rdx\n\t"
      "addq $1, %%rsi\n\taddq $1, %%rdi\n\taddq $1, %%r8\n\t"
      "decl %0\n\t"
      "jnz 1b\n\t"
      : "+r"(rounds)
      :
      : "cc", "rax", "rcx", "rdx", "rsi", "rdi", "r8");
#else
  std::array<std::uint64_t, 6> sums{};
  for (; rounds > 0; --rounds) {
    for (std::uint64_t& sum : sums) sum += rounds;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
#endif
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE CoreLook look_at_cores(int threads) noexcept {
  // In the first microsecond a core may still be as slow as what ran before left it (wide vectors lower its clock).
  constexpr std::uint32_t settling = 2000, rounds = 15000;
  std::atomic<std::int64_t> longest{0};
  detail::in_team(threads, [&](std::int64_t /*thread*/) {
    detail::spin_registers(settling);
    const auto before = std::chrono::steady_clock::now();
    detail::spin_registers(rounds);
    const std::int64_t took = std::chrono::nanoseconds(std::chrono::steady_clock::now() - before).count();
    std::int64_t known = longest.load(std::memory_order_relaxed);
    while (known < took && !longest.compare_exchange_weak(known, took, std::memory_order_relaxed)) {
    }
  });
  return {std::chrono::steady_clock::now(), std::chrono::nanoseconds(longest.load())};
}

FULCRUM_DEFINE std::chrono::nanoseconds least_of(std::span<const CoreLook> looks) {
  return std::min_element(looks.begin(), looks.end(),
                          [](const CoreLook& a, const CoreLook& b) { return a.took < b.took; })
      ->took;
}

FULCRUM_DEFINE std::chrono::nanoseconds time_undisturbed_look(int threads) {
  constexpr std::chrono::milliseconds enough(8);
  CoreLook look = look_at_cores(threads);
  const auto until = look.at + enough;
  std::chrono::nanoseconds least = look.took;
  while (look.at < until) {
    look = look_at_cores(threads);
    least = std::min(least, look.took);
  }
  return least;
}

FULCRUM_DEFINE std::vector<Around> seen_around(std::span<const std::chrono::steady_clock::time_point> finished,
                                               std::span<const std::chrono::nanoseconds> took,
                                               std::span<const CoreLook> looks, std::chrono::nanoseconds least) {
  std::vector<Around> result(finished.size(), Around::unclear);
  std::size_t next = 0;  // the first look after the run
  for (std::size_t i = 0; i < finished.size(); ++i) {
    while (next < looks.size() && looks[next].at < finished[i]) ++next;
    if (next == looks.size()) break;
    if (next == 0 || looks[next - 1].at > finished[i] - took[i]) continue;
    const bool before = is_undisturbed(looks[next - 1].took, least);
    if (before == is_undisturbed(looks[next].took, least)) result[i] = before ? Around::undisturbed : Around::disturbed;
  }
  return result;
}

FULCRUM_DEFINE std::vector<std::chrono::nanoseconds> times_where(std::span<const std::chrono::nanoseconds> times,
                                                                 std::span<const Around> around, Around wanted) {
  std::vector<std::chrono::nanoseconds> result;
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (around[i] == wanted) result.push_back(times[i]);
  }
  return result;
}

}  // namespace fulcrum

#endif
