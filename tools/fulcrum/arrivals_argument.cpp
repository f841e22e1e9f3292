#include "arrivals_argument.hpp"

#include <fulcrum/core/error.hpp>

#include "option_values.hpp"

using namespace fulcrum;

void ArrivalsArgument::add_to(CLI::App& command) {
  command.add_option("--arrivals", arrivals, "constant, poisson, gamma (see --variation) or bursts")
      ->check(CLI::IsMember({"constant", "poisson", "gamma", "bursts"}))
      ->capture_default_str();
  command.add_option("--variation", variation, "of gamma: deviation of a gap over its mean; poisson has 1")
      ->check(between(0.01, 100.0))
      ->capture_default_str();
  command.add_option("--burst-factor", burst_factor, "rate of a burst over that between bursts")
      ->check(between(1.0, 1e6))
      ->capture_default_str();
  command.add_option("--burst-share", burst_share, "share of the time that is a burst")
      ->check(share())
      ->capture_default_str();
  command.add_option("--burst-length", burst_seconds, "mean length of a burst, s")
      ->check(above_zero(1e6))
      ->capture_default_str();
  command
      .add_option("--trace", trace,
                  "a CSV file whose first column is when requests came, s; --rate makes it faster or slower")
      ->excludes(command.get_option("--arrivals"));
}

void ArrivalsArgument::refuse_without_effect(const CLI::App& given) const {
  expect_effect(given, "--variation", arrivals == "gamma", "is of --arrivals gamma", "give that as well");
  for (const char* option : {"--burst-factor", "--burst-share", "--burst-length"})
    expect_effect(given, option, arrivals == "bursts", "is of --arrivals bursts", "give that as well");
}

ArrivalProcess ArrivalsArgument::process(double rate_per_s) const {
  if (!trace.empty()) {
    const TraceArrivals times = load_trace(trace);
    return rate_per_s > 0.0 ? at_rate(times, rate_per_s) : ArrivalProcess(times);
  }
  if (!(rate_per_s > 0.0)) throw Error("--rate", "is missing", "say how many requests come per second");
  if (arrivals == "constant") return ConstantArrivals{rate_per_s};
  if (arrivals == "gamma") return GammaArrivals{rate_per_s, variation};
  if (arrivals == "bursts") {
    // Bursts that make up a share of the time, with a rate so many times that of the calm.
    const double calm = rate_per_s / (1.0 - burst_share + burst_share * burst_factor);
    return BurstArrivals{calm, calm * burst_factor, Seconds(burst_seconds * (1.0 / burst_share - 1.0)),
                         Seconds(burst_seconds)};
  }
  return PoissonArrivals{rate_per_s};
}
