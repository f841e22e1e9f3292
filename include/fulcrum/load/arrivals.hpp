#pragma once
/// \file
/// When requests arrive: processes with a rate and a burstiness, and traces of real traffic.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/core/units.hpp>

namespace fulcrum {

/// One request every 1/rate: no two ever meet by chance, so the queue that real traffic forms does not show.
struct ConstantArrivals {
  double rate_per_s = 0.0;  ///< > 0

  friend bool operator==(const ConstantArrivals&, const ConstantArrivals&) = default;
};

/// Independent users: gaps are exponential, of coefficient of variation 1. MLPerf's Server scenario.
struct PoissonArrivals {
  double rate_per_s = 0.0;  ///< > 0

  friend bool operator==(const PoissonArrivals&, const PoissonArrivals&) = default;
};

/// Independent gaps of a gamma distribution: below a variation of 1 more regular than Poisson's, above it burstier.
struct GammaArrivals {
  double rate_per_s = 0.0;  ///< > 0
  double variation = 2.0;   ///< standard deviation of a gap over its mean; 0.01 … 100

  friend bool operator==(const GammaArrivals&, const GammaArrivals&) = default;
};

/// Poisson arrivals whose rate changes between calm and burst, each of exponential length: a Markov-modulated Poisson
/// process of two states (Fischer and Meier-Hellstern, "The Markov-modulated Poisson process cookbook", 1993).
struct BurstArrivals {
  double calm_rate_per_s = 0.0;   ///< ≥ 0
  double burst_rate_per_s = 0.0;  ///< ≥ the calm one, > 0
  Seconds mean_calm{9.0};         ///< > 0
  Seconds mean_burst{1.0};        ///< > 0

  friend bool operator==(const BurstArrivals&, const BurstArrivals&) = default;
};

/// Arrivals that were observed, replayed as they were.
struct TraceArrivals {
  std::vector<Seconds> times;  ///< since the first one, ascending, up to 10⁹; not empty

  friend bool operator==(const TraceArrivals&, const TraceArrivals&) = default;
};

using ArrivalProcess = std::variant<ConstantArrivals, PoissonArrivals, GammaArrivals, BurstArrivals, TraceArrivals>;

/// \throws Error naming what is out of range
FULCRUM_DECLARE void validate(const ArrivalProcess& arrivals);

/// Requests per second in the long run; of a trace, from its first to its last, and 0 where all come at one moment.
/// Precondition: it is valid.
FULCRUM_DECLARE [[nodiscard]] double rate_of(const ArrivalProcess& arrivals);

/// The same process at another rate: as bursty as it is, a burst as long as it is; a trace runs faster or slower.
/// \throws Error when the rate is not above 0, or the process is not valid or a trace of one moment
FULCRUM_DECLARE [[nodiscard]] ArrivalProcess at_rate(ArrivalProcess arrivals, double rate_per_s);

/// "Poisson, 200/s", "gamma of variation 2, 200/s", "bursts: 100/s for 9 s, 1,100/s for 1 s, on average", "trace of
/// 4,000 requests, 200/s"
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const ArrivalProcess& arrivals);

/// A trace in CSV: the first column of each line is a time in seconds since whenever, in ascending order; a first line
/// that does not begin with a number is a heading, lines that begin with # and empty ones are not read.
/// \param where  what the text is, for the Error
/// \throws Error naming the line that is no time, earlier than the one before it or more than 10⁹ s behind the first
FULCRUM_DECLARE [[nodiscard]] TraceArrivals parse_trace(std::string_view csv, const std::string& where);

/// The trace in a file.
/// \throws Error as parse_trace(), and when the file cannot be read
FULCRUM_DECLARE [[nodiscard]] TraceArrivals load_trace(const std::string& path);

/// Arrivals one after the other. The same process and seed give the same times.
class ArrivalStream {
public:
  /// \throws Error as validate()
  FULCRUM_DECLARE explicit ArrivalStream(ArrivalProcess arrivals, std::uint64_t seed = 0);

  /// Time of the next arrival since the start, not before the last one; nothing after the end of a trace.
  FULCRUM_DECLARE [[nodiscard]] std::optional<Seconds> next();

private:
  FULCRUM_DECLARE [[nodiscard]] double exponential() noexcept;
  FULCRUM_DECLARE [[nodiscard]] double gamma(double shape) noexcept;
  FULCRUM_DECLARE [[nodiscard]] double next_in_bursts(const BurstArrivals& arrivals) noexcept;

  ArrivalProcess arrivals_;
  Random random_;
  double now_ = 0.0;         // of the last arrival [s]
  std::uint64_t count_ = 0;  // arrivals so far
  bool in_burst_ = false;    // bursts: the state
  double state_ends_ = 0.0;  // bursts: when it changes [s]
};

/// All arrivals before a time.
/// \param duration  ≥ 0
/// \throws Error as validate(), and when there would be more than 10⁸
FULCRUM_DECLARE [[nodiscard]] std::vector<Seconds> arrival_times(const ArrivalProcess& arrivals, Seconds duration,
                                                                 std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)
#include <fulcrum/load/detail/arrivals_definitions.hpp>
#endif
