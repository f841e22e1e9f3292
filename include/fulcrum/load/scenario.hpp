#pragma once
/// \file
/// How requests come: MLPerf's scenarios (Reddi and others, "MLPerf Inference Benchmark", 2020).

#include <cstdint>
#include <string>
#include <variant>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/arrivals.hpp>

namespace fulcrum {

/// The next request comes when the last one is done (a closed loop of one user). Its figure is the 90th percentile.
struct SingleStream {
  friend bool operator==(const SingleStream&, const SingleStream&) = default;
};

/// As SingleStream with several samples at once; a query is done when its last sample is. Its figure is the 99th
/// percentile of a query.
struct MultiStream {
  std::int64_t samples_per_query = 8;  ///< 1 … 65,536

  friend bool operator==(const MultiStream&, const MultiStream&) = default;
};

/// Requests come when they come, whether others are done or not (an open loop). Its figure is the highest rate whose
/// 99th percentile is within a bound. MLPerf's has Poisson arrivals.
struct Server {
  ArrivalProcess arrivals = PoissonArrivals{};

  friend bool operator==(const Server&, const Server&) = default;
};

/// All samples are there from the start. Its figure is samples per second.
struct Offline {
  std::int64_t samples = 24'576;  ///< ≥ 1; MLPerf's least

  friend bool operator==(const Offline&, const Offline&) = default;
};

using Scenario = std::variant<SingleStream, MultiStream, Server, Offline>;

/// \throws Error naming what is out of range
FULCRUM_DECLARE void validate(const Scenario& scenario);

/// Samples that make a query: 1 but for MultiStream.
[[nodiscard]] inline std::int64_t samples_per_query(const Scenario& scenario) noexcept {
  const auto* multi = std::get_if<MultiStream>(&scenario);
  return multi != nullptr ? multi->samples_per_query : 1;
}

/// The percentile that is the scenario's figure in MLPerf: 0.9 of SingleStream, 0.99 of all others.
[[nodiscard]] inline double figure_percentile(const Scenario& scenario) noexcept {
  return std::holds_alternative<SingleStream>(scenario) ? 0.9 : 0.99;
}

/// "SingleStream", "MultiStream of 8 samples", "Server: Poisson, 200/s", "Offline, 24,576 samples"
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const Scenario& scenario);

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

#include <fulcrum/load/detail/overloads.hpp>

namespace fulcrum {

FULCRUM_DEFINE void validate(const Scenario& scenario) {
  std::visit(detail::LoadOverloads{[](const SingleStream&) {},
                                   [](const MultiStream& s) {
                                     if (s.samples_per_query < 1 || s.samples_per_query > 65'536)
                                       throw Error("samples per query", "are " + std::to_string(s.samples_per_query),
                                                   "give a number from 1 to 65,536");
                                   },
                                   [](const Server& s) { validate(s.arrivals); },
                                   [](const Offline& s) {
                                     if (s.samples < 1 || s.samples > 100'000'000)
                                       throw Error("samples of an offline run", "are " + std::to_string(s.samples),
                                                   "give a number from 1 to 100,000,000");
                                   }},
             scenario);
}

FULCRUM_DEFINE std::string to_string(const Scenario& scenario) {
  return std::visit(
      detail::LoadOverloads{
          [](const SingleStream&) { return std::string("SingleStream"); },
          [](const MultiStream& s) { return "MultiStream of " + std::to_string(s.samples_per_query) + " samples"; },
          [](const Server& s) { return "Server: " + to_string(s.arrivals); },
          [](const Offline& s) { return "Offline, " + format_count(s.samples) + " samples"; }},
      scenario);
}

}  // namespace fulcrum

#endif
