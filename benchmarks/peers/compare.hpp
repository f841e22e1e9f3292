#pragma once
/// \file
/// One case: both sides must agree, and then they take turns. And the executor against its own steps.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <vector>

#include <fulcrum/core/progress.hpp>
#include <fulcrum/io/npy.hpp>
#include <fulcrum/model/infer_elements.hpp>
#include <fulcrum/plan/figures.hpp>

#include "difference.hpp"
#include "models.hpp"
#include "our_side.hpp"
#include "worker.hpp"

namespace fulcrum::peers {

/// Where things are.
struct Places {
  std::string worker;  ///< onnxruntime_worker.mjs
  std::string models;  ///< folder; the sources and results of a comparison go there as well
};

namespace detail {

/// Runs both sides once on the same sources.
inline double difference_of(OurSide& ours, Worker& theirs, const std::string& folder) {
  const std::vector<ElementType> elements = infer_elements(ours.model());
  const std::vector<NodeId> inputs = ours.model().inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    save_npy(ours.src()[i], folder + "/input" + std::to_string(i) + ".npy", elements[inputs[i]]);
  }
  theirs.ask({{"command", "inputs"}, {"folder", folder}});
  theirs.ask({{"command", "outputs"}, {"session", "model"}, {"folder", folder}});
  ours.run();
  double difference = 0.0;
  for (std::size_t i = 0; i < ours.dst().size(); ++i) {
    const Tensor<float> output = load_npy(folder + "/output" + std::to_string(i) + ".npy");
    difference = std::max(difference, largest_difference(output, ours.dst()[i]));
  }
  return difference;
}

/// The rounds of a case.
inline void take_turns(CaseResult& result, OurSide& ours, Worker& theirs, const Timing& timing,
                       const ProgressSink& progress) {
  Turn turn;
  turn.time = timing.seconds / timing.rounds / 2.0;
  Turn call_turn;
  call_turn.time = std::chrono::milliseconds(10);

  Samples our_times, their_times, call_times;
  for (int r = 0; r < timing.rounds; ++r) {
    if (progress) progress({static_cast<double>(r) / timing.rounds, to_string(result.test), {}});
    Round round;
    const auto we = [&] {
      let_threads_sleep();
      const Samples times = ours.run(turn);
      round.ours = median(times);
      our_times.insert(our_times.end(), times.begin(), times.end());
    };
    const auto they = [&] {
      let_threads_sleep();
      const Samples times = theirs.run("model", turn);
      round.theirs = median(times);
      their_times.insert(their_times.end(), times.begin(), times.end());
      let_threads_sleep();
      const Samples calls = theirs.run("empty", call_turn);
      round.node_call = median(calls);
      call_times.insert(call_times.end(), calls.begin(), calls.end());
    };
    if (r % 2 == 0) we();
    they();
    if (r % 2 != 0) we();
    result.rounds.push_back(round);
  }
  result.ours = latency_statistics(our_times);
  result.theirs = latency_statistics(their_times);
  result.node_call = median(call_times);
}

}  // namespace detail

/// What breaks is part of the result.
[[nodiscard]] inline CaseResult run_case(const Case& test, const Timing& timing, const Places& places,
                                         const ProgressSink& progress) {
  CaseResult result;
  result.test = test;
  const Comparison& comparison = test.comparison;
  if (result.why_not = why_unsupported(comparison.ours); !result.why_not.empty()) return result;
  const ModelFolder models(places.models, timing.threads);
  std::string our_path, their_path;
  try {
    if (progress) progress({0.0, "exporting " + test.network, {}});
    our_path = models.path(test.network, comparison.ours);
    their_path = models.path(test.network, comparison.theirs);
  } catch (const Error& error) {
    result.failed = comparison.ours != Precision::int8;  // what cannot be quantized is not there to compare
    result.why_not = error.what();
    return result;
  }
  result.failed = true;  // until it is through
  try {
    if (progress) progress({0.0, "creating " + to_string(test), {}});
    OurSide ours(our_path, {test.batch, timing.threads, comparison.ours, false});
    result.our_creation = ours.creation();
    let_threads_sleep();
    Worker theirs(places.worker);
    const nlohmann::json created = theirs.ask({{"command", "load"},
                                               {"session", "model"},
                                               {"model", their_path},
                                               {"threads", timing.threads},
                                               {"batch", test.batch}});
    result.their_creation = std::chrono::nanoseconds(created.at("creation_ns").get<std::int64_t>());
    result.onnxruntime_version = created.at("version").get<std::string>();
    // One thread: workers of this session that spin would disturb nobody but the other session.
    theirs.ask({{"command", "load"},
                {"session", "empty"},
                {"model", models.empty_path(test.network, ours.model())},
                {"threads", 1},
                {"batch", test.batch}});
    result.difference = detail::difference_of(ours, theirs, places.models);
    if (!(result.difference <= comparison.tolerance)) {
      result.why_not =
          fulcrum::detail::formatted("the outputs differ by %.1e of the largest, more than %.0e: not timed",
                                     result.difference, comparison.tolerance);
      return result;
    }
    detail::take_turns(result, ours, theirs, timing, progress);
    result.failed = false;
  } catch (const std::exception& error) {
    result.why_not = error.what();
  }
  return result;
}

/// Whole runs, steps by themselves and steps in place, in turns. What breaks is part of the result.
[[nodiscard]] inline StepResult run_step_case(const Case& test, const Timing& timing, const Places& places,
                                              const ProgressSink& progress) {
  StepResult result;
  result.test = test;
  const Precision precision = test.comparison.ours;
  if (result.why_not = why_unsupported(precision); !result.why_not.empty()) return result;
  std::string path;
  try {
    path = ModelFolder(places.models, timing.threads).path(test.network, precision);
  } catch (const Error& error) {
    result.failed = precision != Precision::int8;
    result.why_not = error.what();
    return result;
  }
  try {
    OurSide ours(path, {test.batch, timing.threads, precision, false});
    result.steps = ours.steps();
    Turn turn;
    turn.time = timing.seconds / timing.rounds / 3.0;
    for (int r = 0; r < timing.rounds; ++r) {
      if (progress) progress({static_cast<double>(r) / timing.rounds, "steps of " + to_string(test), {}});
      StepRound round;
      // Every order comes as often as the others, forwards and backwards.
      for (int i = 0; i < 3; ++i) {
        switch (r % 2 == 0 ? (r / 2 + i) % 3 : (r / 2 + 3 - i) % 3) {
          case 0: round.executor = median(ours.run(turn)); break;
          case 1: round.alone = ours.steps_alone(turn); break;
          case 2: round.in_place = ours.steps_in_place(turn); break;
        }
      }
      result.rounds.push_back(round);
    }
  } catch (const std::exception& error) {
    result.failed = true;
    result.why_not = error.what();
  }
  return result;
}

}  // namespace fulcrum::peers
