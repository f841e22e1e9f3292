#pragma once
/// \file
/// One case: both sides must agree, and then they take turns. And the executor against its own steps.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#include <vector>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/data/npy.hpp>
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

/// Has a session of theirs run a file. A session that is not timed has one thread: workers of more would spin.
inline nlohmann::json load(Worker& theirs, const std::string& session, const std::string& file, const Case& test,
                           int threads = 1) {
  return theirs.ask({{"command", "load"},
                     {"session", session},
                     {"model", file},
                     {"threads", threads},
                     {"batch", test.batch},
                     {"dims", test.dims}});
}

/// What a session of theirs gives for the sources that it was told last.
inline std::vector<Tensor<float>> outputs_of(Worker& theirs, const std::string& session, const std::string& folder) {
  const nlohmann::json answer = theirs.ask({{"command", "outputs"}, {"session", session}, {"folder", folder}});
  std::vector<Tensor<float>> outputs;
  for (int i = 0; i < answer.at("outputs").get<int>(); ++i) {
    outputs.push_back(load_npy(folder + "/output" + std::to_string(i) + ".npy"));
  }
  return outputs;
}

inline double largest_difference_of(const std::vector<Tensor<float>>& expected,
                                    const std::vector<Tensor<float>>& given) {
  if (expected.size() != given.size()) throw Error("outputs", "are not as many on both sides");
  double difference = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference = std::max(difference, largest_difference(expected[i], given[i]));
  }
  return difference;
}

/// Runs our side once and tells theirs the same sources.
inline void run_on_same_sources(OurSide& ours, Worker& theirs, const std::string& folder) {
  const std::vector<ElementType> elements = infer_elements(ours.model());
  const std::vector<NodeId> inputs = ours.model().inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    save_npy(ours.src()[i], folder + "/input" + std::to_string(i) + ".npy", elements[inputs[i]]);
  }
  theirs.ask({{"command", "inputs"}, {"folder", folder}});
  ours.run();
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

/// The dimensions to bind in a file of a case: those made of the user's have them bound.
[[nodiscard]] inline Dims dims_in(const Case& test, const std::string& path) {
  return path == test.file ? test.dims : Dims{};
}

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
    our_path = models.path(test, comparison.ours);
    their_path = models.path(test, comparison.theirs);
  } catch (const Error& error) {
    result.failed = comparison.ours != Precision::int8;  // what cannot be quantized is not there to compare
    result.why_not = error.what();
    return result;
  }
  result.failed = true;  // until it is through
  try {
    if (progress) progress({0.0, "creating " + to_string(test), {}});
    const RunConfig config{.batch = test.batch, .threads = timing.threads, .precision = comparison.ours};
    // The worker opens the file twice, first to see its dimensions: what a process does once, and the pages that its
    // heap has from the first time, are in neither side's creation.
    static_cast<void>(OurSide(our_path, dims_in(test, our_path), config));
    OurSide ours(our_path, dims_in(test, our_path), config);
    result.our_creation = ours.creation();
    let_threads_sleep();
    Worker theirs(places.worker);
    const nlohmann::json created = detail::load(theirs, "model", their_path, test, timing.threads);
    result.their_creation = std::chrono::nanoseconds(created.at("creation_ns").get<std::int64_t>());
    result.onnxruntime_version = created.at("version").get<std::string>();
    detail::load(theirs, "empty", models.empty_path(test, ours.model()), test);
    // What quantization itself changes says nothing of the two sides: they are held against each other on one file.
    const std::string compared = our_path == their_path ? "model" : "ours";
    if (compared != "model") detail::load(theirs, compared, our_path, test);
    const bool in_int8 = comparison.ours == Precision::int8;
    if (in_int8) detail::load(theirs, "f32", models.path(test, Precision::f32), test);
    detail::run_on_same_sources(ours, theirs, places.models);
    const std::vector<Tensor<float>> expected = detail::outputs_of(theirs, compared, places.models);
    result.difference = detail::largest_difference_of(expected, ours.dst());
    // In a deep network each rounding that falls to the other side makes more of them later: two executors that are
    // both right may be as far apart as rounding takes either from the floats, and no farther.
    result.allowed = comparison.tolerance;
    if (in_int8) {
      const std::vector<Tensor<float>> floats = detail::outputs_of(theirs, "f32", places.models);
      result.allowed = std::max(result.allowed, detail::largest_difference_of(floats, expected));
    }
    if (!(result.difference <= result.allowed)) {
      result.why_not = fulcrum::detail::formatted(
          "the outputs differ by %.1e of the largest, more than %.0e: not timed", result.difference, result.allowed);
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
    path = ModelFolder(places.models, timing.threads).path(test, precision);
  } catch (const Error& error) {
    result.failed = precision != Precision::int8;
    result.why_not = error.what();
    return result;
  }
  try {
    OurSide ours(path, dims_in(test, path), {.batch = test.batch, .threads = timing.threads, .precision = precision});
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
