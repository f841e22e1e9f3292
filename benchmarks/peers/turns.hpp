#pragma once
/// \file
/// Two sides that take turns: how long a turn is, and what comes of many.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <fulcrum/core/units.hpp>
#include <fulcrum/measure/statistics.hpp>

#include "cases.hpp"

namespace fulcrum::peers {

using Samples = std::vector<std::chrono::nanoseconds>;

/// How long and how often.
struct Timing {
  Seconds seconds{6.0};  ///< of timed runs, for both sides of a case together
  int rounds = 15;       ///< ≥ 1
  int threads = 2;       ///< of each side; ≥ 1
};

/// One side's turn. Both parts last for their time however slow a run turns out to be, but have a few runs at least.
struct Turn {
  Seconds warmup{0.02};  ///< of runs that are not timed, two at least: caches and threads come back
  Seconds time{};        ///< of runs that are timed, three at least

  static constexpr int fewest_warmup_runs = 2;
  static constexpr int fewest_runs = 3;
};

/// Calls `once` for a time and for a number of times at least.
template <class Once>
void repeat(Seconds time, int fewest, const Once& once) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < fewest || std::chrono::steady_clock::now() - start < time; ++i) once();
}

/// The times of a turn's runs.
template <class Run>
[[nodiscard]] Samples timed_runs(const Turn& turn, const Run& run) {
  repeat(turn.warmup, Turn::fewest_warmup_runs, run);
  Samples times;
  repeat(turn.time, Turn::fewest_runs, [&] {
    const auto start = std::chrono::steady_clock::now();
    run();
    times.push_back(std::chrono::steady_clock::now() - start);
  });
  return times;
}

/// Threads of ONNX Runtime and of OpenMP go on spinning for some milliseconds after a run: the other side waits until
/// they sleep.
inline void let_threads_sleep() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

/// Medians of one round.
struct Round {
  Milliseconds ours{};
  Milliseconds theirs{};     ///< as measured in JavaScript
  Milliseconds node_call{};  ///< the part of it that is the call from JavaScript
};

/// A time without the call from JavaScript.
[[nodiscard]] inline Milliseconds net(Milliseconds theirs, Milliseconds node_call) {
  return std::max(theirs - node_call, Milliseconds(0.0));
}

/// Theirs over ours of each round: above 1, Fulcrum takes less time.
[[nodiscard]] inline std::vector<double> ratios(const std::vector<Round>& rounds) {
  std::vector<double> all;
  for (const Round& round : rounds) all.push_back(net(round.theirs, round.node_call) / round.ours);
  return all;
}

/// What came of one case.
struct CaseResult {
  Case test;
  bool failed = false;     ///< the outputs differ, or something broke
  std::string why_not;     ///< why nothing was timed; empty when it was
  double difference = -1;  ///< of the outputs, as a part of the largest; negative: not compared
  double allowed = 0.0;    ///< how large it may be: the comparison's tolerance, or in int8 what quantization changes
  std::string onnxruntime_version;
  LatencyStatistics ours;
  LatencyStatistics theirs;  ///< as measured in JavaScript
  Milliseconds node_call{};  ///< median
  Milliseconds our_creation{};
  Milliseconds their_creation{};
  std::vector<Round> rounds;
};

/// Medians of one round of the executor and of its steps.
struct StepRound {
  Milliseconds executor{};  ///< whole runs
  Milliseconds alone{};     ///< sum over the steps, each run again and again by itself
  Milliseconds in_place{};  ///< sum over the steps, each timed where it stands in a run
};

/// The executor over a sum of its steps, round by round.
[[nodiscard]] inline std::vector<double> ratios(const std::vector<StepRound>& rounds, Milliseconds StepRound::*sum) {
  std::vector<double> all;
  for (const StepRound& round : rounds) all.push_back(round.executor / (round.*sum));
  return all;
}

/// Median over the rounds.
template <class Round>
[[nodiscard]] Milliseconds middle(const std::vector<Round>& rounds, Milliseconds Round::*time) {
  std::vector<double> all;
  for (const Round& round : rounds) all.push_back((round.*time).count());
  return Milliseconds(quartiles(std::move(all)).median);
}

struct StepResult {
  Case test;  ///< of the comparison only our precision
  std::string why_not;
  bool failed = false;
  std::size_t steps = 0;
  std::vector<StepRound> rounds;
};

}  // namespace fulcrum::peers
