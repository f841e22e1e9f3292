#pragma once
/// \file
/// A planned service as text for people.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/service_study.hpp>

namespace fulcrum {

/// The answer, the best candidate of each variant and arrangement with why it is not the answer, the real loads, and
/// what one should know.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const ServiceStudy& study);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <algorithm>
#include <cmath>
#include <vector>

#include <fulcrum/core/utf8.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/plan/service_answer.hpp>
#include <fulcrum/report/latency_text.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum::detail {

/// The candidate of each variant and arrangement with the highest rate, the answer's own among them.
FULCRUM_DECLARE std::vector<std::size_t> best_of_each_arrangement(const ServiceStudy& study) {
  std::vector<std::size_t> best;
  const std::optional<std::size_t> subject = study.answer.chosen ? study.answer.chosen : study.answer.nearest;
  const auto rate = [&](std::size_t i) {
    const ServiceFigures* known = figures(study.candidates[i]);
    return subject && i == *subject ? 1e300 : known == nullptr ? -1.0 : known->max_rate_per_s;
  };
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    const ServiceCandidate& c = study.candidates[i];
    const auto at = std::find_if(best.begin(), best.end(), [&](std::size_t b) {
      return study.candidates[b].variant == c.variant && study.candidates[b].config == c.config;
    });
    if (at == best.end())
      best.push_back(i);
    else if (rate(i) > rate(*at))
      *at = i;
  }
  std::stable_sort(best.begin(), best.end(), [&](auto a, auto b) { return rate(a) > rate(b); });
  return best;
}

/// "12.3 ms"; "—" where requests are turned away or nothing is known.
FULCRUM_DECLARE std::string tail_text(Milliseconds tail) {
  return std::isfinite(tail.count()) && tail.count() > 0.0 && tail < std::chrono::hours(24) ? format_latency(tail)
                                                                                            : "—";
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const ServiceStudy& study) {
  const auto rate = [](double per_s) { return per_s > 0.0 ? format_rate(per_s) : std::string("—"); };
  const std::string percentile = detail::formatted("p%g", 100.0 * study.target.tail.percentile);
  std::string text = printable(study.model) + ": " + to_string(study.target) + ", on up to " +
                     std::to_string(study.cores) + (study.cores == 1 ? " core" : " cores") + "\n\n";
  for (const std::string* part : {&study.answer.reason, &study.answer.cost, &study.answer.bound, &study.answer.next}) {
    if (!part->empty()) text += printable(*part) + "\n";
  }
  Table table({{"way to serve", Align::left},
               {"predicted", Align::right},
               {"simulated", Align::right},
               {"measured", Align::right},
               {"", Align::left}});
  for (const std::size_t i : detail::best_of_each_arrangement(study)) {
    const ServiceCandidate& c = study.candidates[i];
    table.add_row({detail::candidate_name(study, i), rate(c.predicted ? c.predicted->max_rate_per_s : 0.0),
                   rate(c.refined ? c.refined->max_rate_per_s : 0.0), rate(highest_measured_rate(study, i)),
                   study.answer.chosen == i ? "the answer" : c.why_not});
  }
  text += "\nhighest rates within the bound (simulated: with service times as measured)\n" + table.to_string();
  if (!study.runs.empty()) {
    Table runs({{"real load", Align::left},
                {"rate", Align::right},
                {percentile, Align::right},
                {"simulated", Align::right},
                {"predicted", Align::right},
                {"", Align::left}});
    for (const ServiceRun& run : study.runs) {
      runs.add_row({detail::candidate_name(study, run.candidate), format_rate(run.rate_per_s),
                    detail::tail_text(run.report.tail.observed), detail::tail_text(run.simulated_tail),
                    detail::tail_text(run.predicted_tail), run.within ? "within" : "not within"});
    }
    text += "\n" + runs.to_string();
  }
  if (!study.notes.empty()) text += "\n" + detail::notes_text(study.notes);
  return text;
}

}  // namespace fulcrum

#endif
