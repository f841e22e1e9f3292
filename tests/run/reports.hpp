#pragma once
// Reports with made-up figures, for tests of what becomes of them.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/run/latency_report.hpp>

namespace fulcrum::synthetic {

/// Text with what is awkward in JSON.
inline std::string random_text(Random& random) {
  constexpr std::array parts{"conv", "1", "/", "\"", "\\", "\n", "µ", "卷", "\xf0\x9f\x98\x80", "\x01", " ", "<b>"};
  std::string text;
  for (std::uint64_t i = random.below(6); i > 0; --i) text += parts[random.below(parts.size())];
  return text;
}

/// From tiny to huge, and 0 at times.
inline double random_figure(Random& random) {
  return random.below(8) == 0 ? 0.0 : std::pow(10.0, random.uniform(-12.0, 15.0));
}

/// A report in which everything that there is has some value.
inline LatencyReport random_report(Random& random) {
  const auto ms = [&] { return Milliseconds(random_figure(random)); };
  LatencyReport r;
  r.kind = random.below(2) == 0 ? ReportKind::predicted : ReportKind::measured;
  r.model = random_text(random);
  r.config.slice = static_cast<std::int64_t>(random.below(4));
  r.config.batch = static_cast<std::int64_t>(1 + random.below(1000)) * std::max<std::int64_t>(r.config.slice, 1);
  r.config.threads = static_cast<int>(1 + random.below(64));
  r.config.instances = static_cast<int>(1 + random.below(64));
  r.config.precision = all_precisions[random.below(all_precisions.size())];
  r.config.missing_precision = random.below(2) == 0 ? MissingPrecision::refuse : MissingPrecision::f32;
  for (std::uint64_t i = random.below(4); i > 0; --i)
    r.config.layer_precision[random_text(random)] = all_precisions[random.below(all_precisions.size())];
  r.config.algorithms.winograd =
      std::array{UseAlgorithm::automatic, UseAlgorithm::always, UseAlgorithm::never}[random.below(3)];
  r.config.algorithms.sparse =
      std::array{UseAlgorithm::automatic, UseAlgorithm::always, UseAlgorithm::never}[random.below(3)];
  r.flops = random_figure(random);
  r.bytes = random_figure(random);
  r.latency = {ms(), ms(), ms(), ms(), ms(), ms(), ms(), ms(), static_cast<std::int64_t>(random() >> 1U)};
  r.throughput_per_s = random_figure(random);
  if (r.kind == ReportKind::predicted && random.below(2) == 0)
    r.interval = PredictionInterval{ms(), ms(), ms(), ms(), random_figure(random), random_figure(random)};
  for (std::uint64_t i = random.below(12); i > 0; --i) r.blocks.push_back({ms(), ms(), random_figure(random)});
  for (std::uint64_t i = random.below(6); i > 0; --i) {
    StepLatency layer{
        random_text(random), random_text(random), random_figure(random), random_figure(random), ms(), {}, {}};
    if (random.below(2) == 0) layer.bound = std::array{Bound::compute, Bound::memory, Bound::overhead}[random.below(3)];
    layer.threads = static_cast<int>(1 + random.below(100));
    layer.algorithm = random_text(random);
    if (random.below(2) == 0) layer.dst = all_dtypes[random.below(all_dtypes.size())];
    if (random.below(2) == 0) layer.src = all_dtypes[random.below(all_dtypes.size())];
    r.layers.push_back(layer);
  }
  r.creation = ms();
  r.memory = {random(), random(), random()};
  for (std::uint64_t i = random.below(3); i > 0; --i) r.notes.push_back(random_text(random));
  r.environment.cpu = random_text(random);
  r.environment.isa = random_text(random);
  r.environment.cores = static_cast<int>(random.below(200));
  for (std::uint64_t i = random.below(5); i > 0; --i)
    r.environment.affinity.push_back(static_cast<int>(random.below(1000)));
  r.environment.cpu_quota = random_figure(random);
  for (std::uint64_t i = random.below(3); i > 0; --i) r.environment.versions[random_text(random)] = random_text(random);
  r.environment.seed = random();
  return r;
}

/// A measured run whose median was `median_ms` times each of `blocks` in turn; p99 is twice the median.
inline LatencyReport run_of(double median_ms, const std::vector<double>& blocks) {
  LatencyReport r;
  r.kind = ReportKind::measured;
  r.model = "m";
  r.latency.p50 = Milliseconds(median_ms);
  r.latency.p99 = Milliseconds(2.0 * median_ms);
  r.latency.samples = 10'000;
  r.throughput_per_s = 1000.0 / median_ms;
  for (const double factor : blocks) {
    const double ms = factor * median_ms;
    r.blocks.push_back({Milliseconds(ms), Milliseconds(2.0 * ms), 1000.0 / ms});
  }
  r.environment.cpu = "a CPU";
  r.environment.cores = 2;
  return r;
}

}  // namespace fulcrum::synthetic
