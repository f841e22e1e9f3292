#pragma once
/// \file
/// An error card for people.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/validate/error_card.hpp>
#include <fulcrum/validate/validation.hpp>

namespace fulcrum {

/// The card: how many predictions were how close, beside the machine's own noise; by network, precision, batch,
/// arrangement and kernel class; choices; the worst cases with their worst steps; what was skipped.
FULCRUM_DECLARE [[nodiscard]] std::string to_text(const Validation& validation);

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <cmath>
#include <map>
#include <vector>

#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/latency_text.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE std::string percent(double share) { return formatted("%.0f %%", 100.0 * share); }
FULCRUM_DECLARE std::string percent_1(double share) { return formatted("%.1f %%", 100.0 * share); }

FULCRUM_DECLARE void add_error_row(Table& table, const std::string& label, const ErrorFigures& f) {
  table.add_row({label, std::to_string(f.cases), percent(f.within_5), percent(f.within_10), percent(f.within_20),
                 percent_1(f.mape), signed_figure("%.1f %%", 100.0 * f.bias), format_change(f.largest)});
}

FULCRUM_DECLARE std::string errors_table(const ErrorCard& card) {
  Table table({{"error of predicted medians"},
               {"cases", Align::right},
               {"±5 %", Align::right},
               {"±10 %", Align::right},
               {"±20 %", Align::right},
               {"MAPE", Align::right},
               {"bias", Align::right},
               {"largest", Align::right}});
  add_error_row(table, "all", card.p50);
  if (card.at_present_speed) add_error_row(table, "all, at the machine's present speed", *card.at_present_speed);
  for (const auto* groups : {&card.by_model, &card.by_precision, &card.by_batch, &card.by_arrangement}) {
    if (groups->size() < 2) continue;
    table.add_rule();
    for (const GroupErrors& group : *groups) add_error_row(table, group.label, group.figures);
  }
  return table.to_string();
}

FULCRUM_DECLARE std::string kernels_table(const ErrorCard& card) {
  if (card.kernels.empty()) return {};
  Table table({{"kernels"},
               {"steps", Align::right},
               {"share of time", Align::right},
               {"bias", Align::right},
               {"absolute error", Align::right}});
  for (const KernelErrors& k : card.kernels) {
    table.add_row({k.kernel, std::to_string(k.steps), percent_1(k.share), signed_figure("%.1f %%", 100.0 * k.bias),
                   percent_1(k.absolute)});
  }
  return "\n" + table.to_string();
}

FULCRUM_DECLARE std::string choice_text(const char* what, const ChoiceRate& rate) {
  if (rate.decided == 0) return {};
  return std::string(what) + " named right in " + std::to_string(rate.right) + " of " + std::to_string(rate.decided) +
         (rate.decided == 1 ? " choice" : " choices") + " that differ by more than 10 %\n";
}

FULCRUM_DECLARE std::string summary_lines(const ErrorCard& card) {
  std::string text;
  if (card.p99_cases > 0)
    text += "p99 within ±25 % in " + percent(card.p99_within_25) + " of " + std::to_string(card.p99_cases) +
            " cases with at least " + std::to_string(fewest_p99_samples) + " samples a round\n";
  if (card.p50_coverage)
    text += "median inside its predicted range in " + percent(card.p50_coverage->share) + " of " +
            std::to_string(card.p50_coverage->cases) + " cases\n";
  if (card.p99_coverage)
    text += "p99 inside its predicted range in " + percent(card.p99_coverage->share) + " of " +
            std::to_string(card.p99_coverage->cases) + " cases\n";
  if (card.spearman) text += "rank correlation (Spearman) " + formatted("%.4f", *card.spearman) + "\n";
  text += choice_text("the better of threads and instances (by throughput)", card.arrangement);
  text += choice_text("the fastest precision", card.precision);
  if (card.unpredicted_share >= 0.001 || card.unrealized_share >= 0.001)
    text += percent_1(card.unpredicted_share) + " of the measured time is in steps that were not predicted, " +
            percent_1(card.unrealized_share) + " of the predicted time in steps that did not run\n";
  if (!card.kernels.empty())
    text += "between the steps passes " + percent_1(card.outside_measured) + " of an inference, predicted as " +
            percent_1(card.outside_predicted) + "\n";
  text += card.noise ? "the machine's own noise: medians of one case lie " + percent_1(*card.noise) +
                           " apart between rounds (90 % of the cases: at most " + percent_1(*card.noise_p90) + ")\n"
                     : "the machine's own noise is not known: it takes two rounds or more\n";
  return text;
}

FULCRUM_DECLARE std::string worst_table(const Validation& validation, const ErrorCard& card) {
  if (card.worst.empty()) return {};
  Table table({{"worst cases, and their worst steps"},
               {"predicted", Align::right},
               {"measured", Align::right},
               {"error", Align::right}});
  const auto time = [](const std::optional<double>& us) {
    return us ? format_latency(Microseconds(*us)) : std::string("none");
  };
  for (const std::size_t i : card.worst) {
    const ValidationCase& c = validation.cases[i];
    table.add_row({c.model + ", " + to_string(c.config), format_latency(Milliseconds(c.predicted_p50_ms)),
                   format_latency(Milliseconds(c.measured_p50_ms())), format_change(c.error())});
    for (const ValidatedStep& s : worst_steps(c, 3)) {
      const bool both = s.predicted_us && s.measured_us && *s.measured_us > 0.0;
      table.add_row({"  " + s.name + " (" + s.kind + ")", time(s.predicted_us), time(s.measured_us),
                     both ? format_change(*s.predicted_us / *s.measured_us - 1.0) : ""});
    }
  }
  return "\n" + table.to_string();
}

/// How fast the machine was in each round.
FULCRUM_DECLARE std::string drifts_text(const std::vector<Drift>& drifts) {
  if (drifts.empty()) return {};
  std::string text = "time of fixed work against calibration, by round:";
  for (const Drift& d : drifts)
    text += " " + format_change(d.compute - 1.0) + " (memory " + format_change(d.memory - 1.0) + ")";
  return text + "\n";
}

/// Cases that were skipped, one line for each reason.
FULCRUM_DECLARE std::string skipped_text(const Validation& validation) {
  std::map<std::string, std::vector<const ValidationCase*>> reasons;
  for (const ValidationCase& c : validation.cases) {
    if (!c.complete())
      reasons[c.model + " in " + std::string(name_of(c.config.precision)) + ": " + c.why_not].push_back(&c);
  }
  std::string text;
  for (const auto& [reason, cases] : reasons)
    text += "skipped (" + std::to_string(cases.size()) + (cases.size() == 1 ? " case) " : " cases) ") +
            printable(reason) + "\n";
  return text;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string to_text(const Validation& validation) {
  const ErrorCard card = error_card(validation);
  std::string text = validation.environment.cpu + ", " + validation.created_utc + ", profile of " +
                     validation.profile_created_utc + detail::formatted(", took %.0f s\n\n", validation.duration_s);
  text = detail::errors_table(card).insert(0, text);
  text += detail::kernels_table(card);
  text += "\n" + detail::summary_lines(card);
  text += detail::worst_table(validation, card);
  const std::string skipped = detail::skipped_text(validation);
  if (!skipped.empty()) text += "\n" + skipped;
  const std::string speed = detail::drifts_text(validation.drifts);
  if (!speed.empty()) text += "\n" + speed;
  if (!validation.notes.empty()) text += "\n" + detail::notes_text(validation.notes);
  return text;
}

}  // namespace fulcrum

#endif
