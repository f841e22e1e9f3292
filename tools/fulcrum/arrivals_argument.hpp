#pragma once

#include <string>

#include <CLI/CLI.hpp>
#include <fulcrum/load/arrivals.hpp>

/// What a command says of how requests come, but for their rate.
struct ArrivalsArgument {
  std::string arrivals = "poisson", trace;
  double variation = 2.0, burst_factor = 10.0, burst_share = 0.1, burst_seconds = 1.0;

  /// Adds --arrivals, --variation, --burst-factor, --burst-share, --burst-length and --trace.
  void add_to(CLI::App& command);

  /// \throws fulcrum::Error when one was given that says nothing of these arrivals
  void refuse_without_effect(const CLI::App& given) const;

  /// \param rate_per_s  0: as the trace has it
  /// \throws fulcrum::Error when it is missing or something is out of range
  [[nodiscard]] fulcrum::ArrivalProcess process(double rate_per_s) const;
};
