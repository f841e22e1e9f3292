#pragma once
/// \file
/// A connection: requests off a stream, one after the other, and replies onto it.

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

#include <fulcrum/serve/detail/http_front.hpp>

namespace fulcrum::detail {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

/// What a server does with all its sessions.
class SessionBase {
public:
  SessionBase() = default;
  SessionBase(const SessionBase&) = delete;
  SessionBase& operator=(const SessionBase&) = delete;
  virtual ~SessionBase() = default;
  /// From any thread: ends after what it is at, at once if that is nothing.
  virtual void wind_up() = 0;
  /// From any thread: ends at once.
  virtual void cut() = 0;
};

/// \tparam Stream  a beast::tcp_stream, or TLS on one
template <class Stream>
class HttpSession : public SessionBase, public std::enable_shared_from_this<HttpSession<Stream>> {
public:
  /// \param context  of the stream; whoever is to reply keeps it, as a reply may come when the server has long ended.
  /// The
  ///                 session does not: one that waits in the context's queue would keep that for ever.
  HttpSession(const std::shared_ptr<asio::io_context>& context, Stream&& stream, std::shared_ptr<HttpFront> front,
              const ServerLimits& limits, std::string peer)
      : context_(context),
        stream_(std::move(stream)),
        front_(std::move(front)),
        limits_(limits),
        buffer_(limits.header_bytes + 65'536),
        peer_(std::move(peer)) {
    buffer_.reserve(8192);  // a small request comes whole with one read
    front_->connections_open.fetch_add(1, std::memory_order_relaxed);
  }
  ~HttpSession() override { front_->connections_open.fetch_sub(1, std::memory_order_relaxed); }

  void start() {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] {
      if constexpr (is_tls) {
        self->deadline(self->limits_.handshake);
        self->stream_.async_handshake(asio::ssl::stream_base::server, [self](beast::error_code error) {
          if (!error) self->read_header();
        });
      } else {
        self->read_header();
      }
    });
  }

  void wind_up() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      self->winding_up_ = true;
      if (self->idle_) self->close();
    });
  }

  void cut() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      self->close();
      const std::lock_guard lock(self->sending_);
      self->cut_ = true;
    });
  }

private:
  static constexpr bool is_tls = requires(Stream & s) { s.next_layer(); };

  void deadline(std::chrono::milliseconds time) { beast::get_lowest_layer(stream_).expires_after(time); }

  [[nodiscard]] std::chrono::milliseconds transfer_time(std::size_t bytes) const {
    return limits_.transfer + std::chrono::milliseconds(1000 * bytes / limits_.least_rate);
  }

  void close() {
    const std::lock_guard lock(sending_);
    beast::error_code ignored;
    auto& socket = beast::get_lowest_layer(stream_).socket();
    socket.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // bodies are read here, not by it
    call_.reset();
    idle_ = buffer_.size() == 0;
    deadline(limits_.idle);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](beast::error_code error, std::size_t) { self->on_header(error); });
  }

  void on_header(beast::error_code error) {
    idle_ = false;
    if (error == http::error::end_of_stream || error == beast::error::timeout) return close();
    if (error) {
      if (error.category() != http::make_error_code(http::error::bad_method).category()) return close();
      keep_alive_ = false;
      unread_ = true;
      return send(
          error_reply(error == http::error::header_limit ? 431 : 400, "the request is no HTTP: " + error.message()));
    }
    call_ = std::make_shared<InferenceCall>();
    call_->arrived = ServeClock::now();
    const auto& head = parser_->get();
    keep_alive_ = head.keep_alive();
    version_ = head.version();
    head_only_ = head.method() == http::verb::head;
    const auto text = [&](beast::string_view name) {
      const beast::string_view value = head[name];
      return std::string(value.data(), value.size());
    };
    request_ = std::make_shared<HttpRequest>();
    problem_.reset();
    request_->method = std::string(head.method_string());
    request_->target = std::string(head.target());
    request_->peer = peer_;
    request_->authorization = text("Authorization");
    request_->timeout_ms = text("X-Request-Timeout-Ms");
    request_->routing_key = text("X-Routing-Key");
    request_->call = call_;
    const std::string encoding = text("Content-Encoding");
    if (!encoding.empty() && encoding != "identity")
      problem_ = {415, "bodies are taken as they are: send no Content-Encoding"};
    const std::string json_bytes = text("Inference-Header-Content-Length");
    if (!json_bytes.empty()) {
      std::size_t bytes = 0;
      const char* end = json_bytes.data() + json_bytes.size();
      const auto parsed = std::from_chars(json_bytes.data(), end, bytes);
      if (parsed.ec == std::errc{} && parsed.ptr == end)
        request_->json_bytes = bytes;
      else
        problem_ = {400, "Inference-Header-Content-Length is no number"};
    }
    const std::string expect = text("Expect");
    if (!expect.empty() && !beast::iequals(expect, "100-continue"))
      return refuse(417, "Expect: only 100-continue is known");
    if (parser_->chunked()) return expect.empty() ? read_chunks() : go_on();
    const auto length = parser_->content_length();
    const std::uint64_t size = length ? *length : 0;
    if (size > limits_.body_bytes)
      return refuse(413, "the body has more than " + std::to_string(limits_.body_bytes) + " bytes");
    body_bytes_ = static_cast<std::size_t>(size);
    if (!expect.empty() && buffer_.size() == 0 && size > 0) return go_on();
    read_body();
  }

  /// Refuses a request whose body is not read, so that the connection cannot go on.
  void refuse(int status, const std::string& message) {
    keep_alive_ = false;
    unread_ = true;
    send(error_reply(status, message));
  }

  void go_on() {
    static constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
    deadline(limits_.transfer);
    asio::async_write(stream_, asio::buffer(text.data(), text.size()),
                      [self = this->shared_from_this()](beast::error_code error, std::size_t) {
                        if (error) return self->close();
                        self->parser_->chunked() ? self->read_chunks() : self->read_body();
                      });
  }

  /// Bytes of the body that are JSON.
  std::size_t json_part(std::size_t body) {
    const std::size_t json = request_->json_bytes.value_or(body);
    if (json <= body) return json;
    problem_ = {400, "Inference-Header-Content-Length is more than the body has"};
    return body;
  }

  /// Reads the body to where it is used: so that what follows the JSON begins at a cache line.
  void read_body() {
    const std::size_t json = json_part(body_bytes_);
    const std::size_t before = (64 - json % 64) % 64;
    call_->body.resize(before + body_bytes_);
    std::byte* body = call_->body.data() + before;
    call_->json = {reinterpret_cast<const char*>(body), json};
    call_->binary = {body + json, body_bytes_ - json};
    const std::size_t here = std::min(buffer_.size(), body_bytes_);
    asio::buffer_copy(asio::buffer(body, here), buffer_.data());
    buffer_.consume(here);
    if (here == body_bytes_) return answer();
    deadline(transfer_time(body_bytes_));
    asio::async_read(stream_, asio::buffer(body + here, body_bytes_ - here),
                     [self = this->shared_from_this()](beast::error_code error, std::size_t) {
                       error ? self->close() : self->answer();
                     });
  }

  void read_chunks() {
    chunks_.emplace(std::move(*parser_));
    chunks_->body_limit(limits_.body_bytes);
    deadline(transfer_time(limits_.body_bytes));
    http::async_read(
        stream_, buffer_, *chunks_, [self = this->shared_from_this()](beast::error_code error, std::size_t) {
          if (error == http::error::body_limit) {
            self->keep_alive_ = false;
            self->unread_ = true;
            return self->send(
                error_reply(413, "the body has more than " + std::to_string(self->limits_.body_bytes) + " bytes"));
          }
          if (error) return self->close();
          const std::string body = std::move(self->chunks_->get().body());
          self->chunks_.reset();
          self->parser_.emplace();
          const std::size_t json = self->json_part(body.size());
          const std::size_t before = (64 - json % 64) % 64;
          InferenceCall& call = *self->call_;
          call.body.resize(before + body.size());
          if (!body.empty()) std::memcpy(call.body.data() + before, body.data(), body.size());
          call.json = {reinterpret_cast<const char*>(call.body.data() + before), json};
          call.binary = {call.body.data() + before + json, body.size() - json};
          self->answer();
        });
  }

  /// The reply may come from any thread, and nothing else goes on in the session until it has. What the socket takes at
  /// once is written from that thread, which saves the client the way to the session's own; the rest, and the next
  /// request, are for that one.
  void answer() {
    if (problem_) return send(error_reply(problem_->first, problem_->second));
    beast::get_lowest_layer(stream_).expires_never();  // the runner's time is no fault of the client
    // A reply may be on its way before the front returns, and lets go of the session's own.
    const std::shared_ptr<HttpRequest> request = request_;
    struct Awaited {
      std::shared_ptr<asio::io_context> context;
      std::shared_ptr<HttpSession> session;  // ends before its context
    };
    front_->handle(request, [awaited = Awaited{context_.lock(), this->shared_from_this()}](HttpReply reply) {
      awaited.session->send(std::move(reply));
    });
  }

  void send(HttpReply reply) {
    std::unique_lock lock(sending_);
    if (cut_) return;                                                 // nobody is left to run what would follow
    const auto work = asio::make_work_guard(stream_.get_executor());  // somebody is until it is handed on
    reply_ = std::move(reply);
    request_.reset();
    if (winding_up_) keep_alive_ = false;
    compose();
    std::size_t sent = 0;
    if constexpr (!is_tls) sent = write_some();
    lock.unlock();
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this(), sent] { self->write_rest(sent); });
  }

  /// The reply as bytes. A header is written by hand: a message of Beast's allocates each field.
  void compose() {
    parts_.clear();
    parts_.emplace_back();
    parts_.push_back(asio::buffer(reply_.body));
    for (const auto& part : reply_.more) parts_.push_back(asio::buffer(part.data(), part.size()));
    const std::size_t bytes = asio::buffer_size(parts_);
    const beast::string_view reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(reply_.status)));
    head_ = version_ == 10 ? "HTTP/1.0 " : "HTTP/1.1 ";
    head_ += std::to_string(reply_.status);
    head_.append(" ").append(reason.data(), reason.size()).append("\r\n");
    const auto field = [this](std::string_view name, std::string_view value) {
      head_.append(name).append(": ").append(value).append("\r\n");
    };
    field("Content-Type", reply_.content_type);
    for (const auto& [name, value] : reply_.headers) field(name, value);
    if (!keep_alive_)
      field("Connection", "close");
    else if (version_ == 10)
      field("Connection", "keep-alive");
    field("Content-Length", std::to_string(bytes));
    head_ += "\r\n";
    if (head_only_) parts_.resize(1);
    parts_.front() = asio::buffer(head_);
  }

  /// Bytes of the reply that the socket took at once.
  std::size_t write_some() {
    std::array<iovec, 16> vectors{};
    const std::size_t count = std::min(parts_.size(), vectors.size());
    for (std::size_t i = 0; i < count; ++i) vectors[i] = {const_cast<void*>(parts_[i].data()), parts_[i].size()};
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ::ssize_t sent =
        ::sendmsg(beast::get_lowest_layer(stream_).socket().native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;  // an error comes again from the session's own write
  }

  void write_rest(std::size_t sent) {
    const std::size_t left = asio::buffer_size(parts_) - sent;
    if (left == 0) return written({});
    for (asio::const_buffer& part : parts_) {
      const std::size_t of_it = std::min(sent, part.size());
      part += of_it;
      sent -= of_it;
    }
    deadline(transfer_time(left));
    asio::async_write(stream_, parts_, [self = this->shared_from_this()](beast::error_code error, std::size_t) {
      self->written(error);
    });
  }

  void written(beast::error_code error) {
    reply_ = {};
    if (error || !keep_alive_) return finish(error);
    read_header();
  }

  /// Lets the client read what was written: a socket closed with unread bytes resets the connection.
  void finish(beast::error_code error) {
    if (error || !unread_) return close();
    beast::error_code ignored;
    beast::get_lowest_layer(stream_).socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    linger(8);
  }
  void linger(int times) {
    if (times == 0) return close();
    deadline(std::chrono::milliseconds(2000));
    beast::get_lowest_layer(stream_).async_read_some(
        asio::buffer(dropped_), [self = this->shared_from_this(), times](beast::error_code error, std::size_t) {
          error ? self->close() : self->linger(times - 1);
        });
  }

  std::weak_ptr<asio::io_context> context_;
  Stream stream_;
  std::shared_ptr<HttpFront> front_;
  ServerLimits limits_;
  beast::flat_buffer buffer_;
  std::string peer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::optional<http::request_parser<http::string_body>> chunks_;
  std::shared_ptr<HttpRequest> request_;
  std::shared_ptr<InferenceCall> call_;
  std::size_t body_bytes_ = 0;
  std::optional<std::pair<int, std::string>> problem_;  // of the header; said when the body was read
  std::mutex sending_;                                  // a reply that comes late may meet the end
  bool cut_ = false;
  HttpReply reply_;
  std::string head_;                       // of the reply
  std::vector<asio::const_buffer> parts_;  // of the reply, the head first
  std::array<char, 4096> dropped_{};
  unsigned version_ = 11;
  bool keep_alive_ = true;
  bool head_only_ = false;
  std::atomic<bool> idle_{true};
  bool unread_ = false;  // the client is still sending what nobody will read
  std::atomic<bool> winding_up_{false};
};

}  // namespace fulcrum::detail
