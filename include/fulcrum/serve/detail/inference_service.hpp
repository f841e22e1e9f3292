#pragma once
/// \file
/// What a server does apart from HTTP: finds the version, binds tensors, admits, runs, watches.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/utc.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/serve/detail/inference_call.hpp>
#include <fulcrum/serve/detail/traffic_control.hpp>
#include <fulcrum/serve/model_repository.hpp>
#include <fulcrum/serve/server_options.hpp>
#include <fulcrum/serve/signed_model.hpp>
#include <fulcrum/serve/tensor_bytes.hpp>

namespace fulcrum::detail {

/// Turned away because too many are there already; says when to come back.
class ShedError : public RequestError {
public:
  ShedError(std::string where, std::string what, Seconds retry_after)
      : RequestError(429, std::move(where), std::move(what), "try again later"), retry_after_(retry_after) {}
  [[nodiscard]] Seconds retry_after() const noexcept { return retry_after_; }

private:
  Seconds retry_after_;
};

class InferenceService : public CallOwner, public std::enable_shared_from_this<InferenceService> {
public:
  explicit InferenceService(const ServerOptions& options)
      : options_(options),
        repository_(with_check(options)),
        traffic_(repository_, [this](const char* event, nlohmann::json fields) { log(event, std::move(fields)); }) {}

  [[nodiscard]] ModelRepository& repository() noexcept { return repository_; }
  [[nodiscard]] TrafficControl& traffic() noexcept { return traffic_; }
  [[nodiscard]] const ServerOptions& options() const noexcept { return options_; }

  /// Called by watch() when so many threads that begin() was called on hang in a run.
  std::function<void(int)> threads_lost;

  void log(const char* event, nlohmann::json fields) const {
    if (!options_.log) return;
    nlohmann::json line{{"time", utc_now()}, {"event", event}};
    line.update(fields);
    options_.log(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }

  /// Chooses who answers a call: the version that is named, or else what the model's traffic says.
  /// \param key  of a client that always goes one way; may be empty
  /// \throws RequestError when there is no such version
  TrafficControl::Choice choose(InferenceCall& call, const std::string& name, std::string_view version,
                                std::string_view key) {
    TrafficControl::Choice choice;
    if (version.empty()) {
      choice = traffic_.choose(name, key);
    } else {
      choice.version = repository_.find(name, version);
    }
    call.traffic = choice.traffic;
    call.is_new = choice.is_new;
    return choice;
  }

  /// Runs a call whose request was read on what was chosen; call->done is called when it has ended.
  /// \throws RequestError when it is not begun: nothing is called then
  void begin(const std::shared_ptr<InferenceCall>& call, TrafficControl::Choice choice) {
    try {
      begin(call, std::move(choice.version));
    } catch (...) {
      call->done = nullptr;  // which has what is to be answered, which has the call
      throw;
    }
    if (choice.shadow) shadow(call, std::move(choice.shadow));
  }

  /// What a call that ended well answers, of the outputs that were asked for.
  [[nodiscard]] static std::vector<SentOutput> outputs_of(InferenceCall& call) {
    const std::vector<TensorSpec>& specs = call.version->outputs();
    std::vector<WantedOutput> wanted = call.request.outputs;
    if (wanted.empty()) {
      for (const TensorSpec& spec : specs) wanted.push_back({spec.name, call.request.binary_outputs});
    }
    std::vector<SentOutput> outputs;
    for (const WantedOutput& want : wanted) {
      const auto spec =
          std::find_if(specs.begin(), specs.end(), [&](const TensorSpec& s) { return s.name == want.name; });
      const auto index = static_cast<std::size_t>(spec - specs.begin());
      outputs.push_back({&*spec, with_batch(spec->shape, call.samples), call.result(index), want.binary});
    }
    return outputs;
  }

  /// Runs a call whose request was read; call->done is called when it has ended.
  /// \throws RequestError when it is not begun
  void begin(const std::shared_ptr<InferenceCall>& call, std::shared_ptr<ServedVersion> version) {
    call->version = std::move(version);
    VersionMetrics& metrics = call->version->metrics();
    try {
      bind(*call);
      if (answer_from_cache(*call)) return;
      admit(*call);
    } catch (const ShedError&) {
      metrics.count(ServedAs::shed);
      throw;
    } catch (const RequestError& error) {
      metrics.count(error.status() == 504 ? ServedAs::expired : ServedAs::refused);
      throw;
    }
    submit(call);
  }

  /// Runs a copy of a call on another version, for nobody; where that one is idle.
  void shadow(const std::shared_ptr<InferenceCall>& call, std::shared_ptr<ServedVersion> version) {
    if (version->runner()->runner().waiting() > 0) return;
    auto copy = std::make_shared<InferenceCall>();
    copy->source = call;
    copy->request = call->request;  // binary tensors stay where they are
    copy->arrived = ServeClock::now();
    copy->done = [] {};
    try {
      begin(copy, std::move(version));
    } catch (const Error&) {  // counted where it was refused
    }
  }

  void all_ended(InferenceCall& call) override {
    const std::shared_ptr<InferenceCall> keep = std::move(call.self);
    {
      const std::lock_guard lock(mutex_);
      on_their_way_.erase(call.place);
    }
    call.version->metrics().in_flight.fetch_sub(1, std::memory_order_relaxed);
    if (!call.claim()) return;
    switch (call.worst()) {
      case RequestStatus::done:
        note_cost(call);
        keep_in_cache(call);
        return end(call, ServedAs::ok, 200, {});
      case RequestStatus::expired:
        return end(call, ServedAs::expired, 504, "the request: waited beyond its deadline and was not run");
      case RequestStatus::rejected:
      case RequestStatus::dropped:
        return end(call, ServedAs::shed, 429,
                   "model '" + call.version->model() + "': its queue is full; try again later");
      case RequestStatus::failed: break;
    }
    log("inference_failed",
        {{"model", call.version->model()}, {"version", call.version->version()}, {"error", call.error()}});
    end(call, ServedAs::failed, 500,
        call.error().empty() ? "the model could not be run" : "the model could not be run: " + call.error());
  }

  /// To be called at regular times by one thread: replaces instances that hang or threw, answers what they have, and
  /// frees what nobody uses.
  /// \param passed  see WatchedRunner::look()
  void watch(std::chrono::nanoseconds passed) {
    for (const std::shared_ptr<ServedVersion>& version : repository_.loaded()) {
      const std::shared_ptr<WatchedRunner> runner = version->runner();
      if (!runner) continue;
      const WatchedRunner::Finding finding = runner->look(passed, options_.hang_after);
      if (finding != WatchedRunner::Finding::well) replace(*version, runner, finding);
    }
    answer_for_given_up();
    const bool collecting =
        collecting_.valid() && collecting_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
    if (!collecting && repository_.can_collect())  // on another thread, as a quiet one may take its time
      collecting_ = std::async(std::launch::async, [this] { repository_.collect(); });
  }

  /// Whether an instance is stuck that could not be replaced.
  [[nodiscard]] bool stuck() const noexcept { return stuck_.load(); }
  [[nodiscard]] std::size_t on_their_way() const {
    const std::lock_guard lock(mutex_);
    return on_their_way_.size();
  }

private:
  static RepositoryOptions with_check(const ServerOptions& options) {
    RepositoryOptions repository = options.repository;
    if (!options.model_keys.empty()) {
      repository.check = [keys = options.model_keys, before = repository.check](const std::string& folder) {
        check_signature(folder, keys);
        if (before) before(folder);
      };
    }
    return repository;
  }

  bool answer_from_cache(InferenceCall& call) {
    const ServedVersion& version = *call.version;
    if (!version.cache().enabled()) return false;
    Sha256 hash;
    hash.add(std::as_bytes(std::span(&call.samples, 1)));
    for (std::size_t i = 0; i < call.src.size(); ++i) {
      const std::int64_t elements = version.src_elements()[i] * call.samples;
      hash.add(std::as_bytes(std::span(call.src[i], static_cast<std::size_t>(elements))));
    }
    call.cache_key = hash.digest();
    const auto kept = version.cache().find(*call.cache_key);
    (kept ? version.metrics().cache_hits : version.metrics().cache_misses).fetch_add(1, std::memory_order_relaxed);
    if (!kept) return false;
    call.results.resize(kept->size());
    for (std::size_t o = 0; o < kept->size(); ++o) {
      const auto bytes = std::as_bytes(std::span((*kept)[o]));
      call.results[o].resize(bytes.size());
      if (!bytes.empty()) std::memcpy(call.results[o].data(), bytes.data(), bytes.size());
    }
    call.set_cached();
    static_cast<void>(call.claim());
    end(call, ServedAs::ok, 200, {});
    return true;
  }

  static void keep_in_cache(InferenceCall& call) {
    if (!call.cache_key) return;
    ResponseCache::Results results;
    for (std::size_t o = 0; o < call.results.size(); ++o) {
      const std::span<const float> values = call.result(o);
      results.emplace_back(values.begin(), values.end());
    }
    call.version->cache().put(*call.cache_key, std::move(results));
  }

  static std::string of(const InferenceCall& call) { return "model '" + call.version->model() + "'"; }

  /// Points src at what was sent, converted where it has to be.
  void bind(InferenceCall& call) const {
    const ServedVersion& version = *call.version;
    const std::vector<TensorSpec>& specs = version.inputs();
    if (call.request.inputs.size() != specs.size()) {
      throw RequestError(400, of(call),
                         "takes " + std::to_string(specs.size()) + " input(s), but " +
                             std::to_string(call.request.inputs.size()) + " were sent");
    }
    call.src.resize(specs.size());
    call.samples = version.takes_samples() ? -1 : 1;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const TensorSpec& spec = specs[i];
      const auto sent = std::find_if(call.request.inputs.begin(), call.request.inputs.end(),
                                     [&](const SentTensor& tensor) { return tensor.name == spec.name; });
      if (sent == call.request.inputs.end()) throw RequestError(400, of(call), "needs the input '" + spec.name + "'");
      bind_shape(call, spec, sent->shape);
      call.src[i] = floats_of(call, spec, *sent);
    }
    for (const WantedOutput& wanted : call.request.outputs) {
      const bool known = std::any_of(version.outputs().begin(), version.outputs().end(),
                                     [&](const TensorSpec& spec) { return spec.name == wanted.name; });
      if (!known) throw RequestError(400, of(call), "has no output '" + wanted.name.substr(0, 255) + "'");
    }
  }

  static void bind_shape(InferenceCall& call, const TensorSpec& spec, const Shape& shape) {
    bool fits = shape.size() == spec.shape.size();
    for (std::size_t axis = 0; fits && axis < shape.size(); ++axis)
      fits = spec.shape[axis] == shape[axis] || (axis == 0 && spec.shape[axis] == batch_dim && shape[axis] > 0);
    if (!fits) {
      throw RequestError(400, "input '" + spec.name + "'",
                         "is " + to_string(shape) + ", but the model takes " + to_string(spec.shape));
    }
    if (spec.shape.empty() || spec.shape[0] != batch_dim) return;
    if (call.samples >= 0 && call.samples != shape[0])
      throw RequestError(400, "input '" + spec.name + "'", "has another number of samples than the inputs before");
    call.samples = shape[0];
    const std::int64_t most = call.version->settings().max_request_samples;
    if (call.samples > most) {
      throw RequestError(400, of(call), "takes at most " + std::to_string(most) + " samples in a request",
                         "send them in several");
    }
  }

  static const float* floats_of(InferenceCall& call, const TensorSpec& spec, const SentTensor& sent) {
    const auto elements = static_cast<std::size_t>(element_count(sent.shape));
    const float* values = sent.values.data();
    if (sent.binary) {
      const bool in_place = sent.datatype == ElementType::f32 &&
                            reinterpret_cast<std::uintptr_t>(sent.bytes.data()) % alignof(float) == 0;
      if (in_place) {
        values = reinterpret_cast<const float*>(sent.bytes.data());
      } else {
        std::vector<float>& floats = call.converted.emplace_back(elements);
        decode_tensor(sent.datatype, sent.bytes, floats);
        values = floats.data();
      }
    }
    if (!is_floating(spec.element)) {
      const bool whole =
          std::all_of(values, values + elements, [](float x) { return std::trunc(x) == x && std::isfinite(x); });
      if (!whole) throw RequestError(400, "input '" + spec.name + "'", "takes whole numbers, but has others");
    }
    return values;
  }

  /// Refuses at once what would be answered too late.
  void admit(InferenceCall& call) const {
    call.runner = call.version->runner();
    const ModelSettings& settings = call.version->settings();
    const auto now = ServeClock::now();
    if (call.deadline && now >= *call.deadline) throw RequestError(504, "the request", "came after its deadline");
    const double cost = call.version->metrics().sample_cost_s.load(std::memory_order_relaxed);
    const auto waiting = static_cast<double>(call.runner->runner().waiting());
    if (call.runner->runner().waiting() + call.samples > settings.queue.capacity &&
        settings.queue.when_full == WhenFull::reject) {
      throw ShedError(of(call), "has a full queue", Seconds(waiting * cost));
    }
    if (cost <= 0.0 || waiting == 0.0) return;  // nothing is known, or nothing can be gained by refusing
    const Seconds expected((waiting + static_cast<double>(call.samples)) * cost / settings.run.instances +
                           call.version->metrics().service_s.load(std::memory_order_relaxed));
    const bool late = (settings.slo && expected + Seconds(now - call.arrived) > Seconds(*settings.slo)) ||
                      (call.deadline && expected > Seconds(*call.deadline - now));
    if (late) throw ShedError(of(call), "is too busy to answer in time", expected);
  }

  void submit(const std::shared_ptr<InferenceCall>& call) {
    const ServedVersion& version = *call->version;
    call->results.resize(version.outputs().size());
    for (std::size_t o = 0; o < call->results.size(); ++o) {
      call->results[o].resize(static_cast<std::size_t>(call->samples * version.dst_elements()[o]) * sizeof(float));
    }
    call->owner = shared_from_this();
    call->self = call;
    call->left.store(call->samples + 1, std::memory_order_relaxed);
    call->submitted = ServeClock::now();
    {
      const std::lock_guard lock(mutex_);
      on_their_way_.push_back(call.get());
      call->place = std::prev(on_their_way_.end());
    }
    version.metrics().in_flight.fetch_add(1, std::memory_order_relaxed);
    const bool here = is_short(*call);
    std::vector<const float*> src(call->src.size());
    std::vector<float*> dst(call->results.size());
    for (std::int64_t sample = 0; sample < call->samples; ++sample) {
      for (std::size_t i = 0; i < src.size(); ++i) src[i] = call->src[i] + sample * version.src_elements()[i];
      for (std::size_t o = 0; o < dst.size(); ++o)
        dst[o] = reinterpret_cast<float*>(call->results[o].data()) + sample * version.dst_elements()[o];
      InferenceCall* raw = call.get();
      const Completion ended = [raw](const RequestOutcome& outcome) { raw->end_sample(outcome); };
      QueuedRunner& runner = call->runner->runner();
      const bool taken =
          (here && runner.run_here(src, dst, ended, call->deadline)) || runner.submit(src, dst, ended, call->deadline);
      if (!taken) {
        RequestOutcome rejected;
        rejected.status = RequestStatus::rejected;
        rejected.submitted = rejected.started = rejected.finished = call->submitted;
        raw->end_sample(rejected);
      }
    }
    call->end_part();
  }

  /// A mean of the last twenty or so; 0: there was none.
  static void ease(std::atomic<double>& mean, double value) noexcept {
    const double before = mean.load(std::memory_order_relaxed);
    mean.store(before == 0.0 ? value : before + 0.05 * (value - before), std::memory_order_relaxed);
  }

  /// Whether to run it on this thread, which can do nothing else meanwhile: where that is short, by itself and beside
  /// the time until the next one comes.
  bool is_short(const InferenceCall& call) const {
    VersionMetrics& metrics = call.version->metrics();
    const std::int64_t now = call.submitted.time_since_epoch().count();
    const std::int64_t last = metrics.last_ns.exchange(now, std::memory_order_relaxed);
    if (last > 0) ease(metrics.gap_s, std::min(1e-9 * static_cast<double>(now - last), 0.01));
    if (call.samples > 1 || call.source) return false;
    const double service = metrics.service_s.load(std::memory_order_relaxed);
    return service > 0.0 && service <= Seconds(options_.short_run).count() &&
           2.0 * service <= metrics.gap_s.load(std::memory_order_relaxed);
  }

  /// What a sample takes an instance, as the last ones did.
  static void note_cost(const InferenceCall& call) {
    VersionMetrics& metrics = call.version->metrics();
    const CallOutcome cost = call.measured();
    ease(metrics.service_s, Seconds(cost.computed).count());
    ease(metrics.sample_cost_s,
         Seconds(cost.computed).count() / static_cast<double>(std::max<std::int64_t>(cost.batch, 1)));
    metrics.queue.add(cost.queued);
    metrics.compute.add(cost.computed);
    metrics.samples.fetch_add(static_cast<std::uint64_t>(call.samples), std::memory_order_relaxed);
    metrics.batches_x1000.fetch_add(
        static_cast<std::uint64_t>(1000 * call.samples / std::max<std::int64_t>(cost.batch, 1)),
        std::memory_order_relaxed);
  }

  /// Precondition: claimed.
  void end(InferenceCall& call, ServedAs as, int status, std::string message) {
    VersionMetrics& metrics = call.version->metrics();
    const auto total = ServeClock::now() - call.arrived;
    metrics.count(as);
    if (as == ServedAs::ok) metrics.total.add(total);
    if (call.traffic && (as == ServedAs::failed || (as == ServedAs::ok && !call.measured().cached)))
      traffic_.observe(call.traffic, call.is_new, {as == ServedAs::failed, call.compute_time(), total});
    call.end(status, std::move(message));
  }

  void replace(ServedVersion& version, const std::shared_ptr<WatchedRunner>& runner, WatchedRunner::Finding finding) {
    const bool hung = finding == WatchedRunner::Finding::hung;
    log("instance_replaced",
        {{"model", version.model()}, {"version", version.version()}, {"because", hung ? "it hung" : "it threw"}});
    version.metrics().replacements.fetch_add(1, std::memory_order_relaxed);
    if (hung && !runner->given_up()) {
      runner->give_up();
      try {
        const int lost = runner->runner().lent();  // threads that read requests
        if (lost > 0 && threads_lost) threads_lost(lost);
      } catch (const std::exception& error) {
        stuck_.store(true);
        log("replacement_failed", {{"error", error.what()}});
      }
    }
    try {
      static_cast<void>(version.start());
    } catch (const std::exception& error) {
      stuck_.store(true);
      log("replacement_failed", {{"model", version.model()}, {"version", version.version()}, {"error", error.what()}});
      return;
    }
    stuck_.store(false);
    repository_.retire(runner);  // for good where a thread of it never comes back: its calls keep it
  }

  /// Requests that a runner which was given up had for too long are answered with an error.
  void answer_for_given_up() {
    std::vector<std::shared_ptr<InferenceCall>> lost;
    {
      const auto now = ServeClock::now();
      const std::lock_guard lock(mutex_);
      for (InferenceCall* call : on_their_way_) {
        if (call->runner->given_up() && now - call->submitted >= options_.hang_after)
          lost.push_back(call->shared_from_this());
      }
    }
    for (const std::shared_ptr<InferenceCall>& call : lost) {
      if (call->claim())
        end(*call, ServedAs::failed, 503, "the instance that had the request hung and was replaced; try again");
    }
  }

  ServerOptions options_;
  ModelRepository repository_;
  TrafficControl traffic_;
  mutable std::mutex mutex_;
  std::list<InferenceCall*> on_their_way_;
  std::atomic<bool> stuck_{false};
  std::future<void> collecting_;  // the last: it uses the rest
};

}  // namespace fulcrum::detail
