#pragma once
/// \file
/// The connections of a load over HTTP, and what serve/http_load.hpp declares.

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <fulcrum/core/random.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/serve/http_load.hpp>
#include <fulcrum/serve/inference_protocol.hpp>
#include <fulcrum/serve/tensor_bytes.hpp>

namespace fulcrum::detail {

class HttpLoadState {
public:
  using Tcp = boost::asio::ip::tcp;
  using Clock = std::chrono::steady_clock;

  HttpLoadState(const ServedAt& where, const HttpLoadOptions& options)
      : where_(where), options_(options), work_(context_.get_executor()) {
    if (options.connections < 1 || options.samples < 1)
      throw Error("a load over HTTP", "has no connections or no samples", "give 1 or more");
    boost::system::error_code error;
    Tcp::resolver resolver(context_);
    endpoints_ = resolver.resolve(where.host, std::to_string(where.port), error);
    if (error) throw Error(where.host + ":" + std::to_string(where.port), "is not known (" + error.message() + ")");
    make_requests(ask_for_metadata());
    thread_ = std::thread([this] { run(); });
  }
  HttpLoadState(const HttpLoadState&) = delete;
  HttpLoadState& operator=(const HttpLoadState&) = delete;
  ~HttpLoadState() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void submit(std::int64_t sample, const Completion& done) {
    const Job job{sample, done, Clock::now()};
    expect_answer(job.submitted);
    // On this thread, which saves one way between threads.
    if (Connection* idle = take_free()) return idle->begin(job);
    boost::asio::post(context_, [this, job] {
      if (Connection* idle = take_free()) {
        idle->begin(job);
      } else if (connections_.size() < static_cast<std::size_t>(options_.connections)) {
        connections_.push_back(std::make_unique<Connection>(*this));
        connections_.back()->begin(job);
      } else {
        waiting_.push_back(job);
      }
    });
  }

  [[nodiscard]] std::size_t request_bytes() const noexcept { return body_bytes_; }

private:
  /// Answers that come sooner than this are looked for: to wake a core that sleeps takes tens of microseconds, which
  /// would be counted as the server's.
  static constexpr std::chrono::microseconds soon{300};

  void expect_answer(Clock::time_point now) {
    open_.fetch_add(1, std::memory_order_relaxed);
    if (usual_ns_.load(std::memory_order_relaxed) > std::chrono::nanoseconds(soon).count()) return;
    const bool looks = look_until_ns_.exchange((now + soon).time_since_epoch().count(), std::memory_order_relaxed) >
                       now.time_since_epoch().count();
    if (!looks) boost::asio::post(context_, [] {});  // so that it is awake when the answer comes
  }
  void note_answer(std::chrono::nanoseconds took) {
    const std::int64_t usual = usual_ns_.load(std::memory_order_relaxed);
    usual_ns_.store(usual + (std::min(took, std::chrono::nanoseconds(10 * soon)).count() - usual) / 8,
                    std::memory_order_relaxed);
    if (open_.fetch_sub(1, std::memory_order_relaxed) == 1) look_until_ns_.store(0, std::memory_order_relaxed);
  }

  void run() {
    while (!context_.stopped()) {
      if (Clock::now().time_since_epoch().count() >= look_until_ns_.load(std::memory_order_relaxed))
        context_.run_one();
      else if (context_.poll_one() == 0)
        ::sched_yield();  // the server may need the core
    }
  }

  class Connection;
  struct Job {
    std::int64_t sample = 0;
    Completion done;
    Clock::time_point submitted;
  };

  Connection* take_free() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return nullptr;
    Connection* connection = free_.back();
    free_.pop_back();
    return connection;
  }

  /// One request at a time.
  class Connection {
  public:
    explicit Connection(HttpLoadState& state) : state_(state), socket_(state.context_) {}

    /// Of an idle connection, on any thread.
    void begin(const Job& job) {
      {
        const std::lock_guard lock(state_.mutex_);
        job_ = job;
        begun_ = true;
        used_ = reading_;
        if (reading_) {
          boost::system::error_code error;
          const std::string& request = text();
          const std::size_t sent = socket_.write_some(boost::asio::buffer(request), error);
          // Where it failed, the read that is under way fails as well, and goes on from there.
          if ((!error || error == boost::asio::error::would_block) && sent < request.size())
            boost::asio::post(state_.context_, [this, sent] { write(sent); });
          return;
        }
      }
      connect();
    }

  private:
    const std::string& text() const {
      return state_.requests_[static_cast<std::size_t>(job_.sample) % state_.requests_.size()];
    }
    void connect() {
      boost::asio::async_connect(socket_, state_.endpoints_,
                                 [this](boost::system::error_code error, const Tcp::endpoint&) {
                                   if (error) return end(RequestStatus::failed);
                                   socket_.set_option(Tcp::no_delay(true), error);
                                   socket_.non_blocking(true, error);
                                   read();
                                   write(0);
                                 });
    }
    void write(std::size_t from) {
      const std::string& request = text();
      boost::asio::async_write(socket_, boost::asio::buffer(request.data() + from, request.size() - from),
                               [](boost::system::error_code, std::size_t) {});  // who reads sees that it failed
    }
    /// Waits for the next answer, from before its request is sent.
    void read() {
      reading_ = true;
      parser_.emplace();
      parser_->body_limit(std::uint64_t{1} << 32U);
      boost::beast::http::async_read(socket_, buffer_, *parser_, [this](boost::system::error_code error, std::size_t) {
        if (error) return lost();
        const auto& response = parser_->get();
        const unsigned status = response.result_int();
        const auto ran = running(response["Server-Timing"]);
        response.keep_alive() ? read() : close();
        end(status == 200   ? RequestStatus::done
            : status == 429 ? RequestStatus::rejected
            : status == 504 ? RequestStatus::expired
                            : RequestStatus::failed,
            ran);
      });
    }
    /// The server may have closed a connection that was kept, as it is free to: once, another is tried.
    void lost() {
      {
        const std::lock_guard lock(state_.mutex_);
        close();
        if (!begun_) return;  // it was idle: it connects when it is wanted
      }
      if (!std::exchange(used_, false)) return end(RequestStatus::failed);
      connect();
    }
    void close() {
      boost::system::error_code ignored;
      socket_.close(ignored);
      buffer_.clear();
      reading_ = false;
    }
    void end(RequestStatus status, Clock::duration ran = {}) {
      RequestOutcome outcome;
      outcome.status = status;
      outcome.finished = Clock::now();
      outcome.batch = status == RequestStatus::done ? 1 : 0;
      Completion done;
      std::optional<Job> next;
      {
        const std::lock_guard lock(state_.mutex_);
        outcome.submitted = job_.submitted;
        done = job_.done;
        begun_ = false;
        if (state_.waiting_.empty()) {
          state_.free_.push_back(this);
        } else {
          next = state_.waiting_.front();
          state_.waiting_.pop_front();
        }
      }
      outcome.started = std::max(outcome.finished - ran, outcome.submitted);
      state_.note_answer(outcome.finished - outcome.submitted);
      if (next) begin(*next);
      done(outcome);
    }
    /// "…, compute;dur=1.25, …" [ms]
    static Clock::duration running(boost::beast::string_view text) {
      const std::string_view timing(text.data(), text.size());
      constexpr std::string_view key = "compute;dur=";
      const std::size_t at = timing.find(key);
      double ms = 0.0;
      if (at != std::string_view::npos)
        std::from_chars(timing.data() + at + key.size(), timing.data() + timing.size(), ms);
      return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(ms));
    }

    HttpLoadState& state_;
    Tcp::socket socket_;
    boost::beast::flat_buffer buffer_;
    std::optional<boost::beast::http::response_parser<boost::beast::http::string_body>> parser_;
    Job job_;
    bool begun_ = false;    // it has a request
    bool used_ = false;     // which went to a connection that was kept
    bool reading_ = false;  // it is open, and an answer is waited for
  };

  [[nodiscard]] std::string path() const {
    return "/v2/models/" + where_.model + (where_.version.empty() ? "" : "/versions/" + where_.version);
  }
  [[nodiscard]] std::string head(const std::string& method, const std::string& target) const {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: " + where_.host + "\r\n";
    if (!options_.token.empty()) text += "Authorization: Bearer " + options_.token + "\r\n";
    return text;
  }

  nlohmann::json ask_for_metadata() {
    const std::string url = "http://" + where_.host + ":" + std::to_string(where_.port) + path();
    Tcp::socket socket(context_);
    boost::system::error_code error;
    boost::asio::connect(socket, endpoints_, error);
    if (!error) boost::asio::write(socket, boost::asio::buffer(head("GET", path()) + "\r\n"), error);
    boost::beast::flat_buffer buffer;
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    if (!error) boost::beast::http::read(socket, buffer, parser, error);
    if (error) throw Error(url, "does not answer (" + error.message() + ")", "check that a server runs there");
    if (parser.get().result_int() != 200) {
      throw Error(url,
                  "answers " + std::to_string(parser.get().result_int()) + ": " + parser.get().body().substr(0, 300),
                  "check the name of the model");
    }
    return parse_json(parser.get().body(), url);
  }

  void make_requests(const nlohmann::json& metadata) {
    Random random(options_.seed);
    for (int i = 0; i < options_.samples; ++i) {
      nlohmann::json inputs = nlohmann::json::array();
      std::string binary;
      for (const JsonReader& input : JsonReader(metadata).at("inputs").elements()) {
        Shape shape;
        for (const JsonReader& extent : input.at("shape").elements())
          shape.push_back(std::max<std::int64_t>(extent.integer<std::int64_t>(-1), 1));  // one sample
        const auto type = element_from_kserve(input.at("datatype").text());
        if (!type) input.at("datatype").fail("a datatype of numbers");
        std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
        for (float& value : values)
          value = is_floating(*type) ? static_cast<float>(random.normal()) : static_cast<float>(random() % 2);
        nlohmann::json tensor{
            {"name", input.at("name").text()}, {"datatype", kserve_datatype(*type)}, {"shape", shape}};
        if (options_.binary) {
          std::vector<std::byte> bytes(values.size() * wire_bytes(*type));
          encode_tensor(*type, values, bytes);
          tensor["parameters"] = {{"binary_data_size", bytes.size()}};
          binary.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        } else {
          tensor["data"] = values;
        }
        inputs.push_back(std::move(tensor));
      }
      nlohmann::json body{{"inputs", std::move(inputs)}};
      if (options_.binary) body["parameters"] = {{"binary_data_output", true}};
      const std::string json = body.dump();
      std::string request = head("POST", path() + "/infer");
      if (options_.binary) request += "Inference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n";
      body_bytes_ = json.size() + binary.size();
      request += "Content-Length: " + std::to_string(body_bytes_) + "\r\n\r\n";
      requests_.push_back(request + json + binary);
    }
  }

  ServedAt where_;
  HttpLoadOptions options_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  Tcp::resolver::results_type endpoints_;
  std::vector<std::string> requests_;
  std::size_t body_bytes_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;  // of the thread alone
  std::deque<Job> waiting_;                               // of the thread alone
  std::mutex mutex_;
  std::vector<Connection*> free_;
  std::atomic<std::int64_t> open_{0}, usual_ns_{0}, look_until_ns_{0};  // requests; what they take; until when it spins
  std::thread thread_;
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE ServedAt served_at(const std::string& url) {
  const Error error(url.substr(0, 300), "is no address of a served model",
                    "give http://HOST:PORT/v2/models/NAME, with /versions/V behind it if wanted");
  constexpr std::string_view scheme = "http://";
  constexpr std::string_view models = "/v2/models/";
  if (!url.starts_with(scheme)) throw error;
  const std::size_t path = url.find('/', scheme.size());
  if (path == std::string::npos || !std::string_view(url).substr(path).starts_with(models)) throw error;
  std::string authority = url.substr(scheme.size(), path - scheme.size());
  ServedAt where;
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string::npos && authority.find(']', colon) == std::string::npos) {
    const char* end = authority.data() + authority.size();
    const auto parsed = std::from_chars(authority.data() + colon + 1, end, where.port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || where.port == 0) throw error;
    authority.resize(colon);
  }
  if (authority.size() > 2 && authority.front() == '[' && authority.back() == ']')
    authority = authority.substr(1, authority.size() - 2);
  where.host = authority;
  where.model = url.substr(path + models.size());
  while (where.model.ends_with('/')) where.model.pop_back();
  if (where.model.ends_with("/infer")) where.model.resize(where.model.size() - 6);
  const std::size_t versions = where.model.find("/versions/");
  if (versions != std::string::npos) {
    where.version = where.model.substr(versions + 10);
    where.model.resize(versions);
  }
  const auto plain = [](const std::string& text) { return text.find_first_of("/?# \r\n") == std::string::npos; };
  if (where.host.empty() || where.model.empty() || !plain(where.host) || !plain(where.model) || !plain(where.version))
    throw error;
  return where;
}

FULCRUM_DEFINE HttpLoad::HttpLoad(const ServedAt& where, const HttpLoadOptions& options)
    : state_(std::make_shared<detail::HttpLoadState>(where, options)) {}

FULCRUM_DEFINE bool HttpLoad::operator()(std::int64_t sample, const Completion& done) const {
  state_->submit(sample, done);
  return true;
}

FULCRUM_DEFINE std::size_t HttpLoad::request_bytes() const noexcept { return state_->request_bytes(); }

}  // namespace fulcrum
