#pragma once
/// \file
/// What load/arrivals.hpp declares.

#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/load/arrivals.hpp>
#include <fulcrum/load/detail/overloads.hpp>

namespace fulcrum::detail {

inline void expect_rate(double rate_per_s, const char* what) {
  if (!(rate_per_s > 0.0) || !(rate_per_s <= 1e9))
    throw Error(what, "is " + plain_figure(rate_per_s), "give a number of requests per second above 0 and up to 1e9");
}

/// Longer than any trace: 31 years. Times beyond are in another unit, or damaged.
inline constexpr double longest_trace_s = 1e9;

/// A time at the start of a line of CSV, which may be infinite or no number at all; nothing when there is none.
inline std::optional<double> leading_time(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\"");
  if (first == std::string_view::npos) return std::nullopt;
  line.remove_prefix(first);
  if (line.front() == '+') line.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error == std::errc::result_out_of_range) value = std::numeric_limits<double>::infinity();
  if (error != std::errc() && error != std::errc::result_out_of_range) return std::nullopt;
  const std::string_view rest(end, static_cast<std::size_t>(line.data() + line.size() - end));
  const std::size_t after = rest.find_first_not_of(" \t\"\r");
  if (after != std::string_view::npos && rest[after] != ',' && rest[after] != ';') return std::nullopt;
  return value;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE void validate(const ArrivalProcess& arrivals) {
  std::visit(detail::LoadOverloads{
                 [](const ConstantArrivals& a) { detail::expect_rate(a.rate_per_s, "the rate of arrivals"); },
                 [](const PoissonArrivals& a) { detail::expect_rate(a.rate_per_s, "the rate of arrivals"); },
                 [](const GammaArrivals& a) {
                   detail::expect_rate(a.rate_per_s, "the rate of arrivals");
                   if (!(a.variation >= 0.01 && a.variation <= 100.0)) {
                     throw Error("the variation of gaps between arrivals", "is " + detail::plain_figure(a.variation),
                                 "give 0.01 to 100: 1 is Poisson's, more is burstier");
                   }
                 },
                 [](const BurstArrivals& a) {
                   detail::expect_rate(a.burst_rate_per_s, "the rate of a burst");
                   if (!(a.calm_rate_per_s >= 0.0 && a.calm_rate_per_s <= a.burst_rate_per_s)) {
                     throw Error("the rate between bursts", "is " + detail::plain_figure(a.calm_rate_per_s),
                                 "give one from 0 to that of a burst");
                   }
                   for (const Seconds length : {a.mean_calm, a.mean_burst}) {
                     if (!(length.count() > 0.0 && length.count() <= 1e9))
                       throw Error("the length of a burst or a calm",
                                   "is " + detail::plain_figure(length.count()) + " s", "give seconds above 0");
                   }
                 },
                 [](const TraceArrivals& a) {
                   if (a.times.empty()) throw Error("a trace of arrivals", "holds none", "give at least one time");
                   Seconds before{0.0};
                   for (const Seconds time : a.times) {
                     if (!(time >= before))
                       throw Error("a trace of arrivals", "is not ascending from 0", "sort its times");
                     if (!(time.count() <= detail::longest_trace_s))
                       throw Error("a trace of arrivals", "lasts " + detail::plain_figure(time.count()) + " s",
                                   "give seconds, up to 1e9");
                     before = time;
                   }
                 }},
             arrivals);
}

FULCRUM_DEFINE double rate_of(const ArrivalProcess& arrivals) {
  return std::visit(
      detail::LoadOverloads{
          [](const ConstantArrivals& a) { return a.rate_per_s; }, [](const PoissonArrivals& a) { return a.rate_per_s; },
          [](const GammaArrivals& a) { return a.rate_per_s; },
          [](const BurstArrivals& a) {
            return (a.calm_rate_per_s * a.mean_calm.count() + a.burst_rate_per_s * a.mean_burst.count()) /
                   (a.mean_calm.count() + a.mean_burst.count());
          },
          [](const TraceArrivals& a) {
            const double length = a.times.back().count();
            return length > 0.0 ? static_cast<double>(a.times.size() - 1) / length : 0.0;
          }},
      arrivals);
}

FULCRUM_DEFINE ArrivalProcess at_rate(ArrivalProcess arrivals, double rate_per_s) {
  validate(arrivals);
  detail::expect_rate(rate_per_s, "the rate of arrivals");
  const double old = rate_of(arrivals);
  if (!(old > 0.0))
    throw Error("a trace of arrivals", "has no rate: all of it comes at one moment", "give one that takes some time");
  std::visit(detail::LoadOverloads{[&](ConstantArrivals& a) { a.rate_per_s = rate_per_s; },
                                   [&](PoissonArrivals& a) { a.rate_per_s = rate_per_s; },
                                   [&](GammaArrivals& a) { a.rate_per_s = rate_per_s; },
                                   [&](BurstArrivals& a) {
                                     a.calm_rate_per_s *= rate_per_s / old;
                                     a.burst_rate_per_s *= rate_per_s / old;
                                   },
                                   [&](TraceArrivals& a) {
                                     for (Seconds& time : a.times) time *= old / rate_per_s;
                                   }},
             arrivals);
  return arrivals;
}

FULCRUM_DEFINE std::string to_string(const ArrivalProcess& arrivals) {
  const auto rate = [](double per_s) { return detail::plain_figure(per_s) + "/s"; };
  return std::visit(
      detail::LoadOverloads{
          [&](const ConstantArrivals& a) { return "constant, " + rate(a.rate_per_s); },
          [&](const PoissonArrivals& a) { return "Poisson, " + rate(a.rate_per_s); },
          [&](const GammaArrivals& a) {
            return "gamma of variation " + detail::plain_figure(a.variation) + ", " + rate(a.rate_per_s);
          },
          [&](const BurstArrivals& a) {
            return "bursts: " + rate(a.calm_rate_per_s) + " for " + detail::plain_figure(a.mean_calm.count()) + " s, " +
                   rate(a.burst_rate_per_s) + " for " + detail::plain_figure(a.mean_burst.count()) + " s, on average";
          },
          [&](const TraceArrivals& a) {
            const double per_s = rate_of(a);
            return "trace of " + format_count(static_cast<long long>(a.times.size())) +
                   (a.times.size() == 1 ? " request, " : " requests, ") + (per_s > 0.0 ? rate(per_s) : "at one moment");
          }},
      arrivals);
}

FULCRUM_DEFINE TraceArrivals parse_trace(std::string_view csv, const std::string& where) {
  TraceArrivals trace;
  double origin = 0.0;
  std::size_t number = 0;
  bool heading = true;  // may still come
  while (!csv.empty()) {
    const std::size_t end = csv.find('\n');
    const std::string_view line = csv.substr(0, end);
    csv.remove_prefix(end == std::string_view::npos ? csv.size() : end + 1);
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos || line.front() == '#') continue;
    const std::optional<double> time = detail::leading_time(line);
    if (!time && std::exchange(heading, false)) continue;
    heading = false;
    if (!time) throw Error(where, "has no time in its line " + std::to_string(number), "begin each line with seconds");
    if (!std::isfinite(*time))
      throw Error(where, "has no finite time in its line " + std::to_string(number), "begin each line with seconds");
    if (trace.times.empty()) origin = *time;
    const Seconds since(*time - origin);
    if (since < (trace.times.empty() ? Seconds(0.0) : trace.times.back()))
      throw Error(where, "goes back in time in its line " + std::to_string(number), "sort it by time");
    if (!(since.count() <= detail::longest_trace_s))
      throw Error(where,
                  "is " + detail::plain_figure(since.count()) + " s long with its line " + std::to_string(number),
                  "give seconds, up to 1e9 behind the first");
    trace.times.push_back(since);
  }
  if (trace.times.empty()) throw Error(where, "holds no arrivals", "write one time in seconds on each line");
  return trace;
}

FULCRUM_DEFINE TraceArrivals load_trace(const std::string& path) {
  return parse_trace(read_file(path, std::size_t{1} << 30U), path);
}

FULCRUM_DEFINE ArrivalStream::ArrivalStream(ArrivalProcess arrivals, std::uint64_t seed)
    : arrivals_(std::move(arrivals)), random_(seed) {
  validate(arrivals_);
  if (const auto* bursts = std::get_if<BurstArrivals>(&arrivals_)) {
    // As it is found at any time; what is left of an exponential length is as long as a whole one.
    in_burst_ = random_.uniform() * (bursts->mean_calm + bursts->mean_burst) < bursts->mean_burst;
    state_ends_ = exponential() * (in_burst_ ? bursts->mean_burst : bursts->mean_calm).count();
  }
}

FULCRUM_DEFINE std::optional<Seconds> ArrivalStream::next() {
  ++count_;
  if (const auto* trace = std::get_if<TraceArrivals>(&arrivals_)) {
    if (count_ > trace->times.size()) return std::nullopt;
    return trace->times[static_cast<std::size_t>(count_ - 1)];
  }
  now_ =
      std::visit(detail::LoadOverloads{[&](const ConstantArrivals& a) {
                                         return static_cast<double>(count_) / a.rate_per_s;  // does not add up errors
                                       },
                                       [&](const PoissonArrivals& a) { return now_ + exponential() / a.rate_per_s; },
                                       [&](const GammaArrivals& a) {
                                         const double squared = a.variation * a.variation;
                                         return now_ + gamma(1.0 / squared) * squared / a.rate_per_s;
                                       },
                                       [&](const BurstArrivals& a) { return next_in_bursts(a); },
                                       [&](const TraceArrivals&) { return now_; }},
                 arrivals_);
  return Seconds(now_);
}

/// Of mean 1.
FULCRUM_DEFINE double ArrivalStream::exponential() noexcept { return -std::log(1.0 - random_.uniform()); }

/// Of scale 1 (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000).
FULCRUM_DEFINE double ArrivalStream::gamma(double shape) noexcept {
  double factor = 1.0;
  if (shape < 1.0) {
    factor = std::pow(1.0 - random_.uniform(), 1.0 / shape);
    shape += 1.0;
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = random_.normal();
    const double root = 1.0 + c * x;
    if (root <= 0.0) continue;
    const double v = root * root * root;
    if (std::log(1.0 - random_.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return factor * d * v;
  }
}

FULCRUM_DEFINE double ArrivalStream::next_in_bursts(const BurstArrivals& arrivals) noexcept {
  double now = now_;
  for (;;) {
    const double rate = in_burst_ ? arrivals.burst_rate_per_s : arrivals.calm_rate_per_s;
    const double gap = rate > 0.0 ? exponential() / rate : state_ends_ - now + 1.0;
    if (now + gap <= state_ends_) return now + gap;
    now = state_ends_;  // a gap begins anew there: exponential ones do not remember
    in_burst_ = !in_burst_;
    state_ends_ += exponential() * (in_burst_ ? arrivals.mean_burst : arrivals.mean_calm).count();
  }
}

FULCRUM_DEFINE std::vector<Seconds> arrival_times(const ArrivalProcess& arrivals, Seconds duration,
                                                  std::uint64_t seed) {
  constexpr double most = 1e8;
  ArrivalStream stream(arrivals, seed);
  const double expected = rate_of(arrivals) * duration.count();
  if (!(expected <= most)) {
    throw Error("a load of " + to_string(arrivals), "would be more than 100,000,000 requests",
                "take a lower rate or a shorter time");
  }
  std::vector<Seconds> times;
  if (!std::holds_alternative<TraceArrivals>(arrivals)) times.reserve(static_cast<std::size_t>(1.1 * expected) + 16);
  while (const std::optional<Seconds> time = stream.next()) {
    if (!(*time < duration)) break;
    times.push_back(*time);
  }
  return times;
}

}  // namespace fulcrum
