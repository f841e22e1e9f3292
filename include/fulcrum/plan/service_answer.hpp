#pragma once
/// \file
/// Which way to serve a model, and why; or what it would take.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/service_study.hpp>

namespace fulcrum {

/// The candidates that may be chosen, the best first, by the figures that are known. For a rate: those that keep it
/// with some headroom, on the fewest cores; then those that keep it at all, and the rest, by the highest rate. For the
/// highest rate: by that. Rates within 3 % are equal, and so are all above three times the one wanted: then the simpler
/// one comes first.
///
/// \param headroom  by which the highest rate is to exceed the one wanted, as a share; ≥ 0
FULCRUM_DECLARE [[nodiscard]] std::vector<std::size_t> by_preference(const ServiceStudy& study, double headroom);

/// The highest rate at which a candidate's bound held in a real load; 0: in none.
FULCRUM_DECLARE [[nodiscard]] double highest_measured_rate(const ServiceStudy& study, std::size_t candidate);

/// Whether a load on as many instances of as many threads as a candidate has missed a bound that it was thought to keep
/// by far. What takes the time then is other work on those cores, which no precision and no batch mends; another
/// instance may.
FULCRUM_DECLARE [[nodiscard]] bool was_disturbed(const ServiceStudy& study, std::size_t candidate);

/// What the figures of a study say in words: headroom, cores, machines, what bounds it, what comes next.
/// \param answer  with chosen or nearest, and max_rate_per_s
FULCRUM_DECLARE [[nodiscard]] ServiceAnswer described(const ServiceStudy& study, ServiceAnswer answer);

namespace detail {
/// A candidate with its variant, in words.
FULCRUM_DECLARE std::string candidate_name(const ServiceStudy& study, std::size_t i);

/// Says where the slowest inferences are so slow that something else must have run meanwhile: no configuration mends
/// it.
///
/// \param one  inferences of one sample, as a runner had them
FULCRUM_DECLARE [[nodiscard]] std::optional<std::string> interruption_note(const LatencyStatistics& one);
}  // namespace detail

/// For every candidate why it is not the one; empty for the answer.
FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> why_not_the_answer(const ServiceStudy& study);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <algorithm>
#include <cmath>
#include <tuple>

#include <fulcrum/plan/figures.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE bool may_be_chosen(const ServiceStudy& study, std::size_t i) {
  return study.variants[study.candidates[i].variant].why_not.empty() && figures(study.candidates[i]) != nullptr;
}

FULCRUM_DEFINE std::string candidate_name(const ServiceStudy& study, std::size_t i) {
  return to_string(study.candidates[i], study.variants[study.candidates[i].variant]);
}

FULCRUM_DEFINE std::optional<std::string> interruption_note(const LatencyStatistics& one) {
  const double ratio = one.p99 / one.p50;
  if (!(ratio > 2.5)) return std::nullopt;
  return formatted("one in a hundred inferences took %.1f times the median or longer: ", ratio) +
         "other work on this machine interrupted them, and the answer is for a machine so disturbed";
}

/// "410/s as measured", "410/s as simulated from its service times", "410/s as predicted"
FULCRUM_DECLARE std::string known_rate(const ServiceStudy& study, std::size_t i) {
  const double measured = highest_measured_rate(study, i);
  const ServiceCandidate& candidate = study.candidates[i];
  if (measured > 0.0 && measured >= 0.9 * figures(candidate)->max_rate_per_s)
    return format_rate(measured) + " as measured";
  return format_rate(figures(candidate)->max_rate_per_s) +
         (candidate.refined ? " as simulated from its service times" : " as predicted");
}

FULCRUM_DECLARE std::string what_bounds(const ServiceStudy& study, std::size_t i, double rate_per_s) {
  const ServiceCandidate& candidate = study.candidates[i];
  const ServiceFigures& known = *figures(candidate);
  const std::string percentile = formatted("p%g", 100.0 * study.target.tail.percentile);
  const double busy = known.capacity_per_s > 0.0 ? rate_per_s / known.capacity_per_s : 0.0;
  const std::string alone =
      format_latency(known.service) + " of the " + format_latency(study.target.slo) + " at " + percentile;
  std::string text;
  if (known.service > study.target.slo) {
    text = "The inference bounds it: alone it takes " + format_latency(known.service) + " at " + percentile +
           ", whatever the rate.";
  } else if (!(rate_per_s > 0.0)) {
    text = "An inference alone takes " + alone +
           ", which leaves time to wait; but no rate was found at which the rest stays within the bound.";
  } else if (busy >= 0.85) {
    text = "The machine bounds it: at " + format_rate(rate_per_s) +
           formatted(" it is busy %.0f %% of the time.", 100.0 * std::min(busy, 1.0));
  } else if (known.service > 0.6 * study.target.slo) {
    text = "The inference bounds it: alone it takes " + alone + ", which leaves little time to wait.";
  } else {
    text = "Waiting bounds it: an inference alone takes " + alone + ", and at " + format_rate(rate_per_s) +
           formatted(" (busy %.0f %% of the time) the queue takes the rest.", 100.0 * busy);
  }
  if (study.inference && study.inference->latency.p50.count() > 0.0) {
    double share[3] = {};
    for (const StepLatency& layer : study.inference->layers) {
      if (layer.bound) share[static_cast<int>(*layer.bound)] += layer.latency / study.inference->latency.p50;
    }
    text += formatted(
        " By prediction %.0f %% of an inference are bound by arithmetic, %.0f %% by memory, the rest are overhead.",
        100.0 * share[0], 100.0 * share[1]);
  }
  return text;
}

FULCRUM_DECLARE std::string what_comes_next(const ServiceStudy& study, std::optional<std::size_t> chosen) {
  // The best of each variant and arrangement.
  std::vector<std::size_t> best;
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    const ServiceCandidate& c = study.candidates[i];
    if (figures(c) == nullptr || !(figures(c)->max_rate_per_s > 0.0)) continue;
    const auto same = [&](std::size_t other) {
      const ServiceCandidate& o = study.candidates[other];
      return o.variant == c.variant && o.config == c.config;
    };
    if (chosen && same(*chosen)) continue;
    const auto at = std::find_if(best.begin(), best.end(), same);
    if (at == best.end())
      best.push_back(i);
    else if (figures(c)->max_rate_per_s > figures(study.candidates[*at])->max_rate_per_s)
      *at = i;
  }
  std::stable_sort(best.begin(), best.end(), [&](auto a, auto b) {
    return figures(study.candidates[a])->max_rate_per_s > figures(study.candidates[b])->max_rate_per_s;
  });
  std::string text;
  std::size_t named = 0;
  for (const std::size_t i : best) {
    const ServiceVariant& variant = study.variants[study.candidates[i].variant];
    if (!variant.why_not.empty() || named == 3) continue;
    text += (named++ == 0 ? "Next: " : "; ") + candidate_name(study, i) + " (up to " + known_rate(study, i) + ")";
  }
  if (named > 0) text += ".";
  for (const std::size_t i : best) {
    const ServiceVariant& variant = study.variants[study.candidates[i].variant];
    if (variant.why_not.empty()) continue;
    text += std::string(text.empty() ? "" : " ") + "Left out: " + candidate_name(study, i) + " (up to " +
            known_rate(study, i) + "), because it " + variant.why_not + ".";
    break;
  }
  return text;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::vector<std::size_t> by_preference(const ServiceStudy& study, double headroom) {
  const double wanted = study.target.highest_rate ? 0.0 : rate_of(study.target.arrivals);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    if (detail::may_be_chosen(study, i)) order.push_back(i);
  }
  const auto key = [&](std::size_t i) {
    const ServiceCandidate& c = study.candidates[i];
    const double rate = figures(c)->max_rate_per_s;
    const int group = rate >= wanted * (1.0 + headroom) && rate > 0.0 ? 0 : rate >= wanted && rate > 0.0 ? 1 : 2;
    const bool fewest = group == 0 && !study.target.highest_rate;
    const double counted = wanted > 0.0 ? std::min(rate, 3.0 * wanted) : rate;
    const double step = rate > 0.0 ? std::floor(std::log(counted) / std::log(1.03)) : -1e9;
    return std::tuple(group, fewest ? cores_of(c) : 0, -step, cores_of(c), c.batching.max_batch, c.batching.max_delay,
                      c.variant);
  };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) < key(b); });
  return order;
}

FULCRUM_DEFINE double highest_measured_rate(const ServiceStudy& study, std::size_t candidate) {
  double rate = 0.0;
  for (const ServiceRun& run : study.runs) {
    if (run.candidate == candidate && run.within) rate = std::max(rate, run.rate_per_s);
  }
  return rate;
}

FULCRUM_DEFINE bool was_disturbed(const ServiceStudy& study, std::size_t candidate) {
  const RunConfig& config = study.candidates[candidate].config;
  return std::any_of(study.runs.begin(), study.runs.end(), [&](const ServiceRun& run) {
    const RunConfig& other = study.candidates[run.candidate].config;
    return !run.within && run.simulated_tail.count() > 0.0 && run.simulated_tail <= 0.5 * study.target.slo &&
           other.threads == config.threads && other.instances == config.instances;
  });
}

FULCRUM_DEFINE ServiceAnswer described(const ServiceStudy& study, ServiceAnswer answer) {
  const std::optional<std::size_t> subject = answer.chosen ? answer.chosen : answer.nearest;
  if (!subject) {
    answer.reason = "No way to serve the model could be predicted.";
    for (const ServiceVariant& variant : study.variants) {
      if (!variant.why_not.empty()) answer.reason += " The variant " + variant.name + " " + variant.why_not + ".";
    }
    return answer;
  }
  const ServiceCandidate& candidate = study.candidates[*subject];
  const ServiceVariant& variant = study.variants[candidate.variant];
  const std::string name = to_string(candidate, variant);
  const std::string target = to_string(study.target);
  answer.cores = cores_of(candidate);
  const double wanted = study.target.highest_rate ? answer.max_rate_per_s : rate_of(study.target.arrivals);
  answer.headroom = wanted > 0.0 ? answer.max_rate_per_s / wanted - 1.0 : 0.0;
  // Where every load held, the time was over before the highest rate was found, and nothing that was measured bounds
  // it.
  const bool none_failed = std::none_of(study.runs.begin(), study.runs.end(), [&](const ServiceRun& run) {
    return run.candidate == *subject && !run.within;
  });
  const bool may_be_higher =
      answer.chosen && none_failed && figures(candidate)->max_rate_per_s > 1.1 * answer.max_rate_per_s;
  const auto cores = [&](int n) { return std::to_string(n) + (n == 1 ? " core" : " cores"); };
  if (answer.max_rate_per_s > 0.0)
    answer.machines =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(wanted / answer.max_rate_per_s - 1e-9)));

  if (answer.chosen && study.target.highest_rate) {
    answer.reason =
        "Up to " + format_rate(answer.max_rate_per_s) + " with " + name + ", on " + cores(answer.cores) + ".";
  } else if (answer.chosen) {
    answer.reason = "Serve with " + name + ", on " + cores(answer.cores) + ": it keeps " + target + ", and up to " +
                    format_rate(answer.max_rate_per_s) + ", a headroom of" +
                    detail::formatted(" %.0f %%", 100.0 * answer.headroom) + (may_be_higher ? " at least." : ".");
  } else if (answer.machines) {
    answer.reason = "Not on this machine: " + target + " needs " + std::to_string(*answer.machines) +
                    " like it. The most that one keeps is " + format_rate(answer.max_rate_per_s) + ", with " + name +
                    ".";
  } else if (figures(candidate)->service <= study.target.slo) {
    answer.reason = "Not on this machine: the bound held in none of the loads that were measured. Nearest comes " +
                    name + ", where a lone request takes " + format_latency(figures(candidate)->service) +
                    detail::formatted(" at p%g.", 100.0 * study.target.tail.percentile);
  } else {
    answer.reason =
        "Not on any number of machines like this one: even a lone request takes longer than the bound. "
        "Nearest comes " +
        name + ", with " + format_latency(figures(candidate)->service) +
        detail::formatted(" at p%g.", 100.0 * study.target.tail.percentile);
  }
  if (variant.accuracy) {
    answer.cost = "Its accuracy is " + format_accuracy(*variant.accuracy);
    const ServiceVariant& first = study.variants.front();
    if (first.accuracy && candidate.variant != 0)
      answer.cost += ", " + format_points(100.0 * (*variant.accuracy - *first.accuracy)) + " against " + first.name;
    answer.cost += ".";
  } else if (variant.output_snr_db) {
    answer.cost = "Its results differ from those of " + study.variants.front().name +
                  (std::isfinite(*variant.output_snr_db)
                       ? detail::formatted(" by a signal-to-noise ratio of %.1f dB.", *variant.output_snr_db)
                       : std::string(" in nothing."));
  }
  const double highest = may_be_higher ? figures(candidate)->max_rate_per_s : answer.max_rate_per_s;
  answer.bound = detail::what_bounds(study, *subject, highest);
  if (may_be_higher) {
    answer.bound = "Higher rates were not measured; " + std::string(candidate.refined ? "simulated" : "predicted") +
                   ", it keeps up to " + format_rate(highest) + ". " + answer.bound;
  }
  answer.next = detail::what_comes_next(study, subject);
  return answer;
}

FULCRUM_DEFINE std::vector<std::string> why_not_the_answer(const ServiceStudy& study) {
  std::vector<std::string> why(study.candidates.size());
  const double wanted = study.target.highest_rate ? 0.0 : rate_of(study.target.arrivals);
  for (std::size_t i = 0; i < study.candidates.size(); ++i) {
    const ServiceCandidate& c = study.candidates[i];
    if (study.answer.chosen == i) continue;
    const ServiceVariant& variant = study.variants[c.variant];
    if (!variant.why_not.empty()) {
      why[i] = "its variant " + variant.name + " " + variant.why_not;
      continue;
    }
    if (figures(c) == nullptr) {
      why[i] = c.why_not.empty() ? "could not be predicted" : c.why_not;
      continue;
    }
    const auto failed = std::find_if(study.runs.begin(), study.runs.end(), [&](const ServiceRun& run) {
      return run.candidate == i && !run.within && run.rate_per_s <= wanted &&
             run.rate_per_s > highest_measured_rate(study, i);
    });
    const ServiceFigures& known = *figures(c);
    const std::string how = c.refined ? "simulated from its service times" : "predicted";
    if (failed != study.runs.end()) {
      why[i] = "measured at " + format_rate(failed->rate_per_s) + ": " + failed->report.reason;
    } else if (known.service > study.target.slo) {
      why[i] = "a lone request takes " + format_latency(known.service) + ", " + how;
    } else if (!(known.max_rate_per_s > 0.0)) {
      why[i] = "waiting for company takes a lone request beyond the bound, " + how;
    } else if (wanted > 0.0 && known.max_rate_per_s < wanted) {
      why[i] = "keeps the bound up to " + format_rate(known.max_rate_per_s) + " only, " + how;
    } else if (study.answer.chosen && !study.target.highest_rate &&
               cores_of(c) > cores_of(study.candidates[*study.answer.chosen])) {
      why[i] = "keeps it as well, up to " + format_rate(known.max_rate_per_s) + ", " + how + ", but takes more cores";
    } else {
      why[i] = "up to " + format_rate(known.max_rate_per_s) + ", " + how + ": others come first";
    }
  }
  return why;
}

}  // namespace fulcrum

#endif
