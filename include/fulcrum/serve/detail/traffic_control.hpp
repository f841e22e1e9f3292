#pragma once
/// \file
/// Which version gets a request, and what follows from how it fared.

#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fulcrum/serve/canary.hpp>
#include <fulcrum/serve/model_repository.hpp>
#include <fulcrum/serve/traffic_plan.hpp>

namespace fulcrum::detail {

/// A model's traffic, while its plan holds.
struct ModelTraffic {
  TrafficPlan plan;
  std::string model;
  std::string old;  // of a canary: the version that was current
  std::atomic<std::uint64_t> turn{0};
  std::mutex mutex;
  std::optional<Canary> canary;

  /// Of 0 … 1: by the key where there is one, so that whoever asks is served alike; else in even turns.
  double draw(std::string_view key) {
    if (key.empty()) {
      const double x = static_cast<double>(turn.fetch_add(1, std::memory_order_relaxed)) * 0.6180339887498949;
      return x - std::floor(x);
    }
    std::uint64_t hash = 1469598103934665603U;  // FNV-1a, and splitmix64's last steps
    for (const std::string_view text : {std::string_view(model), key}) {
      for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    }
    hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
    hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebU;
    return static_cast<double>((hash ^ (hash >> 31U)) >> 11U) * 0x1p-53;
  }
};

class TrafficControl {
public:
  using Log = std::function<void(const char* event, nlohmann::json fields)>;

  TrafficControl(ModelRepository& repository, Log log) : repository_(repository), log_(std::move(log)) {}

  struct Choice {
    std::shared_ptr<ServedVersion> version;
    std::shared_ptr<ServedVersion> shadow;  // gets a copy
    std::shared_ptr<ModelTraffic> traffic;  // is told how it fared; empty: nobody is
    bool is_new = false;
  };

  /// For a request that names no version.
  /// \throws RequestError as ModelRepository::find()
  Choice choose(const std::string& model, std::string_view key) {
    Choice choice;
    const std::shared_ptr<ModelTraffic> traffic = of(model);
    if (!traffic) return choice.version = repository_.find(model), choice;
    std::string wanted;
    switch (traffic->plan.kind) {
      case TrafficKind::current: break;
      case TrafficKind::weights: wanted = by_weight(*traffic, key); break;
      case TrafficKind::canary: {
        const std::lock_guard lock(traffic->mutex);
        choice.is_new = traffic->draw(key) < traffic->canary->share();
        wanted = choice.is_new ? traffic->plan.version : traffic->old;
        choice.traffic = traffic;
        break;
      }
      case TrafficKind::shadow:
        if (traffic->draw(key) < traffic->plan.share) choice.shadow = loaded(model, traffic->plan.version);
        break;
    }
    if (!wanted.empty()) choice.version = loaded(model, wanted);
    if (!choice.version) {
      choice.version = repository_.find(model);
      choice.traffic.reset();
    }
    return choice;
  }

  /// \throws RequestError when a version is not loaded
  void set(const std::string& model, TrafficPlan plan, const std::string& who) {
    const std::shared_ptr<ServedVersion> current = repository_.find(model);
    for (const auto& [version, weight] : plan.weights) static_cast<void>(repository_.find(model, version));
    if (!plan.version.empty()) {
      static_cast<void>(repository_.find(model, plan.version));
      if (plan.version == current->version())
        throw RequestError(400, "version '" + plan.version + "'", "is the current one already");
    }
    log_("traffic_changed", {{"model", model}, {"plan", to_json(plan)}, {"who", who}});
    auto traffic = std::make_shared<ModelTraffic>();
    traffic->model = model;
    traffic->old = current->version();
    if (plan.kind == TrafficKind::canary) traffic->canary.emplace(plan, current->settings().slo);
    traffic->plan = std::move(plan);
    const std::lock_guard lock(mutex_);
    if (traffic->plan.kind == TrafficKind::current)
      models_.erase(model);
    else
      models_[model] = std::move(traffic);
  }

  [[nodiscard]] nlohmann::json status(const std::string& model) {
    const std::shared_ptr<ModelTraffic> traffic = of(model);
    nlohmann::json j{{"model", model}, {"current", repository_.find(model)->version()}};
    j["plan"] = to_json(traffic ? traffic->plan : TrafficPlan{});
    if (traffic && traffic->canary) {
      const std::lock_guard lock(traffic->mutex);
      j["canary"] = traffic->canary->status();
    }
    const std::lock_guard lock(mutex_);
    const auto last = last_.find(model);
    if (last != last_.end()) j["last_canary"] = last->second;
    return j;
  }

  void observe(const std::shared_ptr<ModelTraffic>& traffic, bool is_new, const CanaryObservation& observation) {
    decide(traffic, [&](Canary& canary) { return canary.observe(is_new, observation); });
  }

  /// \throws RequestError when no canary of the model is under way, or the version is no part of it
  void report_outcome(const std::string& model, const std::string& version, double bad) {
    const std::shared_ptr<ModelTraffic> traffic = of(model);
    if (!traffic || !traffic->canary) throw RequestError(409, "model '" + model + "'", "has no canary under way");
    if (version != traffic->old && version != traffic->plan.version)
      throw RequestError(400, "version '" + version.substr(0, 40) + "'", "is no part of the canary");
    decide(traffic, [&](Canary& canary) { return canary.report_outcome(version != traffic->old, bad); });
  }

private:
  std::shared_ptr<ModelTraffic> of(const std::string& model) {
    const std::lock_guard lock(mutex_);
    const auto at = models_.find(model);
    return at == models_.end() ? nullptr : at->second;
  }

  std::shared_ptr<ServedVersion> loaded(const std::string& model, const std::string& version) const {
    try {
      return repository_.find(model, version);
    } catch (const RequestError&) {
      return nullptr;  // it was unloaded meanwhile
    }
  }

  static std::string by_weight(ModelTraffic& traffic, std::string_view key) {
    double total = 0.0;
    for (const auto& [version, weight] : traffic.plan.weights) total += weight;
    double at = traffic.draw(key) * total;
    for (const auto& [version, weight] : traffic.plan.weights) {
      if ((at -= weight) < 0.0) return version;
    }
    return traffic.plan.weights.rbegin()->first;
  }

  template <class Step>
  void decide(const std::shared_ptr<ModelTraffic>& traffic, Step step) {
    CanaryVerdict verdict = CanaryVerdict::go_on;
    nlohmann::json status;
    {
      const std::lock_guard lock(traffic->mutex);
      if (traffic->canary->verdict() == CanaryVerdict::accepted ||
          traffic->canary->verdict() == CanaryVerdict::rejected)
        return;
      verdict = step(*traffic->canary);
      if (verdict == CanaryVerdict::go_on) return;
      status = traffic->canary->status();
    }
    const char* event = verdict == CanaryVerdict::next_step  ? "canary_step"
                        : verdict == CanaryVerdict::accepted ? "canary_accepted"
                                                             : "canary_rolled_back";
    if (verdict != CanaryVerdict::next_step) {
      const std::lock_guard lock(mutex_);
      const auto at = models_.find(traffic->model);
      if (at != models_.end() && at->second == traffic) models_.erase(at);
      last_[traffic->model] = status;
    }
    if (verdict == CanaryVerdict::accepted) {
      try {
        static_cast<void>(repository_.publish(traffic->model, traffic->plan.version));
      } catch (const RequestError&) {
        event = "canary_lost";  // it was unloaded meanwhile
      }
    }
    log_(event, {{"model", traffic->model}, {"canary", std::move(status)}});
  }

  ModelRepository& repository_;
  Log log_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ModelTraffic>> models_;
  std::map<std::string, nlohmann::json> last_;
};

}  // namespace fulcrum::detail
