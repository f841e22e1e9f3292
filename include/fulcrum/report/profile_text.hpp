#pragma once
/// \file
/// A machine profile as text for people.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum {

/// Peaks, bandwidths and overheads by thread count, and how well the fitted kernel models predict what they did not
/// see.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const MachineProfile& profile);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const MachineProfile& profile) {
  Table rates({{"figure"}, {"threads", Align::right}, {"value", Align::right}}, profile.environment.cpu);
  for (const PeakRate& peak : profile.rates.peaks) {
    std::string name = "peak ";
    name += name_of(peak.precision);
    rates.add_row({name, std::to_string(peak.threads), format_flops(peak.flop_per_s) + "/s"});
  }
  rates.add_rule();
  for (const Bandwidth& bandwidth : profile.rates.bandwidths) {
    std::string name = "bandwidth ";
    name += bandwidth.level;
    rates.add_row({name, std::to_string(bandwidth.threads), format_bytes(bandwidth.byte_per_s) + "/s"});
  }
  rates.add_rule();
  for (const Overhead& overhead : profile.rates.overheads) {
    rates.add_row(
        {"overhead of a step", std::to_string(overhead.threads), detail::formatted("%.2f µs", overhead.step_us)});
  }
  Table models({{"kernels"},
                {"precision"},
                {"threads", Align::right},
                {"samples", Align::right},
                {"typical error", Align::right}});
  for (const EfficiencyModel& model : profile.efficiency) {
    models.add_row({std::string(name_of(model.kernel)), std::string(name_of(model.precision)),
                    std::to_string(model.threads), std::to_string(model.samples.size()),
                    detail::formatted("%.0f %%", 100.0 * model.loo_error)});
  }
  std::string text = rates.to_string();
  text += "\n";
  text += models.to_string();
  text += profile.from_data_sheet ? std::string("from a data sheet: nothing was measured\n")
                                  : detail::formatted("calibrated in %.0f s\n", profile.duration_s);
  return text;
}

}  // namespace fulcrum

#endif
