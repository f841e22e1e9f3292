#pragma once
/// \file
/// What serve/server.hpp declares: the listener, the threads, the end.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <fulcrum/serve/detail/http_session.hpp>
#include <fulcrum/serve/server.hpp>

namespace fulcrum::detail {

class ServerProcess {
public:
  explicit ServerProcess(const ServerOptions& options)
      : options_((validate(options), options)),
        service_(std::make_shared<InferenceService>(options)),
        front_(std::make_shared<HttpFront>(service_)),
        context_(std::make_shared<asio::io_context>(options.io_threads)),
        work_(context_->get_executor()),
        acceptor_(asio::make_strand(*context_)) {
    if (!options_.tls_certificate.empty()) use_tls();
    listen();
    accept();
    for (int i = 0; i < options_.io_threads; ++i) begin_thread();
    service_->threads_lost = [this](int count) {
      threads_lost_ = true;
      for (int i = 0; i < count; ++i) begin_thread();
    };
    watchman_ = std::thread([this] { keep_watch(); });
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess() {
    static_cast<void>(drain());
    front_.reset();
    let_go(std::move(service_), std::chrono::milliseconds(100));
  }

  std::vector<std::string> load() {
    std::vector<std::string> problems = service_->repository().load_all();
    for (const std::string& problem : problems) service_->log("model_refused", {{"reason", problem}});
    front_->set_ready(true);
    service_->log("ready", {{"port", port_}});
    return problems;
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] bool ready() const noexcept { return front_->ready(); }
  [[nodiscard]] ModelRepository& repository() noexcept { return service_->repository(); }

  void infer(DirectCall asked, DirectDone done) {
    const auto call = std::make_shared<InferenceCall>();
    call->arrived = ServeClock::now();
    DirectAnswer refused;
    refused.id = asked.request.id;
    calls_open_->fetch_add(1);
    try {
      if (closing_.load()) throw RequestError(503, "the server", "is ending", "ask another one");
      check_access(asked.authorization, AccessRight::infer, asked.model);
      check_values(asked.request);
      call->request = std::move(asked.request);
      call->deadline = asked.deadline;
      if (const auto timeout = call->request.timeout; timeout && timeout->count() > 0)
        call->deadline = std::min(call->deadline.value_or(call->arrived + *timeout), call->arrived + *timeout);
      TrafficControl::Choice choice = service_->choose(*call, asked.model, asked.version, call->request.key);
      call->done = [open = calls_open_, raw = call.get(), done] {
        done(direct_answer(raw->shared_from_this()));
        open->fetch_sub(1);
      };
      service_->begin(call, std::move(choice));
      return;
    } catch (const RequestError& error) {
      refused.status = error.status();
      refused.message = error.what();
    } catch (const std::bad_alloc&) {
      refused.status = 503;
      refused.message = "there is not enough memory for the request";
    } catch (const std::exception& error) {
      refused.status = 500;
      refused.message = error.what();
    }
    done(refused);
    calls_open_->fetch_sub(1);
  }

  void check_access(std::string_view authorization, AccessRight right, std::string_view model) const {
    std::string who = "anybody";
    try {
      front_->check_access(authorization, right, model, who);
    } catch (const RequestError&) {
      service_->log("access_denied", {{"who", who}, {"model", model.substr(0, 200)}, {"right", name_of(right)}});
      throw;
    }
  }

  bool drain() {
    closing_.store(true);
    const std::lock_guard draining(draining_);
    if (ended_already_) return drained_;
    ended_already_ = true;
    front_->set_ready(false);
    service_->log("draining", {{"in_flight", service_->on_their_way()}});
    std::this_thread::sleep_for(options_.drain_delay);
    const auto until = ServeClock::now() + options_.drain_timeout;
    asio::post(acceptor_.get_executor(), [this] {
      beast::error_code ignored;
      acceptor_.close(ignored);
    });
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    for (const std::shared_ptr<SessionBase>& session : sessions()) session->wind_up();
    while ((front_->connections_open.load() > 0 || calls_open_->load() > 0) && ServeClock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    drained_ = service_->on_their_way() == 0;
    front_->jobs().stop();
    for (const std::shared_ptr<SessionBase>& session : sessions()) session->cut();
    work_.reset();  // nothing is left to do once all are cut: what waits for a runner that hangs is no work
    {
      const std::lock_guard lock(watching_);
      ended_ = true;
    }
    watch_.notify_one();
    watchman_.join();
    end_threads();
    service_->log("ended", {{"all_answered", drained_}});
    return drained_;
  }

private:
  /// Frees the service once no request keeps it: the thread of a runner that came back with the last one would else
  /// free it, and the runner that it belongs to. Where one hangs, a thread of its own waits for that.
  static void let_go(std::shared_ptr<InferenceService> service, std::chrono::milliseconds patience) {
    const auto until = ServeClock::now() + patience;
    while (service.use_count() > 1 && ServeClock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (service.use_count() == 1) return;
    std::thread([service = std::move(service)] {
      while (service.use_count() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }).detach();
  }

  static DirectAnswer direct_answer(const std::shared_ptr<InferenceCall>& call) {
    CallOutcome outcome = call->outcome();
    DirectAnswer answer;
    answer.status = outcome.status;
    answer.message = std::move(outcome.message);
    answer.model = call->version->model();
    answer.version = call->version->version();
    answer.id = call->request.id;
    if (answer.status == 200) {
      answer.outputs = InferenceService::outputs_of(*call);
      answer.keep = call;
    }
    return answer;
  }

  /// A thread that talks to clients.
  struct IoThread {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> ended = std::make_shared<std::atomic<bool>>(false);
  };

  void begin_thread() {
    IoThread io;
    io.thread = std::thread([context = context_, ended = io.ended] {
      context->run();
      *ended = true;
    });
    threads_.push_back(std::move(io));
  }

  /// Waits for the threads that talk to clients, but for those that hang in an inference: these keep what they use.
  void end_threads() {
    const auto until = ServeClock::now() + std::chrono::milliseconds(100);
    const auto all_ended = [this] {
      return std::all_of(threads_.begin(), threads_.end(), [](const IoThread& io) { return io.ended->load(); });
    };
    if (threads_lost_) {
      while (!all_ended() && ServeClock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      context_->stop();  // what waits for such a thread would keep the others
      while (!all_ended() && ServeClock::now() < until + std::chrono::milliseconds(100))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (IoThread& io : threads_) threads_lost_ && !io.ended->load() ? io.thread.detach() : io.thread.join();
    threads_.clear();
  }

  void use_tls() {
    tls_ = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    beast::error_code error;
    const auto check = [&](const std::string& file, const char* remedy) {
      if (error) throw Error(file, "cannot be used for TLS (" + error.message() + ")", remedy);
    };
    tls_->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                          asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression,
                      error);
    tls_->use_certificate_chain_file(options_.tls_certificate, error);
    check(options_.tls_certificate, "give a certificate in PEM, with its chain behind it");
    tls_->use_private_key_file(options_.tls_key, asio::ssl::context::pem, error);
    check(options_.tls_key, "give the certificate's private key in PEM");
  }

  void listen() {
    beast::error_code error;
    const auto check = [&](const char* what) {
      if (error)
        throw Error(options_.address + ":" + std::to_string(options_.port),
                    std::string(what) + " (" + error.message() + ")", "choose another address or port");
    };
    const auto address = asio::ip::make_address(options_.address, error);
    check("is no address");
    const asio::ip::tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), error);
    check("cannot be listened at");
    acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (options_.share_port) {
      const int on = 1;
      static_cast<void>(::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on));
    }
    acceptor_.bind(endpoint, error);
    check("cannot be listened at");
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
    check("cannot be listened at");
    port_ = acceptor_.local_endpoint().port();
  }

  void accept() {
    acceptor_.async_accept(asio::make_strand(*context_), [this](beast::error_code error, asio::ip::tcp::socket socket) {
      if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
      if (error) {  // no descriptor is left, say: what is open goes on
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return accept();
      }
      take(std::move(socket));
      accept();
    });
  }

  void take(asio::ip::tcp::socket socket) {
    if (front_->connections_open.load() >= options_.limits.connections) {
      front_->connections_refused.fetch_add(1, std::memory_order_relaxed);
      return;  // the socket is closed
    }
    front_->connections_accepted.fetch_add(1, std::memory_order_relaxed);
    beast::error_code error;
    socket.set_option(asio::ip::tcp::no_delay(true), error);
    const auto remote = socket.remote_endpoint(error);
    const std::string peer = error ? std::string("?") : remote.address().to_string();
    beast::tcp_stream stream(std::move(socket));
    if (tls_) {
      begin(std::make_shared<HttpSession<beast::ssl_stream<beast::tcp_stream>>>(
          context_, beast::ssl_stream<beast::tcp_stream>(std::move(stream), *tls_), front_, options_.limits, peer));
    } else {
      begin(
          std::make_shared<HttpSession<beast::tcp_stream>>(context_, std::move(stream), front_, options_.limits, peer));
    }
  }

  template <class Session>
  void begin(const std::shared_ptr<Session>& session) {
    bool ending = false;
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(sessions_, [](const auto& one) { return one.expired(); });
      sessions_.push_back(session);
      ending = ending_;
    }
    session->start();
    if (ending) session->wind_up();  // it came just before the listener closed
  }

  std::vector<std::shared_ptr<SessionBase>> sessions() {
    std::vector<std::shared_ptr<SessionBase>> result;
    const std::lock_guard lock(mutex_);
    for (const std::weak_ptr<SessionBase>& one : sessions_) {
      if (auto session = one.lock()) result.push_back(std::move(session));
    }
    return result;
  }

  void keep_watch() {
    constexpr std::chrono::milliseconds tick(50);
    unsigned ticks = 0;
    std::unique_lock lock(watching_);
    while (!ended_) {
      watch_.wait_for(lock, tick, [this] { return ended_; });
      lock.unlock();
      service_->watch(tick);
      if (++ticks % 10 == 0) front_->look_at_files();
      lock.lock();
    }
  }

  ServerOptions options_;
  std::shared_ptr<InferenceService> service_;
  std::shared_ptr<HttpFront> front_;
  std::shared_ptr<asio::io_context> context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;  // requests that run are no work of its own
  asio::ip::tcp::acceptor acceptor_;
  std::shared_ptr<asio::ssl::context> tls_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<std::weak_ptr<SessionBase>> sessions_;
  bool ending_ = false;
  std::atomic<bool> closing_{false};
  // Calls that did not come over HTTP; they may outlive a server that ended without them.
  std::shared_ptr<std::atomic<std::int64_t>> calls_open_ = std::make_shared<std::atomic<std::int64_t>>(0);
  std::mutex draining_;
  bool ended_already_ = false;
  bool drained_ = true;
  std::mutex watching_;
  std::condition_variable watch_;
  bool ended_ = false;
  std::thread watchman_;
  std::vector<IoThread> threads_;  // the watchman adds to them
  bool threads_lost_ = false;      // by the watchman
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE InferenceServer::InferenceServer(const ServerOptions& options)
    : process_(std::make_shared<detail::ServerProcess>(options)) {}

FULCRUM_LINKAGE InferenceServer::~InferenceServer() = default;

FULCRUM_DEFINE std::vector<std::string> InferenceServer::load() { return process_->load(); }
FULCRUM_DEFINE std::uint16_t InferenceServer::port() const noexcept { return process_->port(); }
FULCRUM_DEFINE bool InferenceServer::ready() const noexcept { return process_->ready(); }
FULCRUM_DEFINE ModelRepository& InferenceServer::repository() noexcept { return process_->repository(); }
FULCRUM_DEFINE void InferenceServer::infer(DirectCall call, DirectDone done) {
  process_->infer(std::move(call), std::move(done));
}
FULCRUM_DEFINE void InferenceServer::check_access(std::string_view authorization, AccessRight right,
                                                  std::string_view model) const {
  process_->check_access(authorization, right, model);
}
FULCRUM_DEFINE bool InferenceServer::drain() { return process_->drain(); }

}  // namespace fulcrum
