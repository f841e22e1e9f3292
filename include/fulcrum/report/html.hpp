#pragma once
/// \file
/// A trade-off study as one HTML page that needs nothing else, not even a network.

#include <string>
#include <string_view>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/plan/study.hpp>
#include <fulcrum/report/report_origin.hpp>

namespace fulcrum {

/// The report: the answer, the Pareto plots, the roofline, predicted against measured layers, every candidate, and
/// where the figures come from. Text of any origin (model, layer and data names) is shown as text, whatever it
/// contains.
///
/// \param profile          of the machine; gives the limits of the roofline
/// \param chart_js_source  Chart.js 3.x, the text of chart.min.js (UMD build); it goes into the page
/// \throws Error when the source of Chart.js is empty
FULCRUM_DECLARE [[nodiscard]] std::string html_report(const TradeoffStudy& study, const MachineProfile& profile,
                                                      std::string_view chart_js_source,
                                                      const ReportOrigin& origin = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <cstdlib>
#include <set>

#include <nlohmann/json.hpp>

#include <fulcrum/report/detail/html_page.hpp>

namespace fulcrum::detail {

/// The machine's limits for the thread counts of the study: {"roofs", "bandwidths"} as the page's script takes them.
FULCRUM_DECLARE nlohmann::json roofline_data(const TradeoffStudy& study, const MachineRates& rates) {
  nlohmann::json data{{"roofs", nlohmann::json::array()}, {"bandwidths", nlohmann::json::array()}};
  std::set<int> thread_counts;
  for (const Candidate& c : study.candidates) thread_counts.insert(c.config.threads);
  for (const int threads : thread_counts) {
    for (const Precision precision : all_precisions) {
      if (!rates.knows(precision)) continue;
      data["roofs"].push_back(
          {{"precision", name_of(precision)}, {"threads", threads}, {"flops", rates.peak(precision, threads)}});
    }
    int nearest = 0;  // the calibrated thread count to take bandwidths from
    for (const Bandwidth& b : rates.bandwidths) {
      if (nearest == 0 || std::abs(b.threads - threads) < std::abs(nearest - threads)) nearest = b.threads;
    }
    for (const Bandwidth& b : rates.bandwidths) {
      if (b.threads == nearest)
        data["bandwidths"].push_back({{"level", b.level}, {"threads", threads}, {"bytes", b.byte_per_s}});
    }
  }
  return data;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string html_report(const TradeoffStudy& study, const MachineProfile& profile,
                                       std::string_view chart_js_source, const ReportOrigin& origin) {
  if (chart_js_source.empty()) {
    throw Error("html_report", "was given no source of Chart.js", "pass the text of chart.min.js 3.x");
  }
  nlohmann::json data = detail::chart_data(study);
  data.update(detail::roofline_data(study, profile.rates));
  std::string provenance = "calibrated ";
  provenance += profile.created_utc.empty() ? "at an unknown time" : profile.created_utc;
  provenance += " on ";
  provenance += profile.environment.cpu.empty() ? "an unknown machine" : profile.environment.cpu;
  if (profile.duration_s > 0.0) provenance += detail::formatted(", in %.0f s", profile.duration_s);
  return detail::html_page(study, data, detail::html_fact("Machine profile", provenance) + detail::html_origin(origin),
                           chart_js_source);
}

}  // namespace fulcrum

#endif
