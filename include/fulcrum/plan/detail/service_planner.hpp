#pragma once
/// \file
/// The steps of plan_service().

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include <fulcrum/analysis/independent_samples.hpp>
#include <fulcrum/core/utc.hpp>
#include <fulcrum/load/beside_runner.hpp>
#include <fulcrum/load/runner_load.hpp>
#include <fulcrum/measure/drift_probe.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/plan/plan_service.hpp>
#include <fulcrum/plan/service_answer.hpp>

namespace fulcrum::detail {

/// A variant in an arrangement of threads and instances: what its candidates share.
struct ServiceGroup {
  std::size_t variant = 0;
  RunConfig config;
  std::vector<std::size_t> candidates;
  std::vector<LatencyReport> reports;  // predicted, by batch size; empty: it could not be
  double least_disturbed = 0.0;        // highest rate, predicted, were there no interruptions
  std::vector<LoadReport> loads;       // that ran
  std::vector<LatencyReport> served;   // as the runner had them; empty: it was not run
};

class ServicePlanner {
public:
  ServicePlanner(std::span<const ServedModel> models, const MachineProfile& profile, const ServiceOptions& options,
                 const ProgressSink& progress)
      : models_(models), profile_(profile), options_(options), progress_(progress) {}

  ServiceStudy run() {
    const auto started = Clock::now();
    started_ = started;
    prepare();
    predict();
    probe();
    choose();
    finish();
    study_.duration = Clock::now() - started;
    tell(1.0, "done", to_string(study_.target));
    return std::move(study_);
  }

private:
  using Clock = std::chrono::steady_clock;

  void tell(double fraction, std::string stage, std::string detail_text = {}) const {
    if (progress_) progress_({fraction, std::move(stage), std::move(detail_text)});
  }

  void prepare() {
    if (models_.empty()) throw Error("planning a service", "was given no model", "give one");
    validate(options_.target);
    if (!(options_.headroom >= 0.0)) throw Error("the headroom", "is negative", "give a share of 0 or more");
    if (options_.probes == 0) throw Error("the probes of a plan", "are 0", "let at least one be measured");
    study_.started_at = utc_now();
    study_.environment = onednn_environment();
    study_.environment.seed = options_.seed;
    check_profile_matches(profile_, study_.environment);
    const int usable = std::max(study_.environment.cores, 1);
    study_.cores = options_.cores > 0 ? options_.cores : usable;
    if (study_.cores > usable) {
      throw Error("the cores of a plan", "are " + std::to_string(study_.cores) + " of " + std::to_string(usable),
                  "give as many as there are");
    }
    study_.data = options_.data;
    study_.target = options_.target;
    for (const ServedModel& model : models_) {
      if (study_.model.empty() && model.model) study_.model = model.model->name();
      study_.variants.push_back(model.variant);
      ServiceVariant& variant = study_.variants.back();
      if (!model.model && variant.why_not.empty()) variant.why_not = "was not made";
      const std::optional<double> baseline = study_.variants.front().accuracy;
      if (!study_.target.max_accuracy_drop_points || !variant.why_not.empty()) continue;
      if (!variant.accuracy || !baseline) {
        if (study_.variants.size() > 1) variant.why_not = "has an accuracy that is not known";
        continue;
      }
      const double drop = 100.0 * (*baseline - *variant.accuracy);
      if (drop > *study_.target.max_accuracy_drop_points + 1e-9)
        variant.why_not = formatted("loses %.2f points of accuracy", drop);
    }
    const ServiceSpace space = options_.space ? *options_.space : default_service_space(study_.cores);
    study_.candidates = enumerate(space, study_.variants, study_.target.slo, study_.cores);
    for (std::size_t i = 0; i < study_.candidates.size(); ++i) {
      ServiceCandidate& c = study_.candidates[i];
      if (const auto& made = models_[c.variant].model) c.config = calibrated(std::move(c.config), *made, profile_);
      auto group = std::find_if(groups_.begin(), groups_.end(),
                                [&](const ServiceGroup& g) { return g.variant == c.variant && g.config == c.config; });
      if (group == groups_.end()) group = groups_.insert(groups_.end(), {c.variant, c.config, {}, {}, 0.0, {}, {}});
      group->candidates.push_back(i);
    }
  }

  ServiceGroup& group_of(std::size_t candidate) {
    return *std::find_if(groups_.begin(), groups_.end(), [&](const ServiceGroup& g) {
      return g.variant == study_.candidates[candidate].variant && g.config == study_.candidates[candidate].config;
    });
  }

  const Model<float>& model_of(const ServiceGroup& group) const { return *models_[group.variant].model; }

  void predict() {
    const AnyPredictor predictor = options_.predictor ? options_.predictor : CalibratedPredictor(profile_);
    tell(0.0, "how fast the machine is now");
    const std::optional<Drift> drift = drift_since_calibration(profile_);
    if (drift) {
      if (auto note = drift_note(*drift)) study_.notes.push_back(*note + ": predictions are for its present speed");
    }
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      ServiceGroup& group = groups_[g];
      tell(0.02 + 0.13 * static_cast<double>(g) / static_cast<double>(groups_.size()), "predicting",
           study_.variants[group.variant].name);
      if (!models_[group.variant].model) continue;
      try {
        std::set<std::int64_t> sizes;
        for (const std::size_t i : group.candidates) {
          ServiceCandidate& c = study_.candidates[i];
          if (c.batching.max_batch > 1 && !samples_are_independent(model_of(group), 2, 1)) {
            c.why_not = "the samples of a batch are not known to be independent";
            continue;
          }
          for (const std::int64_t size : executor_batches(c.batching)) sizes.insert(size);
        }
        for (const std::int64_t size : sizes) {
          RunConfig config = group.config;
          config.batch = size;
          LatencyReport report = predictor(model_of(group), config);
          if (drift && drift->beyond_noise()) report = at_present_speed(std::move(report), *drift);
          group.reports.push_back(std::move(report));
        }
      } catch (const std::exception& error) {
        group.reports.clear();
        for (const std::size_t i : group.candidates)
          study_.candidates[i].why_not = std::string("could not be predicted: ") + error.what();
        continue;
      }
      simulate_group(group, false);
      find_least_disturbed(group);
    }
  }

  /// What a group may do at best: the slowest inferences of a prediction are those of a calibration, which may have
  /// been disturbed; how much this machine is, the runner will tell.
  void find_least_disturbed(ServiceGroup& group) {
    std::vector<LatencyReport> reports = group.reports;
    for (LatencyReport& report : reports) {
      LatencyStatistics& l = report.latency;
      l.p90 = l.p95 = l.p99 = l.p99_9 = std::min(l.p90, 1.1 * l.p50);
      l.mean = l.p50;
    }
    if (reports.empty()) return;
    const ServiceModel service = ServiceModel::from_reports(reports);
    for (const std::size_t i : group.candidates) {
      const ServiceCandidate& c = study_.candidates[i];
      if (!c.why_not.empty() || c.batching.max_delay.count() > 0) continue;
      group.least_disturbed = std::max(group.least_disturbed, highest_rate(c, service, study_.target, simulation()));
    }
  }

  ServiceSimulationOptions simulation() const {
    ServiceSimulationOptions result = options_.simulation;
    result.seed = options_.seed;
    return result;
  }

  void simulate_group(ServiceGroup& group, bool served) {
    if (group.reports.empty()) return;
    const ServiceModel service = ServiceModel::from_reports(served ? group.served : group.reports);
    for (const std::size_t i : group.candidates) {
      ServiceCandidate& c = study_.candidates[i];
      if (!c.why_not.empty()) continue;
      (served ? c.refined : c.predicted) = simulated_figures(c, service, study_.target, simulation());
    }
  }

  double wanted() const { return study_.target.highest_rate ? 0.0 : rate_of(study_.target.arrivals); }

  /// The first of a group in an order of candidates.
  std::optional<std::size_t> best_of(const ServiceGroup& group, std::span<const std::size_t> order) const {
    for (const std::size_t i : order) {
      if (std::find(group.candidates.begin(), group.candidates.end(), i) != group.candidates.end()) return i;
    }
    return std::nullopt;
  }

  /// Short loads on the groups that may hold the answer: how long batches take in the runner. Two rounds, some time
  /// apart: what else runs on the machine will be there when the plan is, as often as it is now.
  void probe() {
    constexpr double margin = 1.35;  // how far off a prediction may be
    const std::vector<std::size_t> order = by_preference(study_, options_.headroom);
    double most = 0.0;
    std::vector<ServiceGroup*> promising;
    const auto may_do = [](const ServiceGroup* group) { return margin * group->least_disturbed; };
    for (const std::size_t i : order) {
      ServiceGroup& group = group_of(i);
      most = std::max(most, group.least_disturbed);
      if (std::find(promising.begin(), promising.end(), &group) == promising.end()) promising.push_back(&group);
    }
    const double least = study_.target.highest_rate ? most : std::min(wanted(), most);
    std::erase_if(promising, [&](const ServiceGroup* group) { return may_do(group) < least; });
    // Few cores first where they may do, as by_preference() has it, but judged without the calibration's interruptions.
    std::stable_sort(promising.begin(), promising.end(), [&](const ServiceGroup* a, const ServiceGroup* b) {
      const auto key = [&](const ServiceGroup* group) {
        const double rate = group->least_disturbed;
        const bool enough = !study_.target.highest_rate && rate >= wanted() * (1.0 + options_.headroom);
        return std::tuple(enough ? 0 : 1, enough ? group->config.threads * group->config.instances : 0, -rate);
      };
      return key(a) < key(b);
    });
    if (promising.size() > options_.probes) promising.resize(options_.probes);
    for (int round = 0; round < 2; ++round) {
      for (std::size_t at = 0; at < promising.size(); ++at) {
        ServiceGroup& group = *promising[at];
        const std::optional<std::size_t> best = best_of(group, order);
        if (!best) continue;
        double rate = 0.7 * group.least_disturbed;
        if (!(rate > 0.0)) rate = 0.2 * figures(study_.candidates[*best])->capacity_per_s;
        if (!study_.target.highest_rate) rate = std::min(rate, wanted());
        const Seconds length(std::clamp(300.0 / rate, 0.8, 2.5));
        tell(0.15 + 0.25 * (0.5 * round + 0.5 * static_cast<double>(at) / static_cast<double>(promising.size())),
             "short loads", candidate_name(study_, *best));
        try {
          refine(group, load(*best, rate, length));
        } catch (const std::exception& error) {
          group.least_disturbed = 0.0;
          for (const std::size_t i : group.candidates) {
            study_.candidates[i].why_not = std::string("could not be run: ") + error.what();
            study_.candidates[i].predicted.reset();
          }
        }
      }
    }
  }

  /// Takes a run's service times, with those of the runs before.
  void refine(ServiceGroup& group, LoadReport report) {
    group.loads.push_back(std::move(report));
    group.served = as_served(group.reports, group.loads);
    if (!group.served.empty()) simulate_group(group, true);
  }

  /// A load on a candidate. The runner stays for the next one.
  LoadReport load(std::size_t candidate, double rate_per_s, Seconds length) {
    const ServiceCandidate& c = study_.candidates[candidate];
    const ServiceGroup& group = group_of(candidate);
    if (running_ != candidate || !runner_) {
      runner_.reset();
      RunnerOptions runner;
      runner.batching = c.batching;
      runner.queue = queue_for(std::max(rate_per_s, figures(c)->capacity_per_s), study_.target.slo);
      runner.executors = options_.executors;
      runner_ = std::make_unique<QueuedRunner>(model_of(group), c.config, runner);
      running_ = candidate;
    }
    LoadOptions options;
    options.duration = length;
    options.warm_up = std::clamp(0.1 * length, Seconds(0.3), Seconds(1.0));
    options.tail = study_.target.tail;
    options.slo = study_.target.slo;
    options.seed = options_.seed + 1 + loads_++;
    options.patience = Seconds(10.0);
    const BesideRunner beside(*runner_);
    LoadReport report = generate_load(RunnerLoad(model_of(group), *runner_, 16, options_.seed),
                                      Server{at_rate(study_.target.arrivals, rate_per_s)}, options);
    report.model = study_.model;
    report.setup = candidate_name(study_, candidate);
    report.environment = study_.environment;
    return report;
  }

  /// Whether the bound held: shown with the confidence asked for, or clearly in a run that was too short for that.
  static bool is_within(const LoadReport& report) {
    if (!report.slo || report.queries == 0) return false;
    if (report.slo->holds) return true;
    const double over = static_cast<double>(report.slo->over) / static_cast<double>(report.queries);
    const bool short_run = static_cast<double>(report.queries) / report.correlation < 662.0;
    return short_run && over <= 0.5 * (1.0 - report.tail.target.percentile);
  }

  /// The real load on a candidate; its service times refine its group.
  const ServiceRun& measure(std::size_t candidate, double rate_per_s) {
    ServiceGroup& group = group_of(candidate);
    ServiceRun run;
    run.candidate = candidate;
    run.rate_per_s = rate_per_s;
    const auto tail_at = [&](const std::vector<LatencyReport>& reports) {
      if (reports.empty()) return Milliseconds(0.0);
      return simulate_rate(study_.candidates[candidate], ServiceModel::from_reports(reports), study_.target, rate_per_s,
                           simulation())
          .tail;
    };
    run.predicted_tail = tail_at(group.reports);
    run.simulated_tail = tail_at(group.served);
    const Seconds length(std::clamp(static_cast<double>(options_.requests) / rate_per_s, options_.shortest.count(),
                                    options_.longest.count()));
    run.report = load(candidate, rate_per_s, length);
    run.within = is_within(run.report);
    study_.candidates[candidate].measured = true;
    refine(group, run.report);
    study_.runs.push_back(std::move(run));
    return study_.runs.back();
  }

  bool in_time() const { return Clock::now() - started_ < options_.time_limit; }

  void choose() {
    if (study_.target.highest_rate) {
      choose_highest();
      return;
    }
    std::set<std::size_t> tried;
    while (tried.size() < 5 && (in_time() || tried.empty())) {
      const std::optional<std::size_t> next = next_to_try(tried);
      if (!next) break;
      tried.insert(*next);
      tell(0.4 + 0.07 * static_cast<double>(tried.size()), "under the real load", candidate_name(study_, *next));
      if (!keeps(*next, wanted())) continue;
      study_.answer.chosen = *next;
      break;
    }
    if (study_.answer.chosen) {
      find_limit(*study_.answer.chosen, wanted());
    } else if (const auto order = by_preference(study_, options_.headroom); !order.empty()) {
      // None keeps the rate: what does the best one keep?
      std::size_t best = order.front();
      for (const std::size_t i : order) {
        if (study_.candidates[i].refined &&
            (!study_.candidates[best].refined ||
             study_.candidates[i].refined->max_rate_per_s > study_.candidates[best].refined->max_rate_per_s))
          best = i;
      }
      find_limit(best, 0.0);
      // Where the machine was disturbed before, a higher rate may be kept now than the one that was not.
      (highest_measured_rate(study_, best) >= wanted() ? study_.answer.chosen : study_.answer.nearest) = best;
    }
  }

  /// The best candidate that is thought to keep the rate; where none is, the best one of a group that may after all.
  std::optional<std::size_t> next_to_try(const std::set<std::size_t>& tried) {
    const std::vector<std::size_t> order = by_preference(study_, options_.headroom);
    std::optional<std::size_t> disturbed;
    for (const std::size_t i : order) {
      const ServiceCandidate& c = study_.candidates[i];
      if (tried.contains(i) || !c.refined || c.refined->max_rate_per_s < wanted()) continue;
      if (!was_disturbed(study_, i)) return i;
      if (!disturbed) disturbed = i;
    }
    if (disturbed) return disturbed;
    if (tried.size() >= 2) return std::nullopt;
    for (const std::size_t i : order) {
      const ServiceGroup& group = group_of(i);
      const bool was = std::any_of(tried.begin(), tried.end(), [&](std::size_t t) { return &group_of(t) == &group; });
      if (!was && study_.candidates[i].refined && group.least_disturbed >= wanted()) return i;
    }
    return std::nullopt;
  }

  /// Whether a candidate keeps the bound in a real load. One that kept it, but in too few requests to say so with the
  /// confidence asked for, has to keep it once more.
  bool keeps(std::size_t candidate, double rate_per_s) {
    if (measure(candidate, rate_per_s).within) return true;
    const LoadReport& report = study_.runs.back().report;
    if (!(report.tail.observed <= study_.target.slo) || !in_time()) return false;
    measure(candidate, rate_per_s);
    ServiceRun& again = study_.runs.back();
    again.within = again.within || again.report.tail.observed <= study_.target.slo;
    return again.within;
  }

  void choose_highest() {
    std::set<std::size_t> tried;
    std::optional<std::size_t> best;
    double rate = 0.0;
    while (tried.size() < 3 && (in_time() || tried.empty())) {
      std::optional<std::size_t> next;
      for (const std::size_t i : by_preference(study_, options_.headroom)) {
        const ServiceCandidate& c = study_.candidates[i];
        if (tried.contains(i) || !c.refined || c.refined->max_rate_per_s <= 1.03 * rate) continue;
        next = i;
        break;
      }
      if (!next) break;
      tried.insert(*next);
      find_limit(*next, 0.0);
      const double measured = highest_measured_rate(study_, *next);
      if (measured > rate || !best) best = *next, rate = measured;
    }
    if (!best) {
      if (const auto order = by_preference(study_, options_.headroom); !order.empty())
        study_.answer.nearest = order.front();
      return;
    }
    (rate > 0.0 ? study_.answer.chosen : study_.answer.nearest) = *best;
  }

  /// Measures a candidate at what should be its highest rate, and nearer, until rates that keep the bound and that do
  /// not are within 5 %. Time that runs out ends this only once there is a rate that keeps it: no answer rests on the
  /// one load that was tried at the edge of what a simulation promised.
  /// \param good  a rate that is known to keep it; 0: none
  void find_limit(std::size_t candidate, double good) {
    double bad = std::numeric_limits<double>::infinity();
    good = std::max(good, highest_measured_rate(study_, candidate));
    for (const ServiceRun& run : study_.runs) {
      if (run.candidate == candidate && !run.within && run.rate_per_s > good) bad = std::min(bad, run.rate_per_s);
    }
    for (int step = 0; step < 6 && (in_time() || good == 0.0); ++step) {
      const ServiceCandidate& c = study_.candidates[candidate];
      double rate = c.refined ? 0.98 * c.refined->max_rate_per_s : 0.0;
      if (!(rate > 0.0)) rate = 0.5 * group_of(candidate).least_disturbed;
      if (!(rate > 0.0)) break;
      if (std::isfinite(bad) && good > 0.0)
        rate = std::clamp(rate, good + 0.3 * (bad - good), bad - 0.3 * (bad - good));
      else if (std::isfinite(bad))
        rate = std::min(rate, 0.85 * bad);
      else if (good > 0.0)
        rate = std::max(rate, 1.04 * good);
      tell(0.75 + 0.04 * step, "the highest rate", candidate_name(study_, candidate) + ", " + format_rate(rate));
      (keeps(candidate, rate) ? good : bad) = rate;
      if (good > 0.0 && bad / good < 1.05) break;
      // Simulated once more with what this run had: further up only where that promises more.
      if (!std::isfinite(bad) && study_.candidates[candidate].refined->max_rate_per_s < 1.03 * good) break;
    }
  }

  void finish() {
    runner_.reset();
    const std::optional<std::size_t> subject = study_.answer.chosen ? study_.answer.chosen : study_.answer.nearest;
    if (subject) {
      const ServiceCandidate& c = study_.candidates[*subject];
      const ServiceGroup& group = group_of(*subject);
      study_.answer.max_rate_per_s = highest_measured_rate(study_, *subject);
      if (!group.reports.empty()) {
        study_.inference = group.reports.front();
        study_.predicted_curve =
            fulcrum::simulated_curve(c, ServiceModel::from_reports(group.reports), study_.target, simulation());
      }
      if (!group.served.empty())
        study_.simulated_curve =
            fulcrum::simulated_curve(c, ServiceModel::from_reports(group.served), study_.target, simulation());
      study_.plan.model = study_.variants[c.variant].name;
      study_.plan.config = c.config;
      study_.plan.batching = c.batching;
      const double rate = study_.target.highest_rate ? study_.answer.max_rate_per_s : wanted();
      if (rate > 0.0) study_.plan.arrivals = at_rate(study_.target.arrivals, rate);
      study_.plan.queue = queue_for(std::max(rate, study_.answer.max_rate_per_s), study_.target.slo);
      study_.plan.slo = study_.target.slo;
      study_.plan.tail = study_.target.tail;
      if (study_.answer.max_rate_per_s > 0.0) study_.plan.max_rate_per_s = study_.answer.max_rate_per_s;
    }
    study_.answer = described(study_, study_.answer);
    std::vector<std::string> why = why_not_the_answer(study_);
    for (std::size_t i = 0; i < why.size(); ++i) study_.candidates[i].why_not = std::move(why[i]);
    std::size_t measured = 0;
    for (const ServiceCandidate& c : study_.candidates) measured += c.measured ? 1 : 0;
    study_.notes.push_back(std::to_string(measured) + " of " + std::to_string(study_.candidates.size()) +
                           (measured == 1 ? " candidates was" : " candidates were") + " put under the real load, in " +
                           std::to_string(study_.runs.size()) + (study_.runs.size() == 1 ? " run" : " runs") +
                           "; the others are simulated");
    if (subject && !group_of(*subject).served.empty()) {
      if (auto note = interruption_note(group_of(*subject).served.front().latency))
        study_.notes.push_back(*std::move(note));
    }
    if (!study_.answer.chosen && !in_time()) study_.notes.emplace_back("the time limit ended the search");
  }

  std::span<const ServedModel> models_;
  const MachineProfile& profile_;
  const ServiceOptions& options_;
  const ProgressSink& progress_;
  Clock::time_point started_{};
  ServiceStudy study_;
  std::vector<ServiceGroup> groups_;
  std::unique_ptr<QueuedRunner> runner_;
  std::optional<std::size_t> running_;
  std::uint64_t loads_ = 0;
};

}  // namespace fulcrum::detail
