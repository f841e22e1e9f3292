#pragma once
// Service times and studies with made-up figures.

#include <fulcrum/load/service_time.hpp>
#include <fulcrum/plan/service_answer.hpp>
#include <fulcrum/plan/service_space.hpp>

#include <plan/synthetic.hpp>

namespace fulcrum::synthetic {

/// Reports of batches that take `each_ms` for a sample and `once_ms` besides.
inline std::vector<LatencyReport> batch_reports(std::vector<std::int64_t> sizes, double once_ms, double each_ms) {
  std::vector<LatencyReport> reports;
  for (const std::int64_t size : sizes)
    reports.push_back(report(ReportKind::predicted, {.batch = size}, once_ms + each_ms * static_cast<double>(size)));
  return reports;
}

/// Two variants on up to two cores; every candidate has figures that follow from its cores.
inline ServiceStudy service_study(double rate, double slo_ms = 10.0) {
  ServiceStudy study;
  study.model = "m<1>";
  study.target.arrivals = PoissonArrivals{rate};
  study.target.slo = Milliseconds(slo_ms);
  study.cores = 2;
  study.variants = {{"f32", Precision::f32, 0.9, {}, {}}, {"int8", Precision::int8, 0.89, {}, {}}};
  study.candidates = enumerate(default_service_space(2), study.variants, study.target.slo, 2);
  for (ServiceCandidate& c : study.candidates) {
    const double most = 100.0 * cores_of(c) * (c.variant == 0 ? 1.0 : 3.0);
    c.predicted = ServiceFigures{Milliseconds(rate <= most ? 5.0 : 1e9), most, 1.3 * most, Milliseconds(4.0)};
  }
  return study;
}

}  // namespace fulcrum::synthetic
