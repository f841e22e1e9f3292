#pragma once
/// \file
/// Puts a load on whatever takes requests. Needs Boost.Math (target fulcrum::load).

#include <cstdint>
#include <functional>
#include <optional>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/load/assess.hpp>
#include <fulcrum/load/completion.hpp>
#include <fulcrum/load/load_report.hpp>
#include <fulcrum/load/scenario.hpp>

namespace fulcrum {

/// Takes a sample, counted from 0, and sees to it that the completion is called once, from any thread. False: it was
/// turned away, and the completion is not called.
using SubmitFunction = std::function<bool(std::int64_t sample, const Completion& done)>;

/// What load, for how long.
struct LoadOptions {
  Seconds duration{10.0};         ///< requests are due for so long, after the warm-up; > 0. Offline ends by itself
  std::int64_t max_requests = 0;  ///< samples after which no more are sent, the warm-up's among them; 0: no limit
  Seconds warm_up{1.0};           ///< the load that comes before and is not counted; ≥ 0. Offline has none
  Seconds patience{30.0};         ///< to wait for what is not done after the last request; what is left then has failed
  TailTarget tail{};
  std::optional<Milliseconds> slo{};  ///< bound on the tail's percentile
  std::uint64_t seed = 0;             ///< of the arrivals
};

/// Sends requests as the scenario says and reports what became of them, with a verdict (assess_load()).
///
/// In the Server scenario the times of all requests are drawn beforehand. The generator sleeps until shortly before
/// each and spins for the rest; where it or the server is late, the next request goes out as soon as it can, and its
/// latency still counts from when it was due: a slow server cannot hide its queue (no coordinated omission).
/// \param progress  called between requests that are more than a few milliseconds apart, ten times a second at most
/// \throws Error when an option is out of range, and whatever `submit` throws
FULCRUM_DECLARE [[nodiscard]] LoadReport generate_load(const SubmitFunction& submit, const Scenario& scenario,
                                                       const LoadOptions& options = {},
                                                       const ProgressSink& progress = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)
#include <fulcrum/load/detail/load_generator.hpp>
#endif
