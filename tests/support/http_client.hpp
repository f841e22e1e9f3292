#pragma once
// A client that says what a test wants said, byte by byte if need be.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <nlohmann/json.hpp>

namespace fulcrum::test {

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::map<std::string, std::string> headers;
  bool keep_alive = false;

  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(body); }
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? std::string() : at->second;
  }
};

/// A connection to 127.0.0.1.
class HttpClient {
public:
  explicit HttpClient(std::uint16_t port) : socket_(*context_) {
    socket_.connect({boost::asio::ip::make_address("127.0.0.1"), port});
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
  }

  void send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }

  /// \throws when the connection ended before
  HttpAnswer receive() {
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    parser.body_limit(std::uint64_t{1} << 32U);
    boost::beast::http::read(socket_, buffer_, parser);
    HttpAnswer answer;
    answer.status = static_cast<int>(parser.get().result_int());
    answer.keep_alive = parser.get().keep_alive();
    for (const auto& field : parser.get())
      answer.headers[std::string(field.name_string())] = std::string(field.value());
    answer.body = std::move(parser.get().body());
    return answer;
  }

  /// Whether the other side has ended the connection, once everything is read.
  bool ended() {
    char byte = 0;
    boost::system::error_code error;
    return socket_.read_some(boost::asio::buffer(&byte, 1), error) == 0 || error;
  }

  /// Sends bytes, says that there are no more, and gives whatever comes until the other side ends.
  std::string exchange(const std::string& bytes) {
    boost::system::error_code error;
    boost::asio::write(socket_, boost::asio::buffer(bytes), error);
    socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, error);
    std::string all;
    std::array<char, 4096> part{};
    while (const std::size_t got = socket_.read_some(boost::asio::buffer(part), error)) all.append(part.data(), got);
    return all;
  }

  static std::string request(const std::string& method, const std::string& target, const std::string& body = {},
                             const std::string& headers = {}) {
    return method + " " + target + " HTTP/1.1\r\nHost: test\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  HttpAnswer get(const std::string& target, const std::string& headers = {}) {
    send("GET " + target + " HTTP/1.1\r\nHost: test\r\n" + headers + "\r\n");
    return receive();
  }
  HttpAnswer post(const std::string& target, const std::string& body = {}, const std::string& headers = {}) {
    send(request("POST", target, body, headers));
    return receive();
  }

private:
  std::unique_ptr<boost::asio::io_context> context_ = std::make_unique<boost::asio::io_context>();
  boost::asio::ip::tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace fulcrum::test
