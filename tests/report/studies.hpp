#pragma once
// Studies with made-up figures, for tests of what shows them.

#include <string>

#include <fulcrum/plan/front.hpp>
#include <fulcrum/plan/study.hpp>

#include <plan/synthetic.hpp>

namespace fulcrum::synthetic {

/// A report with two layers.
inline LatencyReport layered_report(ReportKind kind, const RunConfig& config, double p50_ms) {
  LatencyReport r = report(kind, config, p50_ms);
  r.flops = 8e6;
  r.bytes = 1e6;
  r.layers = {{"conv1", "Conv+Relu", 7e6, 9e5, Milliseconds(p50_ms * 0.75), Bound::compute},
              {"dense1", "Dense", 1e6, 1e5, Milliseconds(p50_ms * 0.25), std::nullopt}};
  r.notes = {std::string(name_of(kind)) + " note"};
  r.environment.cpu = "a CPU";
  if (kind == ReportKind::measured) {
    r.latency.samples = 1234;
    r.latency.mad = Milliseconds(p50_ms * 0.01);
    r.creation = Milliseconds(2.5);
    r.layers[0].src = DType::u8;
  }
  return r;
}

/// f32 and int8 at batches 1 and 16, measured; a bf16 candidate that could not be made; int8 recommended.
inline TradeoffStudy study(const std::string& model = "synthetic",
                           const Objective& objective = {Milliseconds(1.0), 0.5}) {
  TradeoffStudy s;
  s.model = model;
  s.data = "some images";
  s.test_samples = 10000;
  s.objective = objective;
  s.baseline_accuracy = 0.9120;
  s.variants = {{Precision::f32, 0.0, 0.9120, 1000, 990, ""},
                {Precision::bf16, 0.0, std::nullopt, 1000, 990, "this CPU lacks bf16"},
                {Precision::int8, 0.0, 0.9106, 1000, 990, ""},
                {Precision::int8, 0.5, 0.9050, 1000, 500, ""}};
  const auto add = [&](Precision precision, double sparsity, std::int64_t batch, double accuracy, double p50_ms) {
    Candidate c;
    c.sparsity = sparsity;
    c.config = {batch, 1, 1, precision};
    c.accuracy = accuracy;
    c.predicted = layered_report(ReportKind::predicted, c.config, p50_ms * 1.1);
    c.measured = layered_report(ReportKind::measured, c.config, p50_ms);
    s.candidates.push_back(c);
  };
  add(Precision::f32, 0.0, 1, 0.9120, 0.2);
  add(Precision::f32, 0.0, 16, 0.9120, 2.0);
  add(Precision::int8, 0.0, 1, 0.9106, 0.05);
  add(Precision::int8, 0.0, 16, 0.9106, 0.25);
  s.candidates.push_back(predicted(Precision::int8, 0.5, 16, 0.9050, 0.3, 60000.0));
  s.candidates.back().why_not = "not measured: predicted to be outdone";
  Candidate missing;
  missing.config = {1, 1, 1, Precision::bf16};
  missing.why_not = "this CPU lacks bf16";
  s.candidates.push_back(missing);
  s.candidates = with_front(std::move(s.candidates));
  s.recommendation = recommend(s.candidates, s.objective, s.baseline_accuracy);
  s.environment.cpu = "a CPU";
  s.environment.isa = "avx2";
  s.environment.cores = 2;
  s.environment.affinity = {0, 1};
  s.environment.versions = {{"oneDNN", "2.6.3"}};
  s.notes = {"a note of the study"};
  s.started_at = "2026-01-31T12:00:00Z";
  s.duration = Seconds(42.0);
  return s;
}

}  // namespace fulcrum::synthetic
