#pragma once
/// \file
/// Which request means what: the endpoints of the KServe v2 protocol and those beside it.

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/serve/detail/access_control.hpp>
#include <fulcrum/serve/detail/http_message.hpp>
#include <fulcrum/serve/detail/inference_service.hpp>
#include <fulcrum/serve/detail/job_thread.hpp>
#include <fulcrum/serve/detail/live_page.hpp>
#include <fulcrum/serve/metrics_text.hpp>

namespace fulcrum::detail {

class HttpFront {
public:
  explicit HttpFront(std::shared_ptr<InferenceService> service)
      : service_(std::move(service)), access_(service_->options().tokens) {}

  [[nodiscard]] InferenceService& service() noexcept { return *service_; }
  [[nodiscard]] JobThread& jobs() noexcept { return jobs_; }
  void set_ready(bool ready) noexcept { ready_.store(ready); }
  [[nodiscard]] bool ready() const noexcept { return ready_.load() && !service_->stuck(); }

  std::atomic<std::uint64_t> connections_accepted{0}, connections_refused{0}, requests_unknown{0};
  std::atomic<std::int64_t> connections_open{0};

  /// To be called now and then: reads files again that changed.
  void look_at_files() {
    access_.read_again([this](const char* event, nlohmann::json fields) { service_->log(event, std::move(fields)); });
  }

  /// \param who  is set to who asks as soon as that is known
  /// \throws RequestError of status 401 or 403
  void check_access(std::string_view authorization, AccessRight right, std::string_view model, std::string& who) const {
    access_.check(authorization, right, model, who);
  }

  /// Answers a request whose body is there.
  void handle(const std::shared_ptr<HttpRequest>& request, ReplyFunction reply) {
    try {
      route(request, reply);
    } catch (const ShedError& error) {
      reply(shed_reply(error.what(), error.retry_after()));
    } catch (const RequestError& error) {
      if (error.status() == 404) requests_unknown.fetch_add(1, std::memory_order_relaxed);
      reply(error_reply(error));
    } catch (const Error& error) {
      reply(error_reply(400, error.what()));
    } catch (const std::bad_alloc&) {
      reply(error_reply(503, "there is not enough memory for the request"));
    } catch (const std::exception& error) {
      reply(error_reply(500, error.what()));
    }
  }

private:
  using Parts = std::vector<std::string_view>;

  static HttpReply json_reply(const nlohmann::json& j) {
    return {200, j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
  }

  static HttpReply shed_reply(const std::string& message, Seconds retry_after) {
    HttpReply reply = error_reply(429, message);
    reply.headers.emplace_back(
        "Retry-After", std::to_string(std::max(1, static_cast<int>(std::ceil(std::min(retry_after.count(), 3600.0))))));
    return reply;
  }

  static void expect_method(const HttpRequest& request, std::string_view method) {
    if (request.method != method)
      throw RequestError(405, request.method + " " + request.target.substr(0, 200), "is not known",
                         "use " + std::string(method));
  }

  /// The right that a request needs, and for which model; nothing: it needs none.
  static std::optional<std::pair<AccessRight, std::string_view>> needed(const HttpRequest& request,
                                                                        const Parts& parts) {
    const auto is = [&](std::size_t i, std::string_view text) { return i < parts.size() && parts[i] == text; };
    if (is(0, "live") || (is(0, "v2") && is(1, "health"))) return std::nullopt;
    if (is(0, "v2") && is(1, "models") && parts.size() > 2) {
      const bool change = parts.back() == "traffic" && request.method != "GET";
      return std::pair(change ? AccessRight::change : AccessRight::infer, parts[2]);
    }
    if (is(0, "v2") && is(1, "repository") && is(2, "models") && parts.size() > 3)
      return std::pair(AccessRight::change, parts[3]);
    return std::pair(parts.size() == 1 && is(0, "v2") ? AccessRight::infer : AccessRight::watch, std::string_view{});
  }

  void route(const std::shared_ptr<HttpRequest>& request, const ReplyFunction& reply) {
    const Parts parts = path_parts(request->target);
    const auto is = [&](std::size_t i, std::string_view text) { return i < parts.size() && parts[i] == text; };
    if (const auto right = needed(*request, parts)) {
      try {
        access_.check(request->authorization, right->first, right->second, request->who);
      } catch (const RequestError& error) {
        service_->log("access_denied",
                      {{"who", request->who}, {"peer", request->peer}, {"target", request->target.substr(0, 200)}});
        HttpReply denied = error_reply(error);
        if (error.status() == 401) denied.headers.emplace_back("WWW-Authenticate", "Bearer");
        return reply(std::move(denied));
      }
    }
    if (is(0, "v2")) {
      if (parts.size() == 1) return expect_method(*request, "GET"), reply(json_reply(server_metadata()));
      if (is(1, "health") && parts.size() == 3 && (is(2, "live") || is(2, "ready"))) {
        expect_method(*request, "GET");
        return reply(is(2, "live") ? json_reply({{"live", true}}) : ready_reply("server", ready()));
      }
      if (is(1, "models") && parts.size() >= 3) return route_model(request, parts, reply);
      if (is(1, "repository")) return route_repository(request, parts, reply);
    }
    if (parts.size() == 1 && is(0, "metrics")) {
      expect_method(*request, "GET");
      return reply({200, metrics(), "text/plain; version=0.0.4; charset=utf-8"});
    }
    if (parts.size() == 1 && (is(0, "live") || is(0, "live.json"))) {
      expect_method(*request, "GET");
      if (is(0, "live.json")) return reply(json_reply(live_figures(service_->repository())));
      return reply({200, std::string(live_page), "text/html; charset=utf-8"});
    }
    throw RequestError(404, request->target.substr(0, 200), "is not here", "see the KServe v2 protocol");
  }

  void route_model(const std::shared_ptr<HttpRequest>& request, const Parts& parts, const ReplyFunction& reply) {
    const std::string name(parts[2]);
    std::size_t next = 3;
    std::string_view version;
    if (next + 1 < parts.size() && parts[next] == "versions") {
      version = parts[next + 1];
      if (version.empty()) throw RequestError(404, request->target.substr(0, 200), "names no version");
      next += 2;
    }
    if (parts.size() > next + 1) throw RequestError(404, request->target.substr(0, 200), "is not here");
    const std::string_view verb = next < parts.size() ? parts[next] : std::string_view{};
    if (version.empty() && verb == "traffic") return traffic(request, name, reply);
    if (version.empty() && verb == "outcome") return outcome(*request, name, reply);
    if (verb == "infer") return expect_method(*request, "POST"), infer(request, name, version, reply);
    expect_method(*request, "GET");
    if (verb.empty()) return reply(json_reply(model_metadata(*service_->repository().find(name, version))));
    if (verb == "stats") return reply(json_reply(model_statistics(*service_->repository().find(name, version))));
    if (verb != "ready") throw RequestError(404, request->target.substr(0, 200), "is not here");
    try {
      static_cast<void>(service_->repository().find(name, version));
    } catch (const RequestError& error) {
      if (error.status() != 503) throw;
      return reply(ready_reply(name, false));
    }
    reply(ready_reply(name, true));
  }

  void infer(const std::shared_ptr<HttpRequest>& request, const std::string& name, std::string_view version,
             const ReplyFunction& reply) {
    const std::shared_ptr<InferenceCall> call = request->call;
    try {
      call->request = parse_inference_request(call->json, call->binary);
      set_deadline(*request, *call);
    } catch (const RequestError&) {
      service_->repository().find(name, version)->metrics().count(ServedAs::refused);
      throw;
    }
    const std::string& key = request->routing_key.empty() ? call->request.key : request->routing_key;
    TrafficControl::Choice choice = service_->choose(*call, name, version, key);
    InferenceCall* raw = call.get();
    call->done = [this, raw, reply] { reply(inference_reply(raw->shared_from_this())); };
    service_->begin(call, std::move(choice));
  }

  void traffic(const std::shared_ptr<HttpRequest>& request, const std::string& name, const ReplyFunction& reply) {
    if (request->method != "GET") {
      expect_method(*request, "POST");
      if (!service_->options().changes)
        throw RequestError(403, "traffic", "cannot be changed by clients of this server");
      const nlohmann::json body = parse_json(request->body(), "the request");
      service_->traffic().set(name, traffic_plan_from_json(body), request->who);
    }
    reply(json_reply(service_->traffic().status(name)));
  }

  /// What a client says became of an answer: {"version", "bad": 0 (good) … 1}.
  void outcome(const HttpRequest& request, const std::string& name, const ReplyFunction& reply) {
    expect_method(request, "POST");
    const nlohmann::json body = parse_json(request.body(), "the request");
    const JsonReader j(body);
    const double bad = j.at("bad").number(0.0);
    if (bad > 1.0) j.at("bad").fail("a number from 0 to 1");
    service_->traffic().report_outcome(name, j.at("version").text(), bad);
    reply(json_reply(nlohmann::json::object()));
  }

  static void set_deadline(const HttpRequest& request, InferenceCall& call) {
    if (call.request.timeout && call.request.timeout->count() > 0) call.deadline = call.arrived + *call.request.timeout;
    if (request.timeout_ms.empty()) return;
    double ms = 0.0;
    const char* end = request.timeout_ms.data() + request.timeout_ms.size();
    const auto parsed = std::from_chars(request.timeout_ms.data(), end, ms);
    if (parsed.ec != std::errc{} || parsed.ptr != end || !(ms > 0.0 && ms <= 8.64e7))
      throw RequestError(400, "X-Request-Timeout-Ms", "is no time", "give milliseconds above 0, at most a day");
    const auto until = call.arrived + std::chrono::duration_cast<std::chrono::nanoseconds>(Milliseconds(ms));
    call.deadline = call.deadline ? std::min(*call.deadline, until) : until;
  }

  static std::string timing(const InferenceCall& call, const CallOutcome& outcome) {
    const auto ms = [](auto time) { return Milliseconds(time).count(); };
    std::array<char, 160> text{};
    std::snprintf(text.data(), text.size(), "queue;dur=%.3f, compute;dur=%.3f, total;dur=%.3f", ms(outcome.queued),
                  ms(outcome.computed), ms(ServeClock::now() - call.arrived));
    return text.data();
  }

  void trace(const InferenceCall& call, const CallOutcome& outcome) {
    const std::uint64_t every = service_->options().trace_requests;
    if (every == 0 || traced_.fetch_add(1, std::memory_order_relaxed) % every != 0) return;
    const auto ms = [](auto time) { return Milliseconds(time).count(); };
    service_->log("inference", {{"model", call.version->model()},
                                {"version", call.version->version()},
                                {"id", call.request.id.substr(0, 200)},
                                {"samples", call.samples},
                                {"status", outcome.status},
                                {"batch", outcome.batch},
                                {"cached", outcome.cached},
                                {"queue_ms", ms(outcome.queued)},
                                {"compute_ms", ms(outcome.computed)},
                                {"total_ms", ms(ServeClock::now() - call.arrived)}});
  }

  HttpReply inference_reply(const std::shared_ptr<InferenceCall>& call) {
    const CallOutcome outcome = call->outcome();
    trace(*call, outcome);
    if (outcome.status == 429) return shed_reply(outcome.message, Seconds(1.0));
    if (outcome.status != 200) {
      HttpReply reply = error_reply(outcome.status, outcome.message);
      if (outcome.status == 503) reply.headers.emplace_back("Retry-After", "1");
      return reply;
    }
    const std::vector<SentOutput> outputs = InferenceService::outputs_of(*call);
    auto response = std::make_shared<InferenceResponse>(
        make_inference_response(call->version->model(), call->version->version(), call->request.id, outputs));
    HttpReply reply;
    reply.body = std::move(response->json);
    if (!response->binary.empty()) {
      reply.content_type = "application/octet-stream";
      reply.headers.emplace_back("Inference-Header-Content-Length", std::to_string(reply.body.size()));
      reply.more = response->binary;
    }
    reply.headers.emplace_back("Server-Timing", timing(*call, outcome));
    reply.keep = std::make_shared<std::pair<std::shared_ptr<InferenceCall>, std::shared_ptr<InferenceResponse>>>(
        call, std::move(response));
    return reply;
  }

  static HttpReply ready_reply(const std::string& what, bool ready) {
    if (ready)
      return json_reply(what == "server" ? nlohmann::json{{"ready", true}}
                                         : nlohmann::json{{"name", what}, {"ready", true}});
    return error_reply(503, what + " is not ready");
  }

  static nlohmann::json server_metadata() {
    return {{"name", "fulcrum"},
            {"version", "2"},
            {"extensions", {"binary_tensor_data", "model_repository", "statistics"}}};
  }

  nlohmann::json model_metadata(const ServedVersion& version) {
    nlohmann::json inputs = nlohmann::json::array(), outputs = nlohmann::json::array();
    for (const TensorSpec& spec : version.inputs()) inputs.push_back(to_json(spec));
    for (const TensorSpec& spec : version.outputs()) outputs.push_back(to_json(spec));
    return {{"name", version.model()},
            {"versions", service_->repository().loaded_versions(version.model())},
            {"platform", "onnx_fulcrum"},
            {"inputs", std::move(inputs)},
            {"outputs", std::move(outputs)}};
  }

  static nlohmann::json model_statistics(const ServedVersion& version) {
    const VersionMetrics& m = version.metrics();
    const auto figures = [](const LatencyHistogram& histogram) {
      const auto s = histogram.snapshot();
      return nlohmann::json{{"count", s.count()},
                            {"sum_s", s.sum_s},
                            {"p50_ms", Milliseconds(s.percentile(0.5)).count()},
                            {"p99_ms", Milliseconds(s.percentile(0.99)).count()}};
    };
    nlohmann::json requests;
    for (const ServedAs as : all_served_as) requests[std::string(name_of(as))] = m.counted(as);
    return {{"name", version.model()},
            {"version", version.version()},
            {"requests", std::move(requests)},
            {"samples", m.samples.load()},
            {"batches", static_cast<double>(m.batches_x1000.load()) / 1000.0},
            {"total", figures(m.total)},
            {"queue", figures(m.queue)},
            {"compute", figures(m.compute)},
            {"settings", to_json(version.settings())},
            {"notes", version.notes()}};
  }

  void route_repository(const std::shared_ptr<HttpRequest>& request, const Parts& parts, const ReplyFunction& reply) {
    if (parts.size() == 3 && parts[2] == "index") {
      if (request->method != "GET") expect_method(*request, "POST");
      bool ready_only = false;
      if (!request->body().empty()) {
        const nlohmann::json body = parse_json(request->body(), "the request");
        if (const auto ready = JsonReader(body).find("ready")) ready_only = ready->boolean();
      }
      nlohmann::json list = nlohmann::json::array();
      for (const VersionStatus& status : service_->repository().index()) {
        if (ready_only && !status.ready) continue;
        list.push_back({{"name", status.name},
                        {"version", status.version},
                        {"state", status.ready ? "READY" : "UNAVAILABLE"},
                        {"reason", status.reason}});
        if (status.current) list.back()["current"] = true;
      }
      return reply(json_reply(list));
    }
    const bool known = parts.size() == 5 && parts[2] == "models" &&
                       (parts[4] == "load" || parts[4] == "unload" || parts[4] == "rollback");
    if (!known) throw RequestError(404, request->target.substr(0, 200), "is not here");
    expect_method(*request, "POST");
    if (!service_->options().changes) throw RequestError(403, "models", "cannot be changed by clients of this server");
    change(request, std::string(parts[3]), std::string(parts[4]), reply);
  }

  void change(const std::shared_ptr<HttpRequest>& request, const std::string& name, const std::string& verb,
              const ReplyFunction& reply) {
    std::string version;
    bool publish = true;
    if (!request->body().empty()) {
      const nlohmann::json body = parse_json(request->body(), "the request");
      if (const auto parameters = JsonReader(body).find("parameters")) {
        if (const auto wanted = parameters->find("version")) version = wanted->text();
        if (const auto wanted = parameters->find("publish")) publish = wanted->boolean();
      }
    }
    jobs_.add([this, request, name, verb, version, publish, reply] {
      HttpReply answer;
      try {
        ModelRepository& repository = service_->repository();
        if (verb == "load")
          repository.load(name, version, publish);
        else if (verb == "unload")
          repository.unload(name, version);
        else
          answer = json_reply({{"name", name}, {"version", repository.publish(name, version)}});
        service_->log(("model_" + verb).c_str(),
                      {{"model", name}, {"version", version}, {"who", request->who}, {"peer", request->peer}});
      } catch (const RequestError& error) {
        answer = error_reply(error);
      } catch (const std::exception& error) {
        answer = error_reply(400, error.what());
      }
      if (answer.status != 200)
        service_->log("change_refused", {{"change", verb},
                                         {"model", name},
                                         {"version", version},
                                         {"who", request->who},
                                         {"peer", request->peer},
                                         {"reason", answer.body}});
      reply(std::move(answer));
    });
  }

  std::string metrics() {
    const std::vector<std::shared_ptr<ServedVersion>> versions = service_->repository().loaded();
    return metrics_text(versions, {connections_accepted, connections_refused, connections_open, requests_unknown});
  }

  std::shared_ptr<InferenceService> service_;
  AccessControl access_;
  std::atomic<std::uint64_t> traced_{0};
  std::atomic<bool> ready_{false};
  JobThread jobs_;  // the last: its jobs use the rest
};

}  // namespace fulcrum::detail
